package query

import (
	"strings"

	"returnd/internal/job"
)

// filter is what get_jids is asked to leave out by a job's load. nil is no wish.
type filter struct {
	fun, target, user *string
	metadata          map[string]any
}

// filter reads the members that say which jobs are wanted.
func (in *request) filter() filter {
	f := filter{fun: in.pattern("fun"), target: in.pattern("target"), user: in.pattern("user")}
	if value, ok := in.given("metadata"); ok {
		var is bool
		if f.metadata, is = document(value).(map[string]any); !is {
			in.blame("metadata must be an object")
		}
	}
	return f
}

func (f *filter) any() bool {
	return f.fun != nil || f.target != nil || f.user != nil || f.metadata != nil
}

// match tells whether a job is wanted.
func (f *filter) match(e *entry) bool {
	if f.fun != nil && !matchFun(*f.fun, e.fun) || f.target != nil && !matchTarget(*f.target, e.target) {
		return false
	}
	if user, ok := job.String(e.user); f.user != nil && (!ok || user != *f.user) {
		return false
	}
	return f.metadata == nil || f.matchMetadata(e.meta)
}

// matchFun takes a single name, or of a compound command any of its names, or all of them as Python writes their list.
func matchFun(pattern string, fun []byte) bool {
	names, list := texts(fun)
	for _, name := range names {
		if alike(pattern, name) {
			return true
		}
	}
	return list && alike(pattern, job.FunName(names, true))
}

// matchTarget takes the target as text, or of a list any of its members, or all of them as one types them, with commas.
func matchTarget(pattern string, target []byte) bool {
	targets, list := texts(target)
	for _, one := range targets {
		if alike(pattern, one) {
			return true
		}
	}
	return list && alike(pattern, strings.Join(targets, ","))
}

// alike takes a pattern for what it says first: a target is often a glob itself.
func alike(pattern, text string) bool { return pattern == text || globMatch(pattern, text) }

// texts is a text, or the texts of a list.
func texts(value []byte) (found []string, list bool) {
	if text, ok := job.String(value); ok {
		return []string{text}, false
	}
	if len(value) == 0 || value[0] != '[' {
		return nil, false
	}
	_ = job.Elements(value, func(element []byte) error { // the load around it was found well-formed
		if text, ok := job.String(element); ok {
			found = append(found, text)
		}
		return nil
	})
	return found, true
}

// matchMetadata wants every member, with an equal value; there may be others.
func (f *filter) matchMetadata(meta []byte) bool {
	has, is := document(meta).(map[string]any)
	if !is {
		return false
	}
	for name, want := range f.metadata {
		if value, there := has[name]; !there || !sameValue(want, value) {
			return false
		}
	}
	return true
}
