package persist

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

func asRefusal(err error) *job.Refusal {
	var refused *job.Refusal
	_ = errors.As(err, &refused)
	return refused
}

// faultOf gives the error of a caller's command its meaning. Unlike classify it hands the server's text on: it is about
// what the caller wrote. chosen tells that the caller has chosen the server.
func faultOf(err error, name string, chosen bool) error {
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return nil
	case errors.Is(err, errTooLarge):
		return job.Refuse(job.RefusedTooLarge, "the reply of %s does not fit one message of the NATS server: ask for less", name)
	case errors.Is(err, job.ErrUnavailable) || asRefusal(err) != nil:
		return err
	case errors.Is(err, redis.ErrPoolTimeout), !isReply(err) && changesNothing(name):
		return unavailable(err)
	case !isReply(err):
		return job.Refuse(job.RefusedUnavailable, "the connection to Redis broke before its answer to %s: whether it was done is not known; look before you try again", name)
	}
	return replyFault(err.Error(), name, chosen)
}

// changesNothing tells what may be asked again without a thought: redis_get, and our own questions about a command.
func changesNothing(name string) bool { return name == "get" || name == "command" }

func replyFault(text, name string, chosen bool) error {
	code, _, _ := strings.Cut(text, " ")
	remedy, known := remedies[code]
	switch {
	case code == "NOPERM" || strings.Contains(text, remedies["NOPERM"]):
		return noPermission(text, name)
	case chosen && code == "MOVED":
		return job.Refuse(job.RefusedMalformed, "the server chosen by target does not keep the key: leave target out")
	case chosen && code == "READONLY":
		return job.Refuse(job.RefusedMalformed, "%s writes, and the server chosen by target is a replica: leave target out", name)
	case known && code != "NOSCRIPT":
		return fmt.Errorf("%w: %s (%s)", job.ErrUnavailable, remedy, code)
	case strings.Contains(text, "max number of clients"):
		return fmt.Errorf("%w: %s", job.ErrUnavailable, phrases["max number of clients"])
	}
	return job.Refuse(job.RefusedMalformed, "Redis: %s", text)
}

// noPermission says what the operator has to add: the documented permissions are those for returns.
func noPermission(text, name string) error {
	missing := "+" + strings.ReplaceAll(name, " ", "|")
	if !strings.Contains(text, "to run") {
		missing = "~ and a pattern for the key"
	}
	return job.Refuse(job.RefusedUnavailable, "the worker's Redis user lacks a permission for %s: add %s to it by ACL SETUSER, see docs/operations.md", name, missing)
}
