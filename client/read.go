package client

import (
	"context"
	"encoding/json"
	"iter"

	"returnd/internal/job"
)

// Return is one minion's answer to a job, as published. Body is a window into the part it came in: copy it to keep few of many.
type Return struct {
	Minion string
	Body   json.RawMessage
}

var splitReturns = members(func(minion string, body json.RawMessage) (Return, error) { return Return{minion, body}, nil })

// GetJID gives all returns of a job, by minion.
func (c *Client) GetJID(ctx context.Context, jid string) (map[string]json.RawMessage, error) {
	return byMinion(c.Returns(ctx, jid))
}

// Returns goes through the returns of a job, in no order.
func (c *Client) Returns(ctx context.Context, jid string) iter.Seq2[Return, error] {
	return entries(ctx, c, "get_jid", new(request).text("jid", jid), splitReturns)
}

// ReturnsPage gives some of a job's returns, and the cursor of the next page.
func (c *Client) ReturnsPage(ctx context.Context, jid string, p Page) (returns []Return, next string, err error) {
	return page(ctx, c, "get_jid", new(request).text("jid", jid), p, splitReturns)
}

// GetFun gives each minion's last return of a function, by minion. Several names are the one list of a compound command.
func (c *Client) GetFun(ctx context.Context, funs ...string) (map[string]json.RawMessage, error) {
	return byMinion(c.LastReturns(ctx, funs...))
}

// LastReturns goes through each minion's last return of a function.
func (c *Client) LastReturns(ctx context.Context, funs ...string) iter.Seq2[Return, error] {
	return entries(ctx, c, "get_fun", new(request).fun(funs), splitReturns)
}

// LastReturnsPage gives some minions' last returns, and the cursor of the next page.
func (c *Client) LastReturnsPage(ctx context.Context, p Page, funs ...string) (returns []Return, next string, err error) {
	return page(ctx, c, "get_fun", new(request).fun(funs), p, splitReturns)
}

func (r *request) fun(funs []string) *request {
	if len(funs) == 1 {
		return r.text("fun", funs[0])
	}
	return r.texts("fun", funs)
}

func byMinion(returns iter.Seq2[Return, error]) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for ret, err := range returns {
		if err != nil {
			return nil, err
		}
		all[ret.Minion] = ret.Body
	}
	return all, nil
}

// GetLoad gives what a job was published with; nil where there is none.
func (c *Client) GetLoad(ctx context.Context, jid string) (json.RawMessage, error) {
	load, err := c.call(ctx, "get_load", new(request).text("jid", jid))
	if err != nil || string(load) == "{}" {
		return nil, err
	}
	return load, nil
}

// GetMinions gives the ids of all minions that ever returned, in no order.
func (c *Client) GetMinions(ctx context.Context) ([]string, error) {
	var all []string
	for minion, err := range c.Minions(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, minion)
	}
	return all, nil
}

// Minions goes through the ids of all minions that ever returned.
func (c *Client) Minions(ctx context.Context) iter.Seq2[string, error] {
	return entries(ctx, c, "get_minions", new(request), texts)
}

// MinionsPage gives some minions' ids, and the cursor of the next page.
func (c *Client) MinionsPage(ctx context.Context, p Page) (minions []string, next string, err error) {
	return page(ctx, c, "get_minions", new(request), p, texts)
}

// Past is one job in a minion's history.
type Past struct {
	JID string `json:"jid"`
	// Fun is the function; of a compound command, what Python writes for the list: ['test.ping', 'cmd.run'].
	Fun string `json:"fun"`
}

// GetHistory gives a minion's latest jobs, greatest jid first; limit 0 is all that is kept.
func (c *Client) GetHistory(ctx context.Context, minion string, limit int) ([]Past, error) {
	var history []Past
	return history, c.decode(ctx, "get_history", new(request).text("minion", minion).number("limit", limit), &history)
}

// GetEndTime gives what UpdateEndTime was told of a job, "" where it was not.
func (c *Client) GetEndTime(ctx context.Context, jid string) (string, error) {
	raw, err := c.call(ctx, "get_endtime", new(request).text("jid", jid))
	if err != nil {
		return "", err
	}
	text, _ := job.String(raw) // false or null where there is none: Salt's other returners differ in that
	return text, nil
}
