package persist

import (
	"errors"
	"fmt"
	"strings"
)

// fault is what is wrong with the settings of a target. In its format, @ stands for the section that the keys are in,
// be it redis. or that of a profile.
type fault struct {
	format string
	args   []any
}

func (f fault) at(section string) error {
	return fmt.Errorf(strings.ReplaceAll(f.format, "@", section), f.args...)
}

// faults collects them, so that all are found in one pass.
type faults []fault

func (f *faults) check(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fault{format, args})
	}
}

func (f faults) at(section string) error {
	errs := make([]error, len(f))
	for i, one := range f {
		errs[i] = one.at(section)
	}
	return errors.Join(errs...)
}
