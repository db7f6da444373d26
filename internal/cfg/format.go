package cfg

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// format writes a value as a file or a flag would give it.
func (k key) format(c *Config) string {
	value := k.of(c)
	switch {
	case k.isDuration():
		return shortDuration(time.Duration(value.Int()))
	case k.isSize():
		return formatSize(value.Int())
	case k.isList():
		return strings.Join(value.Interface().([]string), ",")
	}
	return fmt.Sprint(value.Interface())
}

// shortDuration is 24h where time.Duration says 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func formatSize(size int64) string {
	for _, unit := range units {
		if size >= unit.bytes && size%unit.bytes == 0 {
			return strconv.FormatInt(size/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(size, 10)
}
