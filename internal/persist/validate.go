package persist

import (
	"strings"
	"time"
)

// faults are all that is wrong with a target, its URL included.
func (r Redis) faults() faults {
	m, found := r.merged()
	m.checkMode(&found)
	m.checkPlace(&found)
	r.checkIdentity(m, &found)
	m.checkTLS(&found)
	m.checkLimits(&found)
	return found
}

func (r Redis) checkMode(f *faults) {
	switch r.Mode {
	case modeAuto, modeStandalone, modeSentinel, modeCluster:
	default:
		f.check(false, "@mode is %q: use auto, standalone, sentinel or cluster", r.Mode)
		return
	}
	mode, nodes := r.declared(), len(r.Cluster.StartupNodes) > 0
	f.check(!r.ClusterMode || mode == modeCluster, "@cluster_mode is true and @mode is %s: keep one of them", r.Mode)
	f.check(!nodes || mode == modeCluster, "@cluster.startup_nodes are given and @mode is %s: set @mode to cluster, or take the nodes out", r.Mode)
	f.check(r.Sentinel.Master == "" || mode == modeSentinel, "@sentinel.master is given, and other options ask for mode %s: keep one of them", mode)
	f.check(mode != modeSentinel || r.Sentinel.Master != "", "@mode is sentinel without @sentinel.master: name the primary as the Sentinels know it, such as mymaster")
	f.check(r.Sentinel.Master == "" || len(r.Sentinel.Addresses) > 0, "@sentinel.master is given without @sentinel.addresses: name the Sentinels, such as [sentinel-1:26379, sentinel-2:26379]")
	f.check(r.Sentinel.Master != "" || len(r.Sentinel.Addresses) == 0 || mode == modeSentinel, "@sentinel.addresses are given without @sentinel.master: name the primary as the Sentinels know it, such as mymaster")
	f.check(mode != modeSentinel || r.URL == "", "@url names a server, but behind Sentinels they name it: take @url out, and give @username, @password_file and @db by themselves")
	f.check(mode != modeCluster || r.DB == 0, "@db is %d, and a cluster has only database 0: take @db out", r.DB)
	f.check(r.UnixSocketPath == "" || mode == modeStandalone || mode == modeAuto, "@unix_socket_path is given, and mode %s needs TCP: give @host and @port", mode)
	f.check(!r.ReadFromReplicas || mode != modeStandalone, "@read_from_replicas is true, but a standalone server's replicas are not known: use Sentinel or a cluster, or take it out")
}

func (r Redis) checkPlace(f *faults) {
	f.check(r.Port >= 1 && r.Port <= 65535, "@port is %d: use 1 to 65535", r.Port)
	f.check(r.DB >= 0, "@db is %d: use 0 or more", r.DB)
	f.check(r.Host != "" || r.UnixSocketPath != "", "@host is empty: name the server, or set @url or @unix_socket_path")
	for _, node := range r.Cluster.StartupNodes {
		_, ok := nodeAddress(node, redisPort)
		f.check(ok, "@cluster.startup_nodes holds %q: use host:port, or host and port as Salt writes them", node)
	}
	for _, node := range r.Sentinel.Addresses {
		_, ok := nodeAddress(node, sentinelPort)
		f.check(ok, "@sentinel.addresses holds %q: use host:port", node)
	}
}

// checkIdentity compares the options with what the URL has made of them.
func (r Redis) checkIdentity(m Redis, f *faults) {
	fromURL := m.Password != r.Password
	f.check(!fromURL || r.PasswordFile == "", "@password_file is set beside a password in @url: keep one of them")
	f.check(!fromURL || r.Password == "", "@password is set beside another password in @url: keep one of them")
	f.check(named(m.Username, m.Password, m.PasswordFile), "@username is %q without a password: set @password_file (a user with nopass takes any text)", m.Username)
	s := m.Sentinel
	f.check(named(s.Username, s.Password, s.PasswordFile), "@sentinel.username is %q without a password: set @sentinel.password_file", s.Username)
	f.check(!strings.ContainsAny(m.ClientName, " \n\r\t"), "@client_name is %q: use a name without blanks", m.ClientName)
}

