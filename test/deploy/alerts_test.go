package deploy

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const alertsFile = "deploy/prometheus/alerts.yml"

type alert struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	if err := yaml.Unmarshal(read(t, filepath.Join(repository, alertsFile)), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no alerts")
	}
	return all
}

var shownLabel = regexp.MustCompile(`\$labels\.([a-z_]+)`)

func TestAlertsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range alerts(t) {
		if seen[a.Alert] || a.Alert == "" {
			t.Errorf("%q twice, or without a name", a.Alert)
		}
		seen[a.Alert] = true
		for _, fault := range parse(a.Expr).faults {
			t.Errorf("%s: %s", a.Alert, fault)
		}
		if _, err := time.ParseDuration(a.For); a.For != "" && err != nil {
			t.Errorf("%s: %v", a.Alert, err)
		}
		if severity := a.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s: severity %q", a.Alert, severity)
		}
		if len(a.Annotations) != 2 || a.Annotations["summary"] == "" || a.Annotations["todo"] == "" {
			t.Errorf("%s: annotations %v, want summary and todo", a.Alert, a.Annotations)
		}
		for _, text := range a.Annotations {
			for _, label := range shownLabel.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels(a.Expr), label[1]) {
					t.Errorf("%s shows the label %s, which its expression drops", a.Alert, label[1])
				}
			}
		}
	}
}

func TestPromtoolReadsTheAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not in PATH; TestAlertsSayWhatToDo has looked at the expressions")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", filepath.Join(repository, alertsFile)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
