package torture

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"returnd/test/servers"
)

// grant is one holding of the lease, as the server saw it.
type grant struct {
	at    time.Time
	by    int
	token int64
	owner string
	// freed is when the key was removed, by its holder or by hand; zero where it was not.
	freed    time.Time
	returned bool // by its holder
}

// removal is one key that a sweep removed.
type removal struct {
	at     time.Time
	by     int
	key    string
	during int // the grant in force, by number; -1 is before the first
}

// eventLog is everything that concerns the lease and what was removed, in the one order in which the server did it: what
// its MONITOR tells. Times are the server's.
type eventLog struct {
	owners *owners
	caller int // whose script runs

	mu       sync.Mutex
	token    int64 // told just before the lease that it belongs to
	grants   []grant
	removals []removal
}

func newEventLog(t testing.TB, redis *servers.Process, o *owners) *eventLog {
	t.Helper()
	conn, err := net.Dial("tcp", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	l := &eventLog{owners: o, caller: nobody}
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReaderSize(conn, 1<<20)
	if line, err := reader.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("MONITOR: %q, %v", line, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			l.take(line)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	return l
}

const (
	leaseKey = "returnd/{cleanup}/lease"
	tokenKey = "returnd/{cleanup}/token"
	ownPlace = "returnd/{cleanup}/"
)

// take reads a line: `+<seconds> [<database> <client>|lua] "<command>" "<argument>"…`.
func (l *eventLog) take(line string) {
	time, rest, _ := strings.Cut(strings.TrimPrefix(line, "+"), " [")
	from, command, _ := strings.Cut(rest, "] ")
	_, client, _ := strings.Cut(from, " ")
	script := client == "lua"
	if !script {
		l.caller = l.owners.of(client)
	}
	switch {
	case script && strings.HasPrefix(command, `"UNLINK" `), strings.HasPrefix(command, `"del" "`+leaseKey):
		l.removed(serverTime(time), words(command)[1], script)
	case script && strings.HasPrefix(command, `"SET" "`+ownPlace):
		l.set(serverTime(time), words(command))
	}
}

// set takes the lease and its token: acquiring is the only script that sets both, the token first.
func (l *eventLog) set(at time.Time, command []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch command[1] {
	case tokenKey:
		l.token, _ = strconv.ParseInt(command[2], 10, 64)
	case leaseKey:
		if l.token != 0 {
			owner, _, _ := strings.Cut(command[2], " ")
			l.grants = append(l.grants, grant{at: at, by: l.caller, token: l.token, owner: owner})
		}
		l.token = 0
	}
}

func (l *eventLog) removed(at time.Time, key string, script bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.grants) - 1
	switch {
	case key == leaseKey && last >= 0:
		l.grants[last].freed, l.grants[last].returned = at, script
	case !strings.HasPrefix(key, ownPlace):
		l.removals = append(l.removals, removal{at: at, by: l.caller, key: key, during: last})
	}
}

// last is the latest grant and its number; none is -1.
func (l *eventLog) last() (int, grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.grants) == 0 {
		return -1, grant{by: nobody}
	}
	return len(l.grants) - 1, l.grants[len(l.grants)-1]
}

func (l *eventLog) grant(number int) grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grants[number]
}

// copied is all of it so far.
func (l *eventLog) copied() ([]grant, []removal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.grants), slices.Clone(l.removals)
}

func serverTime(text string) time.Time {
	seconds, micro, _ := strings.Cut(text, ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	us, _ := strconv.ParseInt(micro, 10, 64)
	return time.Unix(s, us*1000)
}

// words are a command's, unquoted.
func words(command string) (all []string) {
	for rest := strings.TrimSpace(command); rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return append(all, rest)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			word = quoted
		}
		all, rest = append(all, word), strings.TrimSpace(rest[len(quoted):])
	}
	return all
}
