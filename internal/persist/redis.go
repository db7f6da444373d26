package persist

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Redis says how to reach a server, a group behind Sentinels or a cluster, as whom and with how much patience.
type Redis struct {
	// Mode is auto, standalone, sentinel or cluster.
	Mode string `koanf:"mode"`
	// URL is stronger than the single keys, by the rules of redis-py's from_url.
	URL            string `koanf:"url"`
	Host           string `koanf:"host"`
	Port           int    `koanf:"port"`
	UnixSocketPath string `koanf:"unix_socket_path"`
	// ClusterMode is Salt's name for Mode cluster.
	ClusterMode bool     `koanf:"cluster_mode"`
	Cluster     Cluster  `koanf:"cluster"`
	Sentinel    Sentinel `koanf:"sentinel"`

	// DB is the number of the database; Salt writes it as text.
	DB           int    `koanf:"db"`
	Username     string `koanf:"username"`
	Password     string `koanf:"password"`
	PasswordFile string `koanf:"password_file"`
	TLS          TLS    `koanf:"tls"`
	ClientName   string `koanf:"client_name"`

	// ReadFromReplicas sends queries to replicas, which may be behind.
	ReadFromReplicas bool `koanf:"read_from_replicas"`

	// PoolSize bounds the connections for queries, WritePoolSize those for batches; in a cluster, those to each node.
	PoolSize           int `koanf:"pool_size"`
	WritePoolSize      int `koanf:"write_pool_size"`
	MaxIdleConnections int `koanf:"max_idle_connections"`

	DialTimeout  time.Duration `koanf:"dial_timeout"`
	ReadTimeout  time.Duration `koanf:"read_timeout"`
	WriteTimeout time.Duration `koanf:"write_timeout"`
	// PoolTimeout is how long a command waits for a connection to be free.
	PoolTimeout time.Duration `koanf:"pool_timeout"`
	// KeepAlive is the silence after which TCP asks whether the other end is still there.
	KeepAlive time.Duration `koanf:"keep_alive"`
	// HealthCheckInterval is the age at which an unused connection is replaced instead of trusted.
	HealthCheckInterval time.Duration `koanf:"health_check_interval"`

	Retry Retry `koanf:"retry"`
	Write Write `koanf:"write"`
}

// Cluster says where a cluster is found, and what is asked of it.
type Cluster struct {
	// StartupNodes are host:port each; without any, host and port of the target are the one.
	StartupNodes []string `koanf:"startup_nodes"`
	// SkipFullCoverageCheck takes a cluster for ready that has slots without an owner.
	SkipFullCoverageCheck bool `koanf:"skip_full_coverage_check"`
	// NonAtomicCrossSlot lets commands on several keys be split by slot.
	NonAtomicCrossSlot bool `koanf:"non_atomic_cross_slot"`
}

// Sentinel says whom to ask for the primary.
type Sentinel struct {
	Master       string   `koanf:"master"`
	Addresses    []string `koanf:"addresses"`
	Username     string   `koanf:"username"`
	Password     string   `koanf:"password"`
	PasswordFile string   `koanf:"password_file"`
}

// Retry is about reads alone: a write that failed is repeated by its message.
type Retry struct {
	Attempts   int           `koanf:"attempts"`
	MinBackoff time.Duration `koanf:"min_backoff"`
	MaxBackoff time.Duration `koanf:"max_backoff"`
}

// Write says when a write counts.
type Write struct {
	// MinReplicas must have a write before it is confirmed.
	MinReplicas int           `koanf:"min_replicas"`
	WaitTimeout time.Duration `koanf:"wait_timeout"`
}

// The modes. With auto, what is given tells, and else the server is asked.
const (
	modeAuto       = "auto"
	modeStandalone = "standalone"
	modeSentinel   = "sentinel"
	modeCluster    = "cluster"
)

const (
	redisPort    = 6379
	sentinelPort = 26379
)

// DefaultRedis is a server on this machine.
func DefaultRedis() Redis {
	return Redis{
		Mode: modeAuto, Host: "127.0.0.1", Port: redisPort, ClientName: "returnd",
		Cluster:  Cluster{StartupNodes: []string{}, NonAtomicCrossSlot: true},
		Sentinel: Sentinel{Addresses: []string{}},
		TLS:      TLS{MinVersion: "1.2"},
		PoolSize: 16, WritePoolSize: 32,
		DialTimeout: 3 * time.Second, ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second, PoolTimeout: 3 * time.Second,
		// A half-open connection is noticed within ten seconds: five of silence and three questions, one a second.
		KeepAlive: 5 * time.Second,
		// Below the five minutes after which many firewalls and balancers forget a silent connection.
		HealthCheckInterval: time.Minute,
		Retry:               Retry{Attempts: 2, MinBackoff: 20 * time.Millisecond, MaxBackoff: 500 * time.Millisecond},
		Write:               Write{WaitTimeout: time.Second},
	}
}

// declared is the mode that the options name; auto where only the server can tell.
func (r Redis) declared() string {
	switch {
	case r.Mode != modeAuto:
		return r.Mode
	case r.ClusterMode || len(r.Cluster.StartupNodes) > 0:
		return modeCluster
	case r.Sentinel.Master != "":
		return modeSentinel
	case r.UnixSocketPath != "":
		return modeStandalone
	}
	return modeAuto
}

// address is where one server is found.
func (r Redis) address() (network, addr string) {
	if r.UnixSocketPath != "" {
		return "unix", r.UnixSocketPath
	}
	return "tcp", hostPort(r.Host, r.Port)
}

// Name is what may be logged of a target: where it is, without secrets.
func (r Redis) Name() string {
	r, _ = r.merged()
	switch r.declared() {
	case modeCluster:
		return "cluster of " + strings.Join(r.seeds(), ",")
	case modeSentinel:
		return fmt.Sprintf("%s/%d behind %s", r.Sentinel.Master, r.DB, strings.Join(r.Sentinel.seeds(), ","))
	}
	network, addr := r.address()
	if network == "unix" {
		return fmt.Sprintf("%s, database %d", addr, r.DB)
	}
	return fmt.Sprintf("%s/%d", addr, r.DB)
}

// seeds are the nodes of a cluster to ask first. The URL's server is one of them, as in RedisCluster.from_url.
func (r Redis) seeds() []string {
	var addrs []string
	for _, node := range r.Cluster.StartupNodes {
		if addr, ok := nodeAddress(node, redisPort); ok {
			addrs = append(addrs, addr)
		}
	}
	if r.URL != "" || len(addrs) == 0 {
		addrs = append(addrs, hostPort(r.Host, r.Port))
	}
	return addrs
}

func (s Sentinel) seeds() []string {
	var addrs []string
	for _, node := range s.Addresses {
		if addr, ok := nodeAddress(node, sentinelPort); ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// nodeAddress reads host:port; without a port, the usual one is meant.
func nodeAddress(text string, usual int) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), strconv.Itoa(usual)
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", false
		}
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 1 || number > 65535 || host == "" || strings.ContainsAny(host, " /@") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}
