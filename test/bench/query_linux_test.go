package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// asked is a worker process that answers queries, and one who asks.
type asked struct {
	worker, redis *servers.Process
	client        *redis.Client
	nc            *nats.Conn
	url           string
}

var serving = regexp.MustCompile(`serving health and metrics.* addr=(127\.0\.0\.1:\d+)`)

func newAsked(b *testing.B, more ...string) *asked {
	b.Helper()
	broker := servers.NATS(b)
	a := &asked{redis: servers.Redis(b), url: broker.URL}
	host, port, err := net.SplitHostPort(a.redis.Addr)
	if err != nil {
		b.Fatal(err)
	}
	a.client = redis.NewClient(&redis.Options{Addr: a.redis.Addr})
	b.Cleanup(func() { _ = a.client.Close() })
	a.worker = servers.Worker(b, append([]string{
		"run", "--nats.url", a.url, "--redis.host", host, "--redis.port", port, "--http.addr", "127.0.0.1:0",
	}, more...)...)
	a.nc = a.connect(b)
	servers.Eventually(b, time.Minute, "the worker is ready", func() bool {
		found := serving.FindStringSubmatch(a.worker.Stderr())
		if found == nil {
			return false
		}
		reply, err := http.Get("http://" + found[1] + "/readyz")
		if err != nil {
			return false
		}
		_ = reply.Body.Close()
		return reply.StatusCode == http.StatusOK
	})
	return a
}

func (a *asked) connect(b *testing.B) *nats.Conn {
	b.Helper()
	nc, err := nats.Connect(a.url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	return nc
}

// read takes a reply of any size and drops it.
func read(ctx context.Context, nc *nats.Conn, endpoint, request string) (first, whole time.Duration, bytes int, err error) {
	began := time.Now()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	err = nc.PublishMsg(&nats.Msg{
		Subject: "salt.returner." + endpoint, Reply: sub.Subject, Data: []byte(request), Header: nats.Header{"Returnd-Accept": {"parts"}},
	})
	for more := true; err == nil && more; {
		var m *nats.Msg
		if m, err = sub.NextMsgWithContext(ctx); err != nil {
			return first, time.Since(began), bytes, err
		}
		if first == 0 {
			first = time.Since(began)
		}
		if text := m.Header.Get("Nats-Service-Error"); text != "" {
			return first, time.Since(began), bytes, fmt.Errorf("%s: %s", endpoint, text)
		}
		more, bytes = m.Header.Get("Returnd-More") == "true", bytes+len(m.Data)
	}
	return first, time.Since(began), bytes, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(float64(len(all))*q))]
}

