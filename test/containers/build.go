package containers

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// contentLabel stands on an image and says what it was made from.
const contentLabel = "returnd.test.content"

// buildLimit bounds the engine's part: it copies some tens of megabytes.
const buildLimit = 5 * time.Minute

// Build makes all local images, or leaves those that are up to date, and
// reports one line each.
func Build(report func(line string)) error {
	for _, s := range []source{redisSource(), natsSource(), workerSource()} {
		id, err := build(s)
		if err != nil {
			return err
		}
		report(local + s.name + " is " + id)
	}
	return nil
}

// build makes an image unless its tag stands on one of the same content, and
// gives its id.
func build(s source) (string, error) {
	provider, err := engine()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "returnd-image-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	made, err := s.recipe(dir)
	if err != nil {
		return "", fmt.Errorf("make the image %s%s: %w", local, s.name, err)
	}
	archive, err := made.pack()
	if err != nil {
		return "", fmt.Errorf("pack the image %s%s: %w", local, s.name, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	sum := sha256.Sum256(archive)
	return replace(ctx, provider, s.name, made.tag, archive, hex.EncodeToString(sum[:]))
}

// keepUntagged is how long an image outlives the loss of its tag: a checkout
// beside this one may be about to start from it.
const keepUntagged = "1h"

// replace moves the tag to an image of this content, and removes those that
// lost it long ago: else every build would leave one.
func replace(ctx context.Context, provider *testcontainers.DockerProvider, name, tag string, archive []byte, content string) (string, error) {
	ref, api := local+name+":"+tag, provider.Client()
	old, err := api.ImageInspect(ctx, ref)
	if err == nil && old.Config != nil && old.Config.Labels[contentLabel] == content {
		return old.ID, nil
	}
	if err := send(ctx, provider, name, tag, archive, content); err != nil {
		return "", fmt.Errorf("build %s: %w", ref, err)
	}
	fresh, err := api.ImageInspect(ctx, ref)
	if err != nil {
		return "", err
	}
	lost := client.Filters{}.Add("dangling", "true").Add("label", contentLabel).Add("until", keepUntagged)
	_, err = api.ImagePrune(ctx, client.ImagePruneOptions{Filters: lost})
	return fresh.ID, err
}

func send(ctx context.Context, provider *testcontainers.DockerProvider, name, tag string, archive []byte, content string) error {
	var said bytes.Buffer
	_, err := provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: bytes.NewReader(archive),
		Repo:           local + name, Tag: tag,
		KeepImage: true, BuildLogWriter: &said,
		BuildOptionsModifier: func(o *client.ImageBuildOptions) { o.Labels = map[string]string{contentLabel: content} },
	}})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	return nil
}

// pack makes the archive of a build: the Dockerfile, and under root/ what it
// copies. The same files give the same bytes: times and owners are left out.
func (r recipe) pack() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	lines := slices.Concat([]string{"FROM scratch", "COPY root/ /"}, r.lines)
	dockerfile, sources := cmp.Or(r.dockerfile, strings.Join(lines, "\n")+"\n"), maps.Clone(r.beside)
	if sources == nil {
		sources = map[string]string{}
	}
	for path, source := range r.files {
		sources["root"+path] = source
	}
	err := add(w, "Dockerfile", 0o644, []byte(dockerfile))
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		content, read := os.ReadFile(sources[name])
		err = errors.Join(err, read, add(w, name, 0o755, content))
	}
	return out.Bytes(), errors.Join(err, w.Close())
}

func add(w *tar.Writer, name string, mode int64, content []byte) error {
	head := &tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Format: tar.FormatPAX}
	if err := w.WriteHeader(head); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
