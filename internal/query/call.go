package query

import (
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// HeaderSkipped counts the stored values that a reply leaves out because they are not JSON.
const HeaderSkipped = "Returnd-Skipped"

// call is one request on its way to its answer, of which there is exactly one: the deadline may answer while the
// work is still held up, and whoever comes second is not heard.
type call struct {
	service *Service
	tally   *tally
	msg     micro.Request
	began   time.Time
	once    sync.Once
}

// succeed sends the data, unless the server's limit has shrunk since it was assembled.
func (c *call) succeed(out *reply) {
	if len(out.body)+headerRoom > int(c.service.nc.MaxPayload()) {
		c.fail(out.tooLarge())
		return
	}
	msg := &nats.Msg{Data: out.body}
	if out.skipped > 0 {
		msg.Header = nats.Header{HeaderSkipped: {strconv.Itoa(out.skipped)}}
	}
	c.send(codeOK, msg)
}

// fail sends a code and a sentence. Not by micro's Request.Error, which is not safe outside of the handler's goroutine.
func (c *call) fail(f *failure) {
	c.send(f.code, &nats.Msg{Header: nats.Header{
		micro.ErrorCodeHeader: {strconv.Itoa(f.code)},
		micro.ErrorHeader:     {f.sentence},
	}})
}

// send answers once, and counts before it does: who has the answer finds it counted. An answer that could not be sent
// has no other way to the caller, so it is only logged.
func (c *call) send(code int, msg *nats.Msg) {
	c.once.Do(func() {
		c.tally.add(code, time.Since(c.began))
		msg.Subject = c.msg.Reply()
		if err := c.service.nc.PublishMsg(msg); err != nil {
			c.service.log.Warn("answer not sent", "endpoint", c.tally.endpoint, "error", err)
		}
	})
}
