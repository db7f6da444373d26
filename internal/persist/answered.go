package persist

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// answered sends a pipeline. Each command has its own answer, and what was not answered has an error: where the login of a new
// connection is refused, the client library gives the pipeline an error, and its commands neither that nor an answer.
func answered(ctx context.Context, pipe redis.Pipeliner) error {
	cmds, err := pipe.Exec(ctx)
	if err == nil {
		return nil
	}
	for _, cmd := range cmds {
		if cmd.Err() != nil {
			return err
		}
	}
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
