package cfg

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// optionsPage is where every key has its row.
const optionsPage = "../../docs/options.md"

// row is what the table says of a key: | `key` | type | `default` | meaning |.
var row = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (.*?) \\| (.*?) \\| (.+) \\|$")

// documented gives type and default of each key in the page.
func documented(t *testing.T) map[string][2]string {
	t.Helper()
	page, err := os.ReadFile(optionsPage)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][2]string{}
	for _, cells := range row.FindAllStringSubmatch(string(page), -1) {
		key := cells[1]
		if _, twice := found[key]; twice {
			t.Errorf("%s has two rows in %s", key, optionsPage)
		}
		found[key] = [2]string{cells[2], strings.Trim(cells[3], "`")}
	}
	return found
}

func TestOptionsPageHasEveryKeyWithItsDefault(t *testing.T) {
	defaults, want := Default(), map[string][2]string{}
	for path, k := range allKeys() {
		kind := k.kind()
		if k.secret {
			kind += ", secret"
		}
		want[path] = [2]string{kind, k.format(&defaults)}
	}
	if diff := cmp.Diff(documented(t), want); diff != "" {
		t.Errorf("%s (-) and the configuration (+) differ in type or default:\n%s", optionsPage, diff)
	}
}

func TestOptionsPageSpellsVariablesRight(t *testing.T) {
	page, err := os.ReadFile(optionsPage)
	if err != nil {
		t.Fatal(err)
	}
	known := allKeys()
	known.addProfile(allKeys(), "alternative") // the page's example
	for _, name := range regexp.MustCompile(`RETURND_[A-Z_]+`).FindAllString(string(page), -1) {
		if name != configVariable && !known.has(envPath(name)) {
			t.Errorf("%s is no variable of any key", name)
		}
	}
	for _, flag := range regexp.MustCompile(`--([a-z]+[._][a-z_.]+)`).FindAllStringSubmatch(string(page), -1) {
		if !known.has(flag[1]) || known[flag[1]].secret {
			t.Errorf("%s is no flag of any key", flag[0])
		}
	}
}

// comparisonPage has redis-py's parameters, and our keys for them.
const comparisonPage = "../../docs/redis-options.md"

func TestComparisonPageHasEveryKey(t *testing.T) {
	page, err := os.ReadFile(comparisonPage)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]bool{}, map[string]bool{}
	for _, name := range regexp.MustCompile("`(redis\\.[a-z_.]+)`").FindAllStringSubmatch(string(page), -1) {
		got[name[1]] = true
	}
	for path := range allKeys() {
		if strings.HasPrefix(path, "redis.") {
			want[path] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("the configuration (-) and %s (+) differ:\n%s", comparisonPage, diff)
	}
}

func TestComparisonPageHasOneRowAParameter(t *testing.T) {
	page, err := os.ReadFile(comparisonPage)
	if err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (none|`redis\\.[^|]+`) \\| (.*) \\|$")
	for _, class := range strings.Split(string(page), "\n## ")[1:] {
		name, body, _ := strings.Cut(class, "\n")
		seen := map[string]bool{}
		for _, cells := range parameter.FindAllStringSubmatch(body, -1) {
			if seen[cells[1]] {
				t.Errorf("%s: two rows of %s", name, cells[1])
			}
			seen[cells[1]] = true
			if cells[2] == "none" && cells[3] == "" {
				t.Errorf("%s: no key and no reason for %s", name, cells[1])
			}
		}
		if rows := strings.Count(body, "\n| `"); strings.Contains(body, "| parameter |") && rows != len(seen) {
			t.Errorf("%s: %d rows, of which %d are of the right form", name, rows, len(seen))
		}
	}
}
