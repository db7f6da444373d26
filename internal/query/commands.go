package query

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"returnd/internal/job"
)

// Commander gives callers' own commands to Redis. Its errors are those of a Store, and *job.Refusal.
type Commander interface {
	// Set is false where the options kept it from setting.
	Set(ctx context.Context, at job.Access, key, value string, o job.SetOptions) (bool, error)
	// Get is nil where there is no such key.
	Get(ctx context.Context, at job.Access, key string) ([]byte, error)
	// Execute gives the reply as nil, bool, int64, float64, *big.Int, string, error, []any or map[any]any of such.
	Execute(ctx context.Context, at job.Access, c job.Command) (any, error)
}

// access is what the settings open to callers' commands.
func (s *Service) access(profile string, out *reply) job.Access {
	return job.Access{Profile: profile, Open: s.cfg.RedisExecute.Keys, Limit: out.limit}
}

// redisSet gives true, or false where nx or xx kept it from setting.
func (s *Service) redisSet(ctx context.Context, in *request, out *reply) error {
	profile, key, value, o := in.profile(), in.key("redis_key"), in.scalar("redis_val"), in.setOptions()
	if err := in.err(); err != nil {
		return err
	}
	done, err := s.store.Set(ctx, s.access(profile, out), key, value, o)
	if err != nil {
		return refusal(ctx, err)
	}
	return out.value(strconv.AppendBool(nil, done))
}

// redisGet gives the value, null where there is none.
func (s *Service) redisGet(ctx context.Context, in *request, out *reply) error {
	profile, key := in.profile(), in.key("redis_key")
	if err := in.err(); err != nil {
		return err
	}
	value, err := s.store.Get(ctx, s.access(profile, out), key)
	if err != nil {
		return refusal(ctx, err)
	}
	if value == nil {
		return out.value(null)
	}
	return out.value(appendText(nil, string(value)))
}

// redisExecute gives the reply of an allowed command.
func (s *Service) redisExecute(ctx context.Context, in *request, out *reply) error {
	profile, args, target := in.profile(), in.command("redis_cmd"), in.text("target")
	if err := in.err(); err != nil {
		return err
	}
	command := job.Command{Args: args, Target: target}
	if err := s.cfg.RedisExecute.permit(command); err != nil {
		return err
	}
	result, err := s.store.Execute(ctx, s.access(profile, out), command)
	if err != nil {
		return refusal(ctx, err)
	}
	return out.value(appendReply(nil, result))
}

// refusal turns the store's own words for the caller into an answer. Not those for work that was cut off.
func refusal(ctx context.Context, err error) error {
	var refused *job.Refusal
	if !errors.As(err, &refused) || ctx.Err() != nil && refused.Kind == job.RefusedUnavailable {
		return err
	}
	codes := map[job.Refused]int{
		job.RefusedMalformed: codeMalformed, job.RefusedForbidden: codeForbidden,
		job.RefusedTooLarge: codeTooLarge, job.RefusedUnavailable: codeUnavailable,
	}
	return fail(codes[refused.Kind], "%s", refused.Detail)
}

// key is a text or number that must be there.
func (in *request) key(name string) string {
	key := in.scalar(name)
	if key == "" {
		in.blame("%s must not be empty", name)
	}
	return key
}

// scalar is a text, or a number as the caller wrote it. Booleans have no one text in Redis: redis-py refuses them too.
func (in *request) scalar(name string) string {
	value, ok := in.need(name)
	if !ok {
		return ""
	}
	text, ok := scalarText(value)
	if !ok {
		in.blame("%s must be a string or a number", name)
	}
	return text
}

func scalarText(value []byte) (string, bool) {
	if text, ok := job.String(value); ok {
		return text, true
	}
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') || string(value) == "-Infinity" {
		return "", false
	}
	return string(value), true
}

func (in *request) setOptions() job.SetOptions {
	o := job.SetOptions{IfMissing: in.flag("nx"), IfPresent: in.flag("xx")}
	ex, px := in.duration("ex", time.Second), in.duration("px", time.Millisecond)
	o.Expire = max(ex, px)
	if ex > 0 && px > 0 {
		in.blame("ex and px are both given: use one")
	}
	if o.IfMissing && o.IfPresent {
		in.blame("nx and xx are both given: use one")
	}
	return o
}

// duration is an optional number of units, above zero; as text too, which is how command lines write numbers.
func (in *request) duration(name string, unit time.Duration) time.Duration {
	value, ok := in.given(name)
	if !ok {
		return 0
	}
	text, _ := scalarText(value)
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 || number > math.MaxInt64/int64(unit) {
		in.blame("%s must be a whole number from 1 to %d", name, math.MaxInt64/int64(unit))
		return 0
	}
	return time.Duration(number) * unit
}

// command is a command line, or its words.
func (in *request) command(name string) []string {
	value, ok := in.need(name)
	if !ok {
		return nil
	}
	line, whole := job.String(value)
	var words []string
	var err error
	if whole {
		words, err = splitCommand(line)
	} else {
		err = job.Elements(value, func(element []byte) error {
			word, ok := scalarText(element)
			if !ok {
				return malformed("no scalar")
			}
			words = append(words, word)
			return nil
		})
	}
	switch {
	case whole && err != nil:
		in.blame("%s: %v", name, err)
	case err != nil:
		in.blame("%s must be a string, or a list of strings and numbers", name)
	case len(words) == 0 || words[0] == "":
		in.blame("%s must name a command", name)
	}
	return words
}
