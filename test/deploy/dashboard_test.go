package deploy

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type dashboard struct {
	UID, Title string
	Panels     []panel
}

type panel struct {
	ID          int
	Title, Type string
	Datasource  struct{ Type, UID string }
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(repository, "deploy/grafana/dashboards/*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, path := range paths {
		var d dashboard
		if err := json.Unmarshal(read(t, path), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = d
	}
	return all
}

func TestDashboardsAreInOrder(t *testing.T) {
	var sources struct{ Datasources []struct{ UID, Type string } }
	if err := yaml.Unmarshal(read(t, filepath.Join(repository, "deploy/grafana/provisioning/datasources/prometheus.yaml")), &sources); err != nil {
		t.Fatal(err)
	}
	for name, d := range dashboards(t) {
		if d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
			t.Errorf("%s: uid %q, title %q, %d panels", name, d.UID, d.Title, len(d.Panels))
		}
		for i, p := range d.Panels {
			for _, fault := range p.faults() {
				t.Errorf("%s: %q: %s", name, p.Title, fault)
			}
			for _, other := range d.Panels[:i] {
				if p.ID == other.ID || p.Title == other.Title || p.overlaps(other) {
					t.Errorf("%s: %q and %q have an id, a title or a place in common", name, p.Title, other.Title)
				}
			}
			if !slices.ContainsFunc(sources.Datasources, func(s struct{ UID, Type string }) bool {
				return s.UID == p.Datasource.UID && s.Type == p.Datasource.Type
			}) {
				t.Errorf("%s: %q asks %v, which is not provisioned", name, p.Title, p.Datasource)
			}
		}
	}
}

var shownName = regexp.MustCompile(`\{\{\s*([a-z_]+)\s*\}\}`)

func (p panel) faults() []string {
	var faults []string
	fault := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	const width = 24
	g := p.GridPos
	fault(p.Title == "" || p.ID == 0, "no title, or no id")
	fault(g.W <= 0 || g.H <= 0 || g.X < 0 || g.Y < 0 || g.X+g.W > width, "stands outside: %+v", g)
	fault(len(p.Targets) == 0, "shows nothing")
	refs := map[string]bool{}
	for _, target := range p.Targets {
		fault(refs[target.RefID] || target.RefID == "", "refId %q twice, or empty", target.RefID)
		refs[target.RefID] = true
		for _, f := range parse(target.Expr).faults {
			fault(true, "%s: %s", target.Expr, f)
		}
		fault(target.LegendFormat == "", "%s has no legend", target.Expr)
		for _, label := range shownName.FindAllStringSubmatch(target.LegendFormat, -1) {
			fault(!slices.Contains(labels(target.Expr), label[1]), "%s drops the label %s of its legend", target.Expr, label[1])
		}
	}
	return faults
}

func (p panel) overlaps(o panel) bool {
	a, b := p.GridPos, o.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

// TestDashboardShowsWhatMatters: each of these has its panel.
func TestDashboardShowsWhatMatters(t *testing.T) {
	shown := strings.Join(expressions(t), "\n")
	for what, metric := range map[string]string{
		"throughput":               "returnd_consume_stored_total",
		"lag":                      "returnd_consume_lag",
		"batch size":               "returnd_consume_batch_size_bucket",
		"batch age":                "returnd_consume_batch_age_seconds_bucket",
		"time to write":            "returnd_redis_write_duration_seconds_bucket",
		"held":                     "returnd_consume_held_total",
		"dead letters by reason":   "sum by (reason) (increase(returnd_consume_dead_total",
		"the holder of the lease":  "returnd_cleanup_lease_held",
		"sweeps":                   "returnd_cleanup_sweeps_total",
		"the last sweep":           "returnd_cleanup_last_success_seconds",
		"time to answer":           "returnd_query_duration_seconds_bucket",
		"questions refused":        `code="503"`,
		"replies that ended early": "returnd_query_streams_cut_total",
		"replicas":                 `up{job="returnd"}`,
	} {
		if !strings.Contains(shown, metric) {
			t.Errorf("no panel shows %s (%s)", what, metric)
		}
	}
}

// expressions are those of all panels.
func expressions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, target.Expr)
			}
		}
	}
	return all
}
