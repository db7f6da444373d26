package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	testservers "returnd/test/servers"
)

// published is what the stream holds of one document.
type published struct{ Subject, Body string }

// streamed starts a NATS server with a stream of returns, and gives its URL and what reads the stream back.
func streamed(t *testing.T, change ...func(*server.Options)) (url string, read func() []*jetstream.RawStreamMsg) {
	t.Helper()
	url = testservers.EmbeddedNATS(t, change...).ClientURL()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "RETURNS", Subjects: []string{"salt.job.*.ret.>", "salt.job.*.new"}})
	if err != nil {
		t.Fatal(err)
	}
	return url, func() []*jetstream.RawStreamMsg {
		t.Helper()
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []*jetstream.RawStreamMsg
		for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
			m, err := stream.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	}
}

func bodies(all []*jetstream.RawStreamMsg) []published {
	var got []published
	for _, m := range all {
		got = append(got, published{m.Subject, string(m.Data)})
	}
	return got
}

// command runs one command line to its end.
func command(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), args, strings.NewReader(in), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestPublish(t *testing.T) {
	t.Parallel()
	const (
		ret  = `{"id": "web1", "jid": "20261120080000000000", "fun": "test.ping",  "return": true}`
		load = "{\n \"jid\": \"20261120080000000000\",\n \"fun\": \"test.ping\"\n}"
		bad  = `{"id": "web1", "fun": "test.ping", "return": true}`
	)
	gotRet := published{"salt.job.20261120080000000000.ret.web1", ret}
	gotLoad := published{"salt.job.20261120080000000000.new", load}
	tests := []struct {
		name, in string
		args     []string
		want     []published
		code     int
		say      []string
	}{
		{"one", ret + "\n", []string{"-"}, []published{gotRet}, 0, []string{"published 1 document, 82 B", "refused 0"}},
		{"standard input without -", ret, nil, []published{gotRet}, 0, []string{"published 1 document"}},
		{"several of both kinds", load + "\n" + ret + ret, []string{"-"}, []published{gotLoad, gotRet, gotRet}, 0, []string{"published 3 documents"}},
		{"nothing", "", []string{"-"}, nil, 0, []string{"published 0 documents"}},
		{"neighbours of a bad one", ret + "\n" + bad + "\n" + ret, []string{"-"}, []published{gotRet, gotRet}, 1, []string{"refused -:2: malformed: jid is missing", "published 2", "worker: 1 document refused"}},
		{"a bad one by force", bad, []string{"-", "--force", "--subject", "salt.job.1.ret.web1"}, []published{{"salt.job.1.ret.web1", bad}}, 0, nil},
		{"a load named by flag", `{"fun": "x"}`, []string{"-", "--jid", "7"}, []published{{"salt.job.7.new", `{"fun": "x"}`}}, 0, nil},
		{"slowly", ret, []string{"-", "--rate", "1000/s"}, []published{gotRet}, 0, nil},
		{"another prefix has no stream", ret, []string{"-", "--subjects.prefix", "other"}, nil, 1, []string{"worker run", "stream.manage"}},
		{"a file that is not there", "", []string{"/nowhere.json"}, nil, 1, []string{"/nowhere.json"}},
		{"unknown kind", ret, []string{"-", "--as", "job"}, nil, 2, []string{"--as"}},
		{"force without subject", ret, []string{"-", "--force"}, nil, 2, []string{"--force needs --subject"}},
		{"all faults at once", ret, []string{"-", "--rate", "fast", "--compress", "rar"}, nil, 2, []string{"--rate", "--compress"}},
		{"unknown flag", ret, []string{"-", "--redated"}, nil, 2, []string{"--redated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, read := streamed(t)
			out, errs, code := command(t, tt.in, append([]string{"publish", "--nats.url", url}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d; it said:\n%s%s", code, tt.code, out, errs)
			}
			for _, say := range tt.say {
				if !strings.Contains(out+errs, say) {
					t.Errorf("it does not say %q:\n%s%s", say, out, errs)
				}
			}
			if diff := cmp.Diff(tt.want, bodies(read())); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPublishWithoutServer(t *testing.T) {
	t.Parallel()
	_, errs, code := command(t, "{}", "publish", "-", "--nats.url", "nats://127.0.0.1:1")
	if code != 1 || !strings.Contains(errs, "nats.url") {
		t.Errorf("exit code %d, said %q: want 1 and the remedy", code, errs)
	}
}

func TestPublishFolder(t *testing.T) {
	t.Parallel()
	url, read := streamed(t)
	out, errs, code := command(t, "", "publish", "--redate", "--nats.url", url, filepath.Join(samples, "returns"), filepath.Join(samples, "loads"))
	if code != 0 {
		t.Fatalf("exit code %d:\n%s%s", code, out, errs)
	}
	files, size, err := findInputs([]string{filepath.Join(samples, "returns"), filepath.Join(samples, "loads")})
	if err != nil {
		t.Fatal(err)
	}
	all := read()
	if len(all) != len(files) {
		t.Fatalf("%d documents of %d files", len(all), len(files))
	}
	for i, m := range all {
		want, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Data) != len(bytes.Trim(want, blanks)) {
			t.Errorf("%s: %d bytes, want %d: only the digits of the jid may differ", files[i], len(m.Data), len(want))
		}
	}
	if size <= 0 {
		t.Errorf("size %d", size)
	}
}

func TestPublishPacked(t *testing.T) {
	t.Parallel()
	body := `{"id": "web1", "jid": "1", "fun": "x.y", "return": "` + strings.Repeat("x", 1000) + `"}`
	unpack := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for name, open := range unpack {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, read := streamed(t)
			if out, errs, code := command(t, body, "publish", "-", "--compress", name, "--nats.url", url); code != 0 {
				t.Fatalf("exit code %d:\n%s%s", code, out, errs)
			}
			m := read()[0]
			if got := m.Header.Get("Content-Encoding"); got != name || len(m.Data) > len(body)/2 {
				t.Errorf("Content-Encoding %q, %d bytes", got, len(m.Data))
			}
			r, err := open(bytes.NewReader(m.Data))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != body {
				t.Errorf("unpacked %d bytes, %v: want the document", len(got), err)
			}
		})
	}
}

func TestPublishRefusesWhatTheServerWould(t *testing.T) {
	t.Parallel()
	url, read := streamed(t, func(o *server.Options) { o.MaxPayload = 1024 })
	in := `{"id": "a", "jid": "1", "fun": "x.y", "return": "` + strings.Repeat("x", 2000) + `"}` + "\n" + `{"id": "b", "jid": "1", "fun": "x.y", "return": 1}`
	_, errs, code := command(t, in, "publish", "-", "--nats.url", url)
	if code != 1 || !strings.Contains(errs, "refused -:1: ") || !strings.Contains(errs, "max_payload") {
		t.Errorf("exit code %d, said:\n%s", code, errs)
	}
	if got := bodies(read()); len(got) != 1 || got[0].Subject != "salt.job.1.ret.b" {
		t.Errorf("published %v, want the neighbour alone", got)
	}
}

// More documents than the window holds: every one is acked, in order.
func TestPublishMany(t *testing.T) {
	t.Parallel()
	const n = 3 * 2048 // three times what a client.Publisher lets wait
	url, _ := streamed(t)
	var in strings.Builder
	for i := range n {
		in.WriteString(`{"id": "m` + strconv.Itoa(i) + `", "jid": "1", "fun": "x.y", "return": 1}` + "\n")
	}
	out, errs, code := command(t, in.String(), "publish", "--nats.url", url)
	if code != 0 || !strings.Contains(out, "published "+strconv.Itoa(n)+" documents") {
		t.Errorf("exit code %d, said:\n%s%s", code, out, errs)
	}
}

// A pipe that never ends must not keep the command from ending.
func TestPublishInterrupted(t *testing.T) {
	t.Parallel()
	url, read := streamed(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	var stdout, stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, []string{"publish", "--rate", "1/s", "--nats.url", url}, in, &stdout, &stderr)
	}()
	doc := []byte(`{"id": "m", "jid": "1", "fun": "x.y", "return": 1}` + "\n")
	go func() {
		for {
			if _, err := feed.Write(doc); err != nil {
				return
			}
		}
	}()
	defer in.Close()
	until(t, "one document is published", func() bool { return len(read()) > 0 })
	cancel()
	if got := <-code; got != 1 || !strings.Contains(stderr.String(), "interrupted") || !strings.Contains(stdout.String(), "published 1 document") {
		t.Errorf("exit code %d, said:\n%s%s", got, &stdout, &stderr)
	}
}

func TestPublishInterruptedWhileNothingComes(t *testing.T) {
	t.Parallel()
	url, read := streamed(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	defer in.Close()
	var stdout, stderr bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- execute(ctx, []string{"publish", "-", "--nats.url", url}, in, &stdout, &stderr) }()
	if _, err := feed.Write([]byte(`{"id": "m", "jid": "1", "fun": "x.y", "return": 1}` + "\n")); err != nil {
		t.Fatal(err)
	}
	until(t, "the first document is published at once", func() bool { return len(read()) == 1 })
	cancel()
	if got := <-code; got != 1 {
		t.Errorf("exit code %d, want 1", got)
	}
}

// until waits for a condition that another goroutine or process brings about.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
