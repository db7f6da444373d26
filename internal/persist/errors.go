package persist

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// remedies of the server's error replies that end by themselves or by an operator's hand, never by dropping a return.
var remedies = map[string]string{
	"LOADING":     "Redis is loading its data",
	"READONLY":    "this Redis is a read-only replica: point redis.* at the primary",
	"CLUSTERDOWN": "the cluster has no owner for this slot",
	"TRYAGAIN":    "slots are migrating",
	"MASTERDOWN":  "the replica has lost its primary",
	"MOVED":       "this Redis is a cluster: set redis.mode to cluster",
	"ASK":         "slots are migrating",
	"OOM":         "Redis is out of memory: raise its maxmemory or shorten keep_jobs_seconds",
	"NOREPLICAS":  "Redis demands more replicas than it has",
	"MISCONF":     "Redis cannot save to disk: see its log",
	"BUSY":        "Redis is running a long script",
	"NOAUTH":      "Redis wants a password: set redis.password_file",
	"WRONGPASS":   "Redis refused user or password: check redis.username and redis.password_file",
	"NOPERM":      "the Redis user lacks a permission: give it the commands and keys of deploy/redis/users.acl",
	"NOSCRIPT":    "the scripts are being loaded again",
}

// classify gives a command's error the meaning the callers act on: nil, a rejection (the entry's own fault),
// job.ErrUnavailable (hold and retry), or the unknown error as it is.
func classify(err error, key string) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	var rejection *job.Rejection
	if errors.As(err, &rejection) {
		return err
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return unavailable(err)
	}
	return classifyReply(reply.Error(), key)
}

// classifyReply does the same for the text of an error reply.
func classifyReply(text, key string) error {
	code, _, _ := strings.Cut(text, " ")
	if code == "WRONGTYPE" {
		return job.Reject(job.ReasonWrongType, "key %s holds a value of another type: rename or delete it, then replay", keyKind(key))
	}
	if remedy, ok := remedies[code]; ok {
		return fmt.Errorf("%w: %s (%s)", job.ErrUnavailable, remedy, code)
	}
	if strings.Contains(text, "max number of clients") {
		return fmt.Errorf("%w: Redis has no connection left: raise its maxclients", job.ErrUnavailable)
	}
	if strings.Contains(text, "invalid password") || strings.Contains(text, "without any password") {
		return fmt.Errorf("%w: Redis refused the password: check redis.password_file", job.ErrUnavailable)
	}
	return fmt.Errorf("redis: %s", text)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", job.ErrUnavailable, err) }

// keyKind names a key's family: the whole key may hold what a stranger sent.
func keyKind(key string) string {
	switch {
	case key == keyMinions, key == keyJobs, key == keySeen:
		return key
	case strings.HasPrefix(key, retPrefix):
		return "ret:<jid>"
	case strings.HasPrefix(key, loadPrefix):
		return "load:<jid>"
	case strings.HasPrefix(key, jobPrefix):
		return jobPrefix + "<jid>"
	case strings.HasPrefix(key, histPrefix):
		return histPrefix + "<minion>"
	}
	return "<minion>:<fun>"
}

func isWrongType(err error) bool {
	var rejection *job.Rejection
	return errors.As(err, &rejection) && rejection.Reason == job.ReasonWrongType
}

// shared turns a rejection over a key that all returns share into a hold: it is no return's own fault.
func shared(err error) error {
	var rejection *job.Rejection
	if errors.As(err, &rejection) {
		return fmt.Errorf("%w: %s", job.ErrUnavailable, rejection.Detail)
	}
	return err
}
