package acl

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"returnd/internal/query"
)

// The roles of deploy/nats/roles.conf; the minion's is named for the minion.
const minion = "web1.example.com"

var roles = []string{"worker", minion, "master", "reader", "operator", "provisioner"}

// passwords are secrets by the role's name, but for the minion's.
func secretOf(role string) string {
	if role == minion {
		role = "publisher"
	}
	return "nats-" + role
}

// as connects as a role, and gives what the server refuses it.
func (s *secured) as(t *testing.T, role string) (*nats.Conn, <-chan error) {
	t.Helper()
	refused := make(chan error, 256)
	nc := connect(t, s.ClientURL(), nats.UserInfo(role, s.site.Secret(t, secretOf(role))), nats.CustomInboxPrefix("_INBOX."+role),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	return nc, refused
}

// Who may publish where. What no row names is refused everybody.
var (
	everybody = []string{}
	publish   = map[string][]string{
		"salt.job.1.ret." + minion: {minion, "master", "operator"},
		"salt.job.1.ret.web2":      {"master", "operator"},
		"salt.job.1.ret.web1":      {"master", "operator"},
		"salt.job.1.new":           {"master", "operator"},
		"salt.job.1.complete":      {"worker"},
		"salt.dead.malformed":      {"worker"},
		"salt.returner.more.x":     {"master", "reader", "operator"},
		"_INBOX.worker.x":          {"worker"},
		"_INBOX.reader.x":          {"worker"},
		"$SRV.PING":                everybody, // with a name alone: discovery of what is not ours is nobody's matter
		"$SRV.PING.returner":       {"reader", "operator"},
		"$SRV.INFO.returner":       {"reader", "operator"},
		"$SRV.STATS.returner.x":    {"reader", "operator"},

		"$JS.API.INFO":                    {"provisioner"},
		"$JS.API.STREAM.LIST":             everybody,
		"$JS.API.STREAM.INFO.RETURNS":     {"worker", "operator", "provisioner"},
		"$JS.API.STREAM.CREATE.RETURNS":   {"worker", "provisioner"},
		"$JS.API.STREAM.UPDATE.RETURNS":   {"provisioner"},
		"$JS.API.STREAM.DELETE.RETURNS":   {"provisioner"},
		"$JS.API.STREAM.PURGE.RETURNS":    {"provisioner"},
		"$JS.API.STREAM.MSG.GET.RETURNS":  {"worker"},
		"$JS.API.DIRECT.GET.RETURNS":      {"worker"},
		"$JS.API.STREAM.INFO.OTHERS":      everybody,
		"$JS.API.STREAM.CREATE.OTHERS":    everybody,
		"$JS.API.STREAM.DELETE.OTHERS":    everybody,
		"$JS.API.STREAM.SNAPSHOT.RETURNS": {"provisioner"},

		"$JS.API.STREAM.INFO.RETURNS_DEAD":       {"worker", "operator", "provisioner"},
		"$JS.API.STREAM.CREATE.RETURNS_DEAD":     {"worker", "provisioner"},
		"$JS.API.STREAM.PURGE.RETURNS_DEAD":      {"operator", "provisioner"},
		"$JS.API.STREAM.DELETE.RETURNS_DEAD":     {"provisioner"},
		"$JS.API.STREAM.MSG.DELETE.RETURNS_DEAD": {"operator"},
		"$JS.API.STREAM.MSG.DELETE.RETURNS":      everybody,

		"$JS.API.CONSUMER.CREATE.RETURNS.returnd":   {"worker", "provisioner"},
		"$JS.API.CONSUMER.CREATE.RETURNS.spy":       everybody,
		"$JS.API.CONSUMER.DELETE.RETURNS.returnd":   {"provisioner"},
		"$JS.API.CONSUMER.MSG.NEXT.RETURNS.returnd": {"worker"},
		"$JS.ACK.RETURNS.returnd.1.1.1.1.1":         {"worker"},
		"$JS.ACK.RETURNS.other.1.1.1.1.1":           everybody,
	}
)

// Who may call which endpoint.
var calls = map[string][]string{
	"get_jid": askers, "get_load": askers, "get_jids": askers, "get_jids_filter": askers, "get_fun": askers,
	"get_minions": askers, "get_history": askers, "get_progress": askers, "get_endtime": askers,
	"save_load": {"master"}, "save_minions": {"master"}, "prep_jid": {"master"}, "update_endtime": {"master"}, "returner": {"master"},
	"clean_old_jobs": {"master", "operator"},
	"redis_set":      {"operator"}, "redis_get": {"operator"}, "redis_execute": {"operator"},
}

var askers = []string{"master", "reader", "operator"}

// Who may listen where; "worker" and so on in the subject are inboxes.
var listen = map[string][]string{
	">": everybody, "_INBOX.>": everybody, "_INBOX.*.x": everybody, "salt.>": everybody, "salt.job.>": everybody,
	"salt.job.*.ret.>":     everybody,
	"salt.job.*.new":       everybody,
	"salt.job.*.complete":  {"master", "reader", "operator"},
	"salt.job.1.complete":  {"master", "reader", "operator"},
	"salt.dead.>":          {"operator"},
	"salt.returner.*":      everybody, // outside the queue group a copy of every question could be read
	"salt.returner.more.>": {"worker"}, "$SRV.>": {"worker"},
	"$JS.ACK.>": everybody, "$JS.API.>": everybody, "$JS.EVENT.>": everybody, "$SYS.>": everybody,
}

func TestRolesMayPublishWhereTheyShouldAndNowhereElse(t *testing.T) {
	for _, e := range query.Endpoints() {
		publish["salt.returner."+e.Name] = calls[e.Name]
		if len(calls[e.Name]) == 0 {
			t.Errorf("nobody may call %s", e.Name)
		}
	}
	s := newSecured(t)
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			s.compare(t, role, publish, func(nc *nats.Conn, subject string) error { return nc.Publish(subject, nil) })
		})
	}
}

