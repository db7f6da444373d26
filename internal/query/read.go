package query

import (
	"context"

	"returnd/internal/job"
)

// getJID gives {minion: ret}.
func (s *Service) getJID(ctx context.Context, in *request, out *reply) error {
	profile, jid := in.profile(), in.jid("jid")
	if err := in.err(); err != nil {
		return err
	}
	out.open('{')
	defer out.close('}')
	_, err := s.store.Returns(ctx, profile, jid, "", out.stored)
	return err
}

// getFun gives {minion: its last ret of that function}.
func (s *Service) getFun(ctx context.Context, in *request, out *reply) error {
	profile, fun := in.profile(), in.fun("fun")
	if err := in.err(); err != nil {
		return err
	}
	out.open('{')
	defer out.close('}')
	_, err := s.store.LastReturns(ctx, profile, fun, "", out.stored)
	return err
}

// getMinions gives a list of ids, in no order.
func (s *Service) getMinions(ctx context.Context, in *request, out *reply) error {
	profile := in.profile()
	if err := in.err(); err != nil {
		return err
	}
	out.open('[')
	defer out.close(']')
	_, err := s.store.Minions(ctx, profile, "", out.element)
	return err
}

// getLoad gives the load, {} where there is none.
func (s *Service) getLoad(ctx context.Context, in *request, out *reply) error {
	profile, jid := in.profile(), in.jid("jid")
	if err := in.err(); err != nil {
		return err
	}
	load, err := s.store.Load(ctx, profile, jid)
	switch {
	case err != nil:
		return err
	case load == nil:
		return out.value([]byte("{}"))
	case job.Validate(load) != nil:
		out.skipped++
		return out.value([]byte("{}"))
	}
	return out.value(job.Strict(load))
}

// getJIDs gives {jid: entry}, newest first. Salt keys an entry by the load's own jid; where two loads claim one, the
// newer stands and the other is counted with the bad ones: a JSON object must not hold a name twice.
func (s *Service) getJIDs(ctx context.Context, in *request, out *reply) error {
	profile := in.profile()
	if err := in.err(); err != nil {
		return err
	}
	seen := map[string]bool{}
	out.open('{')
	defer out.close('}')
	_, err := s.store.Jobs(ctx, profile, job.Span{}, "", func(jid string, load []byte) error {
		e, ok := parseEntry(jid, load)
		if !ok || seen[e.jid] {
			out.skipped++
			return nil
		}
		seen[e.jid] = true
		return out.member(e.jid, e.appendTo(nil))
	})
	return err
}
