package torture

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// TestSweepsLoseNoJobThatBegins is salt#40842 end to end: ten thousand jobs begin while sweeps run one after the other,
// with their load before the returns, after them, and never. Salt's clean_old_jobs lists returns and loads one after the
// other and deletes what begins in between.
func TestSweepsLoseNoJobThatBegins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		group func(t *testing.T) (group, redis.UniversalClient)
	}{
		{"one server", func(t *testing.T) (group, redis.UniversalClient) {
			t.Helper()
			p := servers.Redis(t)
			return alone(p), clientOn(t, p, 0)
		}},
		{"a cluster", func(t *testing.T) (group, redis.UniversalClient) {
			t.Helper()
			g := servers.Cluster(t, 3, 0)
			c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes)})
			t.Cleanup(func() { _ = c.Close() })
			return overCluster(g), c
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, c := tt.group(t)
			begunDuringSweeps(t, g, c)
		})
	}
}

func begunDuringSweeps(t *testing.T, g group, c redis.UniversalClient) {
	t.Helper()
	nats := servers.NATS(t)
	j := newJobs(t, c, connect(t, nats.URL))
	j.brok.create(prefix)
	j.old(1000, true)
	for range workers {
		servers.Worker(t, slices.Concat([]string{
			"run", "--nats.url", nats.URL, "--subjects.prefix", prefix, "--stream.name", streamOf(prefix).Name, "--http.addr", "",
			"--log.level", "warn", "--cleanup.interval", "1s", "--cleanup.rate", "0",
		}, g.args)...)
	}
	s := &sweeping{t: t, nc: connect(t, nats.URL)}
	servers.Eventually(t, drainLimit, "a first sweep", func() bool { return s.once() })
	var asking sync.WaitGroup
	ended := make(chan struct{})
	asking.Go(func() { s.until(ended) })
	const all = 10_000
	j.begin(all)
	servers.Eventually(t, recoverLimit, "the stream is drained", func() bool { return j.brok.drained(prefix, durable) })
	close(ended)
	asking.Wait()
	servers.Eventually(t, drainLimit, "a last sweep", func() bool { return s.once() })
	if faults := j.faults(); len(faults) > 0 {
		t.Errorf("faults, %s", firsts(faults))
	}
	if s.done < 10 {
		t.Errorf("%d sweeps meanwhile: too few to tell", s.done)
	}
	t.Logf("%d jobs, %d sweeps meanwhile, %d times busy, %d old jobs removed", all, s.done, s.busy, s.removed)
}

// begin writes jobs of every age, a hundred at a time: a third each with the load first, last and never, and of those a
// load that is to come last does so a hundred jobs later. Between them old jobs end for the sweeps to remove.
func (j *jobs) begin(n int) {
	ages := []time.Duration{0, 0, 0, 0, 0, 0, keep + time.Hour, keep + time.Hour - time.Second, longAgo, 7 * longAgo}
	var after []string
	for at := 0; at < n; at += 100 {
		loads := after
		after = nil
		for i := range 100 {
			jid := j.jid(ages[i%len(ages)])
			j.expect(true, "ret:"+jid)
			switch i / 10 % 3 {
			case 0:
				j.publish(prefix, jid, true)
			case 1:
				after = append(after, jid)
			}
			j.publish(prefix, jid, false)
		}
		for _, jid := range loads {
			j.publish(prefix, jid, true)
		}
		j.old(20, false)
		pace(50 * time.Millisecond)
	}
	for _, jid := range after {
		j.publish(prefix, jid, true)
	}
	<-j.brok.js.PublishAsyncComplete()
}

// sweeping asks for one sweep after the other.
type sweeping struct {
	t                   *testing.T
	nc                  broker
	done, busy, removed int
}

func (s *sweeping) until(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
			if !s.once() {
				pace(20 * time.Millisecond)
			}
		}
	}
}

// once tells whether there was a sweep, and it came to its end.
func (s *sweeping) once() bool {
	m, err := s.nc.nc.Request("salt.returner.clean_old_jobs", nil, 10*time.Second)
	if err != nil {
		return false // no worker yet
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		if sentence := m.Header.Get(micro.ErrorHeader); !strings.Contains(sentence, "sweeps right now") {
			s.t.Errorf("clean_old_jobs: %s %s", code, sentence)
		}
		s.busy++
		return false
	}
	var result struct {
		Running bool
		Error   string
		Removed int
	}
	if err := json.Unmarshal(m.Data, &result); err != nil || result.Error != "" {
		s.t.Errorf("clean_old_jobs: %s (%v)", m.Data, err)
	}
	s.done++
	s.removed += result.Removed
	return !result.Running
}
