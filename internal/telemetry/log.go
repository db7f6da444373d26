package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// The values of log.format.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger makes a logger that writes to w. Its errors name log.level and log.format.
func NewLogger(level, format string, w io.Writer) (*slog.Logger, error) {
	parsed, err := parseLevel(level)
	if err != nil {
		return nil, err
	}
	if err := checkFormat(format); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: parsed}
	if format == FormatJSON {
		return slog.New(traced{slog.NewJSONHandler(w, options)}), nil
	}
	return slog.New(traced{slog.NewTextHandler(w, options)}), nil
}

// parseLevel knows the four levels by name alone: slog's own parser also takes "info-3", which nobody means.
func parseLevel(level string) (slog.Level, error) {
	switch level {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log.level is %q: use debug, info, warn or error", level)
}

func checkFormat(format string) error {
	if format != FormatText && format != FormatJSON {
		return fmt.Errorf("log.format is %q: use text or json", format)
	}
	return nil
}
