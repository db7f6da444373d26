package persist

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// unsent gives the commands of a pipeline the error that kept them from being sent. Where a new connection is refused
// with an error reply (a password that has changed), the client library gives it to the pipeline alone: each command
// then looks as if it was done.
type unsent struct{}

func (unsent) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (unsent) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (unsent) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err != nil && !slices.ContainsFunc(cmds, hasError) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

func hasError(cmd redis.Cmder) bool { return cmd.Err() != nil }

// newClient makes a client of one server.
func newClient(o *redis.Options) *redis.Client {
	client := redis.NewClient(o)
	client.AddHook(unsent{})
	return client
}
