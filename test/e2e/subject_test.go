package e2e

import (
	"fmt"
	"strings"
)

// unencoded are the bytes that stand for themselves in a subject.
const unencoded = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:@=+~,"

func encode(text, plain string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(plain, text[i]) >= 0 {
			b.WriteByte(text[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", text[i])
		}
	}
	return b.String()
}

// encodeMinion leaves dots alone unless they would make empty tokens.
func encodeMinion(id string) string {
	if strings.HasPrefix(id, ".") || strings.HasSuffix(id, ".") || strings.Contains(id, "..") {
		return encode(id, unencoded)
	}
	return encode(id, unencoded+".")
}

func returnSubject(jid, minion string) string {
	return "salt.job." + encode(jid, unencoded) + ".ret." + encodeMinion(minion)
}

func loadSubject(jid string) string { return "salt.job." + encode(jid, unencoded) + ".new" }
