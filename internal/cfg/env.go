package cfg

import (
	"regexp"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
)

const (
	envPrefix      = "RETURND_"
	configVariable = "RETURND_CONFIG"
)

// readEnv takes the variables with our prefix; two underscores are a dot, because a name cannot hold one.
func readEnv(environ []string, known keys) layer {
	written := map[string]string{} // path → name of the variable
	provider := env.Provider("", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			path := envPath(name)
			if name == configVariable || isServiceLink(name, value) && !known.has(path) {
				return "", nil
			}
			written[path] = name
			return path, value
		},
	})
	values, _ := provider.Read() // it reads what it was handed, and cannot fail
	return layer{
		rename: func(from, to string) {
			value := values[from]
			delete(values, from)
			values[to], written[to] = value, written[from]
		},
		origin: func(path string) string { return written[path] },
		spell:  func(path string) string { return written[path] + " in the environment" },
		hint:   envName,
		values: values,
	}
}

func (ks keys) has(path string) bool { _, ok := ks[path]; return ok }

func envPath(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "__", ".")
}

func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "__"))
}

// serviceLink is what Kubernetes puts into every container beside a Service whose name begins with returnd. Taken for
// keys of ours, a Service would keep the worker from starting.
var serviceLink = regexp.MustCompile(`^RETURND_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// isServiceLink asks more of RETURND_…_PORT: it may as well be a slip for RETURND_REDIS__PORT.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// fileOf is the configuration file that the environment names, or "".
func fileOf(environ []string) string {
	file := ""
	for _, variable := range environ {
		if value, found := strings.CutPrefix(variable, configVariable+"="); found {
			file = value
		}
	}
	return file
}
