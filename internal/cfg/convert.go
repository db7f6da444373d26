package cfg

import (
	"errors"
	"fmt"
	"math"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// convert turns what a file, the environment or a flag gave into the field's own type.
// Text is taken for every form: that is all the environment has, and Salt writes redis.db as '0'.
// The error names the right form and never the value, which may be a secret.
func (k key) convert(raw any) (any, error) {
	text, isText := raw.(string)
	switch {
	case k.isDuration():
		return toDuration(text, isText)
	case k.isWhole():
		return k.toWhole(raw)
	case k.isNodes():
		return toNodes(raw)
	case k.isList():
		return toList(raw)
	case k.typ.Kind() == reflect.Bool:
		return toBool(raw)
	case k.typ.Kind() == reflect.String && isText:
		return text, nil
	case k.typ.Kind() == reflect.String:
		return nil, errors.New("put the text in quotes")
	}
	return nil, fmt.Errorf("keys of type %v are not supported", k.typ)
}

// toDuration refuses a bare number: nobody can tell whether it means seconds or nanoseconds.
func toDuration(text string, isText bool) (any, error) {
	if isText {
		if d, err := time.ParseDuration(strings.TrimSpace(text)); err == nil && !isDigits(text) {
			return d, nil
		}
	}
	return nil, errors.New("write a duration with its unit, such as 5ms, 30s or 24h")
}

func isDigits(text string) bool {
	return strings.Trim(text, "0123456789+-. ") == ""
}

func toBool(raw any) (any, error) {
	switch value := raw.(type) {
	case bool:
		return value, nil
	case string:
		if b, err := strconv.ParseBool(strings.TrimSpace(value)); err == nil {
			return b, nil
		}
	}
	return nil, errors.New("use true or false")
}

// toList takes a list of texts, or one text with commas.
func toList(raw any) (any, error) {
	switch value := raw.(type) {
	case string:
		return splitList(value), nil
	case []any:
		list := make([]string, 0, len(value))
		for _, element := range value {
			text, ok := element.(string)
			if !ok {
				return nil, errors.New("put every element in quotes")
			}
			list = append(list, text)
		}
		return list, nil
	}
	return nil, errors.New("use a list of texts, or one text with commas between")
}

// toNodes also takes elements as Salt writes them: {host: …, port: …}.
func toNodes(raw any) (any, error) {
	elements, ok := raw.([]any)
	if !ok {
		return toList(raw)
	}
	list := make([]string, 0, len(elements))
	for _, element := range elements {
		node, ok := toNode(element)
		if !ok {
			return nil, errors.New("write each node as host:port, or as {host: name, port: 6379}")
		}
		list = append(list, node)
	}
	return list, nil
}

func toNode(element any) (string, bool) {
	if text, ok := element.(string); ok {
		return strings.TrimSpace(text), true
	}
	parts, ok := subtree(element)
	host, named := parts["host"].(string)
	if !ok || !named || host == "" {
		return "", false
	}
	port, numbered := parts["port"]
	if len(parts) == 1 {
		return host, true
	}
	if !numbered || len(parts) != 2 {
		return "", false
	}
	number, ok := whole(port)
	if text, isText := port.(string); isText {
		number, ok = parseWhole(strings.TrimSpace(text), false)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatInt(number, 10)), ok
}

// splitList drops blanks around the elements, and empty ones.
func splitList(text string) []string {
	list := []string{}
	for element := range strings.SplitSeq(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	return list
}

// toWhole gives a number of the field's own width.
func (k key) toWhole(raw any) (any, error) {
	number, ok := whole(raw)
	if text, isText := raw.(string); isText {
		number, ok = parseWhole(strings.TrimSpace(text), k.isSize())
	}
	value := reflect.New(k.typ).Elem()
	if !ok || value.OverflowInt(number) {
		if k.isSize() {
			return nil, errors.New("use a whole number of bytes, or one with KiB, MiB or GiB behind it")
		}
		return nil, errors.New("use a whole number")
	}
	value.SetInt(number)
	return value.Interface(), nil
}

// whole knows the numbers of the three file formats; JSON has floats only.
func whole(raw any) (int64, bool) {
	switch value := raw.(type) {
	case int:
		return int64(value), true
	case int64:
		return value, true
	case float64:
		const exact = 1 << 53 // beyond, a float64 leaves whole numbers out
		return int64(value), value == math.Trunc(value) && math.Abs(value) <= exact
	}
	return 0, false
}

// units are binary: a setting for memory that says MB and means 1,000,000 helps nobody.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func parseWhole(text string, isSize bool) (int64, bool) {
	factor := int64(1)
	for _, unit := range units {
		if number, found := strings.CutSuffix(text, unit.name); found && isSize {
			text, factor = strings.TrimSpace(number), unit.bytes
			break
		}
	}
	number, err := strconv.ParseInt(text, 10, 64)
	fits := err == nil && number <= math.MaxInt64/factor && number >= math.MinInt64/factor
	return number * factor, fits
}
