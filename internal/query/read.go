package query

import (
	"context"

	"returnd/internal/job"
)

// getJID gives {minion: ret}.
func (s *Service) getJID(ctx context.Context, in *request, out *reply) error {
	profile, jid, cursor := in.profile(), in.jid("jid"), out.paged(in)
	if err := in.err(); err != nil {
		return err
	}
	out.begin("{", "}")
	return out.ended(s.store.Returns(ctx, profile, jid, cursor, out.stored))
}

// getFun gives {minion: its last ret of that function}.
func (s *Service) getFun(ctx context.Context, in *request, out *reply) error {
	profile, fun, cursor := in.profile(), in.fun("fun"), out.paged(in)
	if err := in.err(); err != nil {
		return err
	}
	out.begin("{", "}")
	return out.ended(s.store.LastReturns(ctx, profile, fun, cursor, out.stored))
}

// getMinions gives a list of ids, in no order.
func (s *Service) getMinions(ctx context.Context, in *request, out *reply) error {
	profile, cursor := in.profile(), out.paged(in)
	if err := in.err(); err != nil {
		return err
	}
	out.begin("[", "]")
	return out.ended(s.store.Minions(ctx, profile, cursor, out.element))
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

// getHistory gives a minion's latest jobs, greatest jid first: [{"jid": …, "fun": …}]. Without a limit it is all that is
// kept.
func (s *Service) getHistory(ctx context.Context, in *request, out *reply) error {
	profile, minion, limit := in.profile(), in.minion("minion"), in.count("limit", maxLimit)
	if err := in.err(); err != nil {
		return err
	}
	if limit == 0 {
		limit = maxLimit
	}
	history, err := s.store.History(ctx, profile, minion, limit)
	if err != nil {
		return err
	}
	out.begin("[", "]")
	for _, past := range history {
		if err := out.past(past); err != nil {
			return err
		}
	}
	return nil
}

// past adds a job of a history. The name of a compound command is the text that Python's repr makes of its list.
func (r *reply) past(p job.Past) error {
	if err := r.examine(len(p.JID) + len(p.Fun)); err != nil {
		return err
	}
	r.entry = job.AppendString(append(r.entry[:0], `{"jid": `...), p.JID)
	r.entry = job.AppendString(append(r.entry, `, "fun": `...), p.Fun)
	r.entry = append(r.entry, '}')
	return r.add(p.JID)
}
