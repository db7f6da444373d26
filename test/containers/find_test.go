package containers

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// TestUnpullableImageIsBuilt, and then found; nothing listens where its
// official image is said to be.
func TestUnpullableImageIsBuilt(t *testing.T) {
	api := need(t)
	t.Setenv("CI", "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(t.Name()), 0o600); err != nil {
		t.Fatal(err)
	}
	built := 0
	s := source{"unpullable", "127.0.0.1:1/none:1", "TEST_UNPULLABLE_IMAGE", func(string) (recipe, error) {
		built++
		return recipe{tag: "1", files: map[string]string{"/file": file}}, nil
	}}
	id, err := find(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		call(t, "remove the image", func(ctx context.Context) error {
			_, err := api.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true})
			return err
		})
	})
	if again, err := find(s); again != id || err != nil || built != 1 || !strings.HasPrefix(id, "sha256:") {
		t.Errorf("found %s, then %s (%v), built %d times", id, again, err, built)
	}
	t.Setenv("CI", "true")
	if again, err := find(s); again != id || err != nil || built != 2 {
		t.Errorf("in CI: found %s, then %s (%v), looked %d times", id, again, err, built)
	}
}
