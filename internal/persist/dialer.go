package persist

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer opens the connections of one target. It is the one place for TLS, so that its files are read at each connect.
type dialer struct {
	redis Redis
	// sentinel tells that connections which nobody marked are to a Sentinel, which has credentials of its own.
	sentinel bool
}

// nodeNetwork marks the connections to Redis itself where the library dials Sentinels too: it passes the network's name
// on, and nothing else tells the two apart.
const nodeNetwork = "tcp-node"

// dial is go-redis's Dialer.
func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.redis.DialTimeout)
	defer cancel()
	toSentinel := d.sentinel && network != nodeNetwork
	if network == nodeNetwork {
		network = "tcp"
	}
	conn, err := d.connect(ctx, network, addr)
	if err != nil || !toSentinel {
		return conn, err
	}
	if err := d.logIn(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (d dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	var config *tls.Config
	if d.redis.TLS.Enabled {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("address of a Redis server: %w", err)
		}
		if config, err = d.redis.TLS.config(host); err != nil {
			return nil, err
		}
	}
	plain := net.Dialer{KeepAlive: -1, KeepAliveConfig: keepAliveConfig(d.redis.KeepAlive)}
	conn, err := plain.DialContext(ctx, network, addr)
	if unresolved := (*net.DNSError)(nil); errors.As(err, &unresolved) {
		return nil, fmt.Errorf("%w; check redis.host, redis.url or the names of the nodes", err)
	}
	if err != nil || config == nil {
		return conn, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS with %s: %w; check redis.tls.ca, redis.tls.server_name and the server's certificate", addr, err), conn.Close())
	}
	return secure, nil
}

// keepAliveConfig asks three times, a second or a fifth of the silence apart.
func keepAliveConfig(silence time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{
		Enable: silence > 0, Idle: silence, Interval: max(silence/5, time.Second), Count: 3,
	}
}

// logIn speaks to a Sentinel before the library does: what it would send itself is fixed when the client is made, and
// a rotated password would never be taken up.
func (d dialer) logIn(conn net.Conn) error {
	user, password, err := d.redis.Sentinel.credentials()
	if err != nil || password == "" {
		return err
	}
	words := []string{"AUTH", password}
	if user != "" {
		words = []string{"AUTH", user, password}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if err := conn.SetDeadline(time.Now().Add(d.redis.ReadTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("log in to a Sentinel: %w", err)
	}
	// Nothing else is on its way: a Sentinel speaks when spoken to, so the reader takes no more than the one line.
	line, err := bufio.NewReaderSize(conn, 512).ReadString('\n')
	if err != nil {
		return fmt.Errorf("log in to a Sentinel: %w", err)
	}
	if !strings.HasPrefix(line, "+OK") {
		return errors.New("a Sentinel refused the password: check redis.sentinel.username and redis.sentinel.password_file")
	}
	return conn.SetDeadline(time.Time{})
}

// markNodes marks what a client dials itself. It changes the client's own options, so that copies of them do the same;
// nothing has been dialled yet.
func markNodes(o *redis.Options, master string) {
	dial := o.Dialer
	o.Dialer = func(ctx context.Context, _, addr string) (net.Conn, error) {
		conn, err := dial(ctx, nodeNetwork, addr)
		if errors.Is(err, redis.Nil) {
			// Sentinels answer nil for a name that they do not know. Handed on, it would be the nil of a missing key, and a
			// write that never left would look like one that is done.
			return nil, fmt.Errorf("no Sentinel knows a primary named %q: check redis.sentinel.master", master)
		}
		return conn, err
	}
}
