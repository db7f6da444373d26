package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"returnd/test/servers"
)

// TestFleet: the simulated fleet finds everything readable that it published,
// and the health check of an image says the same as the pages.
func TestFleet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t)
	out, err := exec.Command(servers.WorkerBinary(t), "fleet", "--nats.url", r.nats.URL, "--for", "2s", "--every", "200ms", "--minions", "60").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all readable") {
		t.Errorf("%v\n%s", err, out)
	}
	address := served.FindStringSubmatch(w.Stderr())[1]
	check := func() error {
		return exec.Command(servers.WorkerBinary(t), "healthcheck", "--ready", "--http.addr", address).Run()
	}
	if err := check(); err != nil {
		t.Errorf("health check of a worker that is ready: %v", err)
	}
	r.nats.Kill()
	servers.Eventually(t, limit, "a health check that fails without NATS", func() bool { return check() != nil })
}
