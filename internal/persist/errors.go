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
	"MOVED":       "this Redis is a cluster, or its slots are moving: leave redis.mode at auto, or set it to cluster",
	"DENIED":      "Redis is in protected mode: give it a password, or bind it to the worker's network",
	"UNBLOCKED":   "Redis is changing its role",
	"REDIRECT":    "Redis is changing its role",
	"ASK":         "slots are migrating",
	"OOM":         "Redis is out of memory: raise its maxmemory or shorten keep_jobs_seconds",
	"NOREPLICAS":  "Redis demands more replicas than it has",
	"MISCONF":     "Redis cannot save to disk: see its log",
	"BUSY":        "Redis is running a long script",
	"NOAUTH":      "Redis wants a password: set redis.password_file",
	"WRONGPASS":   "Redis refused user or password: check redis.username and redis.password_file",
	"NOPERM":      "the Redis user lacks a permission: give it the permission line of docs/operations.md",
	"NOSCRIPT":    "the scripts are being loaded again",
	"EXECABORT":   "Redis refused a transaction",
}

// phrases does the same for replies whose code is only ERR.
var phrases = map[string]string{ //nolint:gosec // replies of the server, no credentials
	"max number of clients":    "Redis has no connection left: raise its maxclients",
	"can't run this command":   remedies["NOPERM"],
	"cluster support disabled": "this Redis is no cluster: leave redis.mode at auto, or set it to standalone",
	"SELECT is not allowed":    "a cluster has only database 0: take redis.db out",
	"can't access":             remedies["NOPERM"],
	"unknown command":          "the server lacks a command: use Redis or Valkey 7.0 or later, with no command renamed",
	"AUTH":                     "Redis refused the password, or has none: check redis.password_file",
	"invalid password":         "Redis refused the password: check redis.password_file",
	"without any password":     "Redis has no password: take redis.password_file out",
	"DB index is out of range": "Redis does not have the database: check redis.db against its `databases`",
}

// classify gives a command's error the meaning the callers act on: nil, a rejection (the entry's own fault),
// job.ErrUnavailable (hold and retry), or the unknown error as it is.
func classify(err error, key string) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	var rejection *job.Rejection
	if errors.As(err, &rejection) || errors.Is(err, job.ErrUnavailable) {
		return err
	}
	if !isReply(err) {
		return unavailable(err)
	}
	return classifyReply(err.Error(), key)
}

// confirmed is classify for a write: a nil reply confirms nothing.
func confirmed(err error, key string) error {
	if errors.Is(err, redis.Nil) {
		return unavailable(errors.New("the server gave no answer to a write"))
	}
	return classify(err, key)
}

// classifyReply does the same for the text of an error reply.
func classifyReply(text, key string) error {
	text = strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: ")
	code, _, _ := strings.Cut(text, " ")
	if code == "WRONGTYPE" {
		return job.Reject(job.ReasonWrongType, "key %s holds a value of another type: rename or delete it", keyKind(key))
	}
	if remedy, ok := remedies[code]; ok {
		if code == "NOPERM" { // it names the command or the kind of key
			code = text
		}
		return fmt.Errorf("%w: %s (%s)", job.ErrUnavailable, remedy, code)
	}
	for phrase, remedy := range phrases {
		if strings.Contains(text, phrase) {
			return fmt.Errorf("%w: %s", job.ErrUnavailable, remedy)
		}
	}
	return fmt.Errorf("redis: %s", text)
}

// hold makes an error one that trying again may end, unless it is somebody's own fault: a server that cannot be used at
// all is no return's.
func hold(err error) error {
	var rejection *job.Rejection
	if err == nil || errors.Is(err, job.ErrUnavailable) || errors.As(err, &rejection) {
		return err
	}
	return unavailable(err)
}

func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", job.ErrUnavailable, err) }

// keyOfReturn stands for the keys that the record script writes for one return.
const keyOfReturn = "return"

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
	if key == keyOfReturn {
		return "<minion>:<fun> or " + histPrefix + "<minion>"
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
