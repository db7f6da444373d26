package telemetry

import (
	"bytes"
	"strings"
	"testing"
)

func TestNewLogger(t *testing.T) {
	tests := []struct {
		name, level, format, want string
	}{
		{"text", "info", FormatText, `level=INFO msg=kept`},
		{"json", "debug", FormatJSON, `"level":"INFO","msg":"kept"`},
		{"below the level", "warn", FormatText, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := NewLogger(test.level, test.format, &out)
			if err != nil {
				t.Fatal(err)
			}
			log.Info("kept")
			if got := out.String(); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string // a part of the message; "" = fine
	}{
		{"default log", DefaultLogConfig().Validate(), ""},
		{"default http", DefaultHTTPConfig().Validate(), ""},
		{"http off", HTTPConfig{}.Validate(), ""},
		{"http on every address", HTTPConfig{Addr: ":0"}.Validate(), ""},
		{"level", LogConfig{Level: "INFO", Format: FormatText}.Validate(), "log.level"},
		{"format", LogConfig{Level: "info", Format: "xml"}.Validate(), "log.format"},
		{"both", LogConfig{}.Validate(), "log.level is \"\": use debug, info, warn or error\nlog.format is \"\": use text or json"},
		{"no port", HTTPConfig{Addr: "localhost"}.Validate(), "http.addr"},
		{"port too large", HTTPConfig{Addr: ":65536"}.Validate(), "http.addr"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" && test.err != nil {
				t.Fatalf("got %v, want none", test.err)
			}
			if test.want != "" && (test.err == nil || !strings.Contains(test.err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", test.err, test.want)
			}
		})
	}
	for _, c := range []LogConfig{{Level: "loud", Format: "text"}, {Level: "info", Format: "xml"}} {
		if _, err := NewLogger(c.Level, c.Format, nil); err == nil {
			t.Errorf("NewLogger took %+v", c)
		}
	}
}
