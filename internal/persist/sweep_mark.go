package persist

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/redis/go-redis/v9"
)

// The phases of a sweep, in their order.
const (
	phaseKeys    = "keys"    // all keys: jobs, pointers, histories; loads into the index
	phaseMinions = "minions" // minions that nothing tells when they were heard of
	phaseSeen    = "seen"    // minions not heard of for long
	phaseIndex   = "index"   // entries whose load is gone
)

// mark is where a sweep stands. What SCAN answers as a cursor means something to one life of one server only, so it
// counts as long as that server lives; a server that has come in its place is scanned from the beginning.
type mark struct {
	Phase  string   `json:"phase"`
	Done   []string `json:"done,omitempty"`   // the servers that were scanned to the end
	Server string   `json:"server,omitempty"` // the server being scanned
	Cursor uint64   `json:"cursor,omitempty"`
	Score  string   `json:"score,omitempty"` // in a sorted set: where to go on
	Skip   int64    `json:"skip,omitempty"`  // how many entries with that score were seen
}

func (p mark) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		return "" // the beginning; strings and numbers never get here
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// markOf reads a mark; what cannot be read is the beginning.
func markOf(text string) mark {
	beginning := mark{Phase: phaseKeys}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return beginning
	}
	var p mark
	if json.Unmarshal(plain, &p) != nil || !slices.Contains([]string{phaseKeys, phaseMinions, phaseSeen, phaseIndex}, p.Phase) {
		return beginning
	}
	return p
}

// lifeOf names one life of a server, or nothing where it does not tell: then nobody can go on with its cursors.
func lifeOf(ctx context.Context, conn *redis.Conn) string {
	info, err := conn.Info(ctx, "server").Result()
	id := fields(info)["run_id"]
	if err != nil || id == "" {
		return ""
	}
	digest := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(digest[:6])
}
