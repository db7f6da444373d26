package cfg

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// canary is in every place a secret can be; the tests look for it, and for its halves, in all that is shown.
const canary = "cAnArY0one+tWo0CaNaRy"

func assertNoCanary(t *testing.T, shown string) {
	t.Helper()
	for _, piece := range []string{canary, canary[:9], canary[12:]} {
		if strings.Contains(shown, piece) {
			t.Errorf("%q shows:\n%s", piece, shown)
		}
	}
}

func TestNoSecretInFaults(t *testing.T) {
	tests := []struct{ name, file, content string }{
		{"bad URLs", "c.yaml", "nats.url: 'http://u:" + canary + "@h'\nredis.url: 'http://u:" + canary + "@h'"},
		{"bad escape", "c.yaml", "nats.url: 'nats://u:%zz" + canary + "@h'\nredis.url: 'redis://u:%zz" + canary + "@h'"},
		{"bad option", "c.yaml", "redis.url: 'redis://h/0?password=" + canary + "&db=x'"},
		{"bad database", "c.yaml", "redis.url: 'redis://:" + canary + "@h/x'"},
		{"odd letters", "c.yaml", "nats.url: 'nats://u:" + canary + "?/#" + canary + "@h'\nredis.url: 'redis://u:" + canary + "?/#" + canary + "@h'"},
		{"comma inside", "c.yaml", "nats.url: 'http://u:" + canary + "," + canary + "@h'"},
		{"token as user", "c.yaml", "nats.url: 'http://" + canary + "@h'"},
		{"password twice", "c.yaml", "redis.password: " + canary + "\nredis.password_file: /none"},
		{"password without user", "c.yaml", "nats.password: " + canary},
		{"list", "c.yaml", "redis.password: [" + canary + "]"},
		{"map", "c.yaml", "redis.password: {a: " + canary + "}"},
		{"url as a map", "c.yaml", "redis.url: [" + canary + "]"},
		{"alias", "c.yaml", "redis.password: *" + canary},
		{"unfinished", "c.yaml", "redis.password: '" + canary},
		{"map as a name", "c.yaml", "? {password: " + canary + "}\n: x"},
		{"no quotes", "c.toml", "redis.password = " + canary},
		{"unfinished", "c.toml", `redis.password = "` + canary},
		{"twice", "c.toml", "[redis]\npassword = \"" + canary + "\"\npassword = \"" + canary + "\""},
		{"no quotes", "c.json", `{"redis": {"password": ` + canary + `}}`},
		{"unfinished", "c.json", `{"redis": {"password": "` + canary},
	}
	for _, test := range tests {
		t.Run(test.file+" "+test.name, func(t *testing.T) {
			_, err := Load(write(t, test.file, test.content), nil, nil)
			if err == nil {
				t.Fatal("no fault found")
			}
			assertNoCanary(t, err.Error())
		})
	}
}

func TestNoSecretInPrint(t *testing.T) {
	environ := []string{
		"RETURND_NATS__URL=nats://u:" + canary + "@a,tls://" + canary + "@b:4222",
		"RETURND_NATS__USER=worker", "RETURND_NATS__PASSWORD=" + canary,
		"RETURND_REDIS__URL=redis://u:" + canary + "@h:6380/2?password=" + canary,
		"RETURND_REDIS__PASSWORD=" + canary,
	}
	c, origins, err := Trace("", environ, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, c, origins); err != nil {
		t.Fatal(err)
	}
	assertNoCanary(t, out.String())
	for _, want := range []string{
		"url: nats://REDACTED@a,tls://REDACTED@b:4222 # RETURND_NATS__URL\n",
		"url: redis://REDACTED@h:6380/2?password=REDACTED # RETURND_REDIS__URL\n",
		"  password: REDACTED # RETURND_REDIS__PASSWORD\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if c.NATS.Password != canary {
		t.Error("printing changed the configuration itself")
	}
}

// The second net: a part's message that quotes what it was given.
func TestScrubber(t *testing.T) {
	g := gathering{known: allKeys()}
	g.scrub.add(g.known["redis.password"], canary)
	g.scrub.add(g.known["redis.url"], "redis://u:p%40ss@h?password=other")
	got := g.scrub.clean("dial u:p%40ss / p@ss / " + canary + " / other: refused")
	if want := "dial u:REDACTED / REDACTED / REDACTED / REDACTED: refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecretsHaveNoFlag(t *testing.T) {
	fs := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	AddFlags(fs)
	for path, k := range allKeys() {
		looks := strings.Contains(path, "pass") || strings.Contains(path, "token") || strings.Contains(path, "secret")
		if looks && !k.secret && !strings.HasSuffix(path, "_file") {
			t.Errorf("%s looks like a secret and is not treated as one", path)
		}
		if k.secret == (fs.Lookup(path) != nil) {
			t.Errorf("%s: secret %v, has a flag %v", path, k.secret, fs.Lookup(path) != nil)
		}
	}
	for name, want := range map[string]string{
		"redis.password": "use --redis.password_file, RETURND_REDIS__PASSWORD or the configuration file",
		"nats.ulr":       "did you mean --nats.url?",
		"anything":       "",
	} {
		if got := FlagFault(name); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q in it", name, got, want)
		}
	}
}

func TestReadSecret(t *testing.T) {
	tests := []struct {
		name, content, want, fault string
	}{
		{"plain", "pw", "pw", ""},
		{"line end", "pw\n", "pw", ""},
		{"line end of Windows", "pw\r\n", "pw", ""},
		{"blanks belong to it", " p w ", " p w ", ""},
		{"empty", "\n", "", "is empty"},
		{"no secret at all", strings.Repeat("x", maxSecret+1), "", "is larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ReadSecret(write(t, "secret", test.content))
			if got != test.want || (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.fault)
			}
		})
	}
	if _, err := ReadSecret(t.TempDir()); err == nil {
		t.Error("read a folder")
	}
}

// What is printed is a file that means the same.
func TestPrintRoundTrip(t *testing.T) {
	want := Default()
	want.Consume.Batch.Bytes = 1<<20 + 1
	want.Query.ReplyPrefixes = []string{"_INBOX.", "a: b."}
	want.NATS.TokenFile = write(t, "token", "t")
	want.Stream.Name = "0123"
	var out bytes.Buffer
	if err := Print(&out, want, nil); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "#") {
		t.Errorf("comments without being asked for:\n%s", out.String())
	}
	c := strings.ReplaceAll(out.String(), "a: b.", "a.b.")
	want.Query.ReplyPrefixes[1] = "a.b."
	got, err := Load(write(t, "config.yaml", c), nil, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s\n%s", err, diff, out.String())
	}
}

func TestEveryKeyCanBeGivenAsText(t *testing.T) {
	c := Default()
	for path, k := range allKeys() {
		got, err := k.convert(k.format(&c))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(k.of(&c).Interface(), got); diff != "" {
			t.Errorf("%s (-default +got)\n%s", path, diff)
		}
	}
}
