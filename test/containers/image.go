package containers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"returnd/test/servers"
)

// The official images, pinned here and nowhere else, and the variables that
// name another image in the place of an official one or ours.
const (
	officialRedis = "redis:7.0.15"
	officialNATS  = "nats:2.15.2-scratch"

	redisVariable  = "TEST_REDIS_IMAGE"
	natsVariable   = "TEST_NATS_IMAGE"
	workerVariable = "TEST_WORKER_IMAGE"
)

// local is where the images stand that are built here.
const local = "returnd-test/"

// pullLimit bounds a try to pull: an engine that reaches no registry says so
// within seconds, and the images are small.
const pullLimit = 3 * time.Minute

// source says how one image is come by.
type source struct {
	name     string // of the local image, behind "returnd-test/"
	official string // "" where there is none
	variable string
	recipe   func(dir string) (recipe, error)
}

func redisSource() source { return source{"redis", officialRedis, redisVariable, redisRecipe} }
func natsSource() source  { return source{"nats", officialNATS, natsVariable, natsRecipe} }

// workerSource has no official image: what is tested is what stands here.
func workerSource() source { return source{"worker", "", workerVariable, workerRecipe} }

// Each image is looked for, pulled or built once in a test binary's life,
// whose place is variables of the package.
var (
	redisImage  = sync.OnceValues(func() (string, error) { return find(redisSource()) })
	natsImage   = sync.OnceValues(func() (string, error) { return find(natsSource()) })
	workerImage = sync.OnceValues(func() (string, error) { return find(workerSource()) })
)

// imageOf gives the image to start from.
func imageOf(t testing.TB, find func() (string, error)) string {
	t.Helper()
	need(t)
	ref, err := find()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// find decides: what a variable names; else the local image that is there;
// else the official one, and if that cannot be had one built now. The worker
// is always what stands here. CI pulls nothing, and looks whether the local
// images are still what would be built: its machine may have seen other days.
func find(s source) (string, error) {
	if named := os.Getenv(s.variable); named != "" {
		return named, nil
	}
	if s.official == "" || servers.InCI() {
		return build(s)
	}
	if id, err := latest(s.name); id != "" || err != nil {
		return id, err
	}
	pulled := pull(s.official)
	if pulled == nil {
		return s.official, nil
	}
	id, err := build(s)
	if err != nil {
		return "", errors.Join(fmt.Errorf("pull %s: %w", s.official, pulled), err)
	}
	return id, nil
}

// latest gives the id of the newest local image of a name, "" if there is
// none. An id is exact: a checkout beside this one may move the tag.
func latest(name string) (string, error) {
	provider, err := engine()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	found, err := provider.Client().ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", local+name)})
	if err != nil || len(found.Items) == 0 {
		return "", err
	}
	newest := slices.MaxFunc(found.Items, func(a, b image.Summary) int { return cmp.Compare(a.Created, b.Created) })
	return newest.ID, nil
}

// pull gets an image unless it is there.
func pull(ref string) error {
	provider, err := engine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), pullLimit)
	defer cancel()
	if _, err := provider.Client().ImageInspect(ctx, ref); err == nil {
		return nil
	}
	stream, err := provider.Client().ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	return stream.Wait(ctx)
}
