package servers

import "strings"

// Slots is the number of hash slots of a Redis Cluster.
const Slots = 16384

// KeySlot is the hash slot of a key: CRC16 (XMODEM) of what stands between its
// first '{' and the next '}', of all of it if that is nothing. It is written
// apart from the client library's, so that tests can hold that against it.
func KeySlot(key string) int {
	if _, after, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(after, "}"); closed && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for _, b := range []byte(key) {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc >> 15
			crc = crc<<1 ^ carry*0x1021
		}
	}
	return int(crc) % Slots
}
