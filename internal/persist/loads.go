package persist

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Loads are read by their beginnings, so that a step's bytes are bounded beforehand: a load may have some hundred bytes or,
// with all the minions of a large job in it, megabytes. Most are shorter than the first bound, and nearly all others than
// the second.
const (
	shortLoad  = stepBytes / jobsAtOnce
	longLoad   = 16 * shortLoad
	longAtOnce = stepBytes / longLoad
)

// handLoads hands over the loads of some jobs; those that are gone are passed over. refused is the job at which yield
// failed.
func handLoads(ctx context.Context, c *connection, jobs []spot, yield func(jid string, load []byte) error) (refused spot, err error) {
	l := loads{conn: c, jobs: jobs}
	if err := l.open(ctx); err != nil {
		return spot{}, fmt.Errorf("read loads: %w", err)
	}
	for i := range jobs {
		load, err := l.load(ctx, i)
		if err != nil {
			return spot{}, fmt.Errorf("read loads: %w", err)
		}
		if load == "" {
			continue
		}
		if err := yield(jobs[i].jid, view(load)); err != nil {
			return jobs[i], err
		}
	}
	return spot{}, nil
}

// loads are the loads of some jobs, as far as they have been read.
type loads struct {
	conn  *connection
	jobs  []spot
	texts []string // up to shortLoad or longLoad bytes of each
	long  int      // before it, long loads have been looked at
}

func (l *loads) open(ctx context.Context) error {
	keys := make([]string, len(l.jobs))
	for i, j := range l.jobs {
		keys[i] = loadKey(j.jid)
	}
	var err error
	l.texts, err = heads(ctx, l.conn, keys, shortLoad)
	return err
}

// load is one load, whole.
func (l *loads) load(ctx context.Context, i int) (string, error) {
	if len(l.texts[i]) < shortLoad {
		return l.texts[i], nil
	}
	if i >= l.long {
		if err := l.extend(ctx, i); err != nil {
			return "", err
		}
	}
	text := l.texts[i]
	l.texts[i] = ""
	if len(text) < longLoad {
		return text, nil
	}
	text, err := l.conn.reader.Get(ctx, loadKey(l.jobs[i].jid)).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return text, classify(err, loadPrefix)
}

// extend reads more of the long loads, from one of them on.
func (l *loads) extend(ctx context.Context, from int) error {
	var keys []string
	var of []int
	for l.long = from; l.long < len(l.jobs) && len(keys) < longAtOnce; l.long++ {
		if len(l.texts[l.long]) == shortLoad {
			keys, of = append(keys, loadKey(l.jobs[l.long].jid)), append(of, l.long)
		}
	}
	texts, err := heads(ctx, l.conn, keys, longLoad)
	if err != nil {
		return err
	}
	for i, text := range texts {
		l.texts[of[i]] = text
	}
	return nil
}
