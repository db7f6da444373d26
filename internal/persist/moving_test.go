package persist

import (
	"math"
	"slices"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// Each key of a return is on its way to another server: not there yet, there already while the slot is not, there for
// good. Every write is followed to where the key is, scripts as well, and done once.
func TestClusterWhileTheSlotOfAnyKeyMoves(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	older, newer, custom := jidAt(3*time.Minute), jidAt(2*time.Minute), "my own job"
	for key, again := range map[string]string{ // what comes again once the key has moved
		"ret:" + older: older, "m1:f.x": newer, "returnd/history:m2": older, "returnd/history:m3": custom, "minions": older, "returnd/seen": older,
	} {
		t.Run(key, func(t *testing.T) {
			minion := "m1"
			if len(key) > len(histPrefix) && key[:len(histPrefix)] == histPrefix {
				minion = key[len(histPrefix):]
			}
			store := func(what string, jids ...string) {
				t.Helper()
				var batch []job.Entry
				for _, jid := range jids {
					batch = append(batch, ret(jid, minion, "f.x"))
				}
				for i, err := range s.Write(t.Context(), batch) {
					if err != nil {
						t.Errorf("%s: entry %d: %v", what, i, err)
					}
				}
			}
			slot := servers.KeySlot(key)
			from := g.OwnerOfSlot(t, slot)
			move := g.BeginMove(t, from, g.Nodes[(slices.Index(g.Nodes, from)+1)%3], slot)
			store("not there yet", older, custom)
			move.Keys(math.MaxInt)
			store("moved, the slot is not", newer, again)
			move.Finish()
			store("moved", newer, older, custom)
			list := look.LRange(t.Context(), histPrefix+minion, 0, -1).Val()
			if len(list) != 3 || times(list, older+"\tf.x") != 1 || times(list, newer+"\tf.x") != 1 || times(list, custom+"\tf.x") != 1 {
				t.Errorf("history = %q, want each once", list)
			}
			if got := look.Get(t.Context(), minion+":f.x").Val(); got != newer {
				t.Errorf("pointer = %q, want %q", got, newer)
			}
			if n := look.HLen(t.Context(), "ret:"+older).Val(); n == 0 {
				t.Error("the returns are not there")
			}
		})
	}
}
