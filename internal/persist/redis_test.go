package persist

import (
	"strings"
	"testing"
	"time"
)

func TestDeclaredMode(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Redis)
		want   string
	}{
		{"defaults", func(*Redis) {}, modeAuto},
		{"by name", func(r *Redis) { r.Mode = modeCluster }, modeCluster},
		{"Salt's name", func(r *Redis) { r.ClusterMode = true }, modeCluster},
		{"nodes", func(r *Redis) { r.Cluster.StartupNodes = []string{"a:1"} }, modeCluster},
		{"Sentinel", func(r *Redis) { r.Sentinel.Master, r.Sentinel.Addresses = "mymaster", []string{"s"} }, modeSentinel},
		{"socket", func(r *Redis) { r.UnixSocketPath = "/s" }, modeStandalone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := DefaultRedis()
			test.change(&r)
			if err := r.faults().at("redis."); err != nil {
				t.Error(err)
			}
			if got := r.declared(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestRedisFaults(t *testing.T) {
	sentinel := func(r *Redis) { r.Sentinel.Master, r.Sentinel.Addresses = "mymaster", []string{"s:26379"} }
	tests := []struct {
		name   string
		change func(*Redis)
		want   string
	}{
		{"mode", func(r *Redis) { r.Mode = "ring" }, "x.mode is \"ring\": use auto, standalone, sentinel or cluster"},
		{"cluster_mode against mode", func(r *Redis) { r.ClusterMode, r.Mode = true, modeStandalone }, "x.cluster_mode is true and x.mode is standalone"},
		{"nodes against mode", func(r *Redis) { r.Cluster.StartupNodes, r.Mode = []string{"a:1"}, modeStandalone }, "x.cluster.startup_nodes are given and x.mode is standalone"},
		{"sentinel against cluster", func(r *Redis) { sentinel(r); r.ClusterMode = true }, "x.sentinel.master is given, and other options ask for mode cluster"},
		{"sentinel without master", func(r *Redis) { r.Mode = modeSentinel }, "x.mode is sentinel without x.sentinel.master"},
		{"sentinel without addresses", func(r *Redis) { r.Sentinel.Master = "m" }, "without x.sentinel.addresses"},
		{"addresses without master", func(r *Redis) { r.Sentinel.Addresses = []string{"s"} }, "x.sentinel.addresses are given without x.sentinel.master"},
		{"sentinel and URL", func(r *Redis) { sentinel(r); r.URL = "redis://h" }, "take x.url out"},
		{"a db in a cluster", func(r *Redis) { r.ClusterMode, r.DB = true, 1 }, "x.db is 1, and a cluster has only database 0"},
		{"a db in a cluster's URL", func(r *Redis) { r.ClusterMode, r.URL = true, "redis://h/2" }, "x.db is 2, and a cluster has only database 0"},
		{"a socket in a cluster", func(r *Redis) { r.ClusterMode, r.UnixSocketPath = true, "/s" }, "mode cluster needs TCP"},
		{"replicas of one server", func(r *Redis) { r.Mode, r.ReadFromReplicas = modeStandalone, true }, "x.read_from_replicas is true"},
		{"node", func(r *Redis) { r.Cluster.StartupNodes = []string{"a:b"} }, `x.cluster.startup_nodes holds "a:b"`},
		{"Sentinel's address", func(r *Redis) { sentinel(r); r.Sentinel.Addresses = []string{"redis://s"} }, `x.sentinel.addresses holds "redis://s"`},
		{"password twice", func(r *Redis) { r.URL, r.Password = "redis://:a@h", "b" }, "x.password is set beside another password in x.url"},
		{"password and file", func(r *Redis) { r.URL, r.PasswordFile = "redis://:a@h", "/f" }, "x.password_file is set beside a password in x.url"},
		{"user without password", func(r *Redis) { r.Username = "u" }, `x.username is "u" without a password`},
		{"Sentinel's user without password", func(r *Redis) { sentinel(r); r.Sentinel.Username = "u" }, `x.sentinel.username is "u" without a password`},
		{"client name", func(r *Redis) { r.ClientName = "a b" }, "x.client_name"},
		{"TLS options without TLS", func(r *Redis) { r.TLS.CA = "/ca" }, "set x.tls.enabled to true"},
		{"half a pair", func(r *Redis) { r.TLS.Enabled, r.TLS.Key = true, "/k" }, "x.tls.cert and x.tls.key belong together"},
		{"TLS version", func(r *Redis) { r.TLS.Enabled, r.TLS.MinVersion = true, "1.1" }, `x.tls.min_version is "1.1"`},
		{"TLS on a socket", func(r *Redis) { r.TLS.Enabled, r.UnixSocketPath = true, "/s" }, "x.tls.enabled is true and x.unix_socket_path is given"},
		{"void CA", func(r *Redis) { r.TLS = TLS{Enabled: true, MinVersion: "1.3", CA: "/ca", InsecureSkipVerify: true} }, "which it makes void"},
		{"pool timeout", func(r *Redis) { r.PoolTimeout = 0 }, "x.pool_timeout is 0s"},
		{"write pool", func(r *Redis) { r.WritePoolSize = 0 }, "x.write_pool_size is 0"},
		{"idle", func(r *Redis) { r.MaxIdleConnections = -1 }, "x.max_idle_connections is -1"},
		{"keep alive", func(r *Redis) { r.KeepAlive = time.Millisecond }, "x.keep_alive is 1ms"},
		{"health", func(r *Redis) { r.HealthCheckInterval = -time.Second }, "x.health_check_interval is -1s"},
		{"attempts", func(r *Redis) { r.Retry.Attempts = 11 }, "x.retry.attempts is 11"},
		{"backoff", func(r *Redis) { r.Retry.MinBackoff = time.Minute }, "x.retry.min_backoff is 1m0s and x.retry.max_backoff 500ms"},
		{"replicas", func(r *Redis) { r.Write.MinReplicas = -1 }, "x.write.min_replicas is -1"},
		{"a wait beyond the read", func(r *Redis) { r.Write.MinReplicas, r.Write.WaitTimeout = 1, 3*time.Second }, "x.write.wait_timeout is 3s and x.read_timeout 3s"},
		{"wait", func(r *Redis) { r.Write.WaitTimeout = 0 }, "x.write.wait_timeout is 0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := DefaultRedis()
			test.change(&r)
			if got := r.faults().at("x."); got == nil || !strings.Contains(got.Error(), test.want) {
				t.Errorf("got %v, want %q in it", got, test.want)
			}
		})
	}
}

func TestProfilesAreValidated(t *testing.T) {
	c := DefaultConfig()
	c.Redis.Port = 0
	inherits, own := c.Redis, c.Redis
	own.PoolSize = 0
	c.Profiles = map[string]Redis{"inherits": inherits, "own": own}
	want := "redis.port is 0: use 1 to 65535\nown.redis.pool_size is 0: use 1 to 10000"
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWarnings(t *testing.T) {
	c := DefaultConfig()
	loud := c.Redis
	loud.URL = "rediss://h?ssl_cert_reqs=none"
	c.Profiles = map[string]Redis{"quiet": c.Redis, "loud": loud}
	got := c.Warnings()
	if len(got) != 1 || !strings.HasPrefix(got[0], "loud.redis.tls.insecure_skip_verify is on") {
		t.Errorf("got %q", got)
	}
}

func TestName(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Redis)
		want   string
	}{
		{"host", func(r *Redis) { r.DB = 3 }, "127.0.0.1:6379/3"},
		{"URL", func(r *Redis) { r.URL = "redis://u:secret@h?password=secret" }, "h:6379/0"},
		{"socket", func(r *Redis) { r.UnixSocketPath = "/s" }, "/s, database 0"},
		{"nodes", func(r *Redis) { r.Cluster.StartupNodes = []string{"a:1", "b"} }, "cluster of a:1,b:6379"},
		{"Sentinels", func(r *Redis) { r.Sentinel.Master, r.Sentinel.Addresses = "mymaster", []string{"s", "t:1"} }, "mymaster/0 behind s:26379,t:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := DefaultRedis()
			test.change(&r)
			if got := r.Name(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestNodeAddress(t *testing.T) {
	for text, want := range map[string]string{
		"h": "h:6379", "h:7000": "h:7000", "[::1]:7000": "[::1]:7000", "::1": "[::1]:6379", "[::1]": "[::1]:6379",
		"": "", ":7000": "", "h:0": "", "h:x": "", "a:b:c": "", "redis://h:1": "", "u@h:1": "",
	} {
		if got, ok := nodeAddress(text, redisPort); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, ok, want)
		}
	}
}

func TestNameHoldsNoSecret(t *testing.T) {
	for want, change := range map[string]func(*Redis){
		"127.0.0.1:6379/0":            func(r *Redis) { r.Password = "hunter2" },
		"h:1/3":                       func(r *Redis) { r.URL = "redis://u:hunter2@h:1/3" },
		"/run/redis.sock, database 0": func(r *Redis) { r.UnixSocketPath = "/run/redis.sock" },
		"mymaster/0 behind a:26379":   func(r *Redis) { r.Sentinel.Master, r.Sentinel.Addresses = "mymaster", []string{"a:26379"} },
		"cluster of 127.0.0.1:6379":   func(r *Redis) { r.Mode = "cluster" },
	} {
		r := DefaultRedis()
		change(&r)
		if got := r.Name(); got != want {
			t.Errorf("Name = %q, want %q", got, want)
		}
	}
}
