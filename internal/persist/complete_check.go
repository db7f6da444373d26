package persist

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// check looks for each expected minion of a job among the returns, a page of them at a time: the next page is read while
// the one before is looked for. It ends at the first that is missing.
type check struct {
	ids    []string // to be looked for next
	cursor uint64
	more   bool // the minions have not been read to their end
	hinted bool // ids is a hint, before the reading begins

	page   *redis.ScanCmd
	absent *redis.Cmd
}

// begin starts from the first minion, or from one that was missing before.
func (k *check) begin(hint string) {
	*k = check{more: true}
	if hint != "" {
		k.ids, k.hinted = []string{hint}, true
	}
}

// checkAll brings every job that is to be checked to its claim, or to its end.
func (s *Store) checkAll(ctx context.Context, c *connection, open []*completion) {
	for {
		pipe, some := s.pipes(c), false
		for _, d := range open {
			if d.stage == checking {
				d.queueCheck(ctx, s, pipe)
				some = true
			}
		}
		if !some {
			return
		}
		pipe.exec(ctx)
		for _, d := range open {
			if d.stage == checking {
				d.checked(s.completer, c.target.key)
			}
		}
	}
}

func (d *completion) queueCheck(ctx context.Context, s *Store, pipe *pipes) {
	k := &d.check
	k.absent, k.page = nil, nil
	if len(k.ids) > 0 {
		args := make([]any, 0, 4+len(k.ids))
		args = append(args, "evalsha", s.scripts.absent.Hash(), 1, retKey(d.jid))
		for _, id := range k.ids {
			args = append(args, id)
		}
		k.absent = redis.NewCmd(ctx, args...)
		pipe.add(ctx, retKey(d.jid), k.absent)
	}
	if k.more && !k.hinted {
		k.page = redis.NewScanCmd(ctx, nil, "hscan", jobKey(d.jid), k.cursor, "match", fieldMinion+"*", "count", fieldsPerCommand)
		pipe.add(ctx, jobKey(d.jid), k.page)
	}
}

// checked takes the answers in.
func (d *completion) checked(m *completer, target targetKey) {
	k := &d.check
	if k.absent != nil {
		if d.refused(k.absent) {
			return
		}
		if at, _ := k.absent.Int(); at > 0 && at <= len(k.ids) {
			m.hints.put(target, d.jid, k.ids[at-1])
			d.stage = finished
			return
		}
	}
	k.ids, k.hinted = nil, false
	if k.page != nil {
		if d.refused(k.page) {
			return
		}
		k.take()
	}
	if !k.more && len(k.ids) == 0 {
		d.stage = claiming
	}
}

func (k *check) take() {
	fields, cursor := k.page.Val()
	for i := 0; i < len(fields); i += 2 {
		k.ids = append(k.ids, strings.TrimPrefix(fields[i], fieldMinion))
	}
	k.cursor, k.more = cursor, cursor != 0
}

// hints remembers of jobs that were not complete a minion that was missing, so that the next look at such a job costs
// one question. It is no more than that: what it says is asked again.
type hints struct {
	mu      sync.Mutex
	missing map[hintKey]string
}

type hintKey struct {
	target targetKey
	jid    string
}

// hintsKept bounds them. Beyond it they are forgotten, all at once: only jobs need one that have returns of strangers.
const hintsKept = 4096

func (h *hints) of(target targetKey, jid string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missing[hintKey{target, jid}]
}

func (h *hints) put(target targetKey, jid, minion string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missing == nil || len(h.missing) >= hintsKept {
		h.missing = map[hintKey]string{}
	}
	h.missing[hintKey{target, strings.Clone(jid)}] = strings.Clone(minion)
}

func (h *hints) drop(target targetKey, jid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.missing, hintKey{target, jid})
}
