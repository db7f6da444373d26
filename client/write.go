package client

import (
	"context"
	"encoding/json"
)

// SaveLoad keeps a job's load, and the minions that it was meant for. The load is stored as it is, without the secrets key and token.
func (c *Client) SaveLoad(ctx context.Context, jid string, load json.RawMessage, minions []string) error {
	return c.done(ctx, "save_load", new(request).text("jid", jid).raw("load", load).texts("minions", minions))
}

// SaveMinions adds to the minions that a job was meant for. syndicID tells whose they are; "" is nobody's in particular.
func (c *Client) SaveMinions(ctx context.Context, jid string, minions []string, syndicID string) error {
	return c.done(ctx, "save_minions", new(request).text("jid", jid).texts("minions", minions).optional("syndic_id", syndicID))
}

// JIDRequest says which jid PrepJID is to give; its zero value is a new one, reserved for the caller.
type JIDRequest struct {
	// NoCache is for a job of which nothing will be stored: the jid is new, and not reserved.
	NoCache bool
	// Passed is given back as it is.
	Passed string
}

// PrepJID gives a jid that no other caller gets.
func (c *Client) PrepJID(ctx context.Context, q JIDRequest) (string, error) {
	var jid string
	return jid, c.decode(ctx, "prep_jid", new(request).flag("nocache", q.NoCache).optional("passed_jid", q.Passed), &jid)
}

// UpdateEndTime notes when a job ended, in the caller's own words.
func (c *Client) UpdateEndTime(ctx context.Context, jid, endtime string) error {
	return c.done(ctx, "update_endtime", new(request).text("jid", jid).text("time", endtime))
}

// Returner keeps one return and answers after the write. Whoever may call it can write for any minion; minions publish instead.
func (c *Client) Returner(ctx context.Context, ret json.RawMessage) error {
	return c.done(ctx, "returner", new(request).raw("ret", ret))
}

// CleanOldJobs runs the cleanup now, or with dryRun only tells what it would do. It gives the worker's report.
func (c *Client) CleanOldJobs(ctx context.Context, dryRun bool) (json.RawMessage, error) {
	return c.call(ctx, "clean_old_jobs", new(request).flag("dry_run", dryRun))
}
