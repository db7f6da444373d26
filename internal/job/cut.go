package job

// cuts gathers which bytes of an object go when some of its members do. It is told of each member in order.
//
// A member goes with what stands between it and the next member, so that the next one takes its place:
//
//	{"a": 1, "key": "x", "b": 2}     {"a": 1, "key": "x"}
//	         ~~~~~~~~~~~~                   ~~~~~~~~~~~~
//
// and behind the last member to stay, everything from its end to the end of the last member goes. White space after the brace and before
// the closing one is not touched.
type cuts struct {
	spans   []span
	open    bool // members before the current one go, from start on
	start   int
	kept    bool // some member stays; the last one ends at keptEnd
	keptEnd int
	lastEnd int
}

// member notes whether the next member goes.
func (c *cuts) member(m member, goes bool) {
	c.lastEnd = m.end
	switch {
	case goes && !c.open:
		c.open, c.start = true, m.start
	case !goes:
		if c.open {
			c.spans = append(c.spans, span{c.start, m.start})
		}
		c.open, c.kept, c.keptEnd = false, true, m.end
	}
}

// apply is data without the members to go: data itself where none does.
func (c *cuts) apply(data []byte) []byte {
	if c.open {
		if c.kept {
			c.start = c.keptEnd
		}
		c.spans = append(c.spans, span{c.start, c.lastEnd})
	}
	if len(c.spans) == 0 {
		return data
	}
	out := make([]byte, 0, len(data))
	from := 0
	for _, s := range c.spans {
		out = append(out, data[from:s.start]...)
		from = s.end
	}
	return append(out, data[from:]...)
}
