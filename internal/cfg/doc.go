// Package cfg gathers the configuration of all parts.
//
// In come four layers, each stronger than the one before: the parts' own defaults, a file (YAML, TOML or JSON), the
// environment (RETURND_NATS__URL is nats.url) and the flags (--nats.url). Out comes one Config that every part has
// validated, or all faults at once, each on a line that names the key, where it was given, and the remedy.
//
// It promises that an unknown key is never ignored and that no secret appears in an error or in printed configuration.
// A key <name>.redis.* makes a profile, which inherits from redis.* what it is not given itself.
// The keys are read off the structs' koanf tags, so that a part's new key needs no change here.
package cfg
