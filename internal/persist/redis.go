package persist

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address is where one server is found.
type address struct {
	network, addr string
	tls           bool
	serverName    string
	db            int
	username      string
	password      string
}

// address merges redis.url over the single options, by redis-py's rules: `?db=` beats the path, the path the option;
// user name, password and socket path are percent-decoded.
func (r Redis) address() (address, error) {
	a := address{network: "tcp", addr: hostPort(r.Host, r.Port), db: r.DB, username: r.Username, password: r.Password}
	if r.UnixSocketPath != "" {
		a.network, a.addr = "unix", r.UnixSocketPath
	}
	if r.URL == "" {
		return a, nil
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return a, errors.New("redis.url cannot be read as a URL: use redis://user:password@host:6379/0, with special characters in the password as %XX")
	}
	return a, a.apply(u)
}

func (a *address) apply(u *url.URL) error {
	switch u.Scheme {
	case "redis", "rediss":
		port, _ := strconv.Atoi(cmp.Or(u.Port(), "6379"))
		a.network, a.addr = "tcp", hostPort(cmp.Or(u.Hostname(), "127.0.0.1"), port)
		a.tls, a.serverName = u.Scheme == "rediss", u.Hostname()
	case "unix":
		a.network, a.addr = "unix", u.Host+u.Path
	default:
		return fmt.Errorf("redis.url begins with %q: use redis://, rediss:// or unix://", u.Scheme+"://")
	}
	if u.User != nil {
		a.username = cmp.Or(u.User.Username(), a.username)
		if password, ok := u.User.Password(); ok {
			a.password = password
		}
	}
	if path := strings.Trim(u.Path, "/"); a.network == "tcp" && path != "" {
		if err := a.setDB(path); err != nil {
			return err
		}
	}
	return a.options(u.Query())
}

func (a *address) options(query url.Values) error {
	for name := range query {
		value := query.Get(name)
		switch name {
		case "db":
			if err := a.setDB(value); err != nil {
				return err
			}
		case "username":
			a.username = value
		case "password":
			a.password = value
		default:
			return fmt.Errorf("redis.url has the option %q, which is not known here: use db, username or password, and redis.* for the rest", name)
		}
	}
	return nil
}

func (a *address) setDB(text string) error {
	db, err := strconv.Atoi(text)
	if err != nil || db < 0 {
		return errors.New("redis.url names a database that is no number: use redis://host:6379/0 or ?db=0")
	}
	a.db = db
	return nil
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}

func (r Redis) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(r.Mode == "auto" || r.Mode == "standalone", "redis.mode is %q: use auto or standalone", r.Mode)
	check(r.Port >= 1 && r.Port <= 65535, "redis.port is %d: use 1 to 65535", r.Port)
	check(r.DB >= 0, "redis.db is %d: use 0 or more", r.DB)
	check(r.Host != "" || r.URL != "" || r.UnixSocketPath != "", "redis.host is empty: name the server, or set redis.url or redis.unix_socket_path")
	check(r.DialTimeout > 0, "redis.dial_timeout is %v: use a positive duration such as 3s", r.DialTimeout)
	check(r.ReadTimeout > 0, "redis.read_timeout is %v: use a positive duration such as 5s", r.ReadTimeout)
	check(r.WriteTimeout > 0, "redis.write_timeout is %v: use a positive duration such as 5s", r.WriteTimeout)
	check(r.PoolSize >= 1 && r.PoolSize <= 10000, "redis.pool_size is %d: use 1 to 10000", r.PoolSize)
	a, err := r.address()
	check(a.password == r.Password || r.PasswordFile == "", "redis.password_file is set beside a password in redis.url: keep one of them")
	return errors.Join(append(faults, err)...)
}
