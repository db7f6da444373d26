package persist

import (
	"context"
	"path"
	"slices"
	"strings"

	"returnd/internal/job"
)

// keysOf asks the server which of a command's words are keys.
func (x *commander) keysOf(ctx context.Context, c job.Command) ([]string, error) {
	if len(c.Args) == 1 {
		return nil, nil
	}
	reply, err := x.ask(ctx, keyMinions, append([]string{"command", "getkeys"}, c.Args...))
	if refused := asRefusal(err); refused != nil && strings.Contains(refused.Detail, "no key arguments") {
		return nil, nil
	}
	return texts(reply), err
}

// texts are the strings of a list.
func texts(reply any) []string {
	list, _ := reply.([]any)
	var all []string
	for _, element := range list {
		if text, ok := element.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// keyless are the commands that touch no key's value, by their first word. A command without keys that is not among
// them may touch any.
var keyless = wordSet("acl bgrewriteaof bgsave client cluster command config dbsize echo function info keys lastsave latency lolwut " +
	"memory module ping publish pubsub randomkey role scan script slowlog spublish time")

// unnamed are the commands that may touch keys beside those they name: scripts and indexes any, the rest those of another
// database or of their patterns.
var unnamed = wordSet("eval eval_ro evalsha evalsha_ro fcall fcall_ro move flushall flushdb swapdb")

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// reaches refuses commands that touch keys which nobody sees beforehand, unless all keys are open.
func reaches(c job.Command, hasKeys bool, open []string) error {
	name := strings.ToLower(c.Args[0])
	index := strings.HasPrefix(name, "ft.") || strings.HasPrefix(name, "graph.")
	if hasKeys && !unnamed[name] && !index && !reachesByWord(name, c.Args) || !hasKeys && keyless[name] || slices.Contains(open, "*") {
		return nil
	}
	return job.Refuse(job.RefusedForbidden, "%s may touch keys that it does not name, the returns among them: add * to query.redis_execute.keys of the worker to allow that", name)
}

// reachesByWord tells what SORT and COPY do only if asked to.
func reachesByWord(name string, args []string) bool {
	has := func(found ...string) bool {
		return slices.ContainsFunc(args[1:], func(arg string) bool { return slices.Contains(found, strings.ToLower(arg)) })
	}
	switch name {
	case "sort", "sort_ro":
		return has("by", "get")
	case "copy":
		return has("db")
	}
	return false
}

// guard keeps a command from the keys that are ours or Salt's, but for those that the settings open. A pointer,
// <minion>:<fun>, is known by its minion, so that a key such as cache:1 is anybody's as long as no minion is named cache.
func (x *commander) guard(ctx context.Context, open, keys []string) error {
	var minions []string
	for _, key := range keys {
		if opened(key, open) {
			continue
		}
		if reserved(key) {
			return ours(key)
		}
		if colon := strings.LastIndexByte(key, ':'); colon > 0 {
			minions = append(minions, key[:colon])
		}
	}
	slices.Sort(minions)
	minions = slices.Compact(minions)
	if len(minions) == 0 {
		return nil
	}
	reply, err := x.ask(ctx, keyMinions, append([]string{"smismember", keyMinions}, minions...))
	if err != nil {
		return err
	}
	members, _ := reply.([]any)
	if at := slices.Index(members, any(int64(1))); at >= 0 {
		return ours(minions[at] + ":<fun>")
	}
	return nil
}

func reserved(key string) bool {
	return key == keyMinions || strings.HasPrefix(key, retPrefix) || strings.HasPrefix(key, loadPrefix) || strings.HasPrefix(key, ownPrefix)
}

// opened tells whether a pattern of the settings fits a key. The patterns are Redis's: a slash is a letter like others.
func opened(key string, patterns []string) bool {
	plain := func(text string) string { return strings.ReplaceAll(text, "/", "\x00") }
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		fits, err := path.Match(plain(pattern), plain(key))
		return fits && err == nil
	})
}

func ours(key string) error {
	if len(key) > maxShownKey {
		key = key[:maxShownKey]
	}
	return job.Refuse(job.RefusedForbidden, "the key %+q is the returner's: add a pattern for it to query.redis_execute.keys of the worker to open it", key)
}

const maxShownKey = 64
