package persist

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"returnd/internal/job"
)

// A transaction holds Redis for no longer than what one of 256 returns or a megabyte takes, unless one return is larger.
func TestTransactionsAreBounded(t *testing.T) {
	s := &Store{keep: time.Hour}
	tests := map[string]struct{ size, jobs, want int }{
		"small":      {700, 1, 8},
		"many jobs":  {700, 100, 8},
		"large":      {300 << 10, 1, 683},
		"very large": {900 << 10, 1, 2048},
		"mixed jobs": {900 << 10, 7, 2048},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			body, got := bytes.Repeat([]byte("x"), tc.size), 0
			entries := make([]job.Entry, 2048)
			for i := range entries {
				entries[i] = job.Entry{Published: time.Now(), Return: job.Return{
					JID: jidAt(time.Duration(1+i%tc.jobs) * time.Second)[:14] + "000000", Minion: fmt.Sprintf("m%d", i), Fun: "f.x", Body: body,
				}}
			}
			p := newPlan(s, entries)
			p.eachShare(func(groups []group, members int) {
				got++
				sum := 0
				for i := range groups {
					sum += groups[i].bytes
				}
				if members > returnsPerGroup || sum > bytesPerGroup {
					t.Errorf("%d returns of %d bytes in one transaction", members, sum)
				}
			})
			if got > tc.want+tc.jobs {
				t.Errorf("%d transactions, want about %d", got, tc.want)
			}
		})
	}
}
