package containers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"returnd/test/servers"
)

// TestWorkerImage: what the Dockerfile makes is the binary alone, runs as nobody of this machine, writes nowhere, has no
// capability, and is asked by the engine itself whether it is alive.
func TestWorkerImage(t *testing.T) {
	t.Parallel()
	api, n := need(t), NewNetwork(t)
	ref := imageOf(t, workerImage)
	call(t, "inspect the image", func(ctx context.Context) error {
		got, err := api.ImageInspect(ctx, ref)
		if err != nil {
			return err
		}
		if user := got.Config.User; user != "65532:65532" {
			t.Errorf("it runs as %q", user)
		}
		if layers := len(got.RootFS.Layers); layers != 1 {
			t.Errorf("it has %d layers, want the binary's alone", layers)
		}
		if entry := fmt.Sprint(got.Config.Entrypoint, got.Config.Cmd); entry != "[/worker] [run]" {
			t.Errorf("it starts %s", entry)
		}
		return nil
	})
	worker := Workers(t, WorkerOptions{Networks: []*Network{n}}, 1, "--nats.url", NATS(t, n).InsideURL(), "--redis.host", Redis(t, n).Name)[0]
	call(t, "inspect "+worker.Name, func(ctx context.Context) error {
		got, err := api.ContainerInspect(ctx, worker.box.ID, client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		host := got.Container.HostConfig
		if !host.ReadonlyRootfs || host.Privileged || fmt.Sprint(host.CapDrop, host.CapAdd, host.SecurityOpt) != "[ALL] [] [no-new-privileges:true]" {
			t.Errorf("it may more than it should: %v %v %v", host.CapDrop, host.CapAdd, host.SecurityOpt)
		}
		return nil
	})
	runsAs(t, worker, "65532")
	worker.Exec("/worker", "healthcheck") // which fails the test if it fails
	worker.Exec("/worker", "healthcheck", "--ready")
	servers.Eventually(t, limit, "a healthy container", func() bool { return health(t, worker) == container.Healthy })
}

func health(t *testing.T, c *Container) (status container.HealthStatus) {
	t.Helper()
	call(t, "inspect "+c.Name, func(ctx context.Context) error {
		state, err := c.box.State(ctx)
		if err == nil && state.Health != nil {
			status = state.Health.Status
		}
		return err
	})
	return status
}

// runsAs asks the engine for the processes, which has the machine's own list of them.
func runsAs(t *testing.T, c *Container, user string) {
	t.Helper()
	call(t, "list the processes of "+c.Name, func(ctx context.Context) error {
		top, err := c.api.ContainerTop(ctx, c.box.ID, client.ContainerTopOptions{Arguments: []string{"-o", "pid,uid,args"}})
		if err != nil {
			return err
		}
		for _, process := range top.Processes {
			if process[1] != user || !strings.HasPrefix(process[2], "/worker") {
				t.Errorf("a process of user %s: %s", process[1], process[2])
			}
		}
		if len(top.Processes) == 0 {
			t.Error("no process")
		}
		return nil
	})
}
