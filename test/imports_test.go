// Package test holds what is checked about the repository as a whole.
package test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "returnd"

// rule says what one package may import and why no more.
type rule struct {
	internal []string // packages of this module; "internal/*" is all of them
	external []string // modules and packages of others, with what is below them
	reason   string
}

// external groups, named for what they bring.
var (
	natsClient  = []string{"github.com/nats-io/nats.go"}
	redisClient = []string{"github.com/redis/go-redis/v9"}
	meters      = []string{"go.opentelemetry.io/otel"}
	waiting     = []string{"golang.org/x/sync", "golang.org/x/time", "github.com/cenkalti/backoff/v5"}
	unpacking   = []string{"github.com/klauspost/compress"}
	anything    = []string{"*"}
)

// table holds who may import whom; imports only fall, from cmd to job. A
// package that is not in it fails the test: its place is decided here first.
// Test files are bound by the first column only: they may also use servers.
var table = map[string]rule{
	"cmd/worker": {[]string{"internal/*", "client", "client/oteltrace"}, anything, "wires, starts and stops everything: the one place that knows all parts"},

	"client": {
		[]string{"internal/job"},
		natsClient,
		"what other programs import: whoever takes it takes NATS and the standard library along, and nothing else",
	},
	"client/oteltrace": {
		[]string{"client", "internal/trail"},
		slices.Concat(natsClient, meters),
		"a package of its own, so that whoever takes the client need not take OpenTelemetry",
	},
	"internal/cfg": {
		[]string{"internal/consume", "internal/persist", "internal/query", "internal/cleanup", "internal/telemetry", "internal/job"},
		[]string{"github.com/knadh/koanf", "github.com/spf13/pflag", "github.com/go-viper/mapstructure/v2", "go.yaml.in/yaml/v3", "github.com/invopop/jsonschema"},
		"gathers the parts' own Configs; opens no connection, so no client library",
	},

	"internal/consume": {
		[]string{"internal/job", "internal/trail"},
		slices.Concat(natsClient, meters, waiting, unpacking),
		"NATS to memory: what stores a batch is its Sink, so Redis can be swapped without it",
	},
	"internal/persist": {
		[]string{"internal/job"},
		slices.Concat(redisClient, meters, waiting),
		"memory to Redis: it is told what to store and never settles a message, so NATS has no place in it",
	},
	"internal/query": {
		[]string{"internal/job", "internal/trail"},
		slices.Concat(natsClient, meters, waiting),
		"back out: reads through its own Store interface; deleting it touches cfg, cmd and tests alone",
	},
	"internal/cleanup": {
		[]string{"internal/job"},
		slices.Concat(redisClient, meters, waiting),
		"housekeeping: owns the lease's keys; what it sweeps with is its Sweeper",
	},
	"internal/telemetry": {
		nil, slices.Concat(meters, []string{"github.com/prometheus/client_golang", "go.opentelemetry.io/contrib", "github.com/go-logr/logr", "golang.org/x/sync"}),
		"loggers, meters, tracers and health of any part: it knows none of them",
	},
	"internal/trail": {nil, meters, "trace contexts in headers, for whoever sends or gets messages; NATS' headers are a map, so not even its client"},
	"internal/job":   {nil, nil, "the nouns everybody shares: the standard library alone, so that they cost nobody a dependency"},

	"test":                   {nil, nil, "looks at the repository from outside"},
	"test/servers":           {[]string{"internal/*"}, anything, "starts what tests run against; no product code may import it"},
	"test/e2e":               {[]string{"internal/*", "client", "test/servers"}, anything, "end to end: drives the product and looks behind it"},
	"test/acl":               {[]string{"internal/*", "client", "test/servers", "test/deploy"}, anything, "runs the worker and everybody else under the permissions that deploy/ and the documents give them"},
	"test/bench":             {[]string{"internal/*", "test/servers"}, anything, "measures the product end to end"},
	"test/containers":        {[]string{"internal/*", "test/servers"}, anything, "the same servers and the worker as containers; no product code may import it"},
	"test/containers/images": {[]string{"test/containers"}, nil, "the command that builds the images: it says what is done, and containers does it"},
	"test/deploy":            {[]string{"internal/*", "test/servers"}, anything, "lays deploy/ out for tests, and looks whether it fits the product"},
	"test/torture":           {[]string{"internal/*", "test/servers"}, anything, "stops and kills servers and workers, and asks what is left"},
}

