package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"returnd/internal/job"
)

// Job is what get_jids tells of one job.
type Job struct {
	JID string
	Entry
}

// Entry describes a job by its load.
type Entry struct {
	// Function is a text, or a list of them for a compound command: see Functions.
	Function  json.RawMessage
	Arguments []json.RawMessage
	// Target is a text, or a list, as TargetType asks for.
	Target     json.RawMessage
	TargetType string
	User       string
	// Metadata is nil where the job has none.
	Metadata json.RawMessage
	// StartTime looks like "2026, Nov 20 08:01:02.123456"; empty where the jid is not a time. See Start.
	StartTime string
}

// Functions gives the names, one but for compound commands.
func (e Entry) Functions() []string {
	if name, ok := job.String(e.Function); ok {
		return []string{name}
	}
	var names []string
	_ = json.Unmarshal(e.Function, &names) // what is neither has no names
	return names
}

// Start is when the job started; false where the jid does not say.
func (e Entry) Start() (time.Time, bool) {
	start, err := time.Parse("2006, Jan 02 15:04:05.000000", e.StartTime)
	return start, err == nil
}

// JobFilter narrows get_jids. Its zero value lets everything pass.
type JobFilter struct {
	// Since and Until bound the starts; a job that started at Until does not count.
	Since, Until time.Time
	// Fun and Target are globs as Python's fnmatch reads them.
	Fun    string
	Target string
	User   string
	// Metadata has members that the job's own must have, and equal.
	Metadata map[string]any
}

func (f JobFilter) request() *request {
	r := new(request).instant("since", f.Since).instant("until", f.Until).
		optional("fun", f.Fun).optional("target", f.Target).optional("user", f.User)
	if len(f.Metadata) > 0 {
		r.value("metadata", f.Metadata)
	}
	return r
}

var splitJobs = members(func(jid string, raw json.RawMessage) (Job, error) {
	entry, err := parseEntry(raw)
	return Job{jid, entry}, err
})

// GetJIDs gives the jobs that have a load, newest first.
func (c *Client) GetJIDs(ctx context.Context, f JobFilter) ([]Job, error) {
	var all []Job
	for j, err := range c.Jobs(ctx, f) {
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	return all, nil
}

// Jobs goes through the jobs that have a load, newest first.
func (c *Client) Jobs(ctx context.Context, f JobFilter) iter.Seq2[Job, error] {
	return entries(ctx, c, "get_jids", f.request(), splitJobs)
}

// JobsPage gives some jobs, and the cursor of the next page. A filtered page may be short, even empty, with more behind it.
func (c *Client) JobsPage(ctx context.Context, f JobFilter, p Page) (jobs []Job, next string, err error) {
	return page(ctx, c, "get_jids", f.request(), p, splitJobs)
}

// GetJIDsFilter gives the newest count jobs, 1 at least, oldest of them first, and without Salt's own saltutil.find_job if asked so.
func (c *Client) GetJIDsFilter(ctx context.Context, count int, filterFindJob bool) ([]Job, error) {
	body, err := c.call(ctx, "get_jids_filter", new(request).value("count", count).value("filter_find_job", filterFindJob))
	if err != nil {
		return nil, err
	}
	var all []Job
	err = job.Elements(body, func(raw []byte) error {
		var named struct{ JID string }
		if err := json.Unmarshal(raw, &named); err != nil {
			return fmt.Errorf("read an entry: %w", err)
		}
		entry, err := parseEntry(raw)
		all = append(all, Job{named.JID, entry})
		return err
	})
	return all, err
}

// parseEntry takes user and target type as text even where a foreign load holds something else.
func parseEntry(raw []byte) (Entry, error) {
	var wire struct {
		Function   json.RawMessage
		Arguments  []json.RawMessage
		Target     json.RawMessage
		TargetType json.RawMessage `json:"Target-type"`
		User       json.RawMessage
		Metadata   json.RawMessage
		StartTime  string
	}
	if len(raw) == 0 || raw[0] != '{' {
		return Entry{}, errors.New("an entry is no object")
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return Entry{}, fmt.Errorf("read an entry: %w", err)
	}
	return Entry{
		Function: wire.Function, Arguments: wire.Arguments, Target: wire.Target, TargetType: textOf(wire.TargetType),
		User: textOf(wire.User), Metadata: wire.Metadata, StartTime: wire.StartTime,
	}, nil
}

// textOf is a string's text, and of anything else its JSON.
func textOf(raw json.RawMessage) string {
	if text, ok := job.String(raw); ok {
		return text
	}
	return string(raw)
}

// Progress tells how far a job has come.
type Progress struct {
	// Known tells whether it is known whom the job was meant for. Where it is not, only Returned and Failed say something.
	Known    bool
	Expected int
	// Returned counts the minions that have returned, expected or not; Failed those among them that say they failed.
	Returned int
	Failed   int
	// Missing are the expected minions that have not returned.
	Missing []string
	// Complete tells that every expected minion has returned.
	Complete bool
}

// GetProgress tells how far a job has come.
func (c *Client) GetProgress(ctx context.Context, jid string) (Progress, error) {
	body, err := new(request).text("jid", jid).encoded(c.profile)
	if err != nil {
		return Progress{}, err
	}
	var p Progress
	for part, err := range c.Parts(ctx, "get_progress", body) {
		if err == nil {
			err = p.add(part.Body)
		}
		if err != nil {
			return Progress{}, fmt.Errorf("read get_progress: %w", err)
		}
	}
	return p, nil
}

// add takes a part: its numbers stand for the ones before, its list goes on with theirs.
func (p *Progress) add(part []byte) error {
	var wire struct {
		Expected         *int
		Returned, Failed int
		Missing          []string
		Complete         bool
	}
	if err := json.Unmarshal(part, &wire); err != nil {
		return err
	}
	p.Returned, p.Failed, p.Complete = wire.Returned, wire.Failed, wire.Complete
	p.Missing = append(p.Missing, wire.Missing...)
	if wire.Expected != nil {
		p.Known, p.Expected = true, *wire.Expected
	}
	return nil
}
