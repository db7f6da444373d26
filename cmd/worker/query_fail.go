package main

import (
	"encoding/json"
	"errors"
	"strings"

	"returnd/internal/job"
)

// maxNamed is how many minions an error names.
const maxNamed = 10

// verdict gathers what --fail asks for.
type verdict struct {
	failed, missing          int
	failedNames, missingOnes []string
}

// add judges a part of an answer. A value that is no return says nothing, as in the table.
func (v *verdict) add(endpoint string, body []byte) {
	if endpoint == "get_progress" {
		v.addProgress(body)
		return
	}
	_ = job.Members(body, func(minion string, raw []byte) error { // was found to be JSON; what is no object has no returns
		if ret, err := job.ParseReturn(raw); err == nil && ret.Failed {
			if v.failed++; v.failed <= maxNamed {
				v.failedNames = append(v.failedNames, strings.Clone(minion))
			}
		}
		return nil
	})
}

func (v *verdict) addProgress(body []byte) {
	var p struct {
		Failed  int
		Missing []string
	}
	_ = json.Unmarshal(body, &p) // what has no such numbers has nobody failed
	v.failed, v.missing = p.Failed, len(p.Missing)
	v.missingOnes = p.Missing
}

// judge is the error that makes the exit code 1.
func (q *question) judge(v *verdict) error {
	var faults []string
	if v.failed > 0 {
		faults = append(faults, counted(v.failed, "minion")+" failed"+named(v.failedNames, v.failed))
	}
	if v.missing > 0 {
		faults = append(faults, counted(v.missing, "minion")+" missing"+named(v.missingOnes, v.missing))
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// named lists some of all minions; nothing where no name is known.
func named(names []string, all int) string {
	if len(names) == 0 {
		return ""
	}
	var shown []string
	for _, name := range names[:min(len(names), maxNamed)] {
		shown = append(shown, visible(name))
	}
	text := ": " + strings.Join(shown, ", ")
	if all > maxNamed {
		text += ", …"
	}
	return text
}
