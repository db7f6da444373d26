package job

import (
	"math"
	"strconv"
	"strings"
)

// options takes the db out of ret_kwargs and refuses a return that says where to connect: that is the worker's configuration alone, and
// what stands there may be a password, which would be stored for every reader.
func (f *fields) options(r *Return) error {
	kwargs := f.raw(fieldKwargs)
	if len(kwargs) == 0 || kwargs[0] != '{' {
		return nil
	}
	return Members(kwargs, func(name string, value []byte) error {
		option := strings.TrimPrefix(name, "redis.")
		if connects(option) {
			return Reject(ReasonRetKwargs, "ret_kwargs asks for %s: only db may be asked for, use a profile (ret_config)", option)
		}
		if name != "db" {
			return nil
		}
		var ok bool
		if r.DB, ok = dbNumber(value); !ok {
			return Reject(ReasonRetKwargs, "ret_kwargs asks for a db that is no number: use 0 or more")
		}
		return nil
	})
}

// connects tells whether a redis option chooses the server or how to log in there.
func connects(option string) bool {
	switch option {
	case "host", "port", "password", "username", "unix_socket_path", "url", "cluster_mode", "startup_nodes", "cluster.startup_nodes":
		return true
	default:
		return false
	}
}

// dbNumber reads a whole number from 0 on, or its text. Redis counts databases in an int.
func dbNumber(value []byte) (int, bool) {
	text := window(value)
	if value[0] == '"' {
		text = unquote(value)
	}
	if !digits(text) {
		return NoDB, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > math.MaxInt32 {
		return NoDB, false
	}
	return n, true
}
