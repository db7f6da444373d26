package cfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Origins says where each key's value comes from: a file, a variable, a flag. Keys left at their default are not there.
type Origins map[string]string

// Load reads defaults ← file ← environ ← flags. With file "", the file is the one that RETURND_CONFIG names, if any.
// The error joins all faults, each of them one line.
func Load(file string, environ []string, flags *pflag.FlagSet) (Config, error) {
	c, _, err := Trace(file, environ, flags)
	return c, err
}

// Trace is Load that also tells the origins.
func Trace(file string, environ []string, flags *pflag.FlagSet) (Config, Origins, error) {
	known := allKeys()
	var layers []layer
	if file == "" {
		file = fileOf(environ)
	}
	if file != "" {
		layers = append(layers, readFile(file, known))
	}
	layers = append(layers, readEnv(environ, known), readFlags(flags, known))
	known = adoptProfiles(layers, known)

	g := gathering{known: known, koanf: koanf.New("."), origins: Origins{}, given: map[string]map[string]any{}}
	g.add(defaults(allKeys()), nil)
	for _, l := range layers {
		g.addLayer(l)
	}
	c := g.decode()
	return c, g.origins, g.err()
}

// defaults are the values of Default by path.
func defaults(known keys) map[string]any {
	c, values := Default(), map[string]any{}
	for path, k := range known {
		values[path] = k.of(&c).Interface()
	}
	return values
}

// gathering merges the layers and collects the faults.
type gathering struct {
	known   keys
	koanf   *koanf.Koanf
	origins Origins
	faults  []error
	scrub   scrubber
	// given is what each profile was given itself, by the path of the key that it would inherit.
	given map[string]map[string]any
}

func (g *gathering) addLayer(l layer) {
	for path, raw := range l.values {
		g.scrub.add(g.known[path], raw)
	}
	values, faults := l.check(g.known)
	g.faults = append(g.faults, faults...)
	g.add(g.takeProfiles(values, l.origin), l.origin)
}

// takeProfiles keeps what belongs to profiles, and hands back the rest.
func (g *gathering) takeProfiles(values map[string]any, origin func(string) string) map[string]any {
	rest := map[string]any{}
	for path, value := range values {
		name := g.known[path].profile
		if name == "" {
			rest[path] = value
			continue
		}
		if g.given[name] == nil {
			g.given[name] = map[string]any{}
		}
		g.given[name][strings.TrimPrefix(path, name+".")] = value
		g.origins[path] = origin(path)
	}
	return rest
}

func (g *gathering) add(values map[string]any, origin func(string) string) {
	if err := g.koanf.Load(confmap.Provider(values, "."), nil); err != nil {
		g.faults = append(g.faults, fmt.Errorf("merge the configuration: %w", err))
	}
	if origin == nil {
		return
	}
	for path := range values {
		g.origins[path] = origin(path)
	}
}

// decode fills the structs. Unknown keys were found before; ErrorUnused would find those that the tags hide from us.
func (g *gathering) decode() Config {
	var c Config
	strict := koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{ErrorUnused: true, Result: &c}}
	if err := g.koanf.UnmarshalWithConf("", &c, strict); err != nil {
		g.faults = append(g.faults, fmt.Errorf("decode the configuration: %w", err))
		return c
	}
	g.inherit(&c)
	g.faults = append(g.faults, checkSecrets(g.known, &c, g.inherited)...)
	g.faults = append(g.faults, c.Validate())
	return c
}

// inherited tells the keys of profiles that were not given themselves: their faults are named where they come from.
func (g *gathering) inherited(k key) bool {
	_, given := g.origins[k.path]
	return k.profile != "" && !given
}

// err is all faults, one line each, without secrets.
func (g *gathering) err() error {
	var lines []error
	for _, fault := range flat(errors.Join(g.faults...)) {
		line := g.scrub.clean(strings.Join(strings.Fields(fault.Error()), " "))
		if !slices.ContainsFunc(lines, func(e error) bool { return e.Error() == line }) {
			lines = append(lines, errors.New(line))
		}
	}
	return errors.Join(lines...)
}

// flat takes joined errors apart.
func flat(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	// A sentence around joined errors, or one with several %w, stays one.
	if errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, flat(one)...)
	}
	return all
}
