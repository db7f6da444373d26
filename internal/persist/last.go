package persist

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// maxJID is how long the jid is that a pointer may hold.
const maxJID = 255

// LastReturns hands over each minion's last return of a function, until yield fails. It follows the pointers, as Salt's
// returner and ours write them. A minion whose pointer has gone while its returns are there is left out: which return is
// its last one of a function only a look at all of them would tell. That look is taken where the set of minions has gone
// too (see recovered). What yield is given must not be written to.
func (s *Store) LastReturns(ctx context.Context, profile, fun, cursor string, yield func(minion string, ret []byte) error) (next string, err error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return "", err
	}
	f := follower{conn: c, fun: fun, yield: yield, pace: newPace()}
	return s.minions(ctx, c, cursor, func(fields []field) (string, error) { return f.take(ctx, fields) }, fun)
}

// follower goes from minions to their pointers to their returns.
type follower struct {
	conn  *connection
	fun   string
	yield func(minion string, ret []byte) error
	pace  pace // of the returns
}

// pointersAtOnce bounds the pointers read at once; few at first, for a caller that wants few.
const pointersAtOnce = 128

// take hands over the returns of some minions.
func (f *follower) take(ctx context.Context, minions []field) (refused string, err error) {
	minions = slices.DeleteFunc(minions, func(m field) bool { return !(&job.Return{Minion: m.name}).HasPointer() })
	for chunk := range slices.Chunk(minions, pointersAtOnce) {
		keys := make([]string, len(chunk))
		for i, m := range chunk {
			keys[i] = pointerKey(m.name, f.fun)
		}
		jids, err := heads(ctx, f.conn, keys, maxJID+1)
		if err != nil {
			return "", fmt.Errorf("read pointers: %w", err)
		}
		for i := range chunk {
			chunk[i].value = jids[i]
		}
		runs := slices.DeleteFunc(chunk, func(m field) bool { return m.value == "" || m.value == otherType || len(m.value) > maxJID })
		if refused, err := f.follow(ctx, runs); err != nil {
			return refused, err
		}
	}
	return "", nil
}

// follow hands over the returns that pointers, minion and jid each, point to.
func (f *follower) follow(ctx context.Context, pointers []field) (refused string, err error) {
	for len(pointers) > 0 {
		part := pointers[:min(int(f.pace.count), len(pointers))]
		pointers = pointers[len(part):]
		returns, err := f.returns(ctx, part)
		if err != nil {
			return "", fmt.Errorf("read returns: %w", err)
		}
		for i, ret := range returns {
			if ret == nil { // the job is gone, its pointer will be
				continue
			}
			if err := f.yield(part[i].name, ret); err != nil {
				return part[i].name, err
			}
		}
	}
	return "", nil
}

func (f *follower) returns(ctx context.Context, pointers []field) ([][]byte, error) {
	pipe := f.conn.reader.Pipeline()
	cmds := make([]*redis.StringCmd, len(pointers))
	for i, p := range pointers {
		cmds[i] = pipe.HGet(ctx, retKey(p.value), p.name)
	}
	_, _ = pipe.Exec(ctx)
	returns, size := make([][]byte, len(pointers)), 0
	for i, cmd := range cmds {
		switch err := classify(cmd.Err(), retPrefix); {
		case isWrongType(err):
			returns[i] = []byte(otherType)
		case err != nil:
			return nil, err
		case cmd.Err() == nil:
			returns[i] = view(cmd.Val())
			size += len(cmd.Val())
		}
	}
	f.pace.add(len(pointers), size)
	return returns, nil
}
