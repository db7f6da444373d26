package cfg

import (
	"fmt"
	"slices"
	"strings"
)

// layer is what one source gives: values by path, not yet checked.
type layer struct {
	// origin is the source of a key as config print shows it.
	origin func(path string) string
	// spell is the key as the operator wrote it, with the place to find it.
	spell func(path string) string
	// hint is a known key as it would be written in this source.
	hint   func(path string) string
	values map[string]any
	// rename moves a value to another path; nil where paths are as the operator spelled them.
	rename func(from, to string)
	// faults were found while reading.
	faults []error
}

// check converts the known keys and finds fault with the rest. A key at fault is left out, so that the weaker layer's
// value stands in and the remaining faults are found in the same pass.
func (l layer) check(known keys) (values map[string]any, faults []error) {
	values, faults = map[string]any{}, l.faults
	paths := make([]string, 0, len(l.values))
	for path := range l.values {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		value, err := l.checkOne(known, path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		values[path] = value
	}
	return values, faults
}

func (l layer) checkOne(known keys, path string) (any, error) {
	k, ok := known[path]
	raw := l.values[path]
	switch {
	case !ok:
		return nil, l.unknown(known, path)
	case raw == nil:
		return nil, fmt.Errorf("%s has no value: give it one, or take the key out", l.spell(path))
	}
	value, err := k.convert(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is %s: %w", l.spell(path), k.show(raw), err)
	}
	return value, nil
}

func (l layer) unknown(known keys, path string) error {
	if known.section(path) {
		return fmt.Errorf("%s is a section: give the keys below it, such as %s", l.spell(path), l.hint(known.below(path)))
	}
	if k, ok := known.above(path); ok {
		return fmt.Errorf("unknown key %s: %s takes a %s, nothing stands below it", l.spell(path), l.hint(k.path), k.kind())
	}
	if err := profileFault(known, l.spell(path), path); err != nil {
		return err
	}
	if meant := known.nearest(path); meant != "" {
		return fmt.Errorf("unknown key %s: did you mean %s?", l.spell(path), l.hint(meant))
	}
	return fmt.Errorf("unknown key %s: take it out; 'worker config print' shows every key", l.spell(path))
}

// above is the setting that the path wrongly goes on from.
func (ks keys) above(path string) (key, bool) {
	for {
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			return key{}, false
		}
		path = path[:dot]
		if k, ok := ks[path]; ok {
			return k, true
		}
	}
}

// below is the first key of a section.
func (ks keys) below(section string) string {
	for _, path := range ks.paths() {
		if strings.HasPrefix(path, section+".") {
			return path
		}
	}
	return ""
}

// show is a value for a fault's line.
func (k key) show(raw any) string {
	switch value := raw.(type) {
	case string:
		if k.isURL() {
			value = RedactURL(value)
		}
		if !k.secret {
			return fmt.Sprintf("%q", value)
		}
	case map[string]any, []any:
		return "of another form"
	}
	if k.secret || k.isURL() {
		return "not text"
	}
	return fmt.Sprint(raw)
}
