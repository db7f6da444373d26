package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

// Document is a return or a load on its way to the stream.
type Document struct {
	Subject string
	// Body is published as it is, or packed where the client has an Encoding.
	Body []byte
	// Note is the caller's own, to know the document again.
	Note any
}

// Ack is the stream's word that it has a document.
type Ack struct {
	Stream   string
	Sequence uint64
	// Duplicate tells that the stream had it already, from an earlier try.
	Duplicate bool
}

// ReturnDocument makes the document of a return. Its subject comes from the body's own id and jid. What has no identity or is malformed is
// refused; what workers refuse for what it asks for (a jid "req", a host in ret_kwargs) is not: their dead letters say so.
func (c *Client) ReturnDocument(ret []byte) (Document, error) {
	jid, minion, err := returnIdentity(ret)
	if err != nil {
		return Document{}, err
	}
	return Document{Subject: c.subjects.Return(jid, minion), Body: ret}, nil
}

func returnIdentity(body []byte) (jid, minion string, err error) {
	ret, err := job.ParseReturn(body)
	if err == nil {
		return ret.JID, ret.Minion, nil
	}
	var rejected *job.Rejection
	if !errors.As(err, &rejected) || rejected.Reason != job.ReasonJIDReq && rejected.Reason != job.ReasonRetKwargs {
		return "", "", err
	}
	_ = job.Members(body, func(name string, value []byte) error { // ParseReturn found it well-formed
		switch name {
		case "jid":
			jid, _ = job.String(value)
		case "id":
			minion, _ = job.String(value)
		}
		return nil
	})
	return jid, minion, errors.Join(job.CheckJID(jid), job.CheckMinion(minion))
}

// LoadDocument makes the document of a load. jid may be "" where the load has its own; where both are there they must agree.
func (c *Client) LoadDocument(jid string, load []byte) (Document, error) {
	parsed, err := job.ParseLoad(jid, load)
	if err != nil {
		return Document{}, err
	}
	return Document{Subject: c.subjects.Load(parsed.JID), Body: load}, nil
}

// PublishReturn publishes one return, as its bytes are, and waits for the stream's ack. It tries again for up to half a minute, or until
// ctx ends; an error means that the return may not be stored.
func (c *Client) PublishReturn(ctx context.Context, ret []byte) (Ack, error) {
	d, err := c.ReturnDocument(ret)
	if err != nil {
		return Ack{}, err
	}
	return c.Publish(ctx, d)
}

// PublishLoad does for a load what PublishReturn does for a return.
func (c *Client) PublishLoad(ctx context.Context, jid string, load []byte) (Ack, error) {
	d, err := c.LoadDocument(jid, load)
	if err != nil {
		return Ack{}, err
	}
	return c.Publish(ctx, d)
}

// Publish publishes a document and waits for the stream's ack.
func (c *Client) Publish(ctx context.Context, d Document) (_ Ack, err error) {
	m, end, err := c.message(ctx, d)
	defer func() { end(err) }()
	if err != nil {
		return Ack{}, err
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return Ack{}, fmt.Errorf("use JetStream: %w", err)
	}
	return publish(ctx, js, m, nil)
}

// message packs and names a document. What becomes of it, end is told.
func (c *Client) message(ctx context.Context, d Document) (m *nats.Msg, end func(error), err error) {
	m = &nats.Msg{Subject: d.Subject, Data: d.Body, Header: nats.Header{}}
	end = c.tracePublish(ctx, m)
	if c.packing.pack != nil {
		packed, err := c.packing.pack(d.Body)
		if err != nil {
			return nil, end, fmt.Errorf("pack as %s: %w", c.packing.name, err)
		}
		m.Data, m.Header["Content-Encoding"] = packed, []string{c.packing.name}
	}
	if !c.nameless {
		// Whoever guessed it could publish under it first, and ours would be taken for a duplicate.
		m.Header[jetstream.MsgIDHeader] = []string{rand.Text()}
	}
	if size, limit := int64(m.Size()), c.nc.MaxPayload(); size > limit {
		return nil, end, fmt.Errorf("%d bytes with its headers, the server's max_payload is %d", size, limit)
	}
	return m, end, nil
}

// packing is what becomes of a body; nothing where pack is nil.
type packing struct {
	name string
	pack func([]byte) ([]byte, error)
}

// Gzip packs documents by the standard library's gzip. For zstd, hand a packer of your own to [Encoding].
func Gzip() Option { return Encoding("gzip", packGzip) }

func packGzip(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
