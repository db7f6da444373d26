package cfg

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/persist"
)

// loadRedis reads a file, and gives its default target and one of its profiles.
func loadRedis(t *testing.T, name, content, profile string, environ ...string) (own, alternative persist.Redis) {
	t.Helper()
	c, err := Load(write(t, name, content), environ, nil)
	if err != nil {
		t.Fatal(err)
	}
	alternative, found := c.Persist.Profiles[profile]
	if found != (profile != "") {
		t.Fatalf("profiles are %v, want %q among them", c.Persist.Profiles, profile)
	}
	return c.Persist.Redis, alternative
}

// The examples of Salt's own documentation, pasted as they stand.
func TestSaltsExamples(t *testing.T) {
	const alternative = `
alternative.redis.db: '0'
alternative.redis.host: 'salt'
alternative.redis.port: 6379
alternative.redis.password: ''
`
	salt := func(r *persist.Redis) { r.Host = "salt" }
	nodes := func(r *persist.Redis) {
		r.ClusterMode, r.Cluster.SkipFullCoverageCheck = true, true
		r.Cluster.StartupNodes = []string{"redis-member-1:6379", "redis-member-2:6379"}
	}
	tests := []struct {
		name, file, content, profile string
		want                         func(own, alternative *persist.Redis)
	}{
		{
			"defaults", "c.yaml", "redis.db: '0'\nredis.host: 'salt'\nredis.port: 6379\nredis.password: ''\n", "",
			func(own, _ *persist.Redis) { salt(own) },
		},
		{
			"unix socket", "c.yaml", "redis.db: '0'\nredis.unix_socket_path: /var/run/redis/redis.sock\n", "",
			func(own, _ *persist.Redis) { own.UnixSocketPath = "/var/run/redis/redis.sock" },
		},
		{"cluster", "c.yaml", `
redis.db: '0'
redis.cluster_mode: true
redis.cluster.skip_full_coverage_check: true
redis.cluster.startup_nodes:
  - host: redis-member-1
    port: 6379
  - host: redis-member-2
    port: 6379
`, "", func(own, _ *persist.Redis) { nodes(own) }},
		{"cluster nested", "c.yaml", `
redis:
  db: '0'
  cluster_mode: true
  cluster:
    skip_full_coverage_check: true
    startup_nodes:
      - {host: redis-member-1, port: '6379'}
      - redis-member-2:6379
`, "", func(own, _ *persist.Redis) { nodes(own) }},
		{"cluster in TOML", "c.toml", `
[redis]
cluster_mode = true
[redis.cluster]
skip_full_coverage_check = true
startup_nodes = [{host = "redis-member-1", port = 6379}, {host = "redis-member-2", port = 6379}]
`, "", func(own, _ *persist.Redis) { nodes(own) }},
		{"cluster in TOML tables", "c.toml", `
[redis]
cluster_mode = true
[redis.cluster]
skip_full_coverage_check = true
[[redis.cluster.startup_nodes]]
host = "redis-member-1"
port = 6379
[[redis.cluster.startup_nodes]]
host = "redis-member-2"
port = 6379
`, "", func(own, _ *persist.Redis) { nodes(own) }},
		{
			"cluster in JSON", "c.json", `{"redis.cluster_mode": true, "redis.cluster.skip_full_coverage_check": true,
"redis.cluster.startup_nodes": [{"host": "redis-member-1", "port": 6379}, {"host": "redis-member-2", "port": 6379}]}`, "",
			func(own, _ *persist.Redis) { nodes(own) },
		},
		{"alternative", "c.yaml", alternative, "alternative", func(_, a *persist.Redis) { salt(a) }},
		{
			"alternative beside the defaults", "c.yaml", "redis.db: '3'\nredis.host: h\nredis.password: p\n" + alternative, "alternative",
			func(own, a *persist.Redis) {
				own.DB, own.Host, own.Password = 3, "h", "p"
				salt(a)
			},
		},
		{
			"alternative nested", "c.yaml", "redis: {host: h, password: p}\nalternative: {redis: {db: 5}}\n", "alternative",
			func(own, a *persist.Redis) {
				own.Host, own.Password = "h", "p"
				a.Host, a.Password, a.DB = "h", "p", 5
			},
		},
		{
			"alternative half flat", "c.yaml", "redis.host: h\nalternative: {redis.db: '5'}\n", "alternative",
			func(own, a *persist.Redis) { own.Host, a.Host, a.DB = "h", "h", 5 },
		},
		{
			"alternative with nothing of its own", "c.yaml", "redis.host: h\nalternative: {redis: }\n", "alternative",
			func(own, a *persist.Redis) { own.Host, a.Host = "h", "h" },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gotOwn, gotAlternative := loadRedis(t, test.file, test.content, test.profile)
			wantOwn, wantAlternative := persist.DefaultRedis(), persist.Redis{}
			if test.profile != "" {
				wantAlternative = persist.DefaultRedis()
			}
			test.want(&wantOwn, &wantAlternative)
			if diff := cmp.Diff(wantOwn, gotOwn); diff != "" {
				t.Errorf("redis (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(wantAlternative, gotAlternative); diff != "" {
				t.Errorf("profile (-want +got)\n%s", diff)
			}
		})
	}
}

