package servers

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestACLUsers(t *testing.T) {
	t.Parallel()
	s := RedisACL(t, []string{"worker on >secret ~ret:* +@all -get"})
	c := redis.NewClient(&redis.Options{Addr: s.Addr, Username: "worker", Password: "secret", MaxRetries: -1})
	defer c.Close()
	if err := c.Set(t.Context(), "ret:1", "yes", 0).Err(); err != nil {
		t.Errorf("an allowed command: %v", err)
	}
	refused(t, "a command it lacks", "NOPERM", c.Get(t.Context(), "ret:1").Err())
	refused(t, "a key it lacks", "NOPERM", c.Set(t.Context(), "other", "yes", 0).Err())
	refused(t, "nobody", "NOAUTH", redisClient(t, "tcp", s.Addr).Ping(t.Context()).Err())

	s.SetUsers("worker on >changed ~* +@all", "default on nopass ~* +ping")
	refused(t, "the old password", "WRONGPASS", c.Get(t.Context(), "ret:1").Err())
	if err := redisClient(t, "tcp", s.Addr).Ping(t.Context()).Err(); err != nil {
		t.Errorf("the default user: %v", err)
	}
	if err := s.Do("ACL", "WHOAMI").Err(); err != nil {
		t.Errorf("the administrator: %v", err)
	}
}

func refused(t *testing.T, what, want string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
}
