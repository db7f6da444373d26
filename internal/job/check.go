package job

import (
	"strings"
	"unicode/utf8"
)

// maxName bounds an id, a jid and a function's name, in bytes.
const maxName = 255

// maxFuns bounds a list of functions, as Python writes it: it becomes part of keys and of every history entry.
const maxFuns = 4096

// CheckJID holds a jid to rule 3: 1 to 255 bytes of UTF-8 without control characters. The error is a *Rejection.
func CheckJID(jid string) error { return checkName("jid", jid, "") }

// CheckFun holds one function's name to rule 4: as a jid, and without a colon, so that the last colon of a pointer key always splits it.
func CheckFun(name string) error { return checkName("fun", name, ":") }

// CheckMinion holds a minion id to rule 2: as a jid, without slash and backslash, and neither "." nor "..". No slash means that no id
// reaches the keys under "returnd/".
func CheckMinion(id string) error {
	if id == "." || id == ".." {
		return Reject(ReasonIdentity, "id is a dot or two: name the minion")
	}
	return checkName("id", id, `/\`)
}

// checkName looks at the bytes; only a name that is not plain ASCII is looked at again by rune.
func checkName(field, name, forbidden string) error {
	if name == "" || len(name) > maxName {
		return Reject(ReasonIdentity, "%s is %d bytes long: use 1 to %d", field, len(name), maxName)
	}
	for i := range len(name) {
		if name[i]-' ' > '~'-' ' {
			if err := checkRunes(field, name); err != nil {
				return err
			}
			break
		}
	}
	for j := range len(forbidden) {
		if at := strings.IndexByte(name, forbidden[j]); at >= 0 {
			return Reject(ReasonIdentity, "%s holds a %q at byte %d: leave it out", field, forbidden[j], at)
		}
	}
	return nil
}

// checkRunes demands UTF-8 without control characters.
func checkRunes(field, name string) error {
	for i, r := range name {
		switch {
		case isControl(r):
			return Reject(ReasonIdentity, "%s holds a control character at byte %d: leave it out", field, i)
		case r == utf8.RuneError && !strings.HasPrefix(name[i:], "\ufffd"):
			return Reject(ReasonIdentity, "%s is not UTF-8 at byte %d: encode it", field, i)
		}
	}
	return nil
}
