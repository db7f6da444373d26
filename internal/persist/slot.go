package persist

import "strings"

// keySlot is the cluster's slot of a key: CRC16 (XMODEM) of the key, or of the first {tag} in it that is not empty.
func keySlot(key string) int {
	if _, behind, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(behind, "}"); closed && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			high := crc & 0x8000
			if crc <<= 1; high != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % clusterSlots
}
