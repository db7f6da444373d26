package deploy

import (
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Compose is what tests look at in compose.yaml.
type Compose struct {
	Services map[string]Service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
	Networks map[string]any
}

// Service is one of its services.
type Service struct {
	Image       string
	Command     []string
	Profiles    []string
	Secrets     []string
	Volumes     []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Environment map[string]string
	DependsOn   map[string]any `yaml:"depends_on"`
	Deploy      struct {
		Resources struct{ Limits struct{ Memory string } }
	}
}

// ReadCompose reads the file as it stands: variables are not filled in.
func ReadCompose(t testing.TB) Compose {
	t.Helper()
	var c Compose
	if err := yaml.Unmarshal(read(t, filepath.Join(repository, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
