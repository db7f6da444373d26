package consume

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// pullExpires ends a pull request that brought less than it asked for; heartbeats in between tell that it lives.
	pullExpires = 30 * time.Second
	heartbeat   = time.Second
	// silence after which a pull request is taken for lost: the server, the consumer or the link is gone.
	silence = 2500 * time.Millisecond
	// retryPause spaces the requests to a server that refuses them.
	retryPause = 250 * time.Millisecond
)

// lane has one pull request under way at a time, on a subscription of its own: so what is still to come of it is known
// exactly. Several lanes keep the stream flowing.
type lane struct {
	sub    *nats.Subscription
	inbox  string // each request has its own subject under it
	credit *credit

	mu              sync.Mutex
	serial          int
	messages, bytes int  // still to come, and reserved
	whole           bool // nothing of the request has come yet
	oversize        bool // the next message is larger than a request may bring
	heard           time.Time
	notBefore       time.Time
	refusal         string // what the server says again and again
	refusals        int
}

// pullRequest is the body of $JS.API.CONSUMER.MSG.NEXT: https://docs.nats.io/reference/reference-protocols/nats_api_reference
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes,omitempty"`
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat"`
}

// request asks for messages if none are under way and the credit allows it.
func (l *lane) request(nc *nats.Conn, subject string, messages, bytes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.messages > 0 && now.Sub(l.heard) > silence {
		l.end()
	}
	if l.oversize {
		messages = 1
	}
	if l.messages > 0 || now.Before(l.notBefore) || !l.credit.reserve(messages, bytes) {
		return nil
	}
	ask := pullRequest{messages, bytes, pullExpires, heartbeat}
	if l.oversize {
		ask.MaxBytes = 0
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return fmt.Errorf("pull request: %w", err)
	}
	l.serial++
	l.messages, l.bytes, l.heard, l.whole = messages, bytes, now, true
	if err := nc.PublishRequest(subject, l.reply(), body); err != nil {
		l.end()
		return fmt.Errorf("pull request: %w", err)
	}
	return nil
}

func (l *lane) reply() string { return l.inbox + strconv.Itoa(l.serial) }

// fromServer tells the server's own messages from deliveries: by the subject, which no publisher can choose.
func (l *lane) fromServer(m *nats.Msg) bool { return strings.HasPrefix(m.Subject, l.inbox) }

// received notes a message. What it reserved is given back by whoever settles it; more than was asked for (of a request
// that was taken for lost) is reserved late.
func (l *lane) received(size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	l.whole, l.oversize, l.refusal, l.refusals = false, false, "", 0
	l.messages--
	l.bytes -= size
	switch {
	case l.messages < 0:
		l.credit.release(-1, -size)
		l.messages, l.bytes = 0, 0
	case l.messages == 0:
		l.end()
	case l.bytes < 0: // the server counts a little otherwise
		l.credit.release(0, l.bytes)
		l.bytes = 0
	}
}

// end gives back what is not to come any more.
func (l *lane) end() {
	l.credit.release(l.messages, l.bytes)
	l.messages, l.bytes = 0, 0
}

// status reads a message of the server itself. It reports whether the consumer seems to be gone.
func (l *lane) status(m *nats.Msg) (gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Subject != l.reply() {
		return false // of an earlier request
	}
	l.heard = time.Now()
	switch m.Header.Get("Status") {
	case "100":
	case "404", "408":
		l.refusal, l.refusals = "", 0
		l.end()
	case "409":
		return l.refused(m.Header.Get("Description"))
	case "503": // nobody serves the consumer
		l.pause()
		return true
	default:
		l.refusal, l.refusals = m.Header.Get("Description"), l.refusals+1
		l.pause()
	}
	return false
}

func (l *lane) refused(description string) (gone bool) {
	switch description {
	case "Message Size Exceeds MaxBytes":
		l.oversize = l.whole
		l.end()
	case "Batch Completed":
		l.end()
	default: // consumer deleted, leadership change, server shutdown, limits
		l.refusal, l.refusals = description, l.refusals+1
		l.pause()
	}
	return description == "Consumer Deleted"
}

func (l *lane) pause() {
	l.end()
	l.notBefore = time.Now().Add(retryPause)
}

// lost ends the request under way: the link it was made on is gone.
func (l *lane) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	l.serial++
}

// refusedAgain is what the server answers to every request, "" where it does not.
func (l *lane) refusedAgain() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusals < 4 {
		return ""
	}
	return l.refusal
}
