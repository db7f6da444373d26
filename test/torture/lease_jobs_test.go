package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// jobs is what is written while sweeps run, by the workers' stream and by Salt's own returner, and which of it must be
// there at the end.
type jobs struct {
	t     *testing.T
	redis redis.UniversalClient
	brok  broker

	mu   sync.Mutex
	next int
	live map[string]bool // keys that no sweep may remove
	dead map[string]bool // keys that must go
}

func newJobs(t *testing.T, c redis.UniversalClient, b broker) *jobs {
	t.Helper()
	return &jobs{t: t, redis: c, brok: b, live: map[string]bool{}, dead: map[string]bool{}}
}

const longAgo = 72 * time.Hour

// jid is one that nobody else has, so long ago.
func (j *jobs) jid(ago time.Duration) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	return job.FormatJID(time.Now().Add(-ago).Truncate(time.Second).Add(time.Duration(j.next) * time.Microsecond))
}

func (j *jobs) expect(live bool, keys ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		if live {
			j.live[key] = true
		} else {
			j.dead[key] = true
		}
	}
}

// old puts jobs there that are past their keep: with a load they live, and without one they do not.
func (j *jobs) old(n int, withLoad bool) {
	j.t.Helper()
	pipe := j.redis.Pipeline()
	var keys []string
	for range n {
		jid := j.jid(longAgo)
		if withLoad {
			pipe.Set(context.Background(), "load:"+jid, "{}", keep)
			keys = append(keys, "load:"+jid)
		}
		pipe.HSet(context.Background(), "ret:"+jid, "web1", "{}")
		pipe.Expire(context.Background(), "ret:"+jid, keep)
		keys = append(keys, "ret:"+jid)
	}
	if _, err := pipe.Exec(context.Background()); err != nil {
		j.t.Errorf("write old jobs: %v", err)
	}
	j.expect(withLoad, keys...)
}

// young writes one job as Salt's returner does, and three through the stream: the load before the return, after it, and
// not at all.
func (j *jobs) young(p string) {
	ctx := context.Background()
	salts, first, second, third := j.jid(0), j.jid(0), j.jid(0), j.jid(0)
	for _, jid := range []string{salts, first, second, third} {
		j.expect(true, "ret:"+jid)
	}
	if err := j.redis.HSet(ctx, "ret:"+salts, "web1", "{}").Err(); err != nil {
		j.t.Errorf("write as Salt does: %v", err)
	}
	j.redis.Expire(ctx, "ret:"+salts, keep)
	j.publish(p, first, true)
	j.publish(p, first, false)
	j.publish(p, second, false)
	j.publish(p, third, false)
	j.publish(p, second, true)
}

// publish sends a job's load or one return, and does not wait: what was taken by the stream is asked at the end.
func (j *jobs) publish(p, jid string, load bool) {
	m := message{jid: jid, minion: "web1", body: fmt.Sprintf(`{"id": "web1", "jid": %q, "fun": "test.ping", "return": true}`, jid)}
	if load {
		m = message{jid: jid, body: fmt.Sprintf(`{"jid": %q, "fun": "test.ping", "tgt": "*"}`, jid)}
		j.expect(true, "load:"+jid)
	}
	if _, err := j.brok.js.PublishAsync(m.subject(subjects(p)), []byte(m.body)); err != nil {
		j.t.Errorf("publish: %v", err)
	}
}

// write goes on until ended: so many young jobs at a time, and dead ones so that every sweep has something to remove.
func (j *jobs) write(p string, ended <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			<-j.brok.js.PublishAsyncComplete()
			return
		case <-tick.C:
			j.young(p)
			j.old(60, false)
		}
	}
}

// faults are the live keys that are gone and the dead ones that are not.
func (j *jobs) faults() (faults []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, set := range []struct {
		keys map[string]bool
		want int64
		text string
	}{{j.live, 1, "lost: %s"}, {j.dead, 0, "not removed: %s"}} {
		keys := make([]string, 0, len(set.keys))
		for key := range set.keys {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for part := range slices.Chunk(keys, 1000) {
			pipe := j.redis.Pipeline()
			there := make([]*redis.IntCmd, len(part))
			for i, key := range part {
				there[i] = pipe.Exists(context.Background(), key)
			}
			if _, err := pipe.Exec(context.Background()); err != nil {
				return append(faults, err.Error())
			}
			for i, cmd := range there {
				if cmd.Val() != set.want {
					faults = append(faults, fmt.Sprintf(set.text, part[i]))
				}
			}
		}
	}
	return faults
}

// mayGo tells that a sweep may remove a key: a job that is alive it may not.
func (j *jobs) mayGo(key string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.live[key]
}

// firsts is the beginning of a long list, and how long it is.
func firsts(faults []string) string {
	return fmt.Sprintf("%d:\n%s", len(faults), strings.Join(faults[:min(len(faults), 10)], "\n"))
}
