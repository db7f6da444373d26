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

// pinned gives what reads several pages of a key by cursor: a cursor means nothing to another server, so that with
// reads from replicas each page might else come from another one. Call release when done.
func (r Redis) pinned(ctx context.Context, reader redis.UniversalClient, key string) (c redis.Cmdable, release func(), err error) {
	release = func() {}
	if !r.ReadFromReplicas {
		return reader, release, nil
	}
	switch client := reader.(type) {
	case *redis.ClusterClient:
		c, err = client.SlaveForKey(ctx, key)
		return c, release, err
	case *redis.Client:
		conn := client.Conn()
		return conn, func() { _ = conn.Close() }, nil
	}
	return reader, release, nil
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
