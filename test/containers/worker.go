package containers

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

const workerPort = 9464

// WorkerOptions say where a worker stands and what it sees.
type WorkerOptions struct {
	Networks []*Network        // one that it shares with NATS, one with Redis, or one for both
	Volumes  map[string]string // folder in the container → volume
	Files    map[string]string // path in the container → content
}

// Workers starts so many workers, `worker run <args>`, and waits until they
// are ready. The image is always made of what stands in this module.
func Workers(t testing.TB, o WorkerOptions, count int, args ...string) []*Container {
	t.Helper()
	specs := make([]spec, count)
	for i := range specs {
		specs[i] = spec{
			image: imageOf(t, workerImage), networks: o.Networks, kind: "worker", port: workerPort, program: "/worker",
			args: func(string) []string {
				return append([]string{"run", "--http.addr", fmt.Sprintf("0.0.0.0:%d", workerPort)}, args...)
			},
			// The engine puts no file into a container that cannot be written to.
			files: o.Files, volumes: o.Volumes, locked: len(o.Files) == 0, answers: ready,
		}
	}
	return start(t, specs...)
}

// ready asks the worker whether it can work, and gives its own reason if not.
func ready(c *Container) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Get("http://" + c.Addr + "/readyz")
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(reply.Body)
		return fmt.Errorf("not ready: %s", why)
	}
	return nil
}
