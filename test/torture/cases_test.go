package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"returnd/internal/job"
)

// message is a return or, without a minion, a load.
type message struct {
	jid, minion, body string
	// published is a time ahead of the first message; only passes without a stream obey it.
	published time.Duration
}

func (m message) subject(s job.Subjects) string {
	if m.minion == "" {
		return s.Load(m.jid)
	}
	return s.Return(m.jid, m.minion)
}

// entry is the message as the consumer hands it on.
func (m message) entry(first time.Time) (job.Entry, error) {
	e := job.Entry{Published: first.Add(m.published)}
	if m.minion == "" {
		load, err := job.ParseLoad(m.jid, []byte(m.body))
		e.Load = &load
		return e, err
	}
	var err error
	e.Return, err = job.ParseReturn([]byte(m.body))
	return e, err
}

// The texts that are most likely to be taken for something else.
var (
	customJIDs = []string{"deploy {a}", "a:b", "{x}", "with blank", "é*", "0", "20261341000000000000", "20261120", "99991231235959999999"}
	minionIDs  = []string{"web1", "web2.example.com", "a:b", "a:b.c", "ret", "load:x", "{m}", "*", "ü", "minions"}
	funNames   = []string{`"test.ping"`, `"cmd.run"`, `["test.ping", "cmd.run"]`, `["it's"]`, `"state.apply"`}
)

// span is the time over which a case's messages were published.
const span = 3 * time.Hour

// jidsAround draws jids of jobs that started around now: lately, long ago (past their keep), just ahead (a clock set
// wrong), far ahead (counted as custom), with a suffix, and with texts of their own.
func jidsAround(now time.Time) *rapid.Generator[string] {
	at := func(ago time.Duration) string { return job.FormatJID(now.Add(-ago)) }
	lately := rapid.Map(rapid.IntRange(0, 19*3600), func(s int) string { return at(time.Duration(s) * time.Second) })
	return rapid.OneOf(
		lately, lately,
		rapid.Map(lately, func(jid string) string { return jid + "_4711" }),
		rapid.Map(rapid.IntRange(25, 72), func(h int) string { return at(time.Duration(h) * time.Hour) }),
		rapid.Just(at(-time.Hour)),
		rapid.Just(at(-72*time.Hour)),
		rapid.SampledFrom(customJIDs),
	)
}

// floats tells that a job's expiry hangs on a moment of the pass: of its publishing, since the jid names no earlier
// time, or of its writing, since its keep has passed.
func floats(now time.Time) func(jid string) bool {
	return func(jid string) bool {
		at, ok := job.JIDTime(jid)
		return !ok || at.After(now) || at.Before(now.Add(-keep+time.Hour))
	}
}

// caseOf draws the messages of some jobs, in the order of their publishing. Equal jid and minion mean equal bytes, as
// promise 2 demands; so do equal jids of real loads, but for the Minions that are merged.
//
// A job whose jid names no earlier time is anchored at its messages' own times. Unless they may be hours apart, all
// messages of such a job are published at one moment.
func caseOf(now time.Time, jobs int, hoursApart bool) *rapid.Generator[[]message] {
	return rapid.Custom(func(t *rapid.T) []message {
		jids := rapid.SliceOfNDistinct(jidsAround(now), 1, jobs, rapid.ID[string]).Draw(t, "jids")
		var all []message
		for _, jid := range jids {
			all = append(all, returnsOf(t, jid)...)
			all = append(all, loadsOf(t, jid)...)
		}
		all = rapid.Permutation(all).Draw(t, "order")
		moments := map[string]time.Duration{}
		for i, m := range all {
			at, known := moments[m.jid]
			if !known || hoursApart || !floats(now)(m.jid) {
				at = time.Duration(rapid.IntRange(0, int(span/time.Second)).Draw(t, "published")) * time.Second
				moments[m.jid] = at
			}
			all[i].published = at
		}
		slices.SortStableFunc(all, func(a, b message) int { return int(a.published - b.published) })
		return all
	})
}

func returnsOf(t *rapid.T, jid string) []message {
	var all []message
	fun := rapid.SampledFrom(funNames).Draw(t, "fun")
	for _, id := range minionsDrawn(t, 8) {
		if rapid.IntRange(0, 9).Draw(t, "another fun") == 0 {
			fun = rapid.SampledFrom(funNames).Draw(t, "fun")
		}
		all = append(all, message{jid: jid, minion: id, body: returnBody(t, jid, id, fun)})
	}
	return all
}

func minionsDrawn(t *rapid.T, most int) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(minionIDs), 0, most, rapid.ID[string]).Draw(t, "minions")
}

func returnBody(t *rapid.T, jid, minion, fun string) string {
	result := rapid.SampledFrom([]string{
		`true`, `"ünïcode \u00e9 "`, `{"big": 123456789012345678901234567890, "nan": NaN}`, `[1.50, -0.0,1e400]`, `""`,
	}).Draw(t, "result")
	return fmt.Sprintf(`{"id": %s,"jid": %s, "fun": %s, "return": %s, "retcode": 0 }`, quoted(minion), quoted(jid), fun, result)
}

// loadsOf draws the loads of a job: none, or several of which at most one text is real, with various Minions. Where
// none is real there is one text only: which of two wins is not promised.
func loadsOf(t *rapid.T, jid string) []message {
	var bodies []string
	for range rapid.IntRange(0, 3).Draw(t, "real loads") {
		bodies = append(bodies, fmt.Sprintf(`{"jid": %s, "fun": "test.ping", "tgt": "*",  "Minions": %s, "key": "secret"}`,
			quoted(jid), listed(minionsDrawn(t, 4))))
	}
	others := rapid.IntRange(0, 2).Draw(t, "loads that are not real")
	if len(bodies) == 0 {
		others = min(others, 1)
	}
	for i := range others {
		bodies = append(bodies, fmt.Sprintf(`{"cmd": "_return", "minions": %s, "return": %d}`, listed(minionsDrawn(t, 4)), i))
	}
	all := make([]message, len(bodies))
	for i, body := range bodies {
		all[i] = message{jid: jid, body: body}
	}
	return all
}

func quoted(s string) string { return string(job.AppendString(nil, s)) }

// listed is a sorted list as the store writes it, so that one set of minions has one text from the start.
func listed(ids []string) string {
	ids = slices.Sorted(slices.Values(ids))
	for i, id := range ids {
		ids[i] = quoted(id)
	}
	return "[" + strings.Join(ids, ", ") + "]"
}
