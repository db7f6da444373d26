package persist

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// merged lays the URL over the single options, by the rules of redis-py's from_url: what the URL does not give comes
// from the options; the database is that of ?db=, else that of the path, else the option; user, password and path are
// percent-decoded; an option after the ? has a type. Unlike there, an unknown or wrong one is a fault.
func (r Redis) merged() (Redis, faults) {
	if r.URL == "" {
		return r, nil
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return r, faults{{"@url cannot be read as a URL: use redis://user:password@host:6379/0, with special characters in the password as %%XX", nil}}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return r, faults{{"@url has options that cannot be read: write them as ?db=0&socket_timeout=2.5, with special characters as %%XX", nil}}
	}
	var f faults
	switch u.Scheme {
	case "redis", "rediss":
		r.applyServer(u, query, &f)
	case "unix":
		r.UnixSocketPath = u.Path
		f.check(u.Host == "" && u.Path != "", "@url names no socket: use unix:///run/redis.sock, with three slashes")
	default:
		f.check(false, "@url begins with %q: use redis://, rediss:// or unix://", u.Scheme+"://")
		return r, f
	}
	r.applyQuery(u.Scheme, query, &f)
	if user := u.User.Username(); user != "" {
		r.Username = user
	}
	if password, _ := u.User.Password(); password != "" {
		r.Password = password
	}
	return r, f
}

func (r *Redis) applyServer(u *url.URL, query url.Values, f *faults) {
	r.UnixSocketPath = ""
	if host := u.Hostname(); host != "" {
		r.Host = host
	}
	if port := u.Port(); port != "" {
		number, err := strconv.Atoi(port)
		f.check(err == nil && number >= 1 && number <= 65535, "@url names a port that is none: use 1 to 65535")
		r.Port = number
	}
	if u.Scheme == "rediss" {
		r.TLS.Enabled = true
	}
	if path := strings.Trim(u.Path, "/"); path != "" && query.Get("db") == "" {
		db, err := strconv.Atoi(path)
		f.check(err == nil && db >= 0, "@url names a database that is no number: use redis://host:6379/0 or ?db=0")
		r.DB = max(db, 0)
	}
}

// urlOptions are redis-py's names for what we have. Each takes the text, and tells whether it is of the right form.
var urlOptions = map[string]func(r *Redis, text string) bool{
	"db":                     func(r *Redis, text string) bool { return number(text, 0, &r.DB) },
	"username":               func(r *Redis, text string) bool { r.Username = text; return true },
	"password":               func(r *Redis, text string) bool { r.Password = text; return true },
	"client_name":            func(r *Redis, text string) bool { r.ClientName = text; return true },
	"max_connections":        func(r *Redis, text string) bool { return number(text, 1, &r.PoolSize) },
	"socket_connect_timeout": func(r *Redis, text string) bool { return seconds(text, &r.DialTimeout) },
	"socket_timeout": func(r *Redis, text string) bool {
		return seconds(text, &r.ReadTimeout) && seconds(text, &r.WriteTimeout)
	},
	"timeout":               func(r *Redis, text string) bool { return seconds(text, &r.PoolTimeout) },
	"health_check_interval": wholeSeconds,
	"socket_keepalive":      keepAlive,
}

// urlOptionsTLS count with rediss:// only.
var urlOptionsTLS = map[string]func(r *Redis, text string) bool{
	"ssl_ca_certs":  func(r *Redis, text string) bool { r.TLS.CA = text; return true },
	"ssl_certfile":  func(r *Redis, text string) bool { r.TLS.Cert = text; return true },
	"ssl_keyfile":   func(r *Redis, text string) bool { r.TLS.Key = text; return true },
	"ssl_cert_reqs": certificateRequired,
	// A certificate whose name does not count is worth as little as none: for another name there is tls.server_name.
	"ssl_check_hostname": func(_ *Redis, text string) bool { check, ok := boolean(text); return ok && check },
}

// applyQuery takes the options in the order of their names, so that faults come in one order. As in Python, blank ones
// are none, and of several the first counts.
func (r *Redis) applyQuery(scheme string, query url.Values, f *faults) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		text := query.Get(name)
		if text == "" {
			continue
		}
		// As in redis-py, which decodes once more what the reader of the options has decoded.
		if again, err := url.PathUnescape(text); err == nil {
			text = again
		}
		set, known := urlOptions[name]
		if setTLS, ofTLS := urlOptionsTLS[name]; ofTLS {
			f.check(scheme == "rediss", "@url has the option %q, which is for rediss:// only: take it out, or use TLS", name)
			set, known = setTLS, true
		}
		f.check(known, "@url has the option %q, which is not known here: docs/redis-options.md says what there is instead; give it as a key beside @url", name)
		f.check(!known || set(r, text), "@url has a wrong value for the option %q: see docs/redis-options.md for its form", name)
	}
}

func number(text string, least int, to *int) bool {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err == nil {
		*to = n
	}
	return err == nil && n >= least
}

// seconds may have a fraction, as redis-py's timeouts.
func seconds(text string, to *time.Duration) bool {
	s, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	const year = 365 * 24 * 3600
	if err != nil || math.IsNaN(s) || s <= 0 || s > year {
		return false
	}
	*to = time.Duration(s * float64(time.Second))
	return true
}

func wholeSeconds(r *Redis, text string) bool {
	var s int
	ok := number(text, 0, &s) && s < math.MaxInt32
	if ok {
		r.HealthCheckInterval = time.Duration(s) * time.Second
	}
	return ok
}

func keepAlive(r *Redis, text string) bool {
	on, ok := boolean(text)
	switch {
	case ok && !on:
		r.KeepAlive = 0
	case ok && r.KeepAlive == 0:
		r.KeepAlive = DefaultRedis().KeepAlive
	}
	return ok
}

func certificateRequired(r *Redis, text string) bool {
	switch text {
	case "none":
		r.TLS.InsecureSkipVerify = true
	case "optional", "required": // to a client, both are the same
		r.TLS.InsecureSkipVerify = false
	default:
		return false
	}
	return true
}

// boolean takes the words that redis-py takes for false, and their opposites; there, anything else is true.
func boolean(text string) (value, ok bool) {
	switch strings.ToUpper(text) {
	case "0", "F", "FALSE", "N", "NO":
		return false, true
	case "1", "T", "TRUE", "Y", "YES":
		return true, true
	}
	return false, false
}

// WithoutURL gives the URL without what a stronger source has given by itself: its database, its user, its password.
// Text that is no URL comes back as it is.
func WithoutURL(text string, db, user, password bool) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	query := u.Query()
	if db {
		query.Del("db")
		if u.Scheme != "unix" {
			u.Path = ""
		}
	}
	name, secret := u.User.Username(), ""
	if u.User != nil {
		secret, _ = u.User.Password()
	}
	if user {
		name = ""
		query.Del("username")
	}
	if password {
		secret = ""
		query.Del("password")
	}
	u.RawQuery = query.Encode()
	if u.User = nil; name+secret != "" {
		u.User = url.UserPassword(name, secret)
	}
	return u.String()
}
