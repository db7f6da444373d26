package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"returnd/test/servers"
)

// dead runs `worker dead …`, and gives what it says and its exit code.
func (r *rig) dead(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(servers.WorkerBinary(t), append([]string{"dead", "--nats.url", r.nats.URL}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestDeadLettersFromTheCommandLine: listed, shown, published again once the cause is gone, removed.
func TestDeadLettersFromTheCommandLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if out, code := r.dead(t, "ls"); code != 1 || !strings.Contains(out, "no stream RETURNS_DEAD") {
		t.Errorf("before any worker: %d, %s", code, out)
	}
	r.start(t)
	if out, code := r.dead(t, "ls"); code != 0 || !strings.Contains(out, "no dead letters") {
		t.Errorf("none: %d, %s", code, out)
	}
	const jid = "20261120080000000001"
	good := `{"id":"m1","jid":"` + jid + `","fun":"f.x","return":true}`
	// A stranger's key stands in the way of the first; the second is no JSON.
	if err := r.db(t, 0).Set(t.Context(), "ret:"+jid, "a stranger's", 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.publish(t, "salt.job."+jid+".ret.m1", []byte(good), nil)
	r.settle(t)
	r.publish(t, "salt.job."+jid+".ret.m2", []byte("{\x1b[31m"), nil)
	r.settle(t)
	servers.Eventually(t, limit, "two letters", func() bool { return len(r.letters(t)) == 2 })

	out, code := r.dead(t, "ls", "-o", "json")
	var row struct {
		Seq             uint64
		Reason, Subject string
	}
	first, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(first), &row); code != 0 || err != nil || row.Seq != 1 || row.Reason != "wrong_type" || strings.Contains(out, "true") {
		t.Errorf("ls -o json: %d, %v, %s", code, err, out)
	}
	for _, tt := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"ls"}, 0, []string{"wrong_type", "malformed", "1 malformed, 1 wrong_type"}},
		{[]string{"ls", "--reason", "malformed"}, 0, []string{"salt.job." + jid + ".ret.m2"}},
		{[]string{"ls", "--reason", "nonsense"}, 2, []string{"wrong_type"}},
		{[]string{"show", "1"}, 0, []string{"wrong_type", "ret.m1", `"fun":"f.x"`}},
		{[]string{"show", "1", "--raw"}, 0, []string{good}},
		{[]string{"show", "2"}, 0, []string{`{\u001b[31m`}},
		{[]string{"show", "99"}, 1, []string{"no dead letter 99"}},
		{[]string{"show", "x"}, 2, []string{"no sequence"}},
		{[]string{"replay"}, 2, []string{"--reason"}},
		{[]string{"purge", "1", "--all"}, 2, []string{"one of them"}},
		{[]string{"replay", "--reason", "subject"}, 1, []string{"no such dead letter"}},
	} {
		out, code := r.dead(t, tt.args...)
		for _, want := range tt.says {
			if code != tt.code || !strings.Contains(out, want) {
				t.Errorf("dead %q: exit code %d, want %d and %q:\n%s", tt.args, code, tt.code, want, out)
			}
		}
	}
	if err := r.db(t, 0).Del(t.Context(), "ret:"+jid).Err(); err != nil {
		t.Fatal(err)
	}
	if out, code := r.dead(t, "replay", "--reason", "wrong_type"); code != 0 || !strings.Contains(out, "1 letter published again") {
		t.Errorf("replay: %d, %s", code, out)
	}
	r.settle(t)
	if got := r.ask(t, "get_jid", `{"jid":"`+jid+`"}`); !strings.Contains(string(got.body), good) {
		t.Errorf("the return that was published again: %s", got.body)
	}
	if out, code := r.dead(t, "ls"); code != 0 || strings.Contains(out, "wrong_type") || !strings.Contains(out, "malformed") {
		t.Errorf("after the replay: %d, %s", code, out)
	}
	if out, code := r.dead(t, "purge", "2"); code != 0 || !strings.Contains(out, "1 letter removed") {
		t.Errorf("purge: %d, %s", code, out)
	}
	if out, _ := r.dead(t, "ls"); !strings.Contains(out, "no dead letters") {
		t.Errorf("at the end: %s", out)
	}
}
