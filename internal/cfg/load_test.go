package cfg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// write makes a file of that name in a folder of its own, and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	AddFlags(fs)
	fs.Bool("embedded", false, "a flag of a subcommand, none of ours")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

// lines are an error's faults without the folder of the test's file.
func lines(t *testing.T, err error, file string) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", ""), "\n")
}

func TestDefaultsAreValid(t *testing.T) {
	got, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("without any source (-default +got)\n%s", diff)
	}
}

func TestPrecedence(t *testing.T) {
	const file = "stream: {name: FILE}\n"
	const variable = "RETURND_STREAM__NAME=ENVIRONMENT"
	tests := []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    string
	}{
		{"default", "", nil, nil, "RETURNS"},
		{"file", file, nil, nil, "FILE"},
		{"environment over file", file, []string{variable}, nil, "ENVIRONMENT"},
		{"flag over all", file, []string{variable}, []string{"--stream.name=FLAG", "--embedded"}, "FLAG"},
		{"flag over default", "", nil, []string{"--stream.name", "FLAG"}, "FLAG"},
		{"a flag not given keeps its default out", file, nil, []string{"--stream.manage=off"}, "FILE"},
		{"another prefix", "", []string{"OTHER_STREAM__NAME=OTHER"}, nil, "RETURNS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := ""
			if test.file != "" {
				path = write(t, "config.yaml", test.file)
			}
			got, err := Load(path, test.environ, parse(t, test.args...))
			if err != nil {
				t.Fatal(err)
			}
			if got.Stream.Name != test.want {
				t.Errorf("got %q, want %q", got.Stream.Name, test.want)
			}
		})
	}
}

func TestEnvironmentNamesTheFile(t *testing.T) {
	path := write(t, "config.yaml", "stream: {name: FILE}\n")
	other := write(t, "other.yaml", "stream: {name: OTHER}\n")
	got, err := Load("", []string{configVariable + "=" + path}, nil)
	if err != nil || got.Stream.Name != "FILE" {
		t.Errorf("got %q, %v", got.Stream.Name, err)
	}
	got, err = Load(other, []string{configVariable + "=" + path}, nil)
	if err != nil || got.Stream.Name != "OTHER" {
		t.Errorf("with a file given: got %q, %v", got.Stream.Name, err)
	}
}

func TestFormats(t *testing.T) {
	want := Default()
	want.Consume.Batch.Returns = 512
	want.Consume.Batch.Wait = 20 * time.Millisecond
	want.Consume.Batch.Bytes = 8 << 20
	want.Consume.VerifySubject = false
	want.Persist.Redis.DB = 7
	want.Persist.KeepJobsSeconds = 3600
	want.Query.ReplyPrefixes = []string{"_INBOX.", "replies."}
	want.Stream.MaxBytes = 1 << 40
	tests := []struct{ name, content string }{
		{"nested.yaml", `
consume: {verify_subject: false, batch: {returns: 512, wait: 20ms, bytes: 8MiB}}
redis: {db: 7}
nats:
keep_jobs_seconds: 3600
query: {reply_prefixes: [_INBOX., replies.]}
stream: {max_bytes: 1024 GiB}
`},
		{"flat.yml", `
consume.verify_subject: false
consume.batch.returns: '512'
consume.batch: {wait: 20ms, bytes: 8388608}
redis.db: '7'
keep_jobs_seconds: 3600
query.reply_prefixes: "_INBOX., replies."
stream.max_bytes: 1099511627776
`},
		{"config.toml", `
keep_jobs_seconds = 3600
[consume]
verify_subject = false
[consume.batch]
returns = 512
wait = "20ms"
bytes = "8MiB"
[redis]
db = "7"
[query]
reply_prefixes = ["_INBOX.", "replies."]
[stream]
max_bytes = 1_099_511_627_776
`},
		{"config.json", `{"keep_jobs_seconds": 3600, "redis": {"db": 7}, "query": {"reply_prefixes": ["_INBOX.", "replies."]},
"consume": {"verify_subject": false, "batch": {"returns": 512, "wait": "20ms", "bytes": 8388608}}, "stream": {"max_bytes": 1099511627776}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Load(write(t, test.name, test.content), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("environment", func(t *testing.T) {
		got, err := Load("", []string{
			"RETURND_CONSUME__VERIFY_SUBJECT=false", "RETURND_CONSUME__BATCH__RETURNS=512", "RETURND_CONSUME__BATCH__WAIT=20ms",
			"RETURND_CONSUME__BATCH__BYTES=8MiB", "RETURND_REDIS__DB=7", "RETURND_KEEP_JOBS_SECONDS=3600",
			"RETURND_QUERY__REPLY_PREFIXES=_INBOX.,replies.", "RETURND_STREAM__MAX_BYTES=1024GiB",
		}, nil)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	})
	t.Run("flags", func(t *testing.T) {
		got, err := Load("", nil, parse(t, "--consume.verify_subject=false", "--consume.batch.returns=512", "--consume.batch.wait=20ms",
			"--consume.batch.bytes=8MiB", "--redis.db=7", "--keep_jobs_seconds=3600", "--query.reply_prefixes=_INBOX.,replies.", "--stream.max_bytes=1024GiB"))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	})
}

func TestOrigins(t *testing.T) {
	path := write(t, "config.yaml", "redis: {port: 7000, db: 1}\n")
	_, got, err := Trace(path, []string{"RETURND_REDIS__DB=2"}, parse(t, "--log.level=debug"))
	if err != nil {
		t.Fatal(err)
	}
	want := Origins{"redis.port": path, "redis.db": "RETURND_REDIS__DB", "log.level": "--log.level"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
