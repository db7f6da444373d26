package persist

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

func TestANilReplyConfirmsNoWrite(t *testing.T) {
	if err := confirmed(redis.Nil, keyMinions); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("confirmed = %v, want a hold", err)
	}
	if err := classify(redis.Nil, keyMinions); err != nil {
		t.Errorf("classify = %v, want none: for a read it is a missing value", err)
	}
	if err := confirmed(nil, keyMinions); err != nil {
		t.Errorf("confirmed = %v, want none", err)
	}
}