// BenchmarkJob reads large jobs out of a worker process, by plain NATS, unpaced: how long until the first part and until the
// whole is there, and by how much the worker grows.
func BenchmarkJob(b *testing.B) {
	for _, shape := range []struct{ minions, size int }{{10_000, 1000}, {3, 900_000}} {
		b.Run(fmt.Sprintf("%dx%dB", shape.minions, shape.size), func(b *testing.B) {
			a := newAsked(b, "--query.heavy_rate_bytes", "0")
			pipe := a.client.Pipeline()
			for i := range shape.minions {
				id := fmt.Sprintf("web%05d.example.com", i)
				body := fmt.Sprintf(`{"id": %q, "jid": "big", "fun": "big.one", "retcode": 0, "return": "%%s"}`, id)
				pipe.HSet(b.Context(), "ret:big", id, fmt.Sprintf(body, strings.Repeat("x", max(0, shape.size-len(body)))))
			}
			if _, err := pipe.Exec(b.Context()); err != nil {
				b.Fatal(err)
			}
			for range 3 {
				if _, _, _, err := read(b.Context(), a.nc, "get_minions", ""); err != nil {
					b.Fatal(err)
				}
			}
			before := residentOf(b, a.worker.PID())
			var firsts, wholes []time.Duration
			for b.Loop() {
				first, whole, bytes, err := read(b.Context(), a.nc, "get_jid", `{"jid": "big"}`)
				if err != nil || bytes < shape.minions*shape.size {
					b.Fatal(bytes, err)
				}
				firsts, wholes = append(firsts, first), append(wholes, whole)
			}
			b.ReportMetric(milliseconds(quantile(firsts, 0.5)), "ms-to-first(must-15)")
			b.ReportMetric(milliseconds(quantile(wholes, 0.5)), "ms-to-whole(must-100)")
			b.ReportMetric(float64(memoryOf(b, a.worker.PID())-before)/(1<<20), "MB-more(must-16)")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// residentOf is VmRSS of /proc/<pid>/status, in bytes.
func residentOf(b *testing.B, pid int) int {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		b.Fatal(err)
	}
	return kilobytes << 10
}

const (
	// manyJobs is how many loads there are.
	manyJobs = 200_000
	// bytesOfJob is about what one of them has in a list.
	bytesOfJob = 170
)

func (a *asked) plantLoads(b *testing.B) {
	b.Helper()
	now := time.Now()
	for from := 0; from < manyJobs; from += 10_000 {
		pipe := a.client.Pipeline()
		for i := from; i < from+10_000; i++ {
			start := now.Add(-time.Duration(i) * 400 * time.Millisecond)
			jid := job.FormatJID(start)
			pipe.Set(b.Context(), "load:"+jid, `{"jid": "`+jid+`", "fun": "test.ping", "arg": [], "tgt": "*", "tgt_type": "glob", "user": "root", "minions": ["web1", "web2"]}`, 0)
			pipe.ZAdd(b.Context(), "returnd/jobs", redis.Z{Score: float64(start.UnixMicro()), Member: jid})
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	a.client.Set(b.Context(), "returnd/indexed", "1", 0)
}

// BenchmarkNewest lists the newest hundred of 200,000 jobs.
func BenchmarkNewest(b *testing.B) {
	a := newAsked(b)
	a.plantLoads(b)
	var all []time.Duration
	for b.Loop() {
		_, whole, bytes, err := read(b.Context(), a.nc, "get_jids", `{"limit": 100}`)
		if err != nil || bytes < 100*100 {
			b.Fatal(bytes, err)
		}
		all = append(all, whole)
	}
	b.ReportMetric(milliseconds(quantile(all, 0.5)), "ms(must-10)")
	b.ReportMetric(milliseconds(quantile(all, 0.99)), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

const (
	pingCallers = 50
	pingPhase   = 2 * time.Second
)

// BenchmarkPing asks Redis for nothing, beside callers who list all of 200,000 jobs, and alone, in turn: what others do on the
// machine shows in both.
func BenchmarkPing(b *testing.B) {
	a := newAsked(b)
	a.plantLoads(b)
	var alone, beside []time.Duration
	looked := 0
	for b.Loop() {
		alone = append(alone, a.ping(b, pingPhase)...)
		stop := a.list(b)
		beside = append(beside, a.ping(b, pingPhase)...)
		looked += stop()
	}
	b.ReportMetric(float64(looked)/float64(b.N)/pingPhase.Seconds(), "jobs/s")
	for _, q := range []float64{0.99, 0.999} {
		name := fmt.Sprintf("p%g", q*100)
		control, loaded := quantile(alone, q), quantile(beside, q)
		b.ReportMetric(milliseconds(control), name+"-control-ms")
		b.ReportMetric(milliseconds(loaded-control), name+"-more-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// ping sends one every quarter of a millisecond at most.
func (a *asked) ping(b *testing.B, phase time.Duration) (all []time.Duration) {
	b.Helper()
	conn := a.client.Conn()
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(250 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(phase); time.Now().Before(end); <-tick.C {
		began := time.Now()
		if err := conn.Ping(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	return all
}

// list has callers read the list of all jobs until stop is called, which tells how many jobs they were given.
func (a *asked) list(b *testing.B) (stop func() int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var callers sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range pingCallers {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, _, bytes, err := read(ctx, a.nc, "get_jids", "")
				if ctx.Err() == nil && err != nil {
					pause(ctx, time.Second) // as Retry-After says
				}
				mu.Lock()
				done += bytes / bytesOfJob
				mu.Unlock()
			}
		})
	}
	return func() int { cancel(); callers.Wait(); return done }
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
