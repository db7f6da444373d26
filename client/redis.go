package client

import (
	"context"
	"encoding/json"
	"time"
)

// SetOptions are those of Redis' SET.
type SetOptions struct {
	// Expire is how long the key lives, to the millisecond; 0 is for ever.
	Expire time.Duration
	// NX sets only a key that is not there, XX only one that is.
	NX, XX bool
}

func (o SetOptions) apply(r *request) *request {
	if o.Expire%time.Second == 0 {
		r.number("ex", int(o.Expire/time.Second))
	} else {
		r.number("px", int(max(o.Expire/time.Millisecond, 1)))
	}
	return r.flag("nx", o.NX).flag("xx", o.XX)
}

// RedisSet sets a key to a text or a number, and tells whether it did. The keys that are the returner's are out of reach.
func (c *Client) RedisSet(ctx context.Context, key string, value any, o SetOptions) (bool, error) {
	var set bool
	return set, c.decode(ctx, "redis_set", o.apply(new(request).text("redis_key", key).value("redis_val", value)), &set)
}

// RedisGet gives a key's value as JSON: its text, {"base64": "…"} where that is not UTF-8, null where there is none.
func (c *Client) RedisGet(ctx context.Context, key string) (json.RawMessage, error) {
	return c.call(ctx, "redis_get", new(request).text("redis_key", key))
}

// RedisExecute runs a command on the target: primaries, replicas, all, random or a node; "" is the worker's choice. It gives the merged result.
func (c *Client) RedisExecute(ctx context.Context, target string, command ...string) (json.RawMessage, error) {
	return c.call(ctx, "redis_execute", new(request).texts("redis_cmd", command).optional("target", target))
}
