package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// A client written from docs/protocol.md alone, on nats.go. It shares nothing with the package client.

// rawParts gives the parts of a reply as they come; it fails where the reply is not whole. window 0 is without flow control.
func rawParts(nc *nats.Conn, endpoint, request string, window int, part func(body []byte, header nats.Header) error) error {
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	header := nats.Header{"Returnd-Accept": {"parts"}}
	if window > 0 {
		header.Set("Returnd-Window", strconv.Itoa(window))
	}
	err = nc.PublishMsg(&nats.Msg{Subject: "salt.returner." + endpoint, Reply: sub.Subject, Data: []byte(request), Header: header})
	if err != nil {
		return err
	}
	for seq := 1; ; seq++ {
		m, err := sub.NextMsg(askLimit)
		if err != nil {
			return fmt.Errorf("part %d: %w", seq, err)
		}
		if code := m.Header.Get("Nats-Service-Error-Code"); code != "" {
			return fmt.Errorf("part %d: %s %s", seq, code, m.Header.Get("Nats-Service-Error"))
		}
		if got := m.Header.Get("Returnd-Seq"); got != strconv.Itoa(seq) {
			return fmt.Errorf("part %s came in the place of part %d", got, seq)
		}
		if err := part(m.Data, m.Header); err != nil {
			return err
		}
		if m.Header.Get("Returnd-More") == "false" {
			if total := m.Header.Get("Returnd-Total"); total != strconv.Itoa(seq) {
				return fmt.Errorf("part %d is the last of %s", seq, total)
			}
			return nil
		}
		if window > 0 {
			if err := nc.Publish(m.Reply, []byte(m.Header.Get("Returnd-Seq"))); err != nil {
				return err
			}
		}
	}
}

// rawObject merges the parts of an object, and tells when the first one came.
func rawObject(nc *nats.Conn, endpoint, request string, window int) (whole map[string]json.RawMessage, first time.Duration, err error) {
	whole, began := map[string]json.RawMessage{}, time.Now()
	err = rawParts(nc, endpoint, request, window, func(body []byte, _ nats.Header) error {
		if first == 0 {
			first = time.Since(began)
		}
		var part map[string]json.RawMessage
		if err := json.Unmarshal(body, &part); err != nil {
			return err
		}
		for name, value := range part {
			if _, twice := whole[name]; twice {
				return errors.New(name + " came twice")
			}
			whole[name] = value
		}
		return nil
	})
	return whole, first, err
}

func (r *rig) readRaw(t *testing.T, endpoint, request string, window int) map[string]json.RawMessage {
	t.Helper()
	whole, _, err := rawObject(r.nc, endpoint, request, window)
	if err != nil {
		t.Fatalf("%s %s: %v", endpoint, request, err)
	}
	return whole
}

// dropParts reads a reply to its end and keeps nothing of it.
func dropParts(ctx context.Context, nc *nats.Conn, endpoint, request string) error {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	err = nc.PublishMsg(&nats.Msg{Subject: "salt.returner." + endpoint, Reply: inbox, Data: []byte(request), Header: nats.Header{"Returnd-Accept": {"parts"}}})
	for err == nil {
		var m *nats.Msg
		if m, err = sub.NextMsgWithContext(ctx); err != nil {
			return err
		}
		if code := m.Header.Get("Nats-Service-Error-Code"); code != "" {
			return fmt.Errorf("%s %s", code, m.Header.Get("Nats-Service-Error"))
		}
		if m.Header.Get("Returnd-More") != "true" {
			return nil
		}
	}
	return err
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
