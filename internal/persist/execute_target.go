package persist

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// servers are those that a target means. It is always one of those that belong to Redis already: a caller never chooses
// where the worker connects.
func (x *commander) servers(ctx context.Context, target string) ([]*redis.Client, error) {
	if x.cluster == nil && (target == "" || target == job.TargetRandom) {
		return []*redis.Client{x.client}, nil
	}
	primaries, replicas, err := x.all(ctx, target)
	if err != nil {
		return nil, err
	}
	every := slices.Concat(primaries, replicas)
	switch target {
	case job.TargetPrimaries:
		return primaries, nil
	case job.TargetReplicas:
		if len(replicas) == 0 {
			return nil, job.Refuse(job.RefusedMalformed, "there are no replicas: they are known behind Sentinels and in a cluster")
		}
		return replicas, nil
	case job.TargetAll:
		return every, nil
	case "", job.TargetRandom:
		if len(primaries) == 0 {
			return nil, unavailable(errors.New("the cluster has no primary"))
		}
		return primaries[rand.IntN(len(primaries)):][:1], nil //nolint:gosec // it spreads the load, and keeps no secret
	}
	return serverNamed(every, target)
}

func serverNamed(servers []*redis.Client, addr string) ([]*redis.Client, error) {
	var known []string
	for _, server := range servers {
		if server.Options().Addr == addr {
			return []*redis.Client{server}, nil
		}
		known = append(known, server.Options().Addr)
	}
	return nil, job.Refuse(job.RefusedMalformed, "target %+.64q is none of primaries, replicas, all, random and the servers %s", addr, strings.Join(known, ", "))
}

// all finds the servers; for a target that needs no replicas they are left out.
func (x *commander) all(ctx context.Context, target string) (primaries, replicas []*redis.Client, err error) {
	switch {
	case x.cluster != nil:
		if primaries, err = x.nodes(ctx, x.cluster.ForEachMaster); err != nil || target == "" || target == job.TargetRandom || target == job.TargetPrimaries {
			return primaries, nil, err
		}
		replicas, err = x.nodes(ctx, x.cluster.ForEachSlave)
		return primaries, replicas, err
	case x.redis.declared() == modeSentinel:
		return x.behindSentinels(ctx)
	}
	return []*redis.Client{x.client}, nil, nil
}

// behindSentinels asks the Sentinels, one after another, until one knows.
func (x *commander) behindSentinels(ctx context.Context) (primaries, replicas []*redis.Client, err error) {
	for _, seed := range x.redis.Sentinel.seeds() {
		var primary string
		var others []string
		if primary, others, err = x.askSentinel(ctx, seed); err != nil {
			continue
		}
		for _, addr := range others {
			replicas = append(replicas, x.at(addr))
		}
		return []*redis.Client{x.at(primary)}, replicas, nil
	}
	return nil, nil, hold(classify(err, ""))
}

func (x *commander) askSentinel(ctx context.Context, addr string) (primary string, replicas []string, err error) {
	o := x.redis.options()
	o.Addr, o.Network, o.DB, o.PoolSize, o.MaxRetries = addr, "tcp", 0, 1, -1
	o.CredentialsProviderContext, o.Dialer = nil, dialer{redis: x.redis, sentinel: true}.dial
	sentinel := redis.NewSentinelClient(o)
	defer func() { _ = sentinel.Close() }()
	at, err := sentinel.GetMasterAddrByName(ctx, x.redis.Sentinel.Master).Result()
	if err != nil {
		return "", nil, hold(err)
	}
	listed, err := sentinel.Replicas(ctx, x.redis.Sentinel.Master).Result()
	if err != nil {
		return "", nil, hold(err)
	}
	for _, replica := range listed {
		if flags := replica["flags"]; !strings.Contains(flags, "down") && !strings.Contains(flags, "disconnected") {
			replicas = append(replicas, net.JoinHostPort(replica["ip"], replica["port"]))
		}
	}
	slices.Sort(replicas)
	return net.JoinHostPort(at[0], at[1]), replicas, nil
}
