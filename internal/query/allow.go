package query

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"returnd/internal/job"
)

// RedisExecute says what callers may do to Redis by commands of their own.
type RedisExecute struct {
	// Allow are the commands of redis_execute: "hgetall", "config get". None by default.
	Allow []string `koanf:"allow"`
	// Keys are patterns of the keys of ours and of Salt's that redis_set, redis_get and redis_execute may touch.
	Keys []string `koanf:"keys"`
}

// never are the commands that no setting allows, and why. A name without a subcommand stands for all of them.
var never = forbidden(map[string]string{ //nolint:gosec // names of commands, no credentials
	"it would change the connection for the next caller": "select auth hello reset quit asking readonly readwrite multi exec discard watch unwatch " +
		"client|reply client|tracking client|caching client|setname client|setinfo client|no-evict client|no-touch script|debug",
	"its answers have no end":                              "subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe monitor sync psync replconf",
	"it holds a connection while it waits":                 "blpop brpop brpoplpush blmove blmpop bzpopmin bzpopmax bzmpop wait waitaof",
	"it keeps Redis from answering others":                 "save debug shutdown client|pause pfdebug pfselftest",
	"it would let a message choose whom Redis connects to": "migrate replicaof slaveof cluster|meet",
	"it tells passwords or their digests":                  "acl|list acl|getuser",
	"it runs foreign machine code in Redis":                "module|load module|loadex",
	"it changes which server keeps what": "failover restore-asking cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|delslots " +
		"cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget cluster|replicate cluster|reset cluster|set-config-epoch cluster|setslot",
})

func forbidden(byReason map[string]string) map[string]string {
	reasons := map[string]string{}
	for reason, names := range byReason {
		for name := range strings.FieldsSeq(names) {
			reasons[strings.ReplaceAll(name, "|", " ")] = reason
		}
	}
	return reasons
}

// why is the reason for which a command, by its full name, is never run.
func why(name string) (reason string, is bool) {
	if reason, is = never[name]; is {
		return reason, true
	}
	first, _, _ := strings.Cut(name, " ")
	reason, is = never[first]
	return reason, is
}

// permit tells whether a command may go to Redis, as far as its name and its words tell.
func (r RedisExecute) permit(c job.Command) error {
	name := c.Name()
	if reason, is := why(name); is {
		return fail(codeForbidden, "%s is never run: %s", shown(name), reason)
	}
	if !slices.ContainsFunc(r.Allow, func(entry string) bool { return normal(entry) == name }) {
		return fail(codeForbidden, "%s is not allowed: add it to query.redis_execute.allow of the worker", shown(name))
	}
	if blocks(name, c.Args) {
		return fail(codeForbidden, "%s with BLOCK is never run: it holds a connection while it waits", name)
	}
	return nil
}

// blocks tells a stream's read that waits. Behind STREAMS only keys and ids come.
func blocks(name string, args []string) bool {
	if name != "xread" && name != "xreadgroup" {
		return false
	}
	for _, arg := range args[1:] {
		switch strings.ToLower(arg) {
		case "block":
			return true
		case "streams":
			return false
		}
	}
	return false
}

// normal is an entry of the list as Command.Name spells it: "CONFIG|GET" is taken too.
func normal(entry string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(entry), "|", " ")), " ")
}

// faults names every entry that could never take effect.
func (r RedisExecute) faults() []error {
	var faults []error
	for _, entry := range r.Allow {
		name := normal(entry)
		words := strings.Fields(name)
		reason, is := why(name)
		switch {
		case len(words) == 0:
			faults = append(faults, fmt.Errorf("query.redis_execute.allow holds %q: use commands such as hgetall or config get", entry))
		case is:
			faults = append(faults, fmt.Errorf("query.redis_execute.allow holds %q, which is never run: %s", entry, reason))
		case job.HasSubcommands(words[0]) && len(words) == 1 && name != "command":
			faults = append(faults, fmt.Errorf("query.redis_execute.allow holds %q: name the subcommand too, as in config get", entry))
		case len(words) > 2 || len(words) == 2 && !job.HasSubcommands(words[0]):
			faults = append(faults, fmt.Errorf("query.redis_execute.allow holds %q: use the command alone, without its arguments", entry))
		}
	}
	for _, pattern := range r.Keys {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			faults = append(faults, fmt.Errorf("query.redis_execute.keys holds %q: use a pattern such as ret:* or load:[0-9]*", pattern))
		}
	}
	return faults
}
