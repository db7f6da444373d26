package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"returnd/internal/cfg"
	"returnd/internal/job"
)

// Every shape publishes each return of each job once, as many as were asked for, of the size asked for.
func TestWorkloads(t *testing.T) {
	for _, shape := range shapes {
		for _, o := range []benchOptions{
			{returns: 5000, minions: 100, size: 700, shape: shape},
			{returns: 4321, minions: 1000, size: leastSize, shape: shape},
			{returns: 1, minions: 1000, size: 700, shape: shape},
		} {
			t.Run(fmt.Sprintf("%s, %d of %d", shape, o.returns, o.minions), func(t *testing.T) {
				w, seen, per := newWorkload(o, time.Now()), map[string]bool{}, map[string]int{}
				for p := range w.order() {
					d := w.document(job.NewSubjects("salt"), p)
					ret, err := job.ParseReturn(d.Body)
					if err != nil || seen[d.Subject] || d.Subject != job.NewSubjects("salt").Return(ret.JID, ret.Minion) {
						t.Fatalf("%s: twice %v, %v", d.Subject, seen[d.Subject], err)
					}
					if _, timed := job.JIDTime(ret.JID); !timed || !strings.HasSuffix(ret.JID, w.run) {
						t.Fatalf("the jid is %s", ret.JID)
					}
					if len(d.Body) != o.size {
						t.Fatalf("%d bytes, want %d", len(d.Body), o.size)
					}
					seen[d.Subject] = true
					per[ret.JID]++
				}
				if len(seen) != o.returns || len(per) != len(w.jids) {
					t.Errorf("%d returns of %d jobs, want %d of %d", len(seen), len(per), o.returns, len(w.jids))
				}
				for i, jid := range w.jids {
					if per[jid] != w.expected(i) {
						t.Errorf("job %d has %d returns, expected are %d", i, per[jid], w.expected(i))
					}
				}
			})
		}
	}
}

// The shapes differ in how often one return is of another job than the one before.
func TestShapesDiffer(t *testing.T) {
	changes := map[string]int{}
	for _, shape := range shapes {
		last := -1
		for p := range newWorkload(benchOptions{returns: 10_000, minions: 100, size: 700, shape: shape}, time.Now()).order() {
			if p.job != last {
				changes[shape]++
			}
			last = p.job
		}
	}
	if changes[shapeBurst] != 100 || changes[shapeInter] < 5000 || changes[shapeScatter] < 9000 {
		t.Errorf("changes of job: %v", changes)
	}
}

func TestBenchFlags(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"all faults at once", []string{"--returns", "0", "--size", "10"}, "--returns is 0"},
		{"size", []string{"--size", "10"}, "--size is 10: use 300 to 1048576 bytes"},
		{"minions", []string{"--minions", "0"}, "--minions is 0"},
		{"shape", []string{"--shape", "round"}, "--shape is \"round\": use one of burst, inter, scatter"},
		{"rate", []string{"--rate", "fast"}, "--rate is \"fast\""},
		{"patience", []string{"--patience", "1ms"}, "--patience is 1ms"},
		{"output", []string{"-o", "yaml"}, "--output is \"yaml\""},
		{"another machine", []string{"--nats.url", "nats://nats.example.com"}, "nats.example.com is not on this machine: 20000 returns"},
		{"one of them on another machine", []string{"--nats.url", "nats://127.0.0.1,nats://192.0.2.1"}, "is not on this machine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := command(t, "", append([]string{"bench"}, tt.args...)...)
			if code != 2 || !strings.Contains(errs, tt.want) || strings.Contains(out+errs, "hunter22") {
				t.Errorf("exit %d: %s", code, errs)
			}
		})
	}
}

func TestOnThisMachine(t *testing.T) {
	for url, want := range map[string]bool{
		"nats://127.0.0.1:4222": true, "nats://localhost": true, "tls://[::1]:4222": true, "nats://127.0.0.1,nats://localhost:1": true,
		"nats://nats": false, "nats://10.0.0.1": false, "nats://127.0.0.1,nats://10.0.0.1": false,
	} {
		if got := onThisMachine(cfg.NATS{URL: url}); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

// A run against a worker: everything is found again, and the numbers fit each other.
func TestBench(t *testing.T) {
	needRedis(t)
	_, e, stop := started(t, t.TempDir(), false)
	t.Cleanup(func() { _ = stop() })
	url := e.url
	for _, shape := range shapes {
		out, errs, code := command(t, "", "bench", "--nats.url", url, "--returns", "3000", "--minions", "200", "--shape", shape, "-o", "json")
		var f findings
		if err := json.Unmarshal([]byte(out), &f); err != nil || code != 0 {
			t.Fatalf("exit %d: %s%s %v", code, out, errs, err)
		}
		if f.Published != 3000 || f.Readable != 3000 || f.Jobs != 15 || f.PublishSeconds > f.DrainSeconds || f.PublishRate < f.DrainRate {
			t.Errorf("%s: %+v", shape, f)
		}
		if f.Probes > 0 && (f.Median <= 0 || f.Median > f.Percent99 || f.Percent99 > f.LongestMS) {
			t.Errorf("%s: %+v", shape, f)
		}
	}
	out, errs, code := command(t, "", "bench", "--nats.url", url, "--returns", "200", "--rate", "400/s")
	if code != 0 || !strings.Contains(out, "drain     200 readable") || !strings.Contains(out, "probes") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestBenchWithoutAWorker(t *testing.T) {
	url, _ := streamed(t)
	_, errs, code := command(t, "", "bench", "--nats.url", url, "--returns", "10")
	if code != 1 || !strings.Contains(errs, "no worker answers") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestQuantiles(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Millisecond)
	}
	f := findings{Published: 10, PublishSeconds: 2, Readable: 9, DrainSeconds: 3}
	f.measured(times)
	if f.Median != 51 || f.Percent99 != 100 || f.LongestMS != 100 || f.PublishRate != 5 || f.DrainRate != 3 {
		t.Errorf("%+v", f)
	}
	if err := f.err(); err == nil || !strings.HasPrefix(err.Error(), "9 of 10") {
		t.Errorf("got %v", err)
	}
}
