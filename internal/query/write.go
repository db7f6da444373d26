package query

import (
	"context"
	"fmt"
	"slices"

	"returnd/internal/job"
)

// null is what functions answer that give nothing in Salt.
var null = []byte("null")

// saveLoad keeps a job's load, with the minions that Salt's own returner drops (salt#20108).
func (s *Service) saveLoad(ctx context.Context, in *request, out *reply) error {
	profile, jid, body, minions := in.profile(), in.jid("jid"), in.object("load"), in.minions("minions")
	if err := in.err(); err != nil {
		return err
	}
	if jid == job.JIDNoCache {
		return out.value(null)
	}
	load, err := job.ParseLoad(jid, body)
	if err != nil {
		return err
	}
	load.Minions, load.Profile = union(load.Minions, minions), profile
	return s.write(ctx, job.Entry{Load: &load}, out)
}

// union keeps the order that the store expects: sorted, nobody twice.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// saveMinions adds to the minions a job is expected to run on; a syndic sends its own share of them.
func (s *Service) saveMinions(ctx context.Context, in *request, out *reply) error {
	profile, jid, minions := in.profile(), in.jid("jid"), in.minions("minions")
	in.need("minions")
	in.text("syndic_id")
	if err := in.err(); err != nil {
		return err
	}
	switch {
	case jid == job.JIDRequest:
		return job.Reject(job.ReasonJIDReq, "the jid is the request for one")
	case jid == job.JIDNoCache || len(minions) == 0:
		return out.value(null)
	}
	if err := s.store.SaveMinions(ctx, profile, jid, union(nil, minions)); err != nil {
		return err
	}
	return out.value(null)
}

// returner keeps one return and answers after the write. Whoever may call it can write for any minion.
func (s *Service) returner(ctx context.Context, in *request, out *reply) error {
	profile, body := in.profile(), in.object("ret")
	if err := in.err(); err != nil {
		return err
	}
	ret, err := job.ParseReturn(body)
	if err != nil {
		return err
	}
	if ret.JID == job.JIDNoCache {
		return out.value(null)
	}
	if profile != "" { // the caller knows better than the return
		ret.Profile = profile
	}
	return s.write(ctx, job.Entry{Return: ret}, out)
}

// write keeps one entry, started now at the latest.
func (s *Service) write(ctx context.Context, entry job.Entry, out *reply) error {
	now, err := s.store.Now(ctx)
	if err != nil {
		return err
	}
	entry.Published = now
	for _, err := range s.store.Write(ctx, []job.Entry{entry}) {
		if err != nil {
			return err
		}
	}
	return out.value(null)
}

// maxTries bounds the search for a free jid. Two replicas meet only within one microsecond, and then once.
const maxTries = 32

// prepJID gives a jid that no other caller gets. What the caller passed is given back as it is: it is the caller's
// own, perhaps of a job that already runs. With nocache nothing will be stored, so there is nothing to reserve.
func (s *Service) prepJID(ctx context.Context, in *request, out *reply) error {
	profile, nocache := in.profile(), in.flag("nocache")
	passed, given := in.given("passed_jid")
	if given {
		in.jid("passed_jid")
	}
	if err := in.err(); err != nil {
		return err
	}
	if given {
		return out.value(passed)
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		return err
	}
	for range maxTries {
		jid := s.jids.Next(now)
		free, err := s.free(ctx, profile, jid, nocache)
		if err != nil {
			return fmt.Errorf("reserve a jid: %w", err)
		}
		if free {
			return out.value(job.AppendString(nil, jid))
		}
	}
	return fail(codeUnavailable, "no free jid after %d tries: try again in a second", maxTries)
}

func (s *Service) free(ctx context.Context, profile, jid string, nocache bool) (bool, error) {
	if nocache {
		return true, nil
	}
	return s.store.Reserve(ctx, profile, jid)
}
