package cfg

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"returnd/internal/persist"
)

// redacted stands where a secret was.
const redacted = "REDACTED"

// Redacted is a copy to show: passwords, tokens and what a URL carries of them are blotted out.
func (c Config) Redacted() Config {
	c.Persist.Profiles = maps.Clone(c.Persist.Profiles)
	for name, r := range c.Persist.Profiles {
		profile := Config{Persist: persist.Config{Redis: r}}.redacted()
		c.Persist.Profiles[name] = profile.Persist.Redis
	}
	return c.redacted()
}

func (c Config) redacted() Config {
	for _, k := range allKeys() {
		value := k.of(&c)
		switch {
		case value.Kind() != reflect.String || value.String() == "":
		case k.secret:
			value.SetString(redacted)
		case k.isURL():
			value.SetString(RedactURL(value.String()))
		}
	}
	return c
}

var schemes = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)

// RedactURL blots out the user's part of a URL, or of several with commas between, and passwords among its options.
// Of a URL that cannot be understood only the scheme is left: the rest may be a password with odd letters.
func RedactURL(text string) string {
	starts := schemes.FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		if strings.ContainsAny(text, "@?") {
			return redacted
		}
		return text
	}
	var b strings.Builder
	if starts[0][0] > 0 {
		b.WriteString(redacted)
	}
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		b.WriteString(redactOne(text[start[0]:end], text[start[0]:start[1]]))
	}
	return b.String()
}

// redactOne keeps what stands behind the URL to divide it from the next.
func redactOne(text, scheme string) string {
	one := strings.TrimRight(text, ", ")
	rest := text[len(one):]
	u, err := url.Parse(one)
	if err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment+u.Opaque, "@") {
		return scheme + redacted + rest
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return scheme + redacted + rest
	}
	for name := range options {
		if secretOption(name) {
			options.Set(name, redacted)
			u.RawQuery = options.Encode()
		}
	}
	if u.User != nil {
		u.User = url.User(redacted)
	}
	return u.String() + rest
}

// carriesSecret is about any URL that could: an @ divides the user's part from the host.
func carriesSecret(text string) bool {
	var s scrubber
	s.addURL(text)
	return strings.Contains(text, "@") || len(s.secrets) > 0
}

func secretOption(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "pass") || strings.Contains(name, "token") || strings.Contains(name, "secret")
}

// scrubber takes known secrets out of messages. No message should hold one: this is the second net, for those of
// parts and libraries that quote what they were given.
type scrubber struct{ secrets []string }

// add learns a value as it was given. Shorter secrets are left to the first net: they would blot out common words.
func (s *scrubber) add(k key, raw any) {
	text := fmt.Sprint(raw)
	switch {
	case k.secret:
		s.learn(text)
	case k.isURL():
		s.addURL(text)
	}
}

// addURL learns a password as it is written and as it is meant.
func (s *scrubber) addURL(text string) {
	_, rest, _ := strings.Cut(text, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		_, password, found := strings.Cut(rest[:at], ":")
		if !found {
			password = rest[:at]
		}
		s.learn(password)
		if plain, err := url.PathUnescape(password); err == nil {
			s.learn(plain)
		}
	}
	_, query, _ := strings.Cut(rest, "?")
	options, _ := url.ParseQuery(query) // what can be read of it
	for name, values := range options {
		if secretOption(name) {
			s.learn(values...)
		}
	}
}

func (s *scrubber) learn(secrets ...string) {
	const shortest = 4
	for _, secret := range secrets {
		if len(secret) >= shortest {
			s.secrets = append(s.secrets, secret)
		}
	}
	// The longest first: one secret may hold another.
	slices.SortFunc(s.secrets, func(a, b string) int { return len(b) - len(a) })
}

func (s *scrubber) clean(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}
