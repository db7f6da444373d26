package query

import (
	"context"
	"strconv"
	"unicode/utf8"

	"returnd/internal/job"
)

// progressRoom is for what stands behind the missing minions: three numbers of 20 digits and a word are 119 bytes.
const progressRoom = 128

// getProgress tells how far a job has come. The numbers are known last, so that in parts only the last one has them, and
// the others hold nothing but missing minions.
func (s *Service) getProgress(ctx context.Context, in *request, out *reply) error {
	profile, jid := in.profile(), in.jid("jid")
	if err := in.err(); err != nil {
		return err
	}
	out.reserve(progressRoom)
	out.begin(`{"missing": [`, `]}`)
	progress, err := s.store.Progress(ctx, profile, jid, out.element)
	if err != nil {
		return err
	}
	out.progress(progress)
	return nil
}

// progress writes the numbers behind the list; without a list, where nobody knows whom the job was meant for.
func (r *reply) progress(p job.Progress) {
	counts := []byte(`"returned": ` + strconv.Itoa(p.Returned) + `, "failed": ` + strconv.Itoa(p.Failed))
	if !p.Known {
		r.body, r.closing = append(r.body[:0], '{'), string(counts)+"}"
		return
	}
	r.closing = `], "expected": ` + strconv.Itoa(p.Expected) + `, ` + string(counts) + `, "complete": ` + strconv.FormatBool(p.Complete) + `}`
}

// maxEndTime bounds the text that is kept of a job's end.
const maxEndTime = 64

// updateEndTime notes when a job has ended, in the caller's own words, as Salt does.
func (s *Service) updateEndTime(ctx context.Context, in *request, out *reply) error {
	profile, jid, text := in.profile(), in.jid("jid"), in.time("time")
	if err := in.err(); err != nil {
		return err
	}
	switch jid {
	case job.JIDRequest:
		return job.Reject(job.ReasonJIDReq, "the jid is the request for one")
	case job.JIDNoCache:
		return out.value(null)
	}
	if err := s.store.SetEndTime(ctx, profile, jid, text); err != nil {
		return err
	}
	return out.value(null)
}

// getEndTime gives what update_endtime was told, and as Salt's local cache false where that was nothing.
func (s *Service) getEndTime(ctx context.Context, in *request, out *reply) error {
	profile, jid := in.profile(), in.jid("jid")
	if err := in.err(); err != nil {
		return err
	}
	text, err := s.store.EndTime(ctx, profile, jid)
	switch {
	case err != nil:
		return err
	case text == "":
		return out.value([]byte("false"))
	case !utf8.ValidString(text):
		out.skipped++
		return out.value([]byte("false"))
	}
	return out.value(job.AppendString(nil, text))
}
