package cleanup

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
)

func TestValidateNamesEachFault(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := Config{Interval: time.Millisecond, Lease: time.Hour, Grace: -1, Rate: -1, MinionKeep: time.Second}
	err := bad.Validate()
	for _, key := range []string{"interval", "lease", "grace", "rate", "minion_keep"} {
		if err == nil || !strings.Contains(err.Error(), "cleanup."+key+" is ") {
			t.Errorf("got %v, want cleanup.%s named", err, key)
		}
	}
}

// A rule that is added to the store's must be set here.
func TestRulesAreTheConfiguration(t *testing.T) {
	set := reflect.ValueOf(DefaultConfig().rules(true))
	for i := range set.NumField() {
		if set.Field(i).IsZero() {
			t.Errorf("%s is not set", set.Type().Field(i).Name)
		}
	}
	if got := (Config{}).rules(false); got != (job.SweepRules{}) {
		t.Errorf("got %+v of nothing", got)
	}
}