func TestProfileInherits(t *testing.T) {
	tests := []struct {
		name, content string
		want          func(*persist.Redis) // from what the default target has
	}{
		{"all but the database", "redis: {host: h, port: 7000, username: u, password: p, pool_size: 3}\na.redis.db: 5", func(r *persist.Redis) { r.DB = 5 }},
		{"a stronger database than the URL's", "redis.url: redis://u:p@h:7000/3?socket_timeout=2\na.redis.db: 5", func(r *persist.Redis) {
			r.URL, r.DB = "redis://u:p@h:7000?socket_timeout=2", 5
		}},
		{"a stronger password than the URL's", "redis.url: redis://u:p@h:7000/3\na.redis.password: q", func(r *persist.Redis) { r.URL, r.Password = "redis://u:@h:7000/3", "q" }},
		{"a host instead of the URL", "redis.url: redis://h:7000/3\na.redis.host: other", func(r *persist.Redis) { r.URL, r.Host = "", "other" }},
		{"a port instead of the socket", "redis.unix_socket_path: /s\na.redis.port: 7000", func(r *persist.Redis) { r.UnixSocketPath, r.Port = "", 7000 }},
		{"a host in another cluster", "redis: {mode: cluster, cluster: {startup_nodes: 'a:1,b:2'}}\na.redis.host: other", func(r *persist.Redis) {
			r.Host, r.Cluster.StartupNodes = "other", []string{}
		}},
		{"a socket instead of a cluster", "redis: {cluster_mode: true, host: h}\na.redis.unix_socket_path: /s", func(r *persist.Redis) { r.ClusterMode, r.UnixSocketPath = false, "/s" }},
		{"a host instead of Sentinels", "redis: {mode: sentinel, sentinel: {master: m, addresses: s}}\na.redis.host: other", func(r *persist.Redis) {
			r.Mode, r.Host, r.Sentinel.Master, r.Sentinel.Addresses = "auto", "other", "", []string{}
		}},
		{"another primary of the same Sentinels", "redis: {sentinel: {master: m, addresses: [s]}}\na.redis.sentinel.master: n", func(r *persist.Redis) { r.Sentinel.Master = "n" }},
		{"one server instead of a cluster", "redis: {host: h, cluster_mode: true}\na.redis: {mode: standalone, db: 2}", func(r *persist.Redis) { r.Mode, r.ClusterMode, r.DB = "standalone", false, 2 }},
		{"no cluster", "redis: {host: h, mode: cluster}\na.redis.cluster_mode: false", func(r *persist.Redis) { r.Mode = "auto" }},
		{"no password", "redis: {host: h, password: p}\na.redis.password: ''", func(r *persist.Redis) { r.Password = "" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want, got := loadRedis(t, "c.yaml", test.content, "a")
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestProfilePasswordInsteadOfFile(t *testing.T) {
	file := write(t, "password", "p")
	own, a := loadRedis(t, "c.yaml", "redis.password_file: "+file+"\na.redis.password: q", "a")
	if own.PasswordFile != file || a.PasswordFile != "" || a.Password != "q" {
		t.Errorf("got %q, %q and %q", own.PasswordFile, a.PasswordFile, a.Password)
	}
}

func TestProfileFromTheEnvironment(t *testing.T) {
	_, got := loadRedis(t, "c.yaml", "redis.host: h\n", "alternative",
		"RETURND_ALTERNATIVE__REDIS__DB=5", "RETURND_ALTERNATIVE__REDIS__SENTINEL__MASTER=m", "RETURND_ALTERNATIVE__REDIS__SENTINEL__ADDRESSES=s-1:1,s-2:2")
	if diff := cmp.Diff([]string{"s-1:1", "s-2:2"}, got.Sentinel.Addresses); diff != "" || got.DB != 5 || got.Host != "h" {
		t.Errorf("got %+v", got)
	}
	_, got = loadRedis(t, "c.yaml", "North-Pole.redis.db: 1\n", "North-Pole", "RETURND_NORTH_POLE__REDIS__DB=2")
	if got.DB != 2 {
		t.Errorf("a variable's name has capitals only: got database %d of North-Pole, want 2", got.DB)
	}
}

func TestProfileFaults(t *testing.T) {
	tests := []struct {
		name, content string
		environ       []string
		want          []string
	}{
		{"a slip", "a.redis.hots: h", nil, []string{"unknown key a.redis.hots in c.yaml: did you mean a.redis.host?"}},
		{"a section's name", "nats.redis.db: 1", nil, []string{"nats.redis.db in c.yaml would make a profile named nats, which is a key of the configuration itself: give the profile another name"}},
		{"a key's name", "keep_jobs: {redis: {db: 1}}", nil, []string{"unknown key keep_jobs.redis.db in c.yaml: keep_jobs takes a number, nothing stands below it"}},
		{"redis itself", "redis.redis.db: 1", nil, []string{"redis.redis.db in c.yaml would make a profile named redis, which is a key of the configuration itself: give the profile another name"}},
		{"an odd name", "'a b.redis.db': 1", nil, []string{`a b.redis.db in c.yaml would make a profile named "a b": use up to 64 letters, digits, _ and -`}},
		{"a value where keys go", "a.redis: redis://h", nil, []string{"a.redis in c.yaml is a section: give the keys below it, such as a.redis.client_name"}},
		{"a form", "a.redis.db: x", nil, []string{`a.redis.db in c.yaml is "x": use a whole number`}},
		{"a form in the environment", "", []string{"RETURND_A__REDIS__DB=x"}, []string{`RETURND_A__REDIS__DB in the environment is "x": use a whole number`}},
		{"a slip in the environment", "", []string{"RETURND_A__REDIS__PROT=1"}, []string{"unknown key RETURND_A__REDIS__PROT in the environment: did you mean RETURND_A__REDIS__PORT?"}},
		{"a bad value", "a.redis.port: 0", nil, []string{"a.redis.port is 0: use 1 to 65535"}},
		{"an inherited one, once", "redis.port: 0\na.redis.db: 1", nil, []string{"redis.port is 0: use 1 to 65535"}},
		{"a database in an inherited cluster", "redis.cluster_mode: true\na.redis.db: 1", nil, []string{"a.redis.db is 1, and a cluster has only database 0: take a.redis.db out"}},
		{"both passwords", "a.redis: {password: secret-password, password_file: /none}", nil, []string{
			"a.redis.password and a.redis.password_file are both given: keep one of them",
			"a.redis.password_file: open /none: no such file or directory; name a readable file that holds the secret alone",
		}},
		{"an inherited file, once", "redis.password_file: /none\na.redis.db: 1", nil, []string{"redis.password_file: open /none: no such file or directory; name a readable file that holds the secret alone"}},
		{"certificates", "redis.tls: {enabled: true, ca: /none}\na.redis.tls.cert: /nope", nil, []string{
			"a.redis.tls.cert: open /nope: no such file or directory; name a file that this user may read",
			"redis.tls.ca: open /none: no such file or directory; name a file that this user may read",
			"a.redis.tls.cert and a.redis.tls.key belong together: give both or neither",
		}},
		{"nodes", "redis.cluster.startup_nodes: [{host: h, port: 1, db: 2}]", nil, []string{"redis.cluster.startup_nodes in c.yaml is of another form: write each node as host:port, or as {host: name, port: 6379}"}},
		{"Salt's other options", "return: redis\nmaster_job_cache: redis", nil, []string{
			"unknown key master_job_cache in c.yaml: take it out; 'worker config print' shows every key",
			"unknown key return in c.yaml: take it out; 'worker config print' shows every key",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "c.yaml", test.content)
			_, err := Load(path, test.environ, nil)
			if diff := cmp.Diff(test.want, lines(t, err, path)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestProfilesInPrint(t *testing.T) {
	path := write(t, "c.yaml", "redis.password: "+canary+"\na.redis: {db: 5, url: 'redis://u:"+canary+"@h', sentinel.password: "+canary+"}\nb.redis.pool_size: 3\nb.redis.host: h\nd.redis.db: 1\nredis.url: redis://own/2\n")
	c, origins, err := Trace(path, []string{"RETURND_B__REDIS__PASSWORD=" + canary}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, c, origins); err != nil {
		t.Fatal(err)
	}
	assertNoCanary(t, out.String())
	for _, want := range []string{
		"a:\n  redis:\n", "    db: 5 # " + path, "    url: redis://REDACTED@h # " + path, "    pool_size: 16 # as redis.pool_size\n",
		"b:\n  redis:\n", "    password: REDACTED # RETURND_B__REDIS__PASSWORD\n", "    pool_size: 3 # " + path,
		"    url: \"\" # not inherited\n", "d:\n  redis:\n", "    url: redis://own # as redis.url, in part\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if c.Persist.Profiles["a"].Sentinel.Password != canary {
		t.Error("printing changed the configuration itself")
	}
}

// What is printed of profiles is a file that means the same.
func TestProfilesRoundTrip(t *testing.T) {
	want, err := Load(write(t, "c.yaml", "redis.url: redis://h:1/3\na.redis.db: 5\nb.redis: {cluster.startup_nodes: [{host: '::1', port: 7000}, n:2]}\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, want, nil); err != nil {
		t.Fatal(err)
	}
	got, err := Load(write(t, "c.yaml", out.String()), nil, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s\n%s", err, diff, out.String())
	}
}

func TestNoSecretOfAProfileInFaults(t *testing.T) {
	path := write(t, "c.yaml", "a.redis: {url: 'http://u:"+canary+"@h', password: "+canary+", port: 0, tls.min_version: "+canary+"}\nb.redis: {url: 'redis://:"+canary+"@h', password: other}\n")
	_, err := Load(path, nil, nil)
	if err == nil {
		t.Fatal("no fault found")
	}
	assertNoCanary(t, err.Error())
}
