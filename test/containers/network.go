package containers

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
)

// Network is where containers reach each other by name. Each test has its own,
// so that names need to be different in one test alone.
type Network struct {
	Name string

	id    string
	mu    sync.Mutex
	taken map[string]int
}

// NewNetwork makes a network that goes with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	need(t)
	if err := sweepAbandoned(); err != nil {
		t.Logf("remove what earlier tests left: %v", err)
	}
	n := &Network{taken: map[string]int{}}
	call(t, "make a network", func(ctx context.Context) error {
		made, err := network.New(ctx, marked())
		if err != nil {
			return err
		}
		n.Name, n.id = made.Name, made.ID
		t.Cleanup(func() { call(t, "remove the network", made.Remove) })
		return nil
	})
	return n
}

func marked() network.CustomizeNetworkOption {
	return func(o *client.NetworkCreateOptions) error {
		maps.Copy(o.Labels, labels())
		return nil
	}
}

// name gives a container its name in the network: redis, redis-2, redis-3.
func (n *Network) name(kind string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken[kind]++
	if n.taken[kind] == 1 {
		return kind
	}
	return fmt.Sprintf("%s-%d", kind, n.taken[kind])
}

// Volume makes a volume for containers to share; it goes with the test.
func Volume(t testing.TB) string {
	t.Helper()
	api := need(t)
	var name string
	call(t, "make a volume", func(ctx context.Context) error {
		made, err := api.VolumeCreate(ctx, client.VolumeCreateOptions{Labels: labels()})
		name = made.Volume.Name
		return err
	})
	t.Cleanup(func() {
		call(t, "remove the volume", func(ctx context.Context) error {
			_, err := api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
			return err
		})
	})
	return name
}

// mounts are volumes by the folder they are seen in.
func mounts(volumes map[string]string) testcontainers.ContainerMounts {
	var all testcontainers.ContainerMounts
	for folder, volume := range volumes {
		all = append(all, testcontainers.VolumeMount(volume, testcontainers.ContainerMountTarget(folder)))
	}
	return all
}
