package persist

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// base has a value everywhere that a URL may leave to the options.
func base(change func(*Redis)) Redis {
	r := DefaultRedis()
	r.Host, r.Port, r.DB, r.Username, r.Password = "base", 7000, 9, "someone", "base-password"
	if change != nil {
		change(&r)
	}
	return r
}

func TestURL(t *testing.T) {
	tests := []struct {
		name, url string
		want      func(*Redis)
	}{
		{"host", "redis://h", func(r *Redis) { r.Host = "h" }},
		{"nothing but the scheme", "redis://", func(*Redis) {}},
		{"port", "redis://h:6380", func(r *Redis) { r.Host, r.Port = "h", 6380 }},
		{"port alone", "redis://:6380", func(r *Redis) { r.Port = 6380 }},
		{"IPv6", "redis://[::1]:6380", func(r *Redis) { r.Host, r.Port = "::1", 6380 }},
		{"capitals", "REDIS://h", func(r *Redis) { r.Host = "h" }},
		{"database in the path", "redis://h/3", func(r *Redis) { r.Host, r.DB = "h", 3 }},
		{"database 0 in the path", "redis://h/0", func(r *Redis) { r.Host, r.DB = "h", 0 }},
		{"slash alone", "redis://h/", func(r *Redis) { r.Host = "h" }},
		{"slash behind", "redis://h/3/", func(r *Redis) { r.Host, r.DB = "h", 3 }},
		{"database in the options", "redis://h?db=4", func(r *Redis) { r.Host, r.DB = "h", 4 }},
		{"option before path", "redis://h/3?db=4", func(r *Redis) { r.Host, r.DB = "h", 4 }},
		{"option before a path that is none", "redis://h/x?db=4", func(r *Redis) { r.Host, r.DB = "h", 4 }},
		{"blank option", "redis://h/3?db=", func(r *Redis) { r.Host, r.DB = "h", 3 }},
		{"first of two", "redis://h?db=4&db=5", func(r *Redis) { r.Host, r.DB = "h", 4 }},
		{"user and password", "redis://u:p@h", func(r *Redis) { r.Host, r.Username, r.Password = "h", "u", "p" }},
		{"password alone", "redis://:p@h", func(r *Redis) { r.Host, r.Password = "h", "p" }},
		{"user alone", "redis://u@h", func(r *Redis) { r.Host, r.Username = "h", "u" }},
		{"decoded", "redis://u%40x:p%2Fq%3A%40%25@h", func(r *Redis) { r.Host, r.Username, r.Password = "h", "u@x", "p/q:@%" }},
		{"a plus is no blank in a password", "redis://:a+b@h", func(r *Redis) { r.Host, r.Password = "h", "a+b" }},
		{"user's part before options", "redis://u:p@h?username=x&password=y", func(r *Redis) { r.Host, r.Username, r.Password = "h", "u", "p" }},
		{"identity in the options", "redis://h?username=x&password=y%20z", func(r *Redis) { r.Host, r.Username, r.Password = "h", "x", "y z" }},
		{"TLS", "rediss://h", func(r *Redis) { r.Host, r.TLS.Enabled = "h", true }},
		{"TLS options", "rediss://h?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=true&ssl_cert_reqs=required", func(r *Redis) {
			r.Host, r.TLS.Enabled, r.TLS.CA, r.TLS.Cert, r.TLS.Key = "h", true, "/ca", "/c", "/k"
		}},
		{"TLS without a look", "rediss://h?ssl_cert_reqs=none", func(r *Redis) { r.Host, r.TLS.Enabled, r.TLS.InsecureSkipVerify = "h", true, true }},
		{"socket", "unix:///run/redis.sock", func(r *Redis) { r.UnixSocketPath = "/run/redis.sock" }},
		{"socket with all", "unix://u:p@/run/my%20redis.sock?db=2", func(r *Redis) {
			r.UnixSocketPath, r.DB, r.Username, r.Password = "/run/my redis.sock", 2, "u", "p"
		}},
		{"timeouts", "redis://h?socket_timeout=1.5&socket_connect_timeout=.25&timeout=2&health_check_interval=30", func(r *Redis) {
			r.Host, r.ReadTimeout, r.WriteTimeout = "h", 1500*time.Millisecond, 1500*time.Millisecond
			r.DialTimeout, r.PoolTimeout, r.HealthCheckInterval = 250*time.Millisecond, 2*time.Second, 30*time.Second
		}},
		{"the rest", "redis://h?max_connections=7&client_name=me&socket_keepalive=False", func(r *Redis) { r.Host, r.PoolSize, r.ClientName, r.KeepAlive = "h", 7, "me", 0 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := base(func(r *Redis) { r.URL = test.url })
			got, faults := r.merged()
			want := base(func(r *Redis) { r.URL = test.url })
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
				t.Errorf("%v (-want +got)\n%s", faults.at("redis."), diff)
			}
		})
	}
}

