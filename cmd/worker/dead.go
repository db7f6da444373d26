package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"returnd/internal/cfg"
	"returnd/internal/consume"
	"returnd/internal/job"
)

const deadHelp = `Dead letters are what could never be stored: the original bytes and headers, with the reason. They wait in the stream
<stream.name>_DEAD until somebody has looked at them. docs/operations.md has a table of the reasons and their remedies.

  worker dead ls                       what there is
  worker dead show 17                  one of them, whole
  worker dead replay --reason identity publish them again under their old subjects, now that the cause is gone
  worker dead purge 17                 remove one of them`

func newDead() *cobra.Command {
	cmd := &cobra.Command{Use: "dead", Short: "Look at dead letters, publish them again, remove them", Long: deadHelp}
	cmd.AddCommand(newDeadList(), newDeadShow(), newDeadReplay(), newDeadPurge())
	return cmd
}

// letterbox is the stream of dead letters, and a connection to it.
type letterbox struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	stream   string
	subjects job.Subjects
}

// withLetters connects, has something done, and closes the connection.
func withLetters(cmd *cobra.Command, do func(ctx context.Context, b *letterbox) error) error {
	c, log, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	nc, err := connectNATS(c.NATS, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	b := &letterbox{nc: nc, js: js, stream: c.Stream.Dead(), subjects: job.NewSubjects(c.Subjects.Prefix)}
	return b.explain(c, do(cmd.Context(), b))
}

func (b *letterbox) explain(c cfg.Config, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("there is no stream %s: no worker has run here yet, or stream.name (%s) is another one", b.stream, c.Stream.Name)
	}
	return err
}

// selection says which letters are meant: those with these sequences, or of this reason, or all.
type selection struct {
	sequences []uint64
	reason    string
	all       bool
}

func (s *selection) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.reason, "reason", "", "those of this reason")
	cmd.Flags().BoolVar(&s.all, "all", false, "all of them")
}

// parse takes the arguments; one way of choosing must be used, and no more.
func (s *selection) parse(args []string) error {
	for _, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || n == 0 {
			return usage(fmt.Errorf("%q is no sequence: use the numbers that 'worker dead ls' shows", arg))
		}
		s.sequences = append(s.sequences, n)
	}
	if err := checkReason(s.reason); err != nil {
		return err
	}
	if ways := count(len(args) > 0, s.reason != "", s.all); ways != 1 {
		return usage(errors.New("say which letters are meant: sequences, --reason or --all, one of them"))
	}
	return nil
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func checkReason(reason string) error {
	if reason == "" || slices.Contains(job.Reasons(), job.Reason(reason)) {
		return nil
	}
	var names []string
	for _, r := range job.Reasons() {
		names = append(names, string(r))
	}
	return usage(fmt.Errorf("--reason is %q: use one of %s", reason, strings.Join(names, ", ")))
}

func (s *selection) has(l consume.Letter) bool {
	return s.all || s.reason != "" && l.Reason == s.reason || slices.Contains(s.sequences, l.Sequences[0])
}

func newDeadList() *cobra.Command {
	var reason, output string
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List dead letters, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(checkReason(reason), checkListOutput(output)); err != nil {
				return err
			}
			return withLetters(cmd, func(ctx context.Context, b *letterbox) error {
				return b.list(ctx, cmd.OutOrStdout(), reason, output)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "those of this reason")
	cmd.Flags().StringVarP(&output, "output", "o", outputTable, "table, or json: one object a line")
	return cmd
}

func checkListOutput(output string) error {
	if output == outputTable || output == outputJSON {
		return nil
	}
	return usage(fmt.Errorf("--output is %q: use table or json", output))
}

// letterRow is a letter in a list. It shows no payload.
type letterRow struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
	Subject string    `json:"subject"`
	Bytes   int       `json:"bytes"`
	Detail  string    `json:"detail"`
	Fault   string    `json:"fault,omitempty"` // why it cannot be read back
}

func (b *letterbox) list(ctx context.Context, out io.Writer, reason, output string) error {
	g := &grid{header: []string{"SEQ", "TIME", "REASON", "BYTES", "SUBJECT", "DETAIL"}}
	reasons := map[string]int{}
	err := consume.ReadLetters(ctx, b.js, b.stream, func(l consume.Letter, fault error) error {
		if reason != "" && l.Reason != reason {
			return nil
		}
		row := letterRow{l.Sequences[0], l.Published, l.Reason, l.Subject, len(l.Body), l.Detail, ""}
		if fault != nil {
			row.Fault = fault.Error()
		}
		reasons[l.Reason]++
		if output == outputJSON {
			return json.NewEncoder(out).Encode(row)
		}
		detail := strings.TrimSuffix(row.Detail+"; "+row.Fault, "; ")
		g.rows = append(g.rows, []string{
			strconv.FormatUint(row.Seq, 10), row.Time.Format(time.DateTime), row.Reason, strconv.Itoa(row.Bytes), visible(row.Subject), visible(detail),
		})
		return nil
	})
	switch {
	case err != nil || output == outputJSON:
		return err
	case len(g.rows) == 0:
		_, err = fmt.Fprintln(out, "no dead letters")
		return err
	}
	var sums []string
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		sums = append(sums, fmt.Sprintf("%d %s", reasons[r], r))
	}
	return g.writeWith(out, screenOf(out), strings.Join(sums, ", "))
}

func newDeadShow() *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "show SEQ",
		Short: "Show one dead letter: why it is here, its headers, its body",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s selection
			if err := s.parse(args); err != nil {
				return err
			}
			return withLetters(cmd, func(ctx context.Context, b *letterbox) error {
				l, fault, err := b.find(ctx, s)
				if err != nil {
					return err
				}
				return errors.Join(showLetter(cmd.OutOrStdout(), l, raw), fault)
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "the body alone, as it was published")
	return cmd
}

// find gives the one letter that is meant, with what is wrong with it.
func (b *letterbox) find(ctx context.Context, s selection) (found consume.Letter, fault, err error) {
	enough := errors.New("found")
	err = consume.ReadLetters(ctx, b.js, b.stream, func(l consume.Letter, f error) error {
		if !s.has(l) {
			return nil
		}
		found, fault = l, f
		return enough
	})
	switch {
	case errors.Is(err, enough):
		return found, fault, nil
	case err == nil:
		err = fmt.Errorf("there is no dead letter %d: 'worker dead ls' shows what there is", s.sequences[0])
	}
	return found, nil, err
}

func showLetter(out io.Writer, l consume.Letter, raw bool) error {
	if raw {
		_, err := out.Write(l.Body)
		return err
	}
	s := screenOf(out)
	var b strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&b, "%s  %s\n", s.paint(faint, fmt.Sprintf("%-9s", name)), visible(value))
	}
	line("reason", l.Reason)
	line("detail", l.Detail)
	line("subject", l.Subject)
	line("published", fmt.Sprintf("%s, sequence %d", l.Published.Format(time.RFC3339Nano), l.Sequence))
	for _, name := range slices.Sorted(maps.Keys(l.Header)) {
		for _, value := range l.Header[name] {
			line("header", name+": "+value)
		}
	}
	line("body", fmt.Sprintf("%d bytes", len(l.Body)))
	b.WriteByte('\n')
	switch {
	case job.Validate(l.Body) == nil:
		if _, err := io.WriteString(out, b.String()); err != nil {
			return err
		}
		return s.json(out, job.Strict(l.Body))
	case utf8.Valid(l.Body):
		b.WriteString(visible(string(l.Body)) + "\n")
	default:
		b.WriteString("(no text; --raw writes it as it is)\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
