package persist

import (
	"reflect"
	"slices"
	"strings"

	"returnd/internal/job"
)

// merge makes one reply of those of several servers, in the shape that one server gives.
type merge func(parts []*part) (any, error)

// byName takes a table with several names a row apart.
func byName(table map[string]commandRule) map[string]commandRule {
	found := map[string]commandRule{}
	for names, r := range table {
		for name := range strings.FieldsSeq(names) {
			found[strings.ReplaceAll(name, "|", " ")] = r
		}
	}
	return found
}

// result makes the reply to the caller, once all parts are run. An error of any is the error of the whole, unless one
// that did it is enough.
func (p *order) result() (any, error) {
	parts := p.parts
	if p.rule.anyone {
		parts = slices.DeleteFunc(slices.Clone(parts), func(one *part) bool { return one.err != nil })
	}
	if len(parts) == 0 {
		parts = p.parts
	}
	for _, one := range parts {
		if err := faultOf(one.err, p.name, one.chosen); err != nil {
			return nil, p.explain(err, one)
		}
		if p.name == "config get" {
			hideSecrets(one.reply)
		}
	}
	switch {
	case p.rule.merge != nil:
		return p.rule.merge(parts)
	case p.several:
		return byServer(parts), nil
	}
	return parts[0].reply, nil
}

// explain says which server refused, and that the others did not.
func (p *order) explain(err error, one *part) error {
	refused := asRefusal(err)
	if refused == nil || len(p.parts) == 1 {
		return err
	}
	return job.Refuse(refused.Kind, "%s: %s; other servers may have done their part", one.server.Options().Addr, refused.Detail)
}

// secretParameters of the configuration are not told: what callers must not have is the password.
var secretParameters = wordSet("requirepass masterauth primaryauth tls-key-file-pass tls-client-key-file-pass")

func hideSecrets(reply any) {
	parameters, _ := reply.(map[any]any)
	for name := range parameters {
		if text, ok := name.(string); ok && secretParameters[text] {
			parameters[name] = "(hidden)"
		}
	}
}

func byServer(parts []*part) any {
	replies := map[any]any{}
	for _, p := range parts {
		replies[p.server.Options().Addr] = p.reply
	}
	return replies
}

var errUnlike = job.Refuse(job.RefusedMalformed, "the servers answer differently: choose one by target")

func mergeSum(parts []*part) (any, error) {
	var total int64
	for _, p := range parts {
		number, ok := p.reply.(int64)
		if !ok {
			return nil, errUnlike
		}
		total += number
	}
	return total, nil
}

// mergeConcat puts every element where its key stands in the command.
func mergeConcat(parts []*part) (any, error) {
	var all []any
	for _, p := range parts {
		list, _ := p.reply.([]any)
		if p.places == nil { // one server did it all
			all = append(all, list...)
			continue
		}
		if len(list) != len(p.places) {
			return nil, errUnlike
		}
		for i, place := range p.places {
			all = append(all, make([]any, max(0, place+1-len(all)))...)
			all[place] = list[i]
		}
	}
	return all, nil
}

// mergeSame is the first reply, if all are alike.
func mergeSame(parts []*part) (any, error) {
	for _, p := range parts[1:] {
		if !reflect.DeepEqual(p.reply, parts[0].reply) {
			return nil, errUnlike
		}
	}
	return parts[0].reply, nil
}

// mergeAll is the OK of all, or false.
func mergeAll(parts []*part) (any, error) {
	if reply, err := mergeSame(parts); err == nil {
		return reply, nil
	}
	return false, nil
}

// mergeFirst is the first reply.
func mergeFirst(parts []*part) (any, error) { return parts[0].reply, nil }

// mergeUnion joins lists of names, each once.
func mergeUnion(parts []*part) (any, error) {
	all, seen := []any{}, map[string]bool{}
	for _, p := range parts {
		list, _ := p.reply.([]any)
		for _, element := range list {
			if name, ok := element.(string); ok && !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// mergeAligned is true, as 1, where it is for all.
func mergeAligned(parts []*part) (any, error) {
	var all []any
	for i, p := range parts {
		list, _ := p.reply.([]any)
		if i == 0 {
			all = slices.Clone(list)
		}
		if len(list) != len(all) {
			return nil, errUnlike
		}
		for j, element := range list {
			if element != int64(1) {
				all[j] = int64(0)
			}
		}
	}
	return all, nil
}

// mergeSums makes {name: number} of lists with name and number in turn.
func mergeSums(parts []*part) (any, error) {
	all := map[any]any{}
	for _, p := range parts {
		list, _ := p.reply.([]any)
		for i := 0; i+1 < len(list); i += 2 {
			name, ok := list[i].(string)
			number, isNumber := list[i+1].(int64)
			if !ok || !isNumber {
				return nil, errUnlike
			}
			before, _ := all[name].(int64)
			all[name] = before + number
		}
	}
	return all, nil
}

// mergeMaps joins mappings; a name that two servers have keeps the first's value.
func mergeMaps(parts []*part) (any, error) {
	all := map[any]any{}
	for _, p := range parts {
		members, ok := p.reply.(map[any]any)
		if !ok {
			return nil, errUnlike
		}
		for name, value := range members {
			if _, twice := all[name]; !twice {
				all[name] = value
			}
		}
	}
	return all, nil
}
