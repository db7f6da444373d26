package consume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"

	"returnd/internal/job"
)

// decoder makes entries of messages. It is safe for concurrent use.
type decoder struct {
	subjects job.Subjects
	verify   bool
	limit    int // bytes of a return, unpacked
	zstd     *zstd.Decoder
}

const maxWindow = 8 << 20

func newDecoder(subjects job.Subjects, verify bool, limit int) (*decoder, error) {
	// A streaming encoder that does not know the size announces a window of up to 8 MiB, for however little.
	most := max(uint64(limit)+1, maxWindow)
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(most))
	if err != nil {
		return nil, fmt.Errorf("zstd decoder: %w", err)
	}
	return &decoder{subjects: subjects, verify: verify, limit: limit, zstd: z}, nil
}

// received reads what the server says of a delivery in its reply subject:
// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, or the same with
// <domain>.<account> behind ACK and a random token at the end.
func received(m *nats.Msg) (delivery, error) {
	const first, second = 9, 11
	tokens := strings.Count(m.Reply, ".") + 1
	skip := 4
	switch {
	case !strings.HasPrefix(m.Reply, "$JS.ACK.") || tokens < first:
		return delivery{}, fmt.Errorf("delivery with the reply subject %q, which is not the stream's", m.Reply)
	case tokens >= second:
		skip = 6
	}
	rest := m.Reply
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [4]uint64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		n, err := strconv.ParseUint(token, 10, 64)
		if err != nil {
			return delivery{}, fmt.Errorf("delivery with the reply subject %q, which is not the stream's", m.Reply)
		}
		numbers[i] = n
	}
	return delivery{msg: m, delivered: numbers[0], sequence: numbers[1], published: time.Unix(0, int64(numbers[3])), size: m.Size()}, nil
}

// decode makes an entry of a message, or tells by a *job.Rejection why it is none.
func (d *decoder) decode(m *nats.Msg, published time.Time) (job.Entry, error) {
	body, err := d.unpack(m)
	if err != nil {
		return job.Entry{}, err
	}
	parse := d.subjects.Parse
	if !d.verify {
		parse = d.subjects.ParseLenient
	}
	name, err := parse(m.Subject)
	if err != nil {
		return job.Entry{}, err
	}
	e := job.Entry{Published: published}
	if name.Load {
		return d.load(e, name, body)
	}
	if e.Return, err = job.ParseReturn(body); err != nil {
		return job.Entry{}, err
	}
	if d.verify && (e.Return.JID != name.JID || e.Return.Minion != name.Minion) {
		return job.Entry{}, job.Reject(job.ReasonSubject, "the subject names another jid or minion than the body: publish to the subject of the body's own id and jid")
	}
	return e, nil
}

func (d *decoder) load(e job.Entry, name job.Name, body []byte) (job.Entry, error) {
	if !d.verify {
		if load, err := job.ParseLoad("", body); err == nil {
			e.Load = &load
			return e, nil
		}
	}
	load, err := job.ParseLoad(name.JID, body)
	e.Load = &load
	return e, err
}

// unpack gives the published bytes, unpacked where they were sent compressed, and no more of them than the limit.
func (d *decoder) unpack(m *nats.Msg) ([]byte, error) {
	body, err := m.Data, error(nil)
	if len(m.Header) > 0 {
		switch encoding := m.Header.Get("Content-Encoding"); encoding {
		case "", "identity":
		case "zstd":
			body, err = d.zstd.DecodeAll(m.Data, nil)
		case "gzip":
			body, err = gunzip(m.Data, d.limit)
		default:
			return nil, job.Reject(job.ReasonMalformed, "Content-Encoding is not known here: use zstd, gzip or none")
		}
	}
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(body) > d.limit:
		return nil, job.Reject(job.ReasonTooLarge, "more than %d bytes, unpacked: raise consume.max_return_bytes or return less", d.limit)
	case err != nil:
		return nil, job.Reject(job.ReasonMalformed, "the body is not what its Content-Encoding says")
	}
	return body, nil
}

func gunzip(data []byte, limit int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return io.ReadAll(io.LimitReader(r, int64(limit)+1))
}
