package persist

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// partsOf makes one part a reply, at servers numbered from 1; an error is one.
func partsOf(t *testing.T, replies ...any) []*part {
	t.Helper()
	var parts []*part
	for i, reply := range replies {
		server := redis.NewClient(&redis.Options{Addr: strconv.Itoa(i + 1)})
		t.Cleanup(func() { _ = server.Close() })
		p := &part{server: server, reply: reply}
		p.err, _ = reply.(error)
		parts = append(parts, p)
	}
	return parts
}

type list = []any

func TestMergeTable(t *testing.T) {
	one, none := int64(1), int64(0)
	tests := []struct {
		command string
		replies []any
		want    any
	}{
		{"dbsize", list{one, int64(41)}, int64(42)},
		{"del", list{one, none}, one},
		{"mset", list{"OK", "OK"}, "OK"},
		{"json.mset", list{"OK", nil}, false},
		{"config set", list{"OK", "OK"}, "OK"},
		{"script flush", list{"OK"}, "OK"},
		{"keys", list{list{"a", "b"}, list{"b", "c"}, list{}}, list{"a", "b", "c"}},
		{"pubsub channels", list{list{}, list{}}, list{}},
		{"ping", list{"PONG", "PONG"}, "PONG"},
		{"echo", list{"a", "b"}, errUnlike},
		{"script load", list{"e0", "e0"}, "e0"},
		{"flushall", list{"OK", "OK"}, "OK"},
		{"acl setuser", list{"OK", "OK"}, "OK"},
		{"function kill", list{errors.New("NOTBUSY"), "OK", "OK"}, "OK"},
		{"script exists", list{list{one, one, none}, list{one, none, none}}, list{one, none, none}},
		{"script exists", list{list{one}, list{}}, errUnlike},
		{"pubsub numsub", list{list{"a", one, "b", one}, list{"a", one, "b", none}}, map[any]any{"a": int64(2), "b": one}},
		{"ts.mget", list{map[any]any{"a": one}, map[any]any{"b": none}}, map[any]any{"a": one, "b": none}},
		{"slowlog len", list{one, none}, map[any]any{"1": one, "2": none}},
		{"info", list{"x"}, map[any]any{"1": "x"}},
		{"config get", list{map[any]any{"masterauth": "secret", "save": ""}}, map[any]any{"1": map[any]any{"masterauth": "(hidden)", "save": ""}}},
	}
	for _, tt := range tests {
		p := &order{name: tt.command, rule: commandRules[tt.command], parts: partsOf(t, tt.replies...), several: true}
		got, err := p.result()
		if wantErr, ok := tt.want.(error); ok {
			if !errors.Is(err, wantErr) {
				t.Errorf("%s of %v gave %v, %v, want %v", tt.command, tt.replies, got, err, wantErr)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s of %v gave %#v, %v, want %#v", tt.command, tt.replies, got, err, tt.want)
		}
	}
}

func TestAnErrorOfOneIsTheErrorOfAll(t *testing.T) {
	for _, name := range []string{"del", "keys", "info", "script exists"} {
		p := &order{name: name, rule: commandRules[name], parts: partsOf(t, "x", replyError("ERR no such thing")), several: true}
		_, err := p.result()
		refused(t, err, job.RefusedMalformed, "2: Redis: ERR no such thing; other servers may have done their part")
	}
	p := &order{name: "script kill", rule: commandRules["script kill"], parts: partsOf(t, replyError("NOTBUSY none"), replyError("NOTBUSY none"))}
	_, err := p.result()
	refused(t, err, job.RefusedMalformed, "NOTBUSY")
}

func TestShareOut(t *testing.T) {
	groups, err := shareOut([]string{"json.mget", "{a}1", "b", "{a}2", "$.x"}, 1, 1)
	if err != nil || len(groups) != 2 {
		t.Fatalf("%v, %v", groups, err)
	}
	for _, g := range groups {
		switch joined := strings.Join(g.args, " "); joined {
		case "json.mget {a}1 {a}2 $.x":
			if !reflect.DeepEqual(g.places, []int{0, 2}) {
				t.Errorf("places %v", g.places)
			}
		case "json.mget b $.x":
		default:
			t.Errorf("a part is %q", joined)
		}
	}
	for _, args := range [][]string{{"mset"}, {"mset", "a"}, {"mset", "a", "1", "b"}} {
		if _, err := shareOut(args, 2, 0); err == nil {
			t.Errorf("%q is shared out", args)
		}
	}
}

func TestKeySlot(t *testing.T) {
	for _, key := range []string{"", "foo", "123456789", "{user}.a", "{}x", "a{b}c{d}", "{a", "a}{b}", "\xff\x00", strings.Repeat("x", 999)} {
		if got, want := keySlot(key), servers.KeySlot(key); got != want {
			t.Errorf("slot of %q = %d, want %d", key, got, want)
		}
	}
}
