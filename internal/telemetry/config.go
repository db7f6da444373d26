package telemetry

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// HTTPConfig says where /healthz, /readyz and /metrics are served.
type HTTPConfig struct {
	// Addr is host:port; empty serves nothing. The default is for this machine alone: metrics need no password.
	Addr string `koanf:"addr"`
}

// LogConfig says what is logged, and how.
type LogConfig struct {
	// Level is debug, info, warn or error.
	Level string `koanf:"level"`
	// Format is text or json.
	Format string `koanf:"format"`
}

// DefaultHTTPConfig serves this machine.
func DefaultHTTPConfig() HTTPConfig { return HTTPConfig{Addr: "127.0.0.1:9464"} }

// DefaultLogConfig is for reading by eye.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: FormatText} }

// Validate names every fault at once.
func (c HTTPConfig) Validate() error {
	if c.Addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("http.addr is %q: use host:port such as 127.0.0.1:9464, or leave it empty to serve nothing", c.Addr)
	}
	return nil
}

// Validate names every fault at once.
func (c LogConfig) Validate() error {
	_, level := parseLevel(c.Level)
	return errors.Join(level, checkFormat(c.Format))
}
