package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// expression is what can be told of a PromQL expression without its grammar, whose module would bring other versions of
// much that the product uses. promtool, where it is there, reads the alerts besides.
type expression struct {
	metrics []string
	faults  []string
}

var (
	token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\$[a-z_]+|[A-Za-z_:][A-Za-z0-9_:.]*|[0-9][0-9a-z.]*|=~|!~|!=|==|<=|>=|\S`)
	// What PromQL has names for, as far as it is used here.
	functions = []string{"rate", "increase", "deriv", "absent", "time", "histogram_quantile", "sum", "max", "min", "count", "avg"}
	overTime  = []string{"rate", "increase", "deriv"}
	words     = []string{"by", "without", "on", "ignoring", "and", "or", "unless", "offset", "bool"}
	closing   = map[string]string{"(": ")", "{": "}", "[": "]"}
	span      = regexp.MustCompile(`^([0-9]+[smhd]|\$__rate_interval)$`)
)

// parse reads an expression. A series is a name that no bracket follows, outside of labels.
func parse(text string) expression {
	var e expression
	tokens := token.FindAllString(text, -1)
	var open []string
	for i, word := range tokens {
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case closing[word] != "":
			open = append(open, word)
			e.check(word != "[" || span.MatchString(next), "%s is no span of time", next)
		case slices.Contains([]string{")", "}", "]"}, word):
			if len(open) == 0 || closing[open[len(open)-1]] != word {
				e.check(false, "a %s too many", word)
				return e
			}
			open = open[:len(open)-1]
		case !isName(word) || slices.Contains(words, word) || within(open, "{", "[") || ofLabels(tokens[:i]):
		case next == "(":
			e.check(slices.Contains(functions, word), "%s is no function known here", word)
			if slices.Contains(overTime, word) {
				e.check(overSpan(tokens[i+1:]), "%s without a span of time", word)
			}
		case slices.Contains(functions, word) && (next == "by" || next == "without"):
		default:
			e.metrics = append(e.metrics, word)
		}
	}
	e.check(len(open) == 0, "a %s is not closed", strings.Join(open, ""))
	e.check(len(tokens) > 0, "nothing at all")
	return e
}

func (e *expression) check(holds bool, format string, args ...any) {
	if !holds {
		e.faults = append(e.faults, fmt.Sprintf(format, args...))
	}
}

func isName(word string) bool { return regexp.MustCompile(`^[A-Za-z_:]`).MatchString(word) }

func within(open []string, brackets ...string) bool {
	return slices.ContainsFunc(open, func(b string) bool { return slices.Contains(brackets, b) })
}

// ofLabels tells whether a name stands in the list behind by, without, on or ignoring.
func ofLabels(before []string) bool {
	for i := len(before) - 1; i > 0 && before[i] != ")"; i-- {
		if before[i] == "(" {
			return slices.Contains([]string{"by", "without", "on", "ignoring"}, before[i-1])
		}
	}
	return false
}

// overSpan tells whether the bracket that comes first holds a span before it closes.
func overSpan(tokens []string) bool {
	depth := 0
	for _, word := range tokens {
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		case "[":
			return true
		}
		if depth == 0 {
			return false
		}
	}
	return false
}

var grouped = regexp.MustCompile(`by \(([^)]*)\)`)

// labels are those that an expression's result may have: what it groups by, or what any series has.
func labels(text string) []string {
	found := []string{"instance", "job"}
	for _, group := range grouped.FindAllStringSubmatch(text, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			found = append(found, strings.TrimSpace(label))
		}
	}
	return found
}
