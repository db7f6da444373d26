package persist

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Config says where returns are kept, and for how long. Salt's own option names are among its keys.
type Config struct {
	Redis Redis `koanf:"redis"`
	// Profiles are the alternative targets by name: <name>.redis.*, with what they leave out taken from Redis. Their
	// names are no fixed keys, so that the reader of the configuration fills them in.
	Profiles map[string]Redis `koanf:"-"`
	// KeepJobsSeconds is how long a job is kept from its start; 0 keeps for ever.
	KeepJobsSeconds int64 `koanf:"keep_jobs_seconds"`
	// KeepJobs is the same in hours; it counts only where KeepJobsSeconds is left at its default and KeepJobs is not 24.
	KeepJobs int64 `koanf:"keep_jobs"`
	// LateKeep is how long a return is kept that arrives after its job's keep has passed.
	LateKeep time.Duration `koanf:"late_keep"`
	History  History       `koanf:"history"`
}

// History bounds the lists of each minion's latest jobs.
type History struct {
	Limit int `koanf:"limit"`
}

// The defaults of Salt's redis returner, but for the host (Salt: "salt").
const (
	defaultKeepSeconds = 86400
	defaultKeepHours   = 24
)

// maxProfiles keeps the number of clients, and with it that of connections, within what one process can hold.
const maxProfiles = 64

// DefaultConfig is one Redis on this machine.
func DefaultConfig() Config {
	return Config{
		Redis:           DefaultRedis(),
		KeepJobsSeconds: defaultKeepSeconds,
		KeepJobs:        defaultKeepHours,
		LateKeep:        time.Hour,
		History:         History{Limit: 100},
	}
}

// Keep is how long a job is kept from its start; 0 is for ever.
func (c Config) Keep() time.Duration {
	if c.KeepJobsSeconds == defaultKeepSeconds && c.KeepJobs != defaultKeepHours {
		return time.Duration(c.KeepJobs) * time.Hour
	}
	return time.Duration(c.KeepJobsSeconds) * time.Second
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var f faults
	const century = 100 * 365 * 24 * 3600
	f.check(c.KeepJobsSeconds >= 0 && c.KeepJobsSeconds <= century, "keep_jobs_seconds is %d: use seconds from 0 (for ever) to %d", c.KeepJobsSeconds, int64(century))
	f.check(c.KeepJobs >= 0 && c.KeepJobs <= century/3600, "keep_jobs is %d: use hours from 0 (for ever) to %d", c.KeepJobs, century/3600)
	f.check(c.LateKeep >= time.Minute, "late_keep is %v: use 1m or more", c.LateKeep)
	f.check(c.History.Limit >= 1 && c.History.Limit <= 1000, "history.limit is %d: use 1 to 1000", c.History.Limit)
	f.check(len(c.Profiles) <= maxProfiles, "there are %d profiles: use %d at most, each has connections of its own", len(c.Profiles), maxProfiles)
	return errors.Join(f.at(""), c.checkTargets())
}

// checkTargets leaves out of a profile's faults what it has inherited: that is named once, under redis.
func (c Config) checkTargets() error {
	own := c.Redis.faults()
	errs := []error{own.at("redis.")}
	known := map[string]bool{}
	for _, f := range own {
		known[f.at("").Error()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		for _, f := range c.Profiles[name].faults() {
			if !known[f.at("").Error()] {
				errs = append(errs, f.at(name+".redis."))
			}
		}
	}
	return errors.Join(errs...)
}

// Warnings are what works and yet should be seen by the operator at every start.
func (c Config) Warnings() []string {
	warnings := c.Redis.warnings("redis.")
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		warnings = append(warnings, c.Profiles[name].warnings(name+".redis.")...)
	}
	return warnings
}

func (r Redis) warnings(section string) []string {
	if m, _ := r.merged(); m.TLS.InsecureSkipVerify {
		return []string{section + "tls.insecure_skip_verify is on: whoever stands between the worker and Redis can read the password and every return, and change them"}
	}
	return nil
}
