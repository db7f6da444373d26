package persist

// scriptsMissing tells whether the server refused the scripts' digests.
func (p *plan) scriptsMissing() bool {
	for _, cmd := range p.pointerScripts {
		if missing(cmd.Err()) {
			return true
		}
	}
	for _, cmd := range p.historyScripts {
		if missing(cmd.Err()) {
			return true
		}
	}
	return false
}

// collect gives each entry the first error among the commands it depends on.
func (p *plan) collect(errs []error) {
	p.errs = errs
	for i := range errs {
		errs[i] = nil
	}
	p.collectJobs()
	p.collectPointers()
	p.collectHistory()
	for _, s := range p.shared {
		if err := shared(classify(s.cmd.Err(), s.key)); err != nil {
			for pos := range p.returns {
				p.fail(pos, err)
			}
		}
	}
	for _, l := range p.loads {
		for _, e := range l.entries {
			errs[e] = l.err
		}
	}
}

// fail notes an error of the return at a position, unless it has one already.
func (p *plan) fail(pos int, err error) {
	if e := p.returns[pos]; err != nil && p.errs[e] == nil {
		p.errs[e] = err
	}
}

func (p *plan) collectJobs() {
	failed := make(map[int32]error)
	for i := range p.jobs {
		w := &p.jobs[i]
		err := classify(w.set.Err(), w.key)
		if err == nil && w.expire != nil {
			err = classify(w.expire.Err(), w.key)
		}
		if err != nil {
			failed[int32(i)] = err
		}
	}
	if len(failed) == 0 {
		return
	}
	for pos, at := range p.jobOf {
		p.fail(pos, failed[at])
	}
}

func (p *plan) collectPointers() {
	failed := make(map[int32]error)
	for c, cmd := range p.pointerScripts {
		from := c * p.target.perScript
		size := min(p.target.perScript, len(p.pointers)-from)
		scriptFailures(cmd, size, "", func(i int, err error) { failed[int32(from+i)] = err })
	}
	if len(failed) == 0 {
		return
	}
	for pos, at := range p.pointerOf {
		if at >= 0 {
			p.fail(pos, failed[at])
		}
	}
}

func (p *plan) collectHistory() {
	for c, cmd := range p.historyScripts {
		from := c * p.target.perScript
		size := min(p.target.perScript, len(p.returns)-from)
		scriptFailures(cmd, size, histPrefix, func(i int, err error) { p.fail(from+i, err) })
	}
}
