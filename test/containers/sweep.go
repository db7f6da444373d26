package containers

import (
	"context"
	"errors"
	"sync"

	"github.com/moby/moby/client"
)

// sweepAbandoned removes what test binaries left whose guard died with them,
// as in a machine's restart. Once for a test binary is enough.
var sweepAbandoned = sync.OnceValue(func() error {
	provider, err := engine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	return sweep(ctx, provider.Client(), func(labels map[string]string) bool { return abandoned(labels[ownerLabel]) })
})

// sweep removes containers, then the networks and volumes that they held.
// Only what carries a session's label is looked at.
func sweep(ctx context.Context, api client.APIClient, ours func(labels map[string]string) bool) error {
	marked := client.Filters{}.Add("label", sessionLabel)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: marked})
	var errs []error
	for _, c := range containers.Items {
		if ours(c.Labels) {
			errs = append(errs, remove(ctx, api, c.ID))
		}
	}
	networks, listed := api.NetworkList(ctx, client.NetworkListOptions{Filters: marked})
	errs = append(errs, err, listed)
	for _, n := range networks.Items {
		if ours(n.Labels) {
			_, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			errs = append(errs, err)
		}
	}
	volumes, listed := api.VolumeList(ctx, client.VolumeListOptions{Filters: marked})
	errs = append(errs, listed)
	for _, v := range volumes.Items {
		if ours(v.Labels) {
			_, err := api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// remove ends a container at once, whatever state it is in.
func remove(ctx context.Context, api client.APIClient, id string) error {
	_, err := api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return err
}
