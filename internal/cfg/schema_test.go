package cfg

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is the schema as a checker takes it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// both says what a checker and what the worker find in a YAML document.
func both(t *testing.T, s *jsonschema.Schema, content string) (bySchema, byWorker error) {
	t.Helper()
	tree, err := yaml.Parser().Unmarshal([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(tree) // as a checker sees it: numbers are numbers, whatever the parser makes of them
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	_, byWorker = Load(write(t, "config.yaml", content), nil, nil)
	return s.Validate(document), byWorker
}

func TestSchemaTakesWhatTheWorkerTakes(t *testing.T) {
	s := compiled(t)
	for name, content := range map[string]string{
		"nothing":              "{}",
		"nested":               "consume: {verify_subject: false, batch: {returns: 512, wait: 20ms, bytes: 8MiB}}",
		"flat":                 "consume.batch.returns: '512'\nconsume.batch.bytes: 8388608",
		"half flat":            "consume.batch: {wait: 0.5s}\nconsume: {batch.returns: 7}",
		"an empty section":     "nats:\nconsume: {batch: }",
		"texts of numbers":     "redis: {db: ' 7 ', port: '6380'}\nkeep_jobs_seconds: '3600'",
		"a negative size":      "stream: {max_bytes: -1}",
		"sizes":                "stream.max_bytes: 1024 GiB\nconsume: {buffer_bytes: ' 64MiB '}",
		"durations":            "late_keep: 1h30m\nredis: {keep_alive: 0s, read_timeout: 1.5s, retry: {min_backoff: 200us}}",
		"bools":                "redis: {tls: {enabled: 'true', insecure_skip_verify: false}}\nconsume.verify_subject: 'F'",
		"lists":                "query: {reply_prefixes: [_INBOX., replies.]}\nquery.redis_execute.allow: get, set",
		"nodes":                "redis: {cluster: {startup_nodes: [a, 'b:7000', {host: c}, {host: d, port: 7001}, {host: e, port: '7002'}]}}",
		"nodes as text":        "redis.cluster.startup_nodes: a:7000, b:7001",
		"a profile":            "archive: {redis: {host: archive.example.com, tls: {enabled: true}}}",
		"a profile, flat":      "archive.redis.host: h\nother_1-x.redis: {db: 1}\nthird: {redis.db: '2', redis.tls: {enabled: true}}",
		"an empty profile":     "archive: {redis: }",
		"a profile named jobs": "jobs.redis.db: 3",
		"Salt's own":           "keep_jobs: 24\nredis.cluster_mode: true\nredis.cluster.startup_nodes: [{host: h, port: 6379}]",
	} {
		t.Run(name, func(t *testing.T) {
			bySchema, byWorker := both(t, s, content)
			if bySchema != nil || byWorker != nil {
				t.Errorf("schema: %v\nworker: %v", bySchema, byWorker)
			}
		})
	}
}

func TestSchemaRefusesWhatTheWorkerRefuses(t *testing.T) {
	s := compiled(t)
	for name, content := range map[string]string{
		"a slip":                       "consume: {batch: {retruns: 5}}",
		"a slip, flat":                 "consume.batch.retruns: 5",
		"a slip, half flat":            "consume: {batch.retruns: 5}",
		"a slip in a section":          "consum: {durable: d}",
		"capitals":                     "Redis: {DB: 1}",
		"an unknown key":               "colour: red",
		"an unknown number":            "colour: 7",
		"an unknown list":              "colour: [red]",
		"an unknown section":           "colours: {red: 1}",
		"a map where a value goes":     "nats: {url: {host: h}}",
		"a value where a section goes": "nats: nats://h:4222",
		"no value":                     "redis: {password: }",
		"a bare duration":              "consume: {ack_wait: 30}",
		"a bare duration as text":      "late_keep: '0'",
		"a duration without unit":      "late_keep: 1h30",
		"no number":                    "redis.db: seven",
		"a fraction":                   "redis.db: 1.5",
		"a duration for a number":      "keep_jobs_seconds: 24h",
		"a size for a number":          "history.limit: 1KiB",
		"a decimal unit":               "consume.batch.bytes: 4MB",
		"neither true nor false":       "consume.verify_subject: maybe",
		"a number for a bool":          "consume.verify_subject: 1",
		"a number for text":            "stream.name: 7",
		"a list for text":              "stream.name: [a]",
		"numbers in a list":            "query.reply_prefixes: [1]",
		"a node without a host":        "redis.cluster.startup_nodes: [{port: 1}]",
		"a node with more":             "redis.cluster.startup_nodes: [{host: h, port: 1, db: 2}]",
		"a slip in a profile":          "archive: {redis: {hots: h}}",
		"a slip in a profile, flat":    "archive.redis.hots: h",
		"a profile with more":          "archive: {nats: {url: x}}",
		"a profile named like a key":   "consume.redis.db: 1",
		"a profile within a section":   "consume: {redis: {db: 1}}",
		"a profile with a bad name":    "'bad name': {redis: {db: 1}}",
		"a profile with a dot":         "a.b.redis.db: 1",
		"a profile of a profile":       "a: {b: {redis: {db: 1}}}",
		"redis twice":                  "redis.redis.db: 1",
		"a bad value within a profile": "archive.redis.db: x",
		"a value where a profile goes": "archive: {redis: redis://h}",
	} {
		t.Run(name, func(t *testing.T) {
			bySchema, byWorker := both(t, s, content)
			if bySchema == nil || byWorker == nil {
				t.Errorf("schema: %v\nworker: %v", bySchema, byWorker)
			}
		})
	}
}

// TestSchemaKnowsEveryKey in each of its spellings, and its default is of its own form.
func TestSchemaKnowsEveryKey(t *testing.T) {
	s, d, known := compiled(t), Default(), allKeys()
	valid := func(tree any) error {
		text, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(document)
	}
	for _, path := range known.paths() {
		k := known[path]
		var value any = k.format(&d)
		if k.isList() {
			value = []string{"a", "b"}
		}
		spellings := spell(strings.Split(path, "."), value)
		if strings.HasPrefix(path, "redis.") {
			spellings = append(spellings, spell(strings.Split("archive."+path, "."), value)...)
		}
		for _, tree := range spellings {
			if err := valid(tree); err != nil {
				t.Errorf("%v: %v", tree, err)
			}
		}
		for _, tree := range spell(strings.Split(path+"x", "."), value) {
			if err := valid(tree); err == nil {
				t.Errorf("%v is taken", tree)
			}
		}
		if def := Schema().Definitions[path].Default; def != nil {
			if err := valid(map[string]any{path: def}); err != nil {
				t.Errorf("the default of %s is not of its form: %v", path, err)
			}
		}
	}
}

// spell joins the names of a path in every way, from one flat key to maps alone.
func spell(names []string, value any) []map[string]any {
	all := []map[string]any{{strings.Join(names, "."): value}}
	for i := range names[1:] {
		for _, below := range spell(names[i+1:], value) {
			all = append(all, map[string]any{strings.Join(names[:i+1], "."): below})
		}
	}
	return all
}

func TestSchemaTakesTheDeployedFiles(t *testing.T) {
	s := compiled(t)
	paths, err := filepath.Glob("../../deploy/worker*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bySchema, _ := both(t, s, string(content)); bySchema != nil { // its password files are elsewhere
			t.Errorf("%s: %v", path, bySchema)
		}
	}
}

func TestSchemaMarksSecrets(t *testing.T) {
	var marked []string
	for path, def := range Schema().Definitions {
		if def.WriteOnly {
			marked = append(marked, path)
		}
	}
	slices.Sort(marked)
	var want []string
	for _, path := range allKeys().paths() {
		if allKeys()[path].secret {
			want = append(want, path)
		}
	}
	if !slices.Equal(marked, want) {
		t.Errorf("got %v, want %v", marked, want)
	}
}
