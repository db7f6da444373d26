package cfg

import (
	"errors"
	"fmt"
	"strings"

	"github.com/knadh/koanf/maps"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/spf13/pflag"
)

// ConfigFlag names the flag of the configuration file.
const ConfigFlag = "config"

// AddFlags adds --config, and one flag for every key that is no secret: a command line can be read by everybody on the
// machine.
func AddFlags(fs *pflag.FlagSet) {
	fs.String(ConfigFlag, "", "read the configuration from this `file` (YAML, TOML or JSON; "+configVariable+")")
	defaults, known := Default(), allKeys()
	for _, path := range known.paths() {
		k := known[path]
		if k.secret {
			continue
		}
		value := &textValue{text: k.format(&defaults), kind: k.kind()}
		flag := fs.VarPF(value, path, "", envName(path))
		if value.kind == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// FlagFault explains a flag that does not exist: a slip, or a secret that has none on purpose. It is "" where there is
// nothing to say.
func FlagFault(name string) string {
	known := allKeys()
	if k, ok := known[name]; ok && k.secret {
		return fmt.Sprintf("secrets are not taken from the command line, which everybody on this machine can read: use --%s_file, %s or the configuration file", name, envName(name))
	}
	if meant := known.nearest(name); meant != "" && !known[meant].secret {
		return "did you mean --" + meant + "?"
	}
	return ""
}

// textValue keeps a flag's text until all flags are converted, so that all faults are found together.
type textValue struct{ text, kind string }

func (v *textValue) String() string { return v.text }
func (v *textValue) Type() string   { return v.kind }

// Set takes any text.
func (v *textValue) Set(text string) error {
	v.text = text
	return nil
}

// readFlags takes the flags that were given; a subcommand's own are none of ours.
func readFlags(fs *pflag.FlagSet, known keys) layer {
	dashed := func(path string) string { return "--" + path }
	l := layer{origin: dashed, spell: dashed, hint: dashed, values: map[string]any{}}
	if fs == nil {
		return l
	}
	given := func(flag *pflag.Flag) (string, any) {
		if !flag.Changed || !known.has(flag.Name) {
			return "", nil
		}
		return flag.Name, flag.Value.String()
	}
	tree, _ := posflag.ProviderWithFlag(fs, ".", nil, given).Read() // it cannot fail
	l.values, _ = maps.Flatten(tree, nil, ".")
	for path, value := range l.values {
		if text := fmt.Sprint(value); known[path].isURL() && carriesSecret(text) {
			l.faults = append(l.faults, errors.New(urlFault(path, known)))
			delete(l.values, path)
		}
	}
	return l
}

func urlFault(path string, known keys) string {
	section := strings.TrimSuffix(path, "url")
	remedy := envName(path)
	if file := section + "password_file"; known.has(file) {
		remedy = "--" + file + " or " + remedy
	}
	return fmt.Sprintf("--%s carries a user or a password, and everybody on this machine can read a command line: use %s", path, remedy)
}