func TestRolesMayListenWhereTheyShouldAndNowhereElse(t *testing.T) {
	for _, role := range roles {
		listen["_INBOX."+role+".>"] = []string{role}
	}
	s := newSecured(t)
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			s.compare(t, role, listen, func(nc *nats.Conn, subject string) error {
				_, err := nc.SubscribeSync(subject)
				return err
			})
		})
	}
}

// compare tries every subject as a role, and holds what was refused against the table.
func (s *secured) compare(t *testing.T, role string, table map[string][]string, try func(nc *nats.Conn, subject string) error) {
	t.Helper()
	nc, refused := s.as(t, role)
	var want []string
	for subject, allowed := range table {
		if err := try(nc, subject); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(allowed, role) {
			want = append(want, subject)
		}
	}
	if err := nc.Publish(last, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(want))
	for subject := subjectOf(<-refused); subject != last; subject = subjectOf(<-refused) {
		got = append(got, subject)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("should be refused (-) and is (+):\n%s", diff)
	}
}

// last is refused everybody: what the server has refused before it is all there.
const last = "the.end"

// subjectOf reads the subject out of the server's words: Permissions Violation for Publish to "x".
func subjectOf(err error) string {
	words := strings.Split(err.Error(), `"`)
	return words[min(1, len(words)-1)]
}

// A password of one role opens no other's.
func TestRolesNeedTheirOwnPassword(t *testing.T) {
	s := newSecured(t)
	for i, role := range roles {
		other := secretOf(roles[(i+1)%len(roles)])
		nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(role, s.site.Secret(t, other)))
		if err == nil {
			nc.Close()
			t.Errorf("%s came in with the password of %s", role, other)
		}
	}
	if nc, err := nats.Connect(s.ClientURL()); err == nil {
		nc.Close()
		t.Error("somebody without a password came in")
	}
}
