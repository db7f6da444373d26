package deploy

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"returnd/test/servers"
)

// TestComposeNamesWhatIsThere: secrets, volumes, files and services that one part of the file names are there.
func TestComposeNamesWhatIsThere(t *testing.T) {
	c, s := ReadCompose(t), New(t)
	for name, secret := range c.Secrets {
		if _, err := os.Stat(s.path(secret.File)); err != nil {
			t.Errorf("secret %s: make-secrets makes no %s", name, secret.File)
		}
	}
	used := map[string]bool{}
	for name, service := range c.Services {
		for _, secret := range service.Secrets {
			if _, known := c.Secrets[secret]; !known {
				t.Errorf("%s wants the secret %s, which nobody describes", name, secret)
			}
			used[secret] = true
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, ".") {
				if _, err := os.Stat(filepath.Join(repository, source)); err != nil {
					t.Errorf("%s mounts %s, which is not there", name, source)
				}
			} else if _, known := c.Volumes[source]; !known {
				t.Errorf("%s mounts the volume %s, which nobody describes", name, source)
			}
		}
		for other := range service.DependsOn {
			if _, known := c.Services[other]; !known {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
	}
	if unused := len(c.Secrets) - len(used); unused != 0 {
		t.Errorf("%d secrets are described and unused", unused)
	}
}

// TestComposeGivesNoMoreThanNeeded: our own containers have a read-only root, no capabilities and no new privileges, and
// know their own secrets alone; what has a heap of Go's is told of its limit.
func TestComposeGivesNoMoreThanNeeded(t *testing.T) {
	c := ReadCompose(t)
	for _, name := range []string{"worker", "cluster-worker", "cli", "fleet"} {
		s := c.Services[name]
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: read-only %v, dropped %v, %v", name, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
	}
	for name, s := range c.Services {
		limit := s.Deploy.Resources.Limits.Memory
		if strings.Contains(name, "worker") || strings.HasPrefix(name, "nats") {
			if limit == "" || s.Environment["GOMEMLIMIT"] == "" {
				t.Errorf("%s: memory %q, GOMEMLIMIT %q", name, limit, s.Environment["GOMEMLIMIT"])
			}
		}
		for _, secret := range s.Secrets {
			if owner, _, _ := strings.Cut(secret, "_"); strings.HasSuffix(secret, "_admin") && owner != "grafana" && name != "redis-cluster" {
				t.Errorf("%s knows %s", name, secret)
			}
		}
	}
}

var image = regexp.MustCompile(`^\$\{([A-Z]+_IMAGE):-[a-z/-]+:[a-z0-9.-]+\}$`)

// TestImagesArePinnedInOnePlace, and each has its variable in docs/deploying.md.
func TestImagesArePinnedInOnePlace(t *testing.T) {
	text := string(read(t, filepath.Join(repository, "compose.yaml")))
	var file struct {
		Images map[string]string `yaml:"x-images"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	page := string(read(t, filepath.Join(repository, "docs/deploying.md")))
	for name, ref := range file.Images {
		found := image.FindStringSubmatch(ref)
		if found == nil || strings.HasSuffix(ref, ":latest}") {
			t.Errorf("%s is %s: want a variable and a version", name, ref)
			continue
		}
		if strings.Count(text, "${"+found[1]) != 1 || !strings.Contains(page, "`"+found[1]+"`") {
			t.Errorf("%s stands in compose.yaml more than once, or not in docs/deploying.md", found[1])
		}
	}
	known := slices.Collect(maps.Values(file.Images))
	for name, s := range ReadCompose(t).Services {
		if !slices.Contains(known, s.Image) {
			t.Errorf("%s is started from %s", name, s.Image)
		}
	}
}

// TestPrometheusFindsTheWorkers by the names of their services.
func TestPrometheusFindsTheWorkers(t *testing.T) {
	var file struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
			DNS     []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(read(t, filepath.Join(repository, "deploy/prometheus/prometheus.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, name := range file.RuleFiles {
		read(t, filepath.Join(repository, "deploy/prometheus", name))
	}
	var names []string
	for _, scrape := range file.ScrapeConfigs {
		for _, found := range scrape.DNS {
			names = append(names, found.Names...)
			if scrape.JobName != "returnd" || found.Port != 9464 {
				t.Errorf("job %s, port %d", scrape.JobName, found.Port)
			}
		}
	}
	var want []string
	for name := range ReadCompose(t).Services {
		if strings.HasSuffix(name, "worker") {
			want = append(want, name)
		}
	}
	slices.Sort(names)
	if slices.Sort(want); !slices.Equal(names, want) {
		t.Errorf("it looks for %v, the workers are %v", names, want)
	}
}

// TestComposeIsUnderstood by the program that is to run it, every profile of it.
func TestComposeIsUnderstood(t *testing.T) {
	args := compose(t)
	for _, profiles := range [][]string{nil, {"cluster"}, {"fleet", "cli", "observe"}} {
		command := slices.Concat(args, []string{"-f", filepath.Join(repository, "compose.yaml")})
		for _, p := range profiles {
			command = append(command, "--profile", p)
		}
		out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], "config", "--quiet")...).CombinedOutput() // #nosec G204 -- our own words
		if err != nil {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
	}
}

// compose is the program: Compose v2, or Debian's docker-compose.
func compose(t *testing.T) []string {
	t.Helper()
	if docker, err := exec.LookPath("docker"); err == nil && exec.CommandContext(t.Context(), docker, "compose", "version").Run() == nil { // #nosec G204 -- our own words
		return []string{docker, "compose"}
	}
	if path, err := exec.LookPath("docker-compose"); err == nil {
		return []string{path}
	}
	if servers.InCI() {
		t.Fatal("CI needs docker compose, or docker-compose of Debian's package")
	}
	t.Skip("neither docker compose nor docker-compose is here: the other tests have looked at compose.yaml without them")
	return nil
}
