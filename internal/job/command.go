package job

import (
	"fmt"
	"strings"
	"time"
)

// Access is whose Redis a caller's own command goes to, and what it may touch there.
type Access struct {
	Profile string
	// Open are patterns of the keys that may be touched although they are ours or Salt's.
	Open []string
	// Limit is how many bytes of reply are of any use.
	Limit int
}

// Command is a Redis command of a caller's.
type Command struct {
	// Args begin with the command's name; there is at least one.
	Args []string
	// Target says which servers: "" leaves it to the command, else one of the targets, or a server's host:port.
	Target string
}

// The targets of a command, beside single servers.
const (
	TargetPrimaries = "primaries"
	TargetReplicas  = "replicas"
	TargetAll       = "all"
	TargetRandom    = "random"
)

// containers are the commands that are nothing without their second word. COMMAND alone is also one of its own.
var containers = map[string]bool{
	"acl": true, "client": true, "cluster": true, "command": true, "config": true, "debug": true, "function": true,
	"latency": true, "memory": true, "module": true, "object": true, "pubsub": true, "script": true, "sentinel": true,
	"slowlog": true, "ft.config": true, "xgroup": true, "xinfo": true,
}

// HasSubcommands tells whether a command, in lower case, is named by two words.
func HasSubcommands(word string) bool { return containers[word] }

// Name is the command in lower case, with its subcommand where it has such.
func (c Command) Name() string {
	name := strings.ToLower(c.Args[0])
	if containers[name] && len(c.Args) > 1 {
		name += " " + strings.ToLower(c.Args[1])
	}
	return name
}

// SetOptions are those of a SET.
type SetOptions struct {
	// Expire is the time that the key has, in whole milliseconds; 0 is for ever.
	Expire time.Duration
	// IfMissing sets only a key that is not there, IfPresent only one that is.
	IfMissing, IfPresent bool
}

// Refused says why a caller's command has no result.
type Refused string

// The kinds of refusal.
const (
	RefusedMalformed   Refused = "malformed"   // Redis, or the rules for commands, do not take it
	RefusedForbidden   Refused = "forbidden"   // it would touch what is ours or Salt's
	RefusedTooLarge    Refused = "too large"   // its reply is
	RefusedUnavailable Refused = "unavailable" // Redis cannot, at present; unlike ErrUnavailable it has a sentence for the caller
)

// Refusal is the error of a caller's command. Its detail is for the caller, who knows the command.
type Refusal struct {
	Kind   Refused
	Detail string
}

// Refuse makes a Refusal.
func Refuse(kind Refused, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string { return string(r.Kind) + ": " + r.Detail }
