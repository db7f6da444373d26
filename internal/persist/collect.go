package persist

import "slices"

// scriptsMissing tells whether a server refused the scripts' digests.
func (p *plan) scriptsMissing() bool {
	for i := range p.groups {
		if cmd := p.groups[i].expire; cmd != nil && missing(cmd.Err()) {
			return true
		}
	}
	for i := range p.records {
		if missing(p.records[i].cmd.Err()) {
			return true
		}
	}
	return p.looksMissing() || slices.ContainsFunc(p.apart, func(a apart) bool { return missing(a.cmd.Err()) })
}

// collect gives each entry the first error among the commands it depends on.
func (p *plan) collect(errs []error) {
	clear(errs)
	fail := func(position int32, err error) {
		if e := p.returns[position]; errs[e] == nil {
			errs[e] = err
		}
	}
	p.collectGroups(fail)
	p.collectRecords(fail)
	p.collectApart(fail)
	for _, s := range p.shared {
		if err := shared(confirmed(s.cmd.Err(), s.key)); err != nil {
			for position := range p.returns {
				fail(int32(position), err)
			}
		}
	}
	for _, l := range p.loads {
		for _, e := range l.entries {
			errs[e] = l.outcome()
		}
	}
}

func (p *plan) collectGroups(fail func(position int32, err error)) {
	for i := range p.groups {
		g := &p.groups[i]
		err := confirmed(g.set.Err(), g.key)
		if err == nil && g.expire != nil {
			err = confirmed(g.expire.Err(), g.key)
		}
		if err == nil {
			continue
		}
		for _, position := range g.members {
			fail(position, err)
		}
	}
}

// collectRecords reads what the record scripts could not write: a flat list of number (from 1) and error text.
func (p *plan) collectRecords(fail func(position int32, err error)) {
	for i := range p.records {
		r := &p.records[i]
		list, err := r.cmd.Slice()
		if err != nil {
			err = confirmed(err, keyOfReturn)
			for _, position := range r.members {
				fail(position, err)
			}
			continue
		}
		for k := 0; k+1 < len(list); k += 2 {
			number, _ := list[k].(int64)
			reason, _ := list[k+1].(string)
			fail(r.members[number-1], classifyReply(reason, keyOfReturn))
		}
	}
}
