package consume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

// streams creates, verifies or leaves alone the two streams, as stream.manage says.
type streams struct {
	cfg      StreamConfig
	subjects job.Subjects
	js       jetstream.JetStream
}

// returns is the stream of returns. Limits retention: a work queue costs the server twice the CPU. New messages are
// refused when it is full: what was acknowledged is never pushed out.
func (s *streams) returns() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.cfg.Name, Subjects: s.subjects.Streams(),
		Description: "Returns of jobs, and the jobs' loads, on their way to Redis",
		Storage:     jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxAge: s.cfg.MaxAge, MaxBytes: s.cfg.MaxBytes, MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1,
		Replicas: s.cfg.Replicas, AllowDirect: true,
	}
}

func (s *streams) dead() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.cfg.Dead(), Subjects: []string{s.subjects.DeadAll()},
		Description: "Returns that cannot be stored, each with its reason",
		Storage:     jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxAge: 0, MaxBytes: -1, MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1,
		Replicas: s.cfg.Replicas, AllowDirect: true,
	}
}

// errMissing says that a stream is not there.
var errMissing = errors.New("stream is missing")

// ensure brings both streams into being, or says what is wrong with them. Once they have been there, a missing one is
// never created again: what it held is lost, and that is for a person to decide.
func (s *streams) ensure(ctx context.Context, first bool) error {
	for _, want := range []jetstream.StreamConfig{s.returns(), s.dead()} {
		if err := s.ensureOne(ctx, want, first); err != nil {
			return err
		}
	}
	return nil
}

func (s *streams) ensureOne(ctx context.Context, want jetstream.StreamConfig, first bool) error {
	stream, err := s.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return s.missing(ctx, want, first)
	}
	if err != nil {
		return fmt.Errorf("look for stream %s: %w", want.Name, err)
	}
	if s.cfg.Manage == ManageOff {
		return nil
	}
	return differs(stream.CachedInfo().Config, want)
}

func (s *streams) missing(ctx context.Context, want jetstream.StreamConfig, first bool) error {
	if s.cfg.Manage != ManageCreate {
		return fmt.Errorf("%w: %s: create it, or set stream.manage to create", errMissing, want.Name)
	}
	if !first {
		return fmt.Errorf("%w: %s was there and is gone, with what it held: restart a worker to create it again, or restore it", errMissing, want.Name)
	}
	_, err := s.js.CreateStream(ctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another replica was faster
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", want.Name, err)
	}
	return nil
}

// differs names what in a stream would break a promise; what is merely another taste is left alone.
func differs(got, want jetstream.StreamConfig) error {
	var faults []string
	fault := func(differ bool, format string, args ...any) {
		if differ {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	slices.Sort(got.Subjects)
	subjects := slices.Sorted(slices.Values(want.Subjects))
	fault(!slices.Equal(got.Subjects, subjects), "its subjects are %s, not %s", strings.Join(got.Subjects, ", "), strings.Join(subjects, ", "))
	fault(got.Storage != want.Storage, "its storage is %s, not file", got.Storage)
	fault(got.Discard != want.Discard, "it discards old messages when full, which loses them: set discard to new")
	fault(got.Retention != want.Retention, "its retention is %s, not limits", got.Retention)
	fault(got.AllowRollup, "it allows roll-ups, by which one publisher can remove others' returns")
	fault(got.AllowMsgTTL, "it allows messages to set their own TTL, and so to be dropped before they are stored")
	fault(got.MaxMsgsPerSubject > 0, "it keeps %d messages a subject, and drops or refuses the others", got.MaxMsgsPerSubject)
	fault(got.NoAck, "it does not acknowledge what is published")
	fault(got.Sealed, "it is sealed")
	fault(got.Mirror != nil || len(got.Sources) > 0, "it mirrors or sources another stream")
	fault(got.SubjectTransform != nil, "it transforms subjects")
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("stream %s cannot be used: %s; edit it, or set stream.manage to off", want.Name, strings.Join(faults, "; "))
}

// consumer creates the durable that all replicas share, or takes up its settings where it is there.
func (c *Consumer) consumer(ctx context.Context) (jetstream.Consumer, error) {
	want := jetstream.ConsumerConfig{
		Durable: c.cfg.Durable, Description: "Workers that write returns to Redis",
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: c.cfg.AckWait, MaxDeliver: -1, MaxAckPending: c.cfg.MaxAckPending, MaxWaiting: 4096,
	}
	if c.streams.cfg.Manage == ManageOff {
		got, err := c.js.Consumer(ctx, c.streams.cfg.Name, c.cfg.Durable)
		if err == nil {
			return got, nil
		}
		if !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("look for consumer %s: %w", c.cfg.Durable, err)
		}
	}
	got, err := c.js.CreateOrUpdateConsumer(ctx, c.streams.cfg.Name, want)
	if err != nil {
		return nil, fmt.Errorf("create consumer %s of stream %s: %w", c.cfg.Durable, c.streams.cfg.Name, err)
	}
	return got, nil
}