// testLibraries may be imported by any test file.
var testLibraries = []string{"github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/santhosh-tekuri/jsonschema/v6"}

// pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestImportsOnlyFall(t *testing.T) {
	for _, p := range packages(t) {
		t.Run(p.name(), func(t *testing.T) {
			r, listed := table[p.name()]
			if !listed {
				t.Fatalf("%s is not in the table of imports: say there what it may import, and why", p.name())
			}
			for _, fault := range r.faults(p) {
				t.Errorf("%s\n%s: %s", fault, p.name(), r.reason)
			}
		})
	}
}

// faults lists the imports of a package that its rule does not allow.
func (r rule) faults(p pkg) []string {
	var faults []string
	for _, i := range p.Imports {
		if !r.allows(i) {
			faults = append(faults, fmt.Sprintf("%s imports %s", p.name(), i))
		}
	}
	for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
		if !r.allows(i) && !allowedInTests(i, p.ImportPath) {
			faults = append(faults, fmt.Sprintf("the tests of %s import %s", p.name(), i))
		}
	}
	return faults
}

func (r rule) allows(imported string) bool {
	if standard(imported) {
		return true
	}
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		return slices.ContainsFunc(r.internal, func(pattern string) bool {
			match, err := path.Match(pattern, own)
			return match && err == nil
		})
	}
	return slices.Contains(r.external, "*") || below(r.external, imported)
}

// allowedInTests: tests run against servers and talk to them with their own
// clients, but they reach for no other part than their package's rule names.
func allowedInTests(imported, self string) bool {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		return imported == self || own == "test/servers"
	}
	return below(slices.Concat(testLibraries, natsClient, redisClient, meters, unpacking,
		[]string{"github.com/nats-io/nats-server/v2", "github.com/alicebob/miniredis/v2"}), imported)
}

// standard: the standard library's paths have no dot in their first element.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return first != module && !strings.Contains(first, ".")
}

func below(roots []string, imported string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return imported == root || strings.HasPrefix(imported, root+"/")
	})
}

// TestTableFalls proves that the table itself has no way up: whatever a
// package may import stands on a lower step than the package.
func TestTableFalls(t *testing.T) {
	step := func(name string) int {
		switch {
		case strings.HasPrefix(name, "test"):
			return 4
		case strings.HasPrefix(name, "cmd/"):
			return 3
		case name == "internal/cfg", name == "client/oteltrace":
			return 2
		case name == "internal/job", name == "internal/telemetry", name == "internal/trail":
			return 0
		}
		return 1
	}
	for name, r := range table {
		for _, lower := range r.internal {
			if lower != "internal/*" && step(lower) >= step(name) && name[:4] != "test" {
				t.Errorf("%s may import %s, which does not stand below it", name, lower)
			}
		}
	}
}

func TestRuleNamesEachFault(t *testing.T) {
	p := pkg{
		ImportPath:   "returnd/internal/consume",
		Imports:      []string{"context", "returnd/internal/job", "returnd/internal/persist", "github.com/nats-io/nats.go/jetstream", "github.com/redis/go-redis/v9"},
		TestImports:  []string{"testing", "returnd/test/servers", "github.com/google/go-cmp/cmp", "returnd/internal/query", "example.com/mock"},
		XTestImports: []string{"returnd/internal/consume"},
	}
	want := []string{
		"internal/consume imports returnd/internal/persist",
		"internal/consume imports github.com/redis/go-redis/v9",
		"the tests of internal/consume import returnd/internal/query",
		"the tests of internal/consume import example.com/mock",
	}
	if got := table[p.name()].faults(p); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// packages lists the module's packages with their imports.
func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list.Args, err)
	}
	found := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("read the answer of go list: %v", err)
		}
		found[p.ImportPath] = p
	}
	return slices.SortedFunc(maps.Values(found), func(a, b pkg) int { return strings.Compare(a.ImportPath, b.ImportPath) })
}
