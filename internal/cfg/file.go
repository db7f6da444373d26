package cfg

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/knadh/koanf/parsers/json"
	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// readFile reads the configuration file by its extension. Keys may be nested, or flat as Salt writes them
// (redis.db: '0'), or both in one file.
func readFile(path string, known keys) layer {
	l := layer{
		origin: func(string) string { return path },
		spell:  func(key string) string { return key + " in " + path },
		hint:   func(key string) string { return key },
		values: map[string]any{},
	}
	parser, format := parserOf(path)
	if parser == nil {
		l.faults = append(l.faults, fmt.Errorf("the configuration file %s has an unknown format: name it .yaml, .yml, .toml or .json", path))
		return l
	}
	content, err := file.Provider(path).ReadBytes()
	if err != nil {
		l.faults = append(l.faults, fmt.Errorf("read the configuration file: %w; give another with --config or %s", err, configVariable))
		return l
	}
	tree, err := parser.Unmarshal(content)
	if err != nil {
		l.faults = append(l.faults, fmt.Errorf("%s is not valid %s: %s", path, format, withoutQuotes(err)))
		return l
	}
	l.flatten(known, "", tree)
	return l
}

func parserOf(path string) (koanf.Parser, string) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return yaml.Parser(), "YAML"
	case ".toml":
		return toml.Parser(), "TOML"
	case ".json":
		return json.Parser(), "JSON"
	}
	return nil, ""
}

// quoted are the pieces of the file that parsers put into their errors. Any piece may be a password.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`|map\\[.*")

func withoutQuotes(err error) string { return quoted.ReplaceAllString(err.Error(), "…") }

// flatten joins the names on the way to each value with dots.
func (l *layer) flatten(known keys, prefix string, tree map[string]any) {
	for name, value := range tree {
		path := prefix + name
		if value == nil && known.section(path) {
			continue // a section with all its keys commented out
		}
		if below, ok := subtree(value); ok {
			l.flatten(known, path+".", below)
			continue
		}
		if _, again := l.values[path]; again {
			l.faults = append(l.faults, fmt.Errorf("%s is given twice, nested and flat: keep one of them", l.spell(path)))
		}
		l.values[path] = value
	}
}

// subtree takes the maps of all parsers: YAML has names that are no text.
func subtree(value any) (map[string]any, bool) {
	switch tree := value.(type) {
	case map[string]any:
		return tree, true
	case map[any]any:
		named := make(map[string]any, len(tree))
		for name, value := range tree {
			named[fmt.Sprint(name)] = value
		}
		return named, true
	}
	return nil, false
}
