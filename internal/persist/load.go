package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

const (
	// fieldsPerCommand bounds what one HSET or scan step makes the server do.
	fieldsPerCommand = 512
	// loadAttempts bounds the compare-and-set of one load; each failure means that another writer got on.
	loadAttempts = 16
)

// loadWrite is what a batch says of one job's load. The expected minions are fields of returnd/job:<jid>, so that
// merges by several workers commute; the load's own `Minions` is made from them, by compare-and-set, and looked at
// again after the write: whoever comes second sees the other's minions.
type loadWrite struct {
	jid     string
	body    []byte // nil where only minions are added
	real    bool
	minions []string
	start   time.Time
	known   time.Time // start by the earliest that brought minions: the anchor of returnd/job:<jid>
	entries []int

	expiry  string
	queued  []redis.Cmder // on returnd/job:<jid> and returnd/jobs
	fields  *redis.IntCmd
	stored  *redis.StringCmd
	used    int64 // fields the last attempt was made from
	set     *redis.Cmd
	err     error
	settled bool
}

// addLoad folds the loads of one job in a batch: a real one replaces one that is not, the first real one wins.
func (p *plan) addLoad(i int, e *job.Entry) {
	l := p.loadOf[e.Load.JID]
	if l == nil {
		l = &loadWrite{jid: e.Load.JID, body: e.Load.Body, real: e.Load.Real, start: e.Start()}
		p.loads = append(p.loads, l)
		p.loadOf[l.jid] = l
	}
	l.entries = append(l.entries, i)
	l.minions = union(l.minions, e.Load.Minions)
	start := e.Start()
	if start.Before(l.start) {
		l.start = start
	}
	if len(e.Load.Minions) > 0 && (l.known.IsZero() || start.Before(l.known)) {
		l.known = start
	}
	if e.Load.Real && !l.real {
		l.body, l.real = e.Load.Body, true
	}
}

// queueLoads notes the expected minions and reads what is there.
func (p *plan) queueLoads(ctx context.Context) {
	for _, l := range p.loads {
		l.expiry = p.store.expiryText(l.start, p.now)
		l.queue(ctx, p.pipes, p.store.expiryText(l.known, p.now))
	}
}

func (l *loadWrite) queue(ctx context.Context, pipe *pipes, known string) {
	key := jobKey(l.jid)
	for chunk := range slices.Chunk(l.minions, fieldsPerCommand) {
		args := make([]any, 0, 2+2*len(chunk))
		args = append(args, "hset", key)
		for _, id := range chunk {
			args = append(args, fieldMinion+id, "")
		}
		l.then(ctx, pipe, redis.NewIntCmd(ctx, args...))
	}
	if len(l.minions) > 0 && known != "0" {
		l.then(ctx, pipe, redis.NewIntCmd(ctx, "expireat", key, known, "lt"))
	}
	if l.body != nil {
		l.then(ctx, pipe, redis.NewIntCmd(ctx, "zadd", keyJobs, "lt", microseconds(listedAt(l.jid, l.start)), l.jid))
	}
	l.read(ctx, pipe)
}

func (l *loadWrite) then(ctx context.Context, pipe *pipes, cmd redis.Cmder) {
	l.queued = append(l.queued, cmd)
	pipe.add(ctx, keyOf(cmd), cmd)
}

func (l *loadWrite) read(ctx context.Context, pipe *pipes) {
	l.count(ctx, pipe)
	l.stored = redis.NewStringCmd(ctx, "get", loadKey(l.jid))
	pipe.add(ctx, loadKey(l.jid), l.stored)
}

func (l *loadWrite) count(ctx context.Context, pipe *pipes) {
	l.fields = redis.NewIntCmd(ctx, "hlen", jobKey(l.jid))
	pipe.add(ctx, jobKey(l.jid), l.fields)
}

// finishLoads writes the loads that were queued. It reports whether the server had lost the scripts.
func (s *Store) finishLoads(ctx context.Context, c *connection, loads []*loadWrite) (lost bool) {
	for attempt := range loadAttempts {
		open := slices.DeleteFunc(slices.Clone(loads), func(l *loadWrite) bool { return l.settled })
		if len(open) == 0 {
			return false
		}
		if attempt > 0 {
			pipe := s.pipes(c)
			for _, l := range open {
				l.read(ctx, pipe)
			}
			pipe.exec(ctx)
		}
		if s.compareAndSet(ctx, c, open) {
			return true
		}
	}
	for _, l := range loads {
		if !l.settled {
			l.err = fmt.Errorf("%w: other writers kept changing the load", job.ErrUnavailable)
		}
	}
	return false
}

func (s *Store) compareAndSet(ctx context.Context, c *connection, open []*loadWrite) (lost bool) {
	pipe := s.pipes(c)
	for _, l := range open {
		old, next, err := s.compose(ctx, c, l)
		if err != nil {
			l.fail(err)
			continue
		}
		if next == nil { // minions for a load that is not there yet: its writer will find them
			l.settled = true
			continue
		}
		l.set = redis.NewCmd(ctx, "evalsha", s.scripts.load.Hash(), 1, loadKey(l.jid), old, next, l.expiry)
		pipe.add(ctx, loadKey(l.jid), l.set)
		l.count(ctx, pipe)
	}
	pipe.exec(ctx)
	for _, l := range open {
		if !l.settled {
			lost = missing(l.set.Err()) || lost
			l.check()
		}
	}
	return lost
}

