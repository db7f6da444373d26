package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
)

// document is one return to publish.
type document struct {
	jid, minion, fun string
	body             []byte
}

func returnsWanted(t testing.TB) int {
	t.Helper()
	text := os.Getenv("BENCH_RETURNS")
	if text == "" {
		return 60_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		t.Fatalf("BENCH_RETURNS is %q: use a number from 1000", text)
	}
	return n
}

// shape makes n returns of 700 bytes.
func shape(name string, n int) []document {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	start := time.Now().Add(-time.Hour)
	docs := make([]document, n)
	for i := range docs {
		docs[i] = make700(start, i/1000, i%1000, i/1000%20)
	}
	switch name {
	case "burst":
	case "inter":
		for i := range docs {
			j := min(i+random.IntN(20_000), n-1)
			docs[i], docs[j] = docs[j], docs[i]
		}
	case "scatter":
		for i := range docs {
			docs[i] = make700(start, i%(n/1000), i/(n/1000)*5%5000+i%5, random.IntN(20))
		}
		random.Shuffle(n, func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	}
	return docs
}

func make700(start time.Time, at, minion, fun int) document {
	d := document{
		jid:    job.FormatJID(start.Add(time.Duration(at) * time.Second)),
		minion: fmt.Sprintf("web%04d.dc1.example.com", minion),
		fun:    fmt.Sprintf("module%02d.function", fun),
	}
	head := fmt.Sprintf(`{"cmd": "_return", "id": %q, "success": true, "return": "`, d.minion)
	tail := fmt.Sprintf(`", "retcode": 0, "jid": %q, "fun": %q, "fun_args": [], "user": "root", "_stamp": "2026-11-20T08:00:02.654321"}`, d.jid, d.fun)
	d.body = []byte(head + strings.Repeat("output ", 100)[:max(0, 700-len(head)-len(tail))] + tail)
	return d
}
