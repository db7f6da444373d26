package persist

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// largestCount bounds one SCAN of a caller's: with a greater one it is KEYS by another name.
const largestCount = 10_000

// walk is a question for the names of keys that is answered by whole scans. KEYS itself is never sent: it keeps Redis from
// answering others for as long as it takes.
type walkOf struct {
	options []string // of SCAN
	isScan  bool
}

// walks tells whether a command is answered by scans: KEYS always, SCAN where several servers would each have a cursor.
func (x *commander) walks(c job.Command) (walkOf, bool) {
	switch c.Name() {
	case "keys":
		return walkOf{options: []string{"match", c.Args[len(c.Args)-1], "count", strconv.Itoa(stepEntries)}}, true
	case "scan":
		several := c.Target == job.TargetPrimaries || c.Target == job.TargetReplicas || c.Target == job.TargetAll
		return walkOf{options: c.Args[min(2, len(c.Args)):], isScan: true}, several || c.Target == "" && x.cluster != nil
	}
	return walkOf{}, false
}

// walk joins the names of all servers meant, by default of all primaries, each once.
func (x *commander) walk(ctx context.Context, at job.Access, c job.Command, w walkOf) (any, error) {
	if err := w.check(c); err != nil {
		return nil, err
	}
	target := c.Target
	if target == "" {
		target = job.TargetPrimaries
	}
	servers, err := x.servers(ctx, target)
	if err != nil {
		return nil, err
	}
	n := &keyNames{limit: at.Limit, seen: map[string]bool{}, all: []any{}}
	for _, server := range servers {
		if err := n.scan(ctx, server, c.Name(), w.options); err != nil {
			return nil, err
		}
	}
	if w.isScan {
		return []any{"0", n.all}, nil
	}
	return n.all, nil
}

func (w walkOf) check(c job.Command) error {
	switch {
	case len(c.Args) < 2 || !w.isScan && len(c.Args) != 2:
		return job.Refuse(job.RefusedMalformed, "wrong number of arguments for %s", c.Name())
	case w.isScan && c.Args[1] != "0":
		return job.Refuse(job.RefusedMalformed, "a cursor of SCAN is one server's: begin with 0, which gives the keys of all, or name a server by target")
	}
	return checkCount(c)
}

// checkCount refuses a SCAN of too large steps.
func checkCount(c job.Command) error {
	if c.Name() != "scan" {
		return nil
	}
	for i := 2; i+1 < len(c.Args); i += 2 {
		count, err := strconv.Atoi(c.Args[i+1])
		if strings.EqualFold(c.Args[i], "count") && (err != nil || count > largestCount) {
			return job.Refuse(job.RefusedMalformed, "COUNT of SCAN must be a number up to %d", largestCount)
		}
	}
	return nil
}

// keyNames collects keys, up to what a message holds.
type keyNames struct {
	limit, size int
	seen        map[string]bool
	all         []any
}

func (n *keyNames) scan(ctx context.Context, server *redis.Client, name string, options []string) error {
	for cursor := "0"; ; {
		p := &part{server: server, args: append([]string{"scan", cursor}, options...)}
		sendParts(ctx, []*part{p})
		if err := faultOf(p.err, name, true); err != nil {
			return err
		}
		reply, ok := p.reply.([]any)
		if !ok || len(reply) != 2 {
			return errUnlike
		}
		for _, key := range texts(reply[1]) {
			if !n.seen[key] {
				n.seen[key] = true
				n.all = append(n.all, key)
				n.size += len(key) + len(`"", `)
			}
		}
		if n.size > n.limit {
			return job.Refuse(job.RefusedTooLarge, "the keys do not fit one message of the NATS server: narrow the pattern of %s", name)
		}
		if cursor, _ = reply[0].(string); cursor == "0" || cursor == "" {
			return nil
		}
	}
}
