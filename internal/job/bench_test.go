package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// payloads are returns as Python writes them, of the three sizes that the targets name.
func payloads() []payload {
	return []payload{
		{"700B", shell(7)},
		{"4kB", states(11)},
		{"100kB", states(290)},
		{"100kB-text", shell(1700)},
	}
}

type payload struct {
	name string
	body []byte
}

// shell is a cmd.run with so many lines of output.
func shell(lines int) []byte {
	var out bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&out, `drwxr-xr-x 2 root root %6d Nov 20 08:00 directory-%05d\n`, 4096+i, i)
	}
	return fmt.Appendf(nil, `{"cmd": "_return", "id": "web1.dc1.example.com", "success": true, "return": "%s", "retcode": 0, `+
		`"jid": "20261120080000007919", "fun": "cmd.run", "fun_args": ["ls -l /srv"], "user": "root", "_stamp": "2026-11-20T08:00:02.654321"}`, out.Bytes())
}

// states is a state.apply with so many states.
func states(count int) []byte {
	var out bytes.Buffer
	for i := range count {
		fmt.Fprintf(&out, `"pkg_|-package-%05d_|-package-%05d_|-installed": {"name": "package-%05d", "changes": {"old": "1.0.%d", "new": ""}, `+
			`"result": true, "comment": "All specified packages are already installed and are at the desired version", "__sls__": "web.nginx", `+
			`"__run_num__": %d, "start_time": "08:01:02.123456", "duration": %d.007, "__id__": "nginx"}, `, i, i, i, i, i, i)
	}
	members := bytes.TrimSuffix(out.Bytes(), []byte(", "))
	return fmt.Appendf(nil, `{"success": true, "return": {%s}, "retcode": 0, "jid": "20261120080000007919", "fun": "state.apply", `+
		`"fun_args": [], "user": "root", "out": "highstate", "id": "web1.dc1.example.com"}`, members)
}

func BenchmarkParseReturn(b *testing.B) {
	for _, p := range payloads() {
		b.Run(p.name+"/returnd", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(p.body)))
			for b.Loop() {
				if _, err := ParseReturn(p.body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.name+"/encoding_json_valid", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(p.body)))
			for b.Loop() {
				if !json.Valid(p.body) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

func BenchmarkParseLoad(b *testing.B) {
	body := []byte(`{"cmd": "publish", "tgt": "*", "fun": "test.ping", "arg": [], "key": "8f7sJ+K2mEo5+example+not+a+key==", "tgt_type": "glob", ` +
		`"ret": "", "jid": "20261120080000007919", "kwargs": {"delimiter": ":", "show_timeout": true, "show_jid": false}, "user": "root", "Minions": ["a", "b"]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseLoad("20261120080000007919", body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRankOf(b *testing.B) {
	reference := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if !RankOf("20261120080000007919", reference).Timed() {
			b.Fatal("not timed")
		}
	}
}
