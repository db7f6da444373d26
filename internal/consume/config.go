package consume

import (
	"errors"
	"fmt"
	"time"
)

// Config says how returns are pulled, batched and settled.
type Config struct {
	// Durable names the consumer that all replicas share.
	Durable string `koanf:"durable"`
	Batch   Batch  `koanf:"batch"`
	// InFlight is the number of batches being written at once.
	InFlight int `koanf:"in_flight"`
	// AckWait is how long the server waits for a settlement before it delivers again.
	AckWait time.Duration `koanf:"ack_wait"`
	// MaxAckPending bounds the unsettled deliveries of all replicas together.
	MaxAckPending int `koanf:"max_ack_pending"`
	// MaxDeliver is the number of deliveries after which a return is written alone, and dead-lettered if that fails.
	MaxDeliver int `koanf:"max_deliver"`
	// MaxReturnBytes bounds a return, unpacked. It stays 8 KiB below the server's max_payload; 0 takes just that.
	MaxReturnBytes int `koanf:"max_return_bytes"`
	// BufferBytes bounds what one replica holds beyond the batches in flight.
	BufferBytes int `koanf:"buffer_bytes"`
	// VerifySubject demands that subject and body name the same jid and minion.
	VerifySubject bool `koanf:"verify_subject"`
}

// Batch says when a batch is full or due, whichever comes first.
type Batch struct {
	Returns int           `koanf:"returns"`
	Bytes   int           `koanf:"bytes"`
	Wait    time.Duration `koanf:"wait"`
}

// StreamConfig describes the stream of returns and that of the dead letters (its name with _DEAD behind it).
type StreamConfig struct {
	Name     string        `koanf:"name"`
	Manage   string        `koanf:"manage"`
	Replicas int           `koanf:"replicas"`
	MaxAge   time.Duration `koanf:"max_age"`
	// MaxBytes bounds the stream on disk; -1 is no bound.
	MaxBytes int64 `koanf:"max_bytes"`
}

// The values of stream.manage.
const (
	ManageCreate = "create"
	ManageVerify = "verify"
	ManageOff    = "off"
)

// Margin is what a dead letter's own headers may take of the server's max_payload.
const Margin = 8 << 10

// DefaultConfig is fast on two cores: batches of 2048 with two in flight won the measurements in docs/performance.md.
func DefaultConfig() Config {
	return Config{
		Durable:       "returnd",
		Batch:         Batch{Returns: 2048, Bytes: 4 << 20, Wait: 5 * time.Millisecond},
		InFlight:      2,
		AckWait:       30 * time.Second,
		MaxAckPending: 65536,
		MaxDeliver:    20,
		BufferBytes:   8 << 20,
		VerifySubject: true,
	}
}

// DefaultStreamConfig keeps a week of returns.
func DefaultStreamConfig() StreamConfig {
	return StreamConfig{Name: "RETURNS", Manage: ManageCreate, Replicas: 1, MaxAge: 7 * 24 * time.Hour, MaxBytes: -1}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	return errors.Join(
		nameFault("consume.durable", c.Durable),
		rangeFault("consume.batch.returns", c.Batch.Returns, 1, 16384),
		rangeFault("consume.batch.bytes", c.Batch.Bytes, 64<<10, 64<<20),
		durationFault("consume.batch.wait", c.Batch.Wait, 0, time.Second),
		rangeFault("consume.in_flight", c.InFlight, 1, 64),
		durationFault("consume.ack_wait", c.AckWait, time.Second, time.Hour),
		rangeFault("consume.max_ack_pending", c.MaxAckPending, c.Batch.Returns, 1<<24),
		rangeFault("consume.max_deliver", c.MaxDeliver, 1, 1<<20),
		rangeFault("consume.max_return_bytes", c.MaxReturnBytes, 0, 64<<20),
		rangeFault("consume.buffer_bytes", c.BufferBytes, 1<<20, 1<<30),
	)
}

// Validate names every fault at once.
func (c StreamConfig) Validate() error {
	var manage error
	switch c.Manage {
	case ManageCreate, ManageVerify, ManageOff:
	default:
		manage = fmt.Errorf("stream.manage is %q: use create, verify or off", c.Manage)
	}
	var size error
	if c.MaxBytes < -1 || c.MaxBytes == 0 {
		size = fmt.Errorf("stream.max_bytes is %d: use a positive number of bytes, or -1 for no bound", c.MaxBytes)
	}
	return errors.Join(
		nameFault("stream.name", c.Name), manage, size,
		rangeFault("stream.replicas", c.Replicas, 1, 5),
		durationFault("stream.max_age", c.MaxAge, time.Minute, 10*365*24*time.Hour),
	)
}

// Dead names the stream of the dead letters.
func (c StreamConfig) Dead() string { return c.Name + "_DEAD" }

func nameFault(key, name string) error {
	for _, r := range name {
		if r <= ' ' || r == '.' || r == '*' || r == '>' || r == '/' || r == '\\' || r > '~' {
			return fmt.Errorf("%s is %q: use letters, digits, - and _", key, name)
		}
	}
	if name == "" {
		return fmt.Errorf("%s is empty: give it a name", key)
	}
	return nil
}

func rangeFault(key string, got, low, high int) error {
	if got < low || got > high {
		return fmt.Errorf("%s is %d: use %d to %d", key, got, low, high)
	}
	return nil
}

func durationFault(key string, got, low, high time.Duration) error {
	if got < low || got > high {
		return fmt.Errorf("%s is %v: use %v to %v", key, got, low, high)
	}
	return nil
}