func TestURLFaults(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"scheme", "http://h", `redis.url begins with "http://": use redis://, rediss:// or unix://`},
		{"none", "h:6379", `redis.url begins with "h://"`},
		{"bad escape", "redis://:%zz@h", "redis.url cannot be read as a URL"},
		{"bad escape in the options", "redis://h?db=%zz", "redis.url has options that cannot be read"},
		{"port", "redis://h:70000", "redis.url names a port that is none"},
		{"database", "redis://h/x", "redis.url names a database that is no number"},
		{"two databases", "redis://h/1/2", "redis.url names a database that is no number"},
		{"negative database", "redis://h?db=-1", `wrong value for the option "db"`},
		{"database as an option", "redis://h?db=x", `wrong value for the option "db"`},
		{"no seconds", "redis://h?socket_timeout=3s", `wrong value for the option "socket_timeout"`},
		{"not a number", "redis://h?socket_timeout=nan", `wrong value for the option "socket_timeout"`},
		{"for ever", "redis://h?socket_timeout=inf", `wrong value for the option "socket_timeout"`},
		{"no time", "redis://h?timeout=0", `wrong value for the option "timeout"`},
		{"a fraction", "redis://h?health_check_interval=1.5", `wrong value for the option "health_check_interval"`},
		{"neither true nor false", "redis://h?socket_keepalive=maybe", `wrong value for the option "socket_keepalive"`},
		{"no connections", "redis://h?max_connections=0", `wrong value for the option "max_connections"`},
		{"unknown", "redis://h?dbb=1", `redis.url has the option "dbb", which is not known here`},
		{"without meaning", "redis://h?decode_responses=true", `"decode_responses", which is not known here`},
		{"TLS without TLS", "redis://h?ssl_ca_certs=/ca", `"ssl_ca_certs", which is for rediss:// only`},
		{"any name", "rediss://h?ssl_check_hostname=no", `wrong value for the option "ssl_check_hostname"`},
		{"verify", "rediss://h?ssl_cert_reqs=maybe", `wrong value for the option "ssl_cert_reqs"`},
		{"socket with a host", "unix://run/redis.sock", "redis.url names no socket: use unix:///run/redis.sock"},
		{"socket without a path", "unix://", "redis.url names no socket"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := DefaultRedis()
			r.URL = test.url
			if got := r.faults().at("redis."); got == nil || !strings.Contains(got.Error(), test.want) {
				t.Errorf("got %v, want %q in it", got, test.want)
			}
		})
	}
}

func TestWithoutURL(t *testing.T) {
	const all = "redis://u:p@h:6380/3?db=4&password=y&socket_timeout=1&username=x"
	tests := []struct {
		name               string
		url                string
		db, user, password bool
		want               string
	}{
		{"nothing", all, false, false, false, all},
		{"database", all, true, false, false, "redis://u:p@h:6380?password=y&socket_timeout=1&username=x"},
		{"user", all, false, true, false, "redis://:p@h:6380/3?db=4&password=y&socket_timeout=1"},
		{"password", all, false, false, true, "redis://u:@h:6380/3?db=4&socket_timeout=1&username=x"},
		{"all", all, true, true, true, "redis://h:6380?socket_timeout=1"},
		{"a socket's path is no database", "unix:///s?db=2", true, false, false, "unix:///s"},
		{"no URL", "%zz", true, true, true, "%zz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := WithoutURL(test.url, test.db, test.user, test.password); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
