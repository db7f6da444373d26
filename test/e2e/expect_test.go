package e2e

import (
	"regexp"
	"strings"
	"time"
)

// jidLayout is a time jid with a dot before its microseconds.
const jidLayout = "20060102150405.000000"

var timed = regexp.MustCompile(`^\d{20}(_\d+)?$`)

// jidTime reads a time jid.
func jidTime(jid string) (time.Time, bool) {
	if !timed.MatchString(jid) {
		return time.Time{}, false
	}
	at, err := time.Parse(jidLayout, jid[:14]+"."+jid[14:20])
	return at, err == nil
}

func formatJID(at time.Time) string { return strings.Replace(at.UTC().Format(jidLayout), ".", "", 1) }

// startOf is when a job begins: at the time in its jid or when it was
// published, whichever comes first.
func startOf(jid string, published time.Time) time.Time {
	if at, ok := jidTime(jid); ok && at.Before(published) {
		return at
	}
	return published
}

// beats is the order of jids: a time jid beats a custom one, else as text.
func beats(jid, stored string) bool {
	_, isTime := jidTime(jid)
	if _, other := jidTime(stored); isTime != other {
		return isTime
	}
	return jid > stored
}

// stored is a return that is to be kept.
type stored struct {
	jid, minion, fun, body string
	published              time.Time
}

// keep adds what a return leaves: Salt's three keys, with their pointer's
// expiry, and our own.
func (k keyspace) keep(s stored) {
	start := startOf(s.jid, s.published)
	end := at(start.Add(keep))
	k.put("ret:"+s.jid, s.minion, s.body, end)
	k.add("minions", "set", s.minion)
	if first, _, _ := strings.Cut(s.minion, ":"); first != "ret" && first != "load" {
		pointer := s.minion + ":" + s.fun
		if old, ok := k[pointer].Value.(string); !ok || beats(s.jid, old) {
			k[pointer] = entry{"string", s.jid, end}
		}
	}
	history := "returnd/history:" + s.minion
	k.add(history, "list", s.jid+"\t"+s.fun)
	list := k[history]
	list.Expires = max(list.Expires, end)
	k[history] = list
	k.rate("returnd/seen", s.minion, score(start.Truncate(time.Hour).UnixMicro()))
}

// keepLoad adds what a load leaves.
func (k keyspace) keepLoad(jid, body string, minions []string, published time.Time) {
	start := startOf(jid, published)
	k["load:"+jid] = entry{"string", body, at(start.Add(keep))}
	k.rate("returnd/jobs", jid, score(start.UnixMicro()))
	for _, id := range minions {
		k.put("returnd/job:"+jid, "minion:"+id, "", at(start.Add(keep)))
	}
}
