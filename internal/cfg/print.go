package cfg

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes the configuration as YAML: every key, sorted, secrets redacted. With origins, a comment says where each
// value comes from. What it writes can be read back as a file.
func Print(w io.Writer, c Config, origins Origins) error {
	c = c.Redacted()
	root := &yaml.Node{Kind: yaml.MappingNode}
	known := allKeys()
	for name := range c.Persist.Profiles {
		known.addProfile(allKeys(), name)
	}
	for _, path := range known.paths() {
		node, err := known[path].node(&c)
		if err != nil {
			return err
		}
		if origins != nil {
			node.LineComment = origins.of(known, path, &c)
		}
		place(root, path, node)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// of says where a value comes from; that of a profile may be inherited.
func (o Origins) of(known keys, path string, c *Config) string {
	k := known[path]
	if origin, given := o[path]; given {
		return origin
	}
	if k.profile == "" {
		return "default"
	}
	from := strings.TrimPrefix(path, k.profile+".")
	value := k.of(c)
	switch {
	case reflect.DeepEqual(value.Interface(), known[from].of(c).Interface()):
		return "as " + from
	case k.isURL() && value.String() != "":
		return "as " + from + ", in part"
	}
	return "not inherited"
}

// node is the value as one would write it into a file.
func (k key) node(c *Config) (*yaml.Node, error) {
	node := &yaml.Node{}
	value := k.of(c)
	var err error
	switch {
	case value.Type() == reflect.TypeFor[time.Duration]():
		err = node.Encode(shortDuration(time.Duration(value.Int())))
	case k.isSize() && !isDigits(formatSize(value.Int())):
		err = node.Encode(formatSize(value.Int()))
	default:
		err = node.Encode(value.Interface())
	}
	if node.Kind == yaml.SequenceNode {
		node.Style = yaml.FlowStyle
	}
	return node, err
}

// place makes the sections on the way. The paths come sorted, so each section is the last of its parent.
func place(parent *yaml.Node, path string, node *yaml.Node) {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		parent.Content = append(parent.Content, text(name), node)
		return
	}
	place(section(parent, name), rest, node)
}

func section(parent *yaml.Node, name string) *yaml.Node {
	if n := len(parent.Content); n > 0 && parent.Content[n-2].Value == name {
		return parent.Content[n-1]
	}
	below := &yaml.Node{Kind: yaml.MappingNode}
	parent.Content = append(parent.Content, text(name), below)
	return below
}

func text(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }
