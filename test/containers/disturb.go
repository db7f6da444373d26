package containers

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go/exec"
)

// stopSeconds is how long Stop leaves to the program before it is killed; the
// worker promises to be done in ten.
const stopSeconds = 20

// Stop ends the program by SIGTERM. Its data and its name stay.
func (c *Container) Stop() {
	c.t.Helper()
	call(c.t, "stop "+c.Name, func(ctx context.Context) error {
		limit := stopSeconds
		_, err := c.api.ContainerStop(ctx, c.box.ID, client.ContainerStopOptions{Timeout: &limit})
		return err
	})
}

// Kill ends the program by SIGKILL.
func (c *Container) Kill() {
	c.t.Helper()
	call(c.t, "kill "+c.Name, func(ctx context.Context) error {
		_, err := c.api.ContainerKill(ctx, c.box.ID, client.ContainerKillOptions{Signal: "KILL"})
		return err
	})
}

// Start starts a stopped or killed container and waits until it answers.
func (c *Container) Start() {
	c.t.Helper()
	call(c.t, "start "+c.Name, func(ctx context.Context) error {
		_, err := c.api.ContainerStart(ctx, c.box.ID, client.ContainerStartOptions{})
		return err
	})
	c.await()
}

// Pause freezes the program: connections stay open and silent.
func (c *Container) Pause() {
	c.t.Helper()
	call(c.t, "pause "+c.Name, func(ctx context.Context) error {
		_, err := c.api.ContainerPause(ctx, c.box.ID, client.ContainerPauseOptions{})
		return err
	})
}

// Unpause lets the program go on and waits until it answers.
func (c *Container) Unpause() {
	c.t.Helper()
	call(c.t, "unpause "+c.Name, func(ctx context.Context) error {
		_, err := c.api.ContainerUnpause(ctx, c.box.ID, client.ContainerUnpauseOptions{})
		return err
	})
	c.await()
}

// Cut takes the container off one of its networks, as a pulled cable does:
// nobody is told. Without any network it cannot be reached by the test either.
func (c *Container) Cut(n *Network) {
	c.t.Helper()
	call(c.t, "cut "+c.Name+" off", func(ctx context.Context) error {
		_, err := c.api.NetworkDisconnect(ctx, n.id, client.NetworkDisconnectOptions{Container: c.box.ID, Force: true})
		return err
	})
}

// Mend puts the container back, under its name but maybe at another address
// within the network, and waits until it answers.
func (c *Container) Mend(n *Network) {
	c.t.Helper()
	call(c.t, "put "+c.Name+" back", func(ctx context.Context) error {
		_, err := c.api.NetworkConnect(ctx, n.id, client.NetworkConnectOptions{
			Container: c.box.ID, EndpointConfig: &network.EndpointSettings{Aliases: []string{c.Name}},
		})
		return err
	})
	c.await()
}

// IP is the container's address within a network, "" while it is cut off.
func (c *Container) IP(n *Network) string {
	c.t.Helper()
	ip := ""
	call(c.t, "inspect "+c.Name, func(ctx context.Context) error {
		found, err := c.box.Inspect(ctx)
		if err != nil {
			return err
		}
		if end := found.NetworkSettings.Networks[n.Name]; end != nil && end.IPAddress.IsValid() {
			ip = end.IPAddress.String()
		}
		return nil
	})
	return ip
}

// Exec runs a program of the image inside the container and gives what it
// wrote. Its failure is the test's.
func (c *Container) Exec(program string, args ...string) string {
	c.t.Helper()
	var out []byte
	call(c.t, fmt.Sprintf("%s in %s", program, c.Name), func(ctx context.Context) error {
		code, reply, err := c.box.Exec(ctx, slices.Insert(args, 0, program), exec.Multiplexed())
		if err != nil {
			return err
		}
		if out, err = io.ReadAll(reply); err == nil && code != 0 {
			err = fmt.Errorf("exit code %d: %s", code, out)
		}
		return err
	})
	return string(out)
}
