package query

import (
	"context"
	"slices"
	"strings"

	"returnd/internal/job"
)

// getJIDs gives {jid: entry}, newest first.
func (s *Service) getJIDs(ctx context.Context, in *request, out *reply) error {
	profile, cursor, span, want := in.profile(), out.paged(in), in.span(), in.filter()
	if err := in.err(); err != nil {
		return err
	}
	if want.any() {
		out.page.filtered()
	}
	names := &names{store: s.store, profile: profile, claimed: map[string]bool{}}
	out.begin("{", "}")
	return out.ended(s.store.Jobs(ctx, profile, span, cursor, func(key string, load []byte) error {
		if err := out.examine(len(load) + loadCost); err != nil {
			return err
		}
		e, ok, err := names.entry(ctx, key, load)
		if err != nil {
			return err
		}
		if !ok {
			out.skipped++
			return nil
		}
		if !want.match(&e) {
			return nil
		}
		out.entry = e.appendTo(appendName(out.entry[:0], e.jid))
		return out.add(e.jid)
	}))
}

// names gives each job one name. Salt keys an entry by the load's own jid, which a foreign writer may have made another
// than the key's; but a JSON object must not hold a name twice. So a jid belongs to the load under its own key, and only
// where there is none to the newest that claims it; others count with the bad loads.
type names struct {
	store   Reader
	profile string
	claimed map[string]bool
}

// maxClaimed bounds the memory for claims, of which a sound store holds none.
const maxClaimed = 1000

func (n *names) entry(ctx context.Context, key string, load []byte) (e entry, ok bool, err error) {
	e, ok = parseEntry(key, load)
	if !ok || e.jid == key {
		return e, ok, nil
	}
	if n.claimed[e.jid] || len(n.claimed) == maxClaimed {
		return e, false, nil
	}
	owner, err := n.store.Load(ctx, n.profile, e.jid)
	if err != nil || owner != nil {
		return e, false, err
	}
	n.claimed[strings.Clone(e.jid)] = true
	return e, true, nil
}

const (
	// maxCount is the most jobs that get_jids_filter gives: it has to know all of them before the first.
	maxCount = 10_000
	// heldBytes is how much of them it holds; what goes beyond is read again.
	heldBytes = 1 << 20
	findJob   = `"saltutil.find_job"`
)

// listed is a job on its way into a list.
type listed struct {
	key, jid string
	entry    []byte // nil where it was not held
}

// getJIDsFilter gives the newest jobs as Salt's local cache does: a list, ascending, each with its JID.
func (s *Service) getJIDsFilter(ctx context.Context, in *request, out *reply) error {
	profile, count, withoutFind := in.profile(), in.count("count", maxCount), in.flagOr("filter_find_job", true)
	in.need("count")
	if err := in.err(); err != nil {
		return err
	}
	names := &names{store: s.store, profile: profile, claimed: map[string]bool{}}
	out.begin("[", "]")
	jobs, err := s.newest(ctx, names, count, withoutFind, out)
	if err != nil {
		return err
	}
	slices.SortFunc(jobs, func(a, b listed) int { return strings.Compare(a.jid, b.jid) })
	for _, one := range jobs {
		if err := s.list(ctx, names, one, out); err != nil {
			return err
		}
	}
	return nil
}

// newest gathers so many jobs, newest first.
func (s *Service) newest(ctx context.Context, names *names, count int, withoutFind bool, out *reply) ([]listed, error) {
	var jobs []listed
	held := 0
	_, err := s.store.Jobs(ctx, names.profile, job.Span{}, "", func(key string, load []byte) error {
		if len(jobs) == count {
			return job.ErrPageFull
		}
		if err := out.examine(len(load) + loadCost); err != nil {
			return err
		}
		e, ok, err := names.entry(ctx, key, load)
		if err != nil {
			return err
		}
		if !ok {
			out.skipped++
			return nil
		}
		if withoutFind && string(e.fun) == findJob {
			return nil
		}
		one := listed{key: strings.Clone(key), jid: strings.Clone(e.jid)} // not windows into the load
		if held < heldBytes {
			one.entry = e.appendListed(nil)
			held += len(one.entry)
		}
		jobs = append(jobs, one)
		return nil
	})
	return jobs, err
}

// list adds a job, which is read again where it was not held. One that expired meanwhile is not there any more.
func (s *Service) list(ctx context.Context, names *names, one listed, out *reply) error {
	if one.entry == nil {
		load, err := s.store.Load(ctx, names.profile, one.key)
		if err != nil || load == nil {
			return err
		}
		e, ok := parseEntry(one.key, load)
		if !ok {
			out.skipped++
			return nil
		}
		one.entry = e.appendListed(out.entry[:0])
	}
	if err := out.examine(len(one.entry)); err != nil {
		return err
	}
	out.entry = append(out.entry[:0], one.entry...)
	return out.add(one.jid)
}

// appendListed writes the entry with its JID, as it stands in a list.
func (e *entry) appendListed(dst []byte) []byte {
	dst = e.appendTo(dst)
	dst = job.AppendString(append(dst[:len(dst)-1], `, "JID": `...), e.jid)
	return append(dst, '}')
}
