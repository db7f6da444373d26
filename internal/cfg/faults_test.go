package cfg

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsOfAFile(t *testing.T) {
	tests := []struct {
		name, file, content string
		want                []string
	}{
		{"a slip", "config.yaml", "consume: {batch: {retruns: 5}}", []string{"unknown key consume.batch.retruns in config.yaml: did you mean consume.batch.returns?"}},
		{"a slip in the section", "config.yaml", "consum: {durable: d}", []string{"unknown key consum.durable in config.yaml: did you mean consume.durable?"}},
		{"capitals", "config.yaml", "Redis: {DB: 1}", []string{"unknown key Redis.DB in config.yaml: did you mean redis.db?"}},
		{"section left out", "config.yaml", "unix_socket_path: /run/redis", []string{"unknown key unix_socket_path in config.yaml: did you mean redis.unix_socket_path?"}},
		{"nothing alike", "config.yaml", "colour: red", []string{"unknown key colour in config.yaml: take it out; 'worker config print' shows every key"}},
		{"no text as a name", "config.yaml", "redis: {1: x, true: y}", []string{"unknown key redis.1 in config.yaml: take it out; 'worker config print' shows every key", "unknown key redis.true in config.yaml: take it out; 'worker config print' shows every key"}},
		{"a map where a value goes", "config.yaml", "nats: {url: {host: h}}", []string{"unknown key nats.url.host in config.yaml: nats.url takes a string, nothing stands below it"}},
		{"a value where a section goes", "config.yaml", "nats: nats://h:4222", []string{"nats in config.yaml is a section: give the keys below it, such as nats.creds"}},
		{"no value", "config.yaml", "redis: {password: }", []string{"redis.password in config.yaml has no value: give it one, or take the key out"}},
		{"nested and flat", "config.yaml", "redis: {db: 1}\nredis.db: 1", []string{"redis.db in config.yaml is given twice, nested and flat: keep one of them"}},
		{"bare duration", "config.yaml", "consume: {ack_wait: 30}", []string{"consume.ack_wait in config.yaml is 30: write a duration with its unit, such as 5ms, 30s or 24h"}},
		{"bare duration as text", "config.toml", `late_keep = "0"`, []string{`late_keep in config.toml is "0": write a duration with its unit, such as 5ms, 30s or 24h`}},
		{"no number", "config.yaml", "redis.db: seven", []string{`redis.db in config.yaml is "seven": use a whole number`}},
		{"a fraction", "config.json", `{"redis": {"db": 1.5}}`, []string{"redis.db in config.json is 1.5: use a whole number"}},
		{"a duration for a number", "config.yaml", "keep_jobs_seconds: 24h", []string{`keep_jobs_seconds in config.yaml is "24h": use a whole number`}},
		{"a size for a number", "config.yaml", "history.limit: 1KiB", []string{`history.limit in config.yaml is "1KiB": use a whole number`}},
		{"a decimal unit", "config.yaml", "consume.batch.bytes: 4MB", []string{`consume.batch.bytes in config.yaml is "4MB": use a whole number of bytes, or one with KiB, MiB or GiB behind it`}},
		{"too large", "config.yaml", "stream.max_bytes: 99999999999GiB", []string{`stream.max_bytes in config.yaml is "99999999999GiB": use a whole number of bytes, or one with KiB, MiB or GiB behind it`}},
		{"neither true nor false", "config.yaml", "consume.verify_subject: maybe", []string{`consume.verify_subject in config.yaml is "maybe": use true or false`}},
		{"a number for text", "config.yaml", "stream.name: 7", []string{"stream.name in config.yaml is 7: put the text in quotes"}},
		{"a list for text", "config.yaml", "stream.name: [a]", []string{"stream.name in config.yaml is of another form: put the text in quotes"}},
		{"numbers in a list", "config.yaml", "query.reply_prefixes: [1]", []string{"query.reply_prefixes in config.yaml is of another form: put every element in quotes"}},
		{"format", "config.ini", "", []string{"the configuration file config.ini has an unknown format: name it .yaml, .yml, .toml or .json"}},
		{"broken YAML", "config.yaml", "redis: [", []string{"config.yaml is not valid YAML: yaml: line 1: did not find expected node content"}},
		{"same key twice", "config.yaml", "redis.db: 1\nredis.db: 2", []string{"config.yaml is not valid YAML: yaml: unmarshal errors: line 2: mapping key … already defined at line 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			_, err := Load(path, nil, nil)
			if diff := cmp.Diff(test.want, lines(t, err, path)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestFaultsOfTheEnvironment(t *testing.T) {
	tests := []struct {
		name, variable string
		want           []string
	}{
		{"one underscore", "RETURND_NATS_URL=nats://h", []string{"unknown key RETURND_NATS_URL in the environment: did you mean RETURND_NATS__URL?"}},
		{"wrong form", "RETURND_REDIS__DB=x", []string{`RETURND_REDIS__DB in the environment is "x": use a whole number`}},
		{"a section", "RETURND_REDIS=redis://h", []string{"RETURND_REDIS in the environment is a section: give the keys below it, such as RETURND_REDIS__CLIENT_NAME"}},
		{"one underscore before a port", "RETURND_REDIS_PORT=6379", []string{"unknown key RETURND_REDIS_PORT in the environment: did you mean RETURND_REDIS__PORT?"}},
		{"service link: host", "RETURND_SERVICE_HOST=10.0.0.1", nil},
		{"service link: port", "RETURND_PORT=tcp://10.0.0.1:9464", nil},
		{"service link: protocol", "RETURND_METRICS_PORT_9464_TCP_PROTO=tcp", nil},
		{"service link: named port", "RETURND_SERVICE_PORT_METRICS=9464", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load("", []string{"PATH=/bin", "RETURND_CONFIG=", test.variable}, nil)
			if diff := cmp.Diff(test.want, lines(t, err, "")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(t.TempDir()+"/none.yaml", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "none.yaml: no such file or directory; give another with --config or RETURND_CONFIG") {
		t.Errorf("got %v", err)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	path := write(t, "config.yaml", `
consume: {batch: {retruns: 5, wait: 5}, in_flight: 0}
subjects: {prefix: "salt.*"}
nats: {url: "http://h", creds: /none/creds, token: secret-token, tls: {cert: /none/cert}}
redis: {password: hunter22, password_file: /none/password, port: 0}
`)
	environ := []string{"RETURND_LOG__LEVL=debug", "RETURND_STREAM__MANAGE=maybe"}
	_, err := Load(path, environ, parse(t, "--keep_jobs=day", "--http.addr=nowhere", "--redis.url=redis://:hunter22@h"))
	want := []string{
		"unknown key consume.batch.retruns in config.yaml: did you mean consume.batch.returns?",
		"consume.batch.wait in config.yaml is 5: write a duration with its unit, such as 5ms, 30s or 24h",
		"unknown key RETURND_LOG__LEVL in the environment: did you mean RETURND_LOG__LEVEL?",
		"--redis.url carries a user or a password, and everybody on this machine can read a command line: use --redis.password_file or RETURND_REDIS__URL",
		`--keep_jobs is "day": use a whole number`,
		"redis.password and redis.password_file are both given: keep one of them",
		"redis.password_file: open /none/password: no such file or directory; name a readable file that holds the secret alone",
		"nats.creds: open /none/creds: no such file or directory; name a file that this user may read",
		"nats.tls.cert: open /none/cert: no such file or directory; name a file that this user may read",
		`nats.url holds "http://h": use nats://, tls://, ws:// or wss:// with a host and a port, such as nats://127.0.0.1:4222`,
		"nats.creds and nats.token are given together: keep one of them, the server takes one identity",
		"nats.tls.cert and nats.tls.key belong together: give both or neither",
		`subjects.prefix is "salt.*": use letters, digits, _ and -, with single dots between them, such as salt or site.salt`,
		`stream.manage is "maybe": use create, verify or off`,
		"consume.in_flight is 0: use 1 to 64",
		"redis.port is 0: use 1 to 65535",
		`http.addr is "nowhere": use host:port such as 127.0.0.1:9464, or leave it empty to serve nothing`,
	}
	if diff := cmp.Diff(want, lines(t, err, path)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