// check settles a load that was written, and that nobody has added minions to since they were read.
func (l *loadWrite) check() {
	if err := classify(l.set.Err(), loadKey(l.jid)); err != nil {
		l.fail(err)
		return
	}
	if err := classify(l.fields.Err(), jobKey(l.jid)); err != nil {
		l.fail(err)
		return
	}
	written, _ := l.set.Int()
	l.settled = written == 1 && l.fields.Val() == l.used
}

// outcome is nil for a load that was confirmed, and for no other.
func (l *loadWrite) outcome() error {
	if l.err == nil && !l.settled {
		return unavailable(errors.New("the load was not written yet"))
	}
	return l.err
}

func (l *loadWrite) fail(err error) { l.err, l.settled = err, true }

// compose makes the load's next value out of what was read. A nil next means that there is nothing to write.
func (s *Store) compose(ctx context.Context, c *connection, l *loadWrite) (old string, next []byte, err error) {
	for _, cmd := range l.queued {
		if err := classify(cmd.Err(), keyOf(cmd)); err != nil {
			if keyOf(cmd) == keyJobs {
				err = shared(err)
			}
			return "", nil, err
		}
	}
	if err := classify(l.stored.Err(), loadKey(l.jid)); err != nil {
		return "", nil, err
	}
	l.used = l.fields.Val()
	expected := l.minions
	if l.used != int64(len(expected)) {
		if expected, err = s.expected(ctx, c, l.jid); err != nil {
			return "", nil, err
		}
	}
	old = l.stored.Val()
	return old, l.merge(old, expected), nil
}

// merge picks the winner of the stored load and ours, and sets its minions.
func (l *loadWrite) merge(old string, expected []string) []byte {
	if old == "" {
		if l.body == nil {
			return nil
		}
		return job.SetMinions(l.body, expected)
	}
	stored, err := job.ParseLoad(l.jid, []byte(old))
	if l.body != nil && (err != nil || (l.real && !stored.Real)) {
		return job.SetMinions(l.body, union(expected, stored.Minions))
	}
	if err != nil { // not ours to mend without a load to put in its place
		return []byte(old)
	}
	return job.SetMinions([]byte(old), union(expected, stored.Minions))
}

// expected reads the minions a job is known to be meant for, in bounded steps.
func (s *Store) expected(ctx context.Context, c *connection, jid string) ([]string, error) {
	var ids []string
	iter := c.writer.HScan(ctx, jobKey(jid), 0, fieldMinion+"*", fieldsPerCommand).Iterator()
	for iter.Next(ctx) {
		if id, ok := strings.CutPrefix(iter.Val(), fieldMinion); ok {
			ids = append(ids, id)
		}
		iter.Next(ctx) // the value
	}
	if err := iter.Err(); err != nil {
		return nil, fmt.Errorf("read expected minions: %w", classify(err, jobKey(jid)))
	}
	return union(nil, ids), nil
}

// SaveMinions adds to the minions that a job is known to be meant for, and to its load where there is one.
func (s *Store) SaveMinions(ctx context.Context, profile, jid string, minions []string) error {
	c, err := s.ready(ctx, profile)
	if err != nil {
		return err
	}
	now := s.clock.now()
	l := &loadWrite{jid: jid, minions: union(nil, minions), start: job.Start(jid, now)}
	l.expiry = s.expiryText(l.start, now)
	pipe := s.pipes(c)
	l.queue(ctx, pipe, l.expiry)
	pipe.exec(ctx)
	if s.finishLoads(ctx, c, []*loadWrite{l}) {
		c.loaded.Store(false)
	}
	if err := l.outcome(); err != nil {
		return err
	}
	return s.completeOne(ctx, c, jid)
}

// Reserve takes a jid for its caller: false where it is taken.
func (s *Store) Reserve(ctx context.Context, profile, jid string) (bool, error) {
	c, err := s.ready(ctx, profile)
	if err != nil {
		return false, err
	}
	now := s.clock.now()
	pipe := s.pipes(c)
	taken := redis.NewIntCmd(ctx, "hsetnx", jobKey(jid), fieldTaken, strconv.FormatInt(now.Unix(), 10))
	inUse, returned := redis.NewIntCmd(ctx, "exists", loadKey(jid)), redis.NewIntCmd(ctx, "exists", retKey(jid))
	cmds := []redis.Cmder{taken, inUse, returned}
	if at := s.expiryText(job.Start(jid, now), now); at != "0" {
		cmds = append(cmds, redis.NewIntCmd(ctx, "expireat", jobKey(jid), at, "lt"))
	}
	for _, cmd := range cmds {
		pipe.add(ctx, keyOf(cmd), cmd)
	}
	pipe.exec(ctx)
	for _, cmd := range cmds {
		if err := classify(cmd.Err(), keyOf(cmd)); err != nil {
			return false, fmt.Errorf("reserve a jid: %w", err)
		}
	}
	return taken.Val() == 1 && inUse.Val() == 0 && returned.Val() == 0, nil
}

// ready is a profile's database, with the scripts loaded.
func (s *Store) ready(ctx context.Context, profile string) (*connection, error) {
	c, err := s.target(profile, job.NoDB).connect(ctx)
	if err != nil || c.loaded.Load() {
		return c, err
	}
	return c, s.prepare(ctx, c)
}

// union merges two lists of ids: sorted, none twice.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func keyOf(cmd redis.Cmder) string {
	key, _ := cmd.Args()[1].(string)
	return key
}
