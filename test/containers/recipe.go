package containers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// recipe is an image made from nothing: files of this machine, and what a
// Dockerfile says about them.
type recipe struct {
	tag   string
	files map[string]string // path in the image → path here
	lines []string          // of the Dockerfile, behind FROM and COPY

	dockerfile string            // instead of one made of files and lines
	beside     map[string]string // what it copies: path beside it → path here
}

var (
	redisVersion = regexp.MustCompile(`v=(\S+)`)
	libraryPath  = regexp.MustCompile(`(?m)(/\S+) \(0x`)
)

// redisRecipe takes the redis-server and redis-cli that are installed here,
// with the libraries and the loader that they name.
func redisRecipe(string) (recipe, error) {
	r := recipe{
		files: map[string]string{},
		lines: []string{"ENV PATH=/usr/bin", "WORKDIR /data", "EXPOSE 6379", `ENTRYPOINT ["redis-server"]`},
	}
	for _, program := range []string{"redis-server", "redis-cli"} {
		path, err := exec.LookPath(program)
		if err != nil {
			return recipe{}, fmt.Errorf("%w (`make test` installs it)", err)
		}
		r.files["/usr/bin/"+program] = path
		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			return recipe{}, fmt.Errorf("the libraries of %s: %w", path, err)
		}
		for _, found := range libraryPath.FindAllStringSubmatch(string(libraries), -1) {
			r.files[found[1]] = found[1]
		}
	}
	says, err := exec.Command(r.files["/usr/bin/redis-server"], "--version").Output()
	found := redisVersion.FindSubmatch(says)
	if err != nil || found == nil {
		return recipe{}, fmt.Errorf("the version of redis-server: %q %w", says, err)
	}
	r.tag = string(found[1])
	return r, r.giveTool("/bin/sh")
}

// giveTool puts a program into an image that the official one has too: a shell
// to start a script with, wget for health checks. busybox is any of them,
// whatever name it is called by, and needs nothing beside it.
func (r recipe) giveTool(path string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w (`make test-images` installs it)", err)
	}
	r.files[path] = busybox
	return nil
}

// natsRecipe builds the nats-server of the module's version.
func natsRecipe(dir string) (recipe, error) {
	path, err := static(dir, "github.com/nats-io/nats-server/v2")
	r := recipe{
		tag:   server.VERSION,
		files: map[string]string{"/nats-server": path},
		lines: []string{"ENV PATH=/bin", "WORKDIR /data", "EXPOSE 4222", `ENTRYPOINT ["/nats-server"]`},
	}
	return r, errors.Join(err, r.giveTool("/bin/wget"))
}

// workerRecipe is the module's own Dockerfile and the worker that stands here.
func workerRecipe(dir string) (recipe, error) {
	path, err := static(dir, "returnd/cmd/worker")
	if err != nil {
		return recipe{}, err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "returnd").Output()
	if err != nil {
		return recipe{}, fmt.Errorf("look for the module: %w", err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "Dockerfile"))
	return recipe{tag: "dev", dockerfile: string(dockerfile), beside: map[string]string{"bin/image/worker": path}}, err
}

// static builds a program that needs nothing beside it. The same source gives
// the same bytes, so that an image which is there need not be made again.
func static(dir, pkg string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-race=false", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return path, nil
}
