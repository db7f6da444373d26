package persist

import "github.com/redis/go-redis/v9"

// scriptsMissing tells whether the server refused the scripts' digests.
func (p *plan) scriptsMissing() bool {
	for i := range p.groups {
		if missing(p.groups[i].script.Err()) {
			return true
		}
	}
	for _, cmd := range p.pointerScripts {
		if missing(cmd.Err()) {
			return true
		}
	}
	return false
}

// collect gives each entry the first error among the commands it depends on.
func (p *plan) collect(errs []error) {
	clear(errs)
	fail := func(position int32, err error) {
		if e := p.returns[position]; errs[e] == nil {
			errs[e] = err
		}
	}
	for i := range p.groups {
		p.collectGroup(&p.groups[i], fail)
	}
	p.collectPointers(fail)
	for _, s := range p.shared {
		if err := shared(classify(s.cmd.Err(), s.key)); err != nil {
			for position := range p.returns {
				fail(int32(position), err)
			}
		}
	}
	for _, l := range p.loads {
		for _, e := range l.entries {
			errs[e] = l.err
		}
	}
}

func (p *plan) collectGroup(g *group, fail func(position int32, err error)) {
	list, err := g.script.Slice()
	if err != nil || len(list) == 0 {
		err = classify(err, g.key)
		for _, position := range g.members {
			fail(position, err)
		}
		return
	}
	fresh, _ := list[0].(int64)
	p.repeated += len(g.members) - int(fresh)
	scriptFailures(list[1:], histPrefix, func(i int, err error) { fail(g.members[i], err) })
}

func (p *plan) collectPointers(fail func(position int32, err error)) {
	failed := map[int32]error{}
	for c, cmd := range p.pointerScripts {
		p.pointerFailures(cmd, c*p.target.perScript, failed)
	}
	if len(failed) == 0 {
		return
	}
	for position, at := range p.pointerOf {
		if err := failed[at]; err != nil {
			fail(int32(position), err)
		}
	}
}

// pointerFailures notes the errors of one script call over the pointers from a position on.
func (p *plan) pointerFailures(cmd *redis.Cmd, from int, failed map[int32]error) {
	list, err := cmd.Slice()
	if err != nil {
		err = classify(err, "")
		for i := from; i < min(from+p.target.perScript, len(p.pointers)); i++ {
			failed[int32(i)] = err
		}
		return
	}
	scriptFailures(list, "", func(i int, err error) { failed[int32(from+i)] = err })
}