// named tells whether a user has a password: a client that has none to send says nothing of the user either.
func named(user, password, file string) bool {
	return user == "" || user == "default" || password != "" || file != ""
}

func (r Redis) checkTLS(f *faults) {
	t := r.TLS
	_, known := tlsVersions[t.MinVersion]
	f.check(known, "@tls.min_version is %q: use \"1.2\" or \"1.3\"", t.MinVersion)
	f.check((t.Cert == "") == (t.Key == ""), "@tls.cert and @tls.key belong together: give both or neither")
	f.check(t.Enabled || t.CA+t.Cert+t.Key+t.ServerName == "" && !t.InsecureSkipVerify, "@tls.* is given, but TLS is off: set @tls.enabled to true, or use rediss:// in @url")
	f.check(!t.Enabled || r.UnixSocketPath == "", "@tls.enabled is true and @unix_socket_path is given: Redis speaks no TLS on a socket, keep one of them")
	f.check(!t.InsecureSkipVerify || t.CA+t.ServerName == "", "@tls.insecure_skip_verify is true beside @tls.ca or @tls.server_name, which it makes void: take it out")
}

func (r Redis) checkLimits(f *faults) {
	positive := func(key string, value time.Duration) {
		f.check(value > 0, "@%s is %v: use a positive duration such as 3s", key, value)
	}
	positive("dial_timeout", r.DialTimeout)
	positive("read_timeout", r.ReadTimeout)
	positive("write_timeout", r.WriteTimeout)
	positive("pool_timeout", r.PoolTimeout)
	const most = 10000
	f.check(r.PoolSize >= 1 && r.PoolSize <= most, "@pool_size is %d: use 1 to %d", r.PoolSize, most)
	f.check(r.WritePoolSize >= 1 && r.WritePoolSize <= most, "@write_pool_size is %d: use 1 to %d", r.WritePoolSize, most)
	f.check(r.MaxIdleConnections >= 0 && r.MaxIdleConnections <= most, "@max_idle_connections is %d: use 0 (no bound but the pool's) to %d", r.MaxIdleConnections, most)
	f.check(r.KeepAlive == 0 || r.KeepAlive >= time.Second, "@keep_alive is %v: use 1s or more, or 0s for none", r.KeepAlive)
	f.check(r.HealthCheckInterval == 0 || r.HealthCheckInterval >= time.Second, "@health_check_interval is %v: use 1s or more, or 0s for none", r.HealthCheckInterval)
	f.check(r.Retry.Attempts >= 0 && r.Retry.Attempts <= 10, "@retry.attempts is %d: use 0 to 10", r.Retry.Attempts)
	f.check(r.Retry.MinBackoff >= 0 && r.Retry.MinBackoff <= r.Retry.MaxBackoff, "@retry.min_backoff is %v and @retry.max_backoff %v: use 0s or more, the second not below the first", r.Retry.MinBackoff, r.Retry.MaxBackoff)
	f.check(r.Write.MinReplicas >= 0 && r.Write.MinReplicas <= 100, "@write.min_replicas is %d: use 0 to 100", r.Write.MinReplicas)
	// WAIT takes milliseconds, and 0 of them are for ever.
	f.check(r.Write.MinReplicas == 0 || r.Write.WaitTimeout < r.ReadTimeout, "@write.wait_timeout is %v and @read_timeout %v: keep the first below the second, or the answer is never read", r.Write.WaitTimeout, r.ReadTimeout)
	f.check(r.Write.WaitTimeout >= time.Millisecond, "@write.wait_timeout is %v: use 1ms or more", r.Write.WaitTimeout)
}
