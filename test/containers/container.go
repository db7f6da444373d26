package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	attach "github.com/testcontainers/testcontainers-go/network"

	"returnd/test/servers"
)

const (
	// readyLimit is how long a container may take until it answers.
	readyLimit = time.Minute
	// startTries covers losing a port between the look and the engine's bind.
	startTries = 5
)

// Container is one container. Its methods belong to the test's goroutines.
type Container struct {
	Name   string // in its networks
	Inside string // name:port, for others in its networks
	Addr   string // 127.0.0.1:port, for the test; it stays over restarts

	spec spec
	box  *testcontainers.DockerContainer
	api  client.APIClient
	t    testing.TB
}

// spec says what to start.
type spec struct {
	image    string
	networks []*Network // the first one's name is the container's
	kind     string     // what it is named after
	port     int        // the one it listens on
	program  string
	args     func(name string) []string
	files    map[string]string // path in the container → content
	volumes  map[string]string // folder in the container → volume
	locked   bool              // as compose.yaml has the worker: nothing that it does not need
	answers  func(c *Container) error
}

// start starts containers side by side and waits until all of them answer.
func start(t testing.TB, specs ...spec) []*Container {
	t.Helper()
	all := make([]*Container, len(specs))
	for i, s := range specs {
		name := s.networks[0].name(s.kind)
		all[i] = &Container{Name: name, Inside: name + ":" + strconv.Itoa(s.port), spec: s, api: need(t), t: t}
		t.Cleanup(all[i].end)
	}
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, c := range all {
		group.Go(func() { errs[i] = c.run() })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		c.await()
	}
	return all
}

// run makes the container and starts it, on another port if the first was lost.
func (c *Container) run() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	for range startTries {
		port := servers.FreePort(c.t)
		c.Addr = servers.Loopback(port)
		c.box, err = testcontainers.Run(ctx, c.spec.image, c.options(port)...)
		if err == nil || !strings.Contains(err.Error(), "already") {
			break
		}
		if c.box != nil {
			err = errors.Join(err, remove(ctx, c.api, c.box.ID))
			c.box = nil
		}
	}
	if err != nil {
		return fmt.Errorf("start %s from %s: %w\n%s", c.Name, c.spec.image, err, c.logs(ctx))
	}
	// The library makes a client for each container, and closes it now and
	// then: from here on all share the one that is closed at the end.
	provider, err := engine()
	c.box.SetProvider(provider)
	return err
}

func (c *Container) options(port int) []testcontainers.ContainerCustomizer {
	inside := network.MustParsePort(strconv.Itoa(c.spec.port) + "/tcp")
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithEntrypoint(c.spec.program),
		testcontainers.WithCmd(c.spec.args(c.Name)...),
		testcontainers.WithLabels(labels()),
		testcontainers.WithExposedPorts(inside.String()),
		testcontainers.WithMounts(mounts(c.spec.volumes)...),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			loopback := network.PortBinding{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), HostPort: strconv.Itoa(port)}
			host.PortBindings = network.PortMap{inside: {loopback}}
			if c.spec.locked {
				host.ReadonlyRootfs, host.CapDrop, host.SecurityOpt = true, []string{"ALL"}, []string{"no-new-privileges:true"}
			}
		}),
	}
	for _, n := range c.spec.networks {
		options = append(options, attach.WithNetworkName([]string{c.Name}, n.Name))
	}
	for path, content := range c.spec.files {
		options = append(options, testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: strings.NewReader(content), ContainerFilePath: path, FileMode: 0o644,
		}))
	}
	return options
}

// await waits until the container answers. One that ended never will.
func (c *Container) await() {
	c.t.Helper()
	var last error
	deadline := time.Now().Add(readyLimit)
	servers.Eventually(c.t, 2*readyLimit, "an answer from "+c.Name, func() bool {
		if last = c.spec.answers(c); last == nil {
			return true
		}
		if !c.Running() || time.Now().After(deadline) {
			c.t.Fatalf("%s does not answer: %v\n%s", c.Name, last, c.Logs())
		}
		return false
	})
}

// end removes the container; a test that failed shows its last words.
func (c *Container) end() {
	if c.box == nil {
		return
	}
	if c.t.Failed() {
		c.t.Logf("%s said:\n%s", c.Name, c.Logs())
	}
	call(c.t, "remove "+c.Name, func(ctx context.Context) error { return remove(ctx, c.api, c.box.ID) })
}

// Running tells whether its program runs; it does while paused.
func (c *Container) Running() bool {
	c.t.Helper()
	running := false
	call(c.t, "inspect "+c.Name, func(ctx context.Context) error {
		state, err := c.box.State(ctx)
		running = err == nil && state.Running
		return err
	})
	return running
}

// logSize is how much of a container's output a failed test shows.
const logSize = 8 << 10

// Logs is the end of what the container wrote.
func (c *Container) Logs() string {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	return c.logs(ctx)
}

func (c *Container) logs(ctx context.Context) string {
	if c.box == nil {
		return ""
	}
	stream, err := c.box.Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer stream.Close()
	text, _ := io.ReadAll(stream)
	return string(text[max(0, len(text)-logSize):])
}
