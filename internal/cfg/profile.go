package cfg

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"returnd/internal/persist"
)

// profileName leaves out what could not be told from a path, or would look like something else in a log.
var profileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)

// profileOf takes a key of the form <name>.redis[.<key>] apart.
func profileOf(path string) (name, below string, ok bool) {
	name, rest, _ := strings.Cut(path, ".")
	if rest != "redis" && !strings.HasPrefix(rest, "redis.") {
		return "", "", false
	}
	return name, rest, true
}

// adoptProfiles finds the profiles that the layers name, and knows their keys from then on: those of redis.*. The
// weaker layers come first, so that a variable finds the spelling of the file: its own name has capitals only.
func adoptProfiles(layers []layer, known keys) keys {
	fixed := known.sections()
	all := maps.Clone(known)
	for _, l := range layers {
		for _, path := range slices.Sorted(maps.Keys(l.values)) {
			name, below, ok := profileOf(path)
			if !ok || fixed[name] || !profileName.MatchString(name) {
				continue // a fault, found in the check
			}
			if l.rename != nil {
				name = all.spelling(name)
				l.rename(path, name+"."+below)
			}
			all.addProfile(known, name)
			if value, found := l.values[name+".redis"]; found && value == nil {
				delete(l.values, name+".redis") // a profile that inherits everything
			}
		}
	}
	return all
}

// sections are the names at the top, be they of sections or of single keys.
func (ks keys) sections() map[string]bool {
	names := map[string]bool{}
	for path := range ks {
		name, _, _ := strings.Cut(path, ".")
		names[name] = true
	}
	return names
}

// spelling is that of a profile known already which differs in what a variable's name cannot hold.
func (ks keys) spelling(name string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	for _, known := range ks.profiles() {
		if plain(known) == plain(name) {
			return known
		}
	}
	return name
}

func (ks keys) addProfile(from keys, name string) {
	for path, k := range from {
		if strings.HasPrefix(path, "redis.") {
			k.path, k.profile = name+"."+path, name
			ks[k.path] = k
		}
	}
}

// profiles are the names of all of them, sorted.
func (ks keys) profiles() []string {
	names := map[string]bool{}
	for _, k := range ks {
		if k.profile != "" {
			names[k.profile] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// profileFault says why a key that looks like that of a profile is none.
func profileFault(known keys, spelled, path string) error {
	name, _, ok := profileOf(path)
	switch {
	case !ok:
		return nil
	case known.sections()[name] && !slices.Contains(known.profiles(), name):
		return fmt.Errorf("%s would make a profile named %s, which is a key of the configuration itself: give the profile another name", spelled, name)
	case !profileName.MatchString(name):
		return fmt.Errorf("%s would make a profile named %q: use up to 64 letters, digits, _ and -", spelled, name)
	}
	return nil
}

// inherit makes each profile of what it was given, and of the default target's values for the rest.
func (g *gathering) inherit(c *Config) {
	base := c.Persist.Redis
	for _, name := range g.known.profiles() {
		if c.Persist.Profiles == nil {
			c.Persist.Profiles = map[string]persist.Redis{}
		}
		c.Persist.Profiles[name] = g.profile(base, g.given[name])
	}
}

func (g *gathering) profile(base persist.Redis, given map[string]any) persist.Redis {
	c, d := Config{}, Default()
	c.Persist.Redis = base
	for path := range given {
		for _, other := range replaced(path, given[path], base) {
			if _, own := given[other]; !own {
				k := g.known[other]
				k.of(&c).Set(k.of(&d))
			}
		}
	}
	has := func(path string) bool { _, ok := given[path]; return ok }
	if r := &c.Persist.Redis; !has("redis.url") && r.URL != "" {
		password := has("redis.password") || has("redis.password_file")
		r.URL = persist.WithoutURL(r.URL, has("redis.db"), has("redis.username"), password)
	}
	for path, value := range given {
		g.known[path].of(&c).Set(reflect.ValueOf(value))
	}
	return c.Persist.Redis
}

// The keys that say where a target is, each way with its own.
var (
	bySocket    = []string{"redis.unix_socket_path"}
	byURL       = []string{"redis.url"}
	bySentinels = []string{"redis.sentinel.master", "redis.sentinel.addresses"}
	byNodes     = []string{"redis.cluster.startup_nodes"}
	modes       = []string{"redis.mode", "redis.cluster_mode"}
)

// replaced are the keys that a profile does not inherit because it gives another in their place: with both, it would be
// at fault, or be taken elsewhere than it says.
func replaced(path string, value any, base persist.Redis) []string {
	switch path {
	case "redis.host", "redis.port":
		return slices.Concat(byURL, bySocket, bySentinels, byNodes, modeUnless(base.Mode != "sentinel"))
	case "redis.url":
		return slices.Concat(bySocket, bySentinels, byNodes, modeUnless(base.Mode != "sentinel"))
	case "redis.unix_socket_path":
		return slices.Concat(byURL, bySentinels, byNodes, modes)
	case "redis.cluster.startup_nodes":
		return slices.Concat(byURL, bySocket, bySentinels, modes)
	case "redis.sentinel.master", "redis.sentinel.addresses":
		return slices.Concat(byURL, bySocket, byNodes, modes)
	case "redis.mode":
		return replacedByMode(value)
	case "redis.cluster_mode":
		if value == true {
			return slices.Concat(modes, bySocket, bySentinels)
		}
		return slices.Concat(modes, byNodes)
	case "redis.password":
		return []string{"redis.password_file"}
	case "redis.password_file":
		return []string{"redis.password"}
	case "redis.sentinel.password":
		return []string{"redis.sentinel.password_file"}
	case "redis.sentinel.password_file":
		return []string{"redis.sentinel.password"}
	}
	return nil
}

func modeUnless(kept bool) []string {
	if kept {
		return nil
	}
	return modes
}

func replacedByMode(value any) []string {
	switch value {
	case "standalone":
		return slices.Concat(modes, byNodes, bySentinels)
	case "sentinel":
		return slices.Concat(modes, byNodes, byURL, bySocket)
	case "cluster":
		return slices.Concat(bySentinels, bySocket)
	}
	return nil
}
