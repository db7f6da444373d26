package persist

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// credentials gives user and password for each new connection. The password file is read anew each time, so that a
// rotated secret is taken up; without it the worker does not try an empty password, but says what is wrong.
func (r Redis) credentials(context.Context) (user, password string, err error) {
	password, err = secret("redis.password_file", r.PasswordFile, r.Password)
	return r.Username, password, err
}

func (s Sentinel) credentials() (user, password string, err error) {
	password, err = secret("redis.sentinel.password_file", s.PasswordFile, s.Password)
	return s.Username, password, err
}

// secret is the file's content without the line ends behind it, or the plain value where no file is named.
func secret(key, file, plain string) (string, error) {
	if file == "" {
		return plain, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w; name a readable file that holds the secret alone", key, err)
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s: %s is empty; put the password into it", key, file)
	}
	return text, nil
}
