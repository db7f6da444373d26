package persist

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// meter bounds what the answers to one writing may bring: a caller may ask for a value of half a gigabyte, which would
// be read into memory only to be found too large for a message.
type meter struct{ limit atomic.Int64 }

// leastReply is room for what the library itself asks: the map of a large cluster.
const leastReply = 1 << 20

var errTooLarge = errors.New("the reply is larger than what can be handed on")

// allow sets the bound by the size of a message: of what fits, no reply is twice as long in Redis's own form.
func (m *meter) allow(message int) { m.limit.Store(max(2*int64(message), leastReply)) }

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// on meters the connections that dial opens. A failed one is told apart: nothing was sent down it.
func (m *meter) on(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, unavailable(err)
		}
		metered := &meteredConn{Conn: conn, meter: m}
		if raw, ok := conn.(syscall.Conn); ok {
			return &meteredSocket{metered, raw}, nil
		}
		return metered, nil
	}
}

// meteredConn reads what is written down it, and gives nothing beyond the bound. It is used in turn, as the library does.
type meteredConn struct {
	net.Conn
	meter *meter
	left  int64
	sizes sizes
	spent bool // something was kept back: what comes behind it means nothing
}

func (c *meteredConn) Write(p []byte) (int, error) {
	if c.spent {
		return 0, errTooLarge
	}
	c.left = c.meter.limit.Load()
	return c.Conn.Write(p)
}

// Read gives no part of what is too large: the library makes room for a text or a list as soon as it has read its length,
// and who reads until a buffer is full does not hear an error that comes with its end. The error stays: the library looks
// at a reply's first byte beforehand, and does not mind then.
func (c *meteredConn) Read(p []byte) (int, error) {
	if c.spent = c.spent || c.left <= 0; c.spent {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.spent = c.sizes.most(p[:n]) > c.left; c.spent {
		return 0, errTooLarge
	}
	return n, err
}

// meteredSocket lets the library see whether a connection that lay idle was closed meanwhile: a command that breaks on
// one is not repeated.
type meteredSocket struct {
	*meteredConn
	syscall.Conn
}

// sizes follows a stream of replies for the lengths that it announces.
type sizes struct {
	skip   int64 // bytes left of a text
	kind   byte  // the first byte of the line that is being read; 0 before it
	number int64 // what it announces
}

// leastElement is how many bytes the shortest element of a list has.
const leastElement = 3

// most reads on, and gives the greatest number of bytes that is announced to come.
func (s *sizes) most(p []byte) int64 {
	var most int64
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, int64(len(p)))
			s.skip -= n
			p = p[n:]
			continue
		}
		c := p[0]
		p = p[1:]
		switch {
		case s.kind == 0:
			s.kind, s.number = c, 0
		case c == '\n':
			most = max(most, s.announced())
			s.kind = 0
		case '0' <= c && c <= '9' && s.number < 1<<40:
			s.number = s.number*10 + int64(c-'0')
		case c == '-':
			s.number = 1 << 62 // no length: nil, in the old form
		}
	}
	return most
}

// announced is what the line just read says of what follows.
func (s *sizes) announced() int64 {
	if s.number >= 1<<62 {
		return 0
	}
	switch s.kind {
	case '$', '=', '!':
		s.skip = s.number + int64(len("\r\n"))
		return s.number // what of it has come with the line counts twice, which does not matter by far
	case '*', '~', '>':
		return s.number * leastElement
	case '%', '|':
		return 2 * s.number * leastElement
	}
	return 0
}
