package cfg

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"returnd/internal/persist"
)

// key is one setting.
type key struct {
	path  string // with dots: consume.batch.wait
	index []int  // of the field, from Config on
	typ   reflect.Type
	// secret values are never shown and have no flag.
	secret bool
	// profile is whose key it is, "" for the configuration's own. Its index is that of the key inherited from.
	profile string
}

// keys are all settings by path.
type keys map[string]key

// allKeys reads the settings off Config's koanf tags.
func allKeys() keys {
	found := keys{}
	found.walk(reflect.TypeFor[Config](), "", nil)
	for path, k := range found {
		_, hasFile := found[path+"_file"]
		k.secret = hasFile || strings.HasSuffix(path, "password") || strings.HasSuffix(path, "token")
		found[path] = k
	}
	return found
}

func (ks keys) walk(typ reflect.Type, prefix string, index []int) {
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("koanf"), ",")
		below := append(slices.Clone(index), i)
		switch {
		case option == "squash":
			ks.walk(field.Type, prefix, below)
		case name == "" || name == "-":
		case field.Type.Kind() == reflect.Struct:
			ks.walk(field.Type, prefix+name+".", below)
		default:
			ks[prefix+name] = key{path: prefix + name, index: below, typ: field.Type}
		}
	}
}

// paths are sorted.
func (ks keys) paths() []string {
	paths := make([]string, 0, len(ks))
	for path := range ks {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// section tells whether keys stand below the path.
func (ks keys) section(path string) bool {
	for known := range ks {
		if strings.HasPrefix(known, path+".") {
			return true
		}
	}
	return false
}

// of is the setting's value in a configuration; that of a profile is for reading only.
func (k key) of(c *Config) reflect.Value {
	if k.profile != "" {
		c = &Config{Persist: persist.Config{Redis: c.Persist.Profiles[k.profile]}}
	}
	return reflect.ValueOf(c).Elem().FieldByIndex(k.index)
}

func (k key) isDuration() bool { return k.typ == reflect.TypeFor[time.Duration]() }

// isSize tells the whole numbers that count bytes: they may be written as 8MiB.
func (k key) isSize() bool {
	leaf := k.path[strings.LastIndexByte(k.path, '.')+1:]
	return k.isWhole() && (leaf == "bytes" || strings.HasSuffix(leaf, "_bytes"))
}

func (k key) isWhole() bool {
	return k.typ.Kind() >= reflect.Int && k.typ.Kind() <= reflect.Int64 && !k.isDuration()
}

func (k key) isList() bool { return k.typ == reflect.TypeFor[[]string]() }

// isNodes tells the lists of servers, whose elements may be written with host and port apart.
func (k key) isNodes() bool {
	return strings.HasSuffix(k.path, ".startup_nodes") || strings.HasSuffix(k.path, ".addresses")
}

// isURL tells the keys that may carry a password inside.
func (k key) isURL() bool { return k.path == "url" || strings.HasSuffix(k.path, ".url") }

// kind names the form of the value in help and faults.
func (k key) kind() string {
	switch {
	case k.isDuration():
		return "duration"
	case k.isSize():
		return "size"
	case k.isWhole():
		return "number"
	case k.isList():
		return "list"
	case k.typ.Kind() == reflect.Bool:
		return "bool"
	}
	return "string"
}
