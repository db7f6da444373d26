package persist

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// commandRule says what becomes of a command where there are several servers: coredis's table.
type commandRule struct {
	// target is where it goes in a cluster if the caller does not say; "" is any primary.
	target string
	// merge makes one reply of several; without it, the reply is {server: reply}.
	merge merge
	// step is set where keys in several slots are shared out: from one key to the next. Behind the last come tail words.
	step, tail int
	// anyone tells that the servers that refuse do not matter, as long as one does not.
	anyone bool
	// slot tells that the command's third word is a slot, whose owner is meant.
	slot bool
}

// commandRules is coredis 5's routing, but for what is refused anyway (SAVE, MODULE LOAD, …), and for DBSIZE, which coredis
// asks of any one primary: the number of a part of the keys means nothing.
var commandRules = byName(map[string]commandRule{
	"del unlink exists touch": {merge: mergeSum, step: 1},
	"mget":                    {merge: mergeConcat, step: 1},
	"mset":                    {merge: mergeAll, step: 2},
	"json.mget":               {merge: mergeConcat, step: 1, tail: 1},
	"json.mset":               {merge: mergeAll, step: 3},

	"acl|deluser acl|load acl|save acl|setuser echo script|load":    {target: job.TargetAll, merge: mergeSame},
	"config|resetstat config|set memory|purge module|unload":        {target: job.TargetAll, merge: mergeAll},
	"cluster|saveconfig script|flush":                               {target: job.TargetAll, merge: mergeAll},
	"pubsub|channels pubsub|shardchannels":                          {target: job.TargetAll, merge: mergeUnion},
	"pubsub|numsub pubsub|shardnumsub":                              {target: job.TargetAll, merge: mergeSums},
	"flushall flushdb ping":                                         {target: job.TargetPrimaries, merge: mergeSame},
	"function|delete function|flush function|load function|restore": {target: job.TargetPrimaries, merge: mergeSame},
	"function|kill script|kill":                                     {target: job.TargetPrimaries, merge: mergeFirst, anyone: true},
	"script|exists":                                                 {target: job.TargetPrimaries, merge: mergeAligned},
	"keys ft._list ts.queryindex":                                   {target: job.TargetPrimaries, merge: mergeUnion},
	"ft.config|set":                                                 {target: job.TargetPrimaries, merge: mergeSame},
	"ts.mget ts.mrange ts.mrevrange":                                {target: job.TargetPrimaries, merge: mergeMaps},
	"dbsize":                                                        {target: job.TargetPrimaries, merge: mergeSum},
	"cluster|countkeysinslot cluster|getkeysinslot":                 {slot: true},
})

// order is a command, shared out.
type order struct {
	name  string
	parts []*part
	rule  commandRule
	// several tells that the reply is of several servers, however many there are.
	several bool
}

// plan decides which servers do what.
func (x *commander) plan(ctx context.Context, c job.Command, keys []string) (*order, error) {
	if err := checkCount(c); err != nil {
		return nil, err
	}
	p := &order{name: c.Name(), rule: commandRules[c.Name()]}
	var err error
	switch {
	case len(keys) == 0:
		err = x.planKeyless(ctx, p, c)
	case x.cluster == nil || len(slotsOf(keys)) == 1:
		err = x.planKeyed(ctx, p, c, keys[0])
	default:
		err = x.planShared(ctx, p, c)
	}
	return p, err
}

func (x *commander) planKeyless(ctx context.Context, p *order, c job.Command) error {
	target := c.Target
	if target == "" && x.cluster != nil {
		target = p.rule.target
	}
	servers, err := x.servers(ctx, target)
	if err == nil && c.Target == "" && p.rule.slot && x.cluster != nil {
		servers, err = x.ownerOf(ctx, servers[0], c.Args)
	}
	if err != nil {
		return err
	}
	p.several = c.Target == job.TargetPrimaries || c.Target == job.TargetReplicas || c.Target == job.TargetAll
	for _, server := range servers {
		p.parts = append(p.parts, &part{server: server, args: c.Args, chosen: c.Target != ""})
	}
	return nil
}

// planKeyed sends a command to where its key is: of the targets, only replicas and single servers mean another place.
func (x *commander) planKeyed(ctx context.Context, p *order, c job.Command, key string) error {
	one := &part{args: c.Args}
	p.parts = []*part{one}
	var err error
	switch c.Target {
	case "", job.TargetPrimaries, job.TargetAll, job.TargetRandom:
		one.server, err = x.primary(ctx, key)
		return err
	}
	one.chosen = true
	if x.cluster != nil {
		one.ahead = "readonly"
	}
	if c.Target == job.TargetReplicas && x.cluster != nil {
		one.server, err = x.replica(ctx, key)
		return err
	}
	servers, err := x.servers(ctx, c.Target)
	if err == nil {
		one.server = servers[rand.IntN(len(servers))] //nolint:gosec // it spreads the load, and keeps no secret
	}
	return err
}

