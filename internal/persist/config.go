package persist

import (
	"errors"
	"fmt"
	"time"
)

// Config says where returns are kept, and for how long. Salt's own option names are among its keys.
type Config struct {
	Redis Redis `koanf:"redis"`
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

// Redis says how to reach the server.
type Redis struct {
	Mode           string `koanf:"mode"`
	URL            string `koanf:"url"`
	Host           string `koanf:"host"`
	Port           int    `koanf:"port"`
	UnixSocketPath string `koanf:"unix_socket_path"`
	// DB is the number of the database; Salt writes it as text.
	DB           int    `koanf:"db"`
	Username     string `koanf:"username"`
	Password     string `koanf:"password"`
	PasswordFile string `koanf:"password_file"`
	ClientName   string `koanf:"client_name"`

	DialTimeout  time.Duration `koanf:"dial_timeout"`
	ReadTimeout  time.Duration `koanf:"read_timeout"`
	WriteTimeout time.Duration `koanf:"write_timeout"`
	// PoolSize bounds the connections for queries; writing has its own.
	PoolSize int `koanf:"pool_size"`
}

// The defaults of Salt's redis returner, but for the host (Salt: "salt").
const (
	defaultKeepSeconds = 86400
	defaultKeepHours   = 24
)

// DefaultConfig is one Redis on this machine.
func DefaultConfig() Config {
	return Config{
		Redis: Redis{
			Mode: "auto", Host: "127.0.0.1", Port: 6379, ClientName: "returnd",
			DialTimeout: 3 * time.Second, ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second,
			PoolSize: 16,
		},
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
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	const century = 100 * 365 * 24 * 3600
	check(c.KeepJobsSeconds >= 0 && c.KeepJobsSeconds <= century, "keep_jobs_seconds is %d: use seconds from 0 (for ever) to %d", c.KeepJobsSeconds, int64(century))
	check(c.KeepJobs >= 0 && c.KeepJobs <= century/3600, "keep_jobs is %d: use hours from 0 (for ever) to %d", c.KeepJobs, century/3600)
	check(c.LateKeep >= time.Minute, "late_keep is %v: use 1m or more", c.LateKeep)
	check(c.History.Limit >= 1 && c.History.Limit <= 1000, "history.limit is %d: use 1 to 1000", c.History.Limit)
	faults = append(faults, c.Redis.validate())
	return errors.Join(faults...)
}
