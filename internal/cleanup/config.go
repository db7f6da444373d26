package cleanup

import (
	"errors"
	"fmt"
	"time"

	"returnd/internal/job"
)

// Config says when is swept, and what may go.
type Config struct {
	// Interval is from one sweep's start to the next one's, a tenth more or less; 0 is never, but when told to.
	Interval time.Duration `koanf:"interval"`
	// Lease is after how long a silent sweeper is taken for dead.
	Lease time.Duration `koanf:"lease"`
	// Grace is added to a job's keep before anything of it is removed: for clocks that differ.
	Grace time.Duration `koanf:"grace"`
	// Rate is how many keys are looked at a second; 0 is as fast as it goes.
	Rate int `koanf:"rate"`
	// MinionKeep is after how long without a job a minion is forgotten; 0 is never.
	MinionKeep time.Duration `koanf:"minion_keep"`

	// The switches, one for each kind of thing that is swept; see job.SweepRules.
	Returns   bool `koanf:"returns"`
	Loads     bool `koanf:"loads"`
	Pointers  bool `koanf:"pointers"`
	Minions   bool `koanf:"minions"`
	Histories bool `koanf:"histories"`
	Index     bool `koanf:"index"`
}

// DefaultConfig sweeps everything once an hour, at a rate that Redis does not notice.
func DefaultConfig() Config {
	return Config{
		Interval: time.Hour, Lease: 30 * time.Second, Grace: time.Hour, Rate: 10_000, MinionKeep: 30 * 24 * time.Hour,
		Returns: true, Loads: true, Pointers: true, Minions: true, Histories: true, Index: true,
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	check := func(holds bool, format string, args ...any) {
		if !holds {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	const year = 365 * 24 * time.Hour
	check(c.Interval == 0 || c.Interval >= time.Second && c.Interval <= year, "cleanup.interval is %v: use 1s or more, or 0s for never", c.Interval)
	check(c.Lease >= time.Second && c.Lease <= 10*time.Minute, "cleanup.lease is %v: use 1s to 10m", c.Lease)
	check(c.Grace >= 0 && c.Grace <= year, "cleanup.grace is %v: use 0s or more", c.Grace)
	check(c.Rate >= 0 && c.Rate <= 100_000_000, "cleanup.rate is %d: use keys a second, or 0 for no bound", c.Rate)
	check(c.MinionKeep == 0 || c.MinionKeep >= time.Hour && c.MinionKeep <= 100*year, "cleanup.minion_keep is %v: use 1h or more, or 0s for ever", c.MinionKeep)
	return errors.Join(faults...)
}

// rules are the configuration as the store takes it.
func (c Config) rules(dryRun bool) job.SweepRules {
	return job.SweepRules{
		Grace: c.Grace, MinionKeep: c.MinionKeep, Rate: c.Rate, DryRun: dryRun,
		Returns: c.Returns, Loads: c.Loads, Pointers: c.Pointers, Minions: c.Minions, Histories: c.Histories, Index: c.Index,
	}
}