// replica is one that has a key. The library takes the primary where there is none, which a write would go through to.
func (x *commander) replica(ctx context.Context, key string) (*redis.Client, error) {
	primary, err := x.primary(ctx, key)
	if err != nil {
		return nil, err
	}
	server, err := x.cluster.SlaveForKey(ctx, key)
	if err == nil && server == primary {
		return nil, job.Refuse(job.RefusedMalformed, "there is no replica of the key: leave target out")
	}
	return server, hold(classify(err, ""))
}

// planShared shares a command out over the slots of its keys, if that is known to give the same, and allowed.
func (x *commander) planShared(ctx context.Context, p *order, c job.Command) error {
	switch {
	case p.rule.step == 0:
		return job.Refuse(job.RefusedMalformed, "the keys of %s lie in different slots of the cluster: give them a common {tag}", p.name)
	case !x.redis.Cluster.NonAtomicCrossSlot:
		return job.Refuse(job.RefusedMalformed, "the keys of %s lie in different slots of the cluster, and redis.cluster.non_atomic_cross_slot of the worker is off: give them a common {tag}", p.name)
	case c.Target != "" && c.Target != job.TargetPrimaries:
		return job.Refuse(job.RefusedMalformed, "the keys of %s lie on different servers: leave target out", p.name)
	}
	groups, err := shareOut(c.Args, p.rule.step, p.rule.tail)
	if err != nil {
		return err
	}
	for _, g := range groups {
		server, err := x.primary(ctx, g.key)
		if err != nil {
			return err
		}
		p.parts = append(p.parts, &part{server: server, args: g.args, places: g.places})
	}
	return nil
}

// slotGroup is what a command on many keys is in one slot.
type slotGroup struct {
	key    string // one of its keys
	args   []string
	places []int // of its keys among all
}

// shareOut takes a command on keys of several slots apart, one for each slot, in the order of the slots. Keys stand step
// words apart, behind the name and before tail words.
func shareOut(args []string, step, tail int) ([]slotGroup, error) {
	last := len(args) - tail
	if last < 2 || (last-1)%step != 0 {
		return nil, job.Refuse(job.RefusedMalformed, "wrong number of arguments for %s", args[0])
	}
	bySlot := map[int]*slotGroup{}
	for i, place := 1, 0; i < last; i, place = i+step, place+1 {
		slot := keySlot(args[i])
		g := bySlot[slot]
		if g == nil {
			g = &slotGroup{key: args[i], args: []string{args[0]}}
			bySlot[slot] = g
		}
		g.args = append(g.args, args[i:i+step]...)
		g.places = append(g.places, place)
	}
	groups := make([]slotGroup, 0, len(bySlot))
	for _, slot := range slices.Sorted(maps.Keys(bySlot)) {
		g := bySlot[slot]
		g.args = append(g.args, args[last:]...)
		groups = append(groups, *g)
	}
	return groups, nil
}

func slotsOf(keys []string) map[int]bool {
	found := map[int]bool{}
	for _, key := range keys {
		found[keySlot(key)] = true
	}
	return found
}

// ownerOf is the server that keeps the slot which a command names.
func (x *commander) ownerOf(ctx context.Context, server *redis.Client, args []string) ([]*redis.Client, error) {
	slot, err := strconv.Atoi(args[min(2, len(args)-1)])
	if err != nil {
		return nil, job.Refuse(job.RefusedMalformed, "the slot must be a number from 0 to %d", clusterSlots-1)
	}
	shards, err := server.ClusterShards(ctx).Result()
	if err != nil {
		return nil, faultOf(err, "cluster shards", false)
	}
	for _, shard := range shards {
		if !slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return int(r.Start) <= slot && slot <= int(r.End) }) {
			continue
		}
		for _, node := range shard.Nodes {
			port := node.Port
			if x.redis.TLS.Enabled {
				port = node.TLSPort
			}
			if node.Role == "master" {
				return x.primaryAt(ctx, directed(net.JoinHostPort(node.Endpoint, strconv.FormatInt(port, 10)), server.Options().Addr))
			}
		}
	}
	return nil, job.Refuse(job.RefusedMalformed, "no server keeps the slot %d: they go from 0 to %d", slot, clusterSlots-1)
}

func (x *commander) primaryAt(ctx context.Context, addr string) ([]*redis.Client, error) {
	primaries, err := x.servers(ctx, job.TargetPrimaries)
	if err != nil {
		return nil, err
	}
	return serverNamed(primaries, addr)
}
