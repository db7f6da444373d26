package cfg

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema describes the configuration file for editors and checkers. It knows every key in each spelling that is read
// (nested, flat, half of each), the form of its value, and profiles. Bounds, and what depends on several keys, are
// Validate's.
func Schema() *jsonschema.Schema {
	s := schemas{known: allKeys(), defs: jsonschema.Definitions{}}
	for _, path := range s.known.paths() {
		s.defs[path] = s.setting(s.known[path])
	}
	for section := range s.known.parents() {
		s.defs[section] = s.section(section)
	}
	root := s.section("")
	root.Version, root.Definitions = jsonschema.Version, s.defs
	root.Title = "The configuration file of returnd's worker"
	s.addProfiles(root)
	return root
}

// schemas has a definition for each setting and each section, by path.
type schemas struct {
	known keys
	defs  jsonschema.Definitions
}

func ref(path string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + path} }

// parents are the sections: all paths that keys stand below.
func (ks keys) parents() map[string]bool {
	found := map[string]bool{}
	for path := range ks {
		for i, r := range path {
			if r == '.' {
				found[path[:i]] = true
			}
		}
	}
	return found
}

// below are the paths of settings and sections under a section, without its own; under "" it is all of them.
func (s schemas) below(section string) []string {
	var found []string
	for _, path := range slices.Concat(s.known.paths(), slices.Collect(maps.Keys(s.known.parents()))) {
		if rest, ok := strings.CutPrefix("."+path, strings.TrimSuffix("."+section, ".")+"."); ok {
			found = append(found, rest)
		}
	}
	slices.Sort(found)
	return found
}

// section takes what stands below it under any number of names joined by dots. One whose keys are all commented out is
// null.
func (s schemas) section(path string) *jsonschema.Schema {
	o := object()
	o.Extras = map[string]any{"type": []string{"object", "null"}}
	for _, name := range s.below(path) {
		o.Properties.Set(name, ref(strings.TrimPrefix(path+"."+name, ".")))
	}
	return o
}

func object() *jsonschema.Schema {
	return &jsonschema.Schema{Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
}

// addProfiles takes any other name at the top for a profile, but for those that adoptProfiles refuses.
func (s schemas) addProfiles(root *jsonschema.Schema) {
	name := strings.Trim(profileName.String(), "^$")
	profile := object()
	profile.Type = "object"
	profile.Properties.Set("redis", ref("redis"))
	root.PatternProperties = map[string]*jsonschema.Schema{"^" + name + `\.redis$`: ref("redis")}
	for _, below := range s.below("redis") {
		profile.Properties.Set("redis."+below, ref("redis."+below))
		root.PatternProperties["^"+name+`\.redis\.`+regexp.QuoteMeta(below)+"$"] = ref("redis." + below)
	}
	root.AdditionalProperties = ref("profile-of-redis")
	s.defs["profile-of-redis"] = profile
	var own []string
	for section := range s.known.sections() {
		own = append(own, regexp.QuoteMeta(section))
	}
	slices.Sort(own)
	taken := &jsonschema.Schema{Pattern: "^(" + strings.Join(own, "|") + `)\.redis(\.|$)`}
	root.PropertyNames = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Enum: texts(s.below(""))},
		{Pattern: "^" + name + `(\.redis(\..+)?)?$`, Not: taken},
	}}
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, text := range list {
		all[i] = text
	}
	return all
}

// setting is the form of one value, as convert takes it.
func (s schemas) setting(k key) *jsonschema.Schema {
	d := Default()
	v := k.of(&d)
	form := k.form()
	form.WriteOnly = k.secret
	switch {
	case k.isDuration():
		form.Default = k.format(&d)
	case v.Kind() == reflect.Slice && v.Len() == 0, v.Kind() == reflect.String && v.Len() == 0:
	default:
		form.Default = v.Interface()
	}
	form.Description = k.kind() + "; see docs/options.md"
	return form
}

// The texts that convert takes.
const (
	wholeText    = `^\s*[+-]?[0-9]+\s*$`
	sizeText     = `^\s*[+-]?[0-9]+\s*([KMG]iB)?\s*$`
	durationText = `^\s*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+\s*$`
	boolText     = `^\s*(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)\s*$`
)

func (k key) form() *jsonschema.Schema {
	text := &jsonschema.Schema{Type: "string"}
	switch {
	case k.isDuration():
		return &jsonschema.Schema{Type: "string", Pattern: durationText}
	case k.isSize():
		return either(&jsonschema.Schema{Type: "integer"}, &jsonschema.Schema{Type: "string", Pattern: sizeText})
	case k.isWhole():
		return either(wholeForms()...)
	case k.isNodes():
		return either(&jsonschema.Schema{Type: "array", Items: either(text, node())}, text)
	case k.isList():
		return either(&jsonschema.Schema{Type: "array", Items: text}, text)
	case k.typ.Kind() == reflect.Bool:
		return either(&jsonschema.Schema{Type: "boolean"}, &jsonschema.Schema{Type: "string", Pattern: boolText})
	}
	return text
}

func either(forms ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: forms} }

func wholeForms() []*jsonschema.Schema {
	return []*jsonschema.Schema{{Type: "integer"}, {Type: "string", Pattern: wholeText}}
}

// node is a server as Salt writes it.
func node() *jsonschema.Schema {
	one := uint64(1)
	o := object()
	o.Type, o.Required = "object", []string{"host"}
	o.Properties.Set("host", &jsonschema.Schema{Type: "string", MinLength: &one})
	o.Properties.Set("port", either(wholeForms()...))
	return o
}
