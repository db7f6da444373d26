package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"returnd/internal/consume"
	"returnd/internal/job"
)

// replayTimeout bounds the wait for the stream's acknowledgement of one letter.
const replayTimeout = 5 * time.Second

func newDeadReplay() *cobra.Command {
	var s selection
	var keep bool
	cmd := &cobra.Command{
		Use:   "replay SEQ… | --reason REASON | --all",
		Short: "Publish dead letters again under their old subjects, and remove those that the stream took",
		Long: `Publishes dead letters again under their old subjects, with their old headers but for those of the server itself, and removes
each from the dead letters once the stream has acknowledged it. What is still at fault becomes a dead letter again.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.parse(args); err != nil {
				return err
			}
			return withLetters(cmd, func(ctx context.Context, b *letterbox) error {
				return b.replay(ctx, s, keep, cmd.OutOrStdout())
			})
		},
	}
	s.addFlags(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the letters")
	return cmd
}

// replay publishes the letters that are there now: what dies again meanwhile is not read again.
func (b *letterbox) replay(ctx context.Context, s selection, keep bool, out io.Writer) error {
	stream, err := b.js.Stream(ctx, b.stream)
	if err != nil {
		return err
	}
	done, failed := 0, 0
	err = consume.ReadLetters(ctx, b.js, b.stream, func(l consume.Letter, fault error) error {
		if !s.has(l) {
			return nil
		}
		if fault == nil {
			fault = b.publishAgain(ctx, l)
		}
		if fault == nil && !keep {
			fault = remove(ctx, stream, l)
		}
		if fault == nil {
			done++
			return nil
		}
		failed++
		_, err := fmt.Fprintf(out, "%d: %v\n", l.Sequences[0], fault)
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d published again, %d not: they are still here", done, failed)
	}
	if done == 0 {
		return errors.New("no such dead letter: 'worker dead ls' shows what there is")
	}
	_, err = fmt.Fprintln(out, counted(done, "letter"), "published again")
	return err
}

func (b *letterbox) publishAgain(ctx context.Context, l consume.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	m := l.Original()
	if size, limit := int64(m.Size()), b.nc.MaxPayload(); size > limit {
		return fmt.Errorf("it has %d bytes with its headers, and the server's max_payload is %d", size, limit)
	}
	if _, err := b.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("publish it again: %w", err)
	}
	return nil
}

func remove(ctx context.Context, stream jetstream.Stream, l consume.Letter) error {
	for _, sequence := range l.Sequences {
		if err := stream.DeleteMsg(ctx, sequence); err != nil {
			return fmt.Errorf("remove it: %w", err)
		}
	}
	return nil
}

func newDeadPurge() *cobra.Command {
	var s selection
	cmd := &cobra.Command{
		Use:   "purge SEQ… | --reason REASON | --all",
		Short: "Remove dead letters for good",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.parse(args); err != nil {
				return err
			}
			return withLetters(cmd, func(ctx context.Context, b *letterbox) error {
				n, err := b.purge(ctx, s)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), counted(n, "letter"), "removed")
				return err
			})
		},
	}
	s.addFlags(cmd)
	return cmd
}

func (b *letterbox) purge(ctx context.Context, s selection) (removed int, err error) {
	stream, err := b.js.Stream(ctx, b.stream)
	if err != nil {
		return 0, err
	}
	if len(s.sequences) == 0 {
		return b.purgeMany(ctx, stream, s)
	}
	for _, sequence := range s.sequences {
		l, _, err := b.find(ctx, selection{sequences: []uint64{sequence}})
		if err != nil {
			return removed, err
		}
		if err := remove(ctx, stream, l); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// purgeMany leaves it to the server. A letter in parts counts once a part.
func (b *letterbox) purgeMany(ctx context.Context, stream jetstream.Stream, s selection) (removed int, err error) {
	var options []jetstream.StreamPurgeOpt
	if s.reason != "" {
		options = append(options, jetstream.WithPurgeSubject(b.subjects.Dead(job.Reason(s.reason))))
	}
	before := stream.CachedInfo().State.Msgs
	if err := stream.Purge(ctx, options...); err != nil {
		return 0, fmt.Errorf("purge %s: %w", b.stream, err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for the stream of dead letters: %w", err)
	}
	return int(max(before, info.State.Msgs) - info.State.Msgs), nil
}
