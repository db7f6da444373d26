package query

import "time"

const (
	// maxLimit is the largest page that may be asked for.
	maxLimit = 100_000
	// maxExamined bounds what one page of a filtered list looks at.
	maxExamined = 20_000
	// maxCursor is the longest cursor that a store may give out.
	maxCursor = 512
)

// page bounds how far one request reads; nil is no bound.
type page struct {
	left   int       // entries that may still be added
	looked int       // values looked at so far,
	most   int       // and the bound of that, where it is not 0
	until  time.Time // when it ends with what it has; zero where parts keep the caller patient
}

// paged reads what the caller wants of a page, and where it is to begin.
func (r *reply) paged(in *request) (cursor string) {
	cursor = in.cursor("cursor")
	limit := in.count("limit", maxLimit)
	if limit == 0 {
		return cursor
	}
	r.page = &page{left: limit}
	if !r.call.accept.parts {
		// Half of the time leaves the store room to come back: a short page in time is better than none.
		r.page.until = r.call.began.Add(r.call.service.cfg.Timeout / 2)
	}
	r.headroom += cursorRoom
	r.reserve(cursorRoom)
	return cursor
}

// filtered bounds what a page looks at, since it may find little.
func (p *page) filtered() {
	if p != nil {
		p.most = maxExamined
	}
}

// over tells whether the page ends before the next value, which counts as looked at otherwise. The first one always is, so
// that every page gets on.
func (p *page) over() bool {
	if p == nil {
		return false
	}
	if p.looked > 0 && (p.left == 0 || p.looked == p.most || p.late()) {
		return true
	}
	p.looked++
	return false
}

func (p *page) late() bool { return !p.until.IsZero() && time.Now().After(p.until) }

func (p *page) count() {
	if p != nil {
		p.left--
	}
}
