package persist

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// clusterSlots is fixed by the protocol.
const clusterSlots = 16384

// probe asks a server that the options call auto what it is. HELLO needs no permission.
func probe(ctx context.Context, r Redis) (mode string, err error) {
	r, _ = r.merged()
	o := r.forWrites()
	o.PoolSize = 1
	client := redis.NewClient(o)
	defer func() { err = errors.Join(err, client.Close()) }()
	hello, err := client.Do(ctx, "HELLO", o.Protocol).Result()
	if err != nil {
		return "", err
	}
	told, _ := hello.(map[any]any)
	switch mode, _ := told["mode"].(string); mode {
	case modeCluster, modeStandalone:
		return mode, nil
	case modeSentinel:
		_, addr := r.address()
		return "", fmt.Errorf("%s is a Sentinel, which keeps nothing: name it in redis.sentinel.addresses, and the primary in redis.sentinel.master", addr)
	}
	return modeStandalone, nil
}

// pinned gives one server that has the key, for what reads it by cursor: with reads from replicas, each step might else
// come from another one. Call release when done.
func (r Redis) pinned(ctx context.Context, reader redis.UniversalClient, key string) (c server, release func(), err error) {
	release = func() {}
	switch client := reader.(type) {
	case *redis.ClusterClient:
		find := client.MasterForKey
		if r.ReadFromReplicas {
			find = client.SlaveForKey
		}
		node, err := find(ctx, key)
		if err != nil {
			return nil, release, err
		}
		return node, release, nil
	case *redis.Client:
		if !r.ReadFromReplicas {
			return client, release, nil
		}
		conn := client.Conn() // each of the client's connections may be to another replica
		return conn, func() { _ = conn.Close() }, nil
	}
	return nil, release, fmt.Errorf("no client that keeps to one server: %T", reader)
}

// uncovered counts the slots without an owner: what hashes there cannot be written.
func uncovered(ctx context.Context, c *redis.ClusterClient) (int, error) {
	shards, err := c.ClusterShards(ctx).Result()
	if err != nil {
		return 0, err
	}
	missing := clusterSlots
	for _, shard := range shards {
		for _, slots := range shard.Slots {
			missing -= int(slots.End-slots.Start) + 1
		}
	}
	return missing, nil
}
