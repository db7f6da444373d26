package job

import "strings"

// EncodeJID writes a jid as one token of a subject: bytes outside A-Z a-z 0-9 _ - : @ = + ~ , are %XX, the dot too.
func EncodeJID(jid string) string { return encode(jid, true) }

// EncodeMinion writes a minion id for a subject. As in the jid, but a dot stays a dot, so that permissions can name a domain; only where
// NATS would refuse the result, since the id starts or ends with a dot or holds two in a row, every dot is %2E.
func EncodeMinion(id string) string { return encode(id, !spreads(id)) }

// DecodeToken undoes either of them. Hex in lower case and needless escapes are read as well: that a token is canonical shows in encoding it again.
func DecodeToken(token string) (string, error) {
	percent := strings.IndexByte(token, '%')
	if percent < 0 {
		return token, nil
	}
	out := append(make([]byte, 0, len(token)), token[:percent]...)
	for i := percent; i < len(token); i++ {
		c := token[i]
		if c == '%' {
			var ok bool
			if c, ok = hexByte(token[i+1:]); !ok {
				return "", Reject(ReasonSubject, "no hex digits behind the %% at byte %d of a token: encode it as %%25", i)
			}
			i += 2
		}
		out = append(out, c)
	}
	return string(out), nil
}

// hexByte reads the two hex digits that s begins with.
func hexByte(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, ok1 := hexDigit(s[0])
	low, ok2 := hexDigit(s[1])
	return high<<4 | low, ok1 && ok2
}

// encode gives back s itself where nothing needs encoding.
func encode(s string, dots bool) string {
	plain := 0
	for plain < len(s) && stays(s[plain], dots) {
		plain++
	}
	if plain == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)+16), s[:plain]...)
	for i := plain; i < len(s); i++ {
		c := s[i]
		if stays(c, dots) {
			out = append(out, c)
			continue
		}
		out = append(out, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&0xf])
	}
	return string(out)
}

// The bytes that stay, one bit each: those below 64, and those from 64 to 127. Each subject is checked against them twice.
const (
	plainLow  = 0x3ff<<'0' | 1<<'-' | 1<<':' | 1<<'=' | 1<<'+' | 1<<','
	plainHigh = 0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64) | 1<<('_'-64) | 1<<('@'-64) | 1<<('~'-64)
)

// stays tells whether a byte needs no encoding; dots says that a dot does.
func stays(c byte, dots bool) bool {
	switch {
	case c == '.':
		return !dots
	case c < 64:
		return uint64(plainLow)>>c&1 != 0
	default:
		return c < 128 && uint64(plainHigh)>>(c-64)&1 != 0
	}
}

// spreads tells whether an id's dots may separate tokens: no token would be empty.
func spreads(id string) bool {
	return id != "" && id[0] != '.' && id[len(id)-1] != '.' && !strings.Contains(id, "..")
}
