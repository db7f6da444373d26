package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"returnd/internal/job"
)

// yamlPrinter writes each entry as a piece of YAML; the pieces make up one document.
type yamlPrinter struct {
	out    io.Writer
	screen screen
	shape  shape
	filled bool
}

func (p *yamlPrinter) part(body []byte) error {
	p.shape = shapeOf(body)
	return entries(body, func(e entry) error {
		p.filled = true
		node, err := yamlNode(e.value)
		if err != nil {
			return err
		}
		switch p.shape {
		case object:
			node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{yamlText(e.name), node}}
		case list:
			node = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{node}}
		}
		return p.write(node)
	})
}

func (p *yamlPrinter) write(node *yaml.Node) error {
	encoder := yaml.NewEncoder(p.out)
	encoder.SetIndent(2)
	if p.screen.terminal {
		var text strings.Builder
		encoder = yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := encoder.Encode(node); err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		// Within the quotes that yamlText puts around such a text, the escape means the same.
		_, err := io.WriteString(p.out, escapeUnsafe(text.String()))
		return err
	}
	if err := encoder.Encode(node); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

func (p *yamlPrinter) end() error {
	text := ""
	switch {
	case p.filled:
	case p.shape == object:
		text = "{}\n"
	case p.shape == list:
		text = "[]\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}

func (p *yamlPrinter) runs() bool { return true }

// yamlNode turns JSON into a node, order and number literals as they are.
func yamlNode(raw []byte) (*yaml.Node, error) {
	if text, ok := job.String(raw); ok {
		return yamlText(text), nil
	}
	switch shapeOf(raw) {
	case object:
		node := &yaml.Node{Kind: yaml.MappingNode}
		err := job.Members(raw, func(name string, value []byte) error {
			below, err := yamlNode(value)
			node.Content = append(node.Content, yamlText(name), below)
			return err
		})
		return node, err
	case list:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		err := job.Elements(raw, func(value []byte) error {
			below, err := yamlNode(value)
			node.Content = append(node.Content, below)
			return err
		})
		return node, err
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: json.Number(raw).String()}, nil
}

// yamlText is a text, quoted where it would read as something else, and where it could command a terminal.
func yamlText(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case strings.IndexFunc(text, func(r rune) bool { return r != '\n' && commands(r) }) >= 0, ambiguous(text):
		node.Style = yaml.DoubleQuotedStyle
	case strings.Contains(text, "\n"):
		node.Style = yaml.LiteralStyle
	}
	return node
}

// yamlWords are truth values and nothing to readers of YAML 1.1, as Python's is, though not to the library that writes here.
var yamlWords = []string{"y", "n", "yes", "no", "on", "off"}

// ambiguous tells of a text that some reader may take for a truth value, a number or a time.
func ambiguous(text string) bool {
	if text == "" || strings.Contains(text, "\n") {
		return false
	}
	return strings.IndexByte("0123456789+-.", text[0]) >= 0 || slices.Contains(yamlWords, strings.ToLower(text))
}
