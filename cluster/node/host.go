package node

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Host is a member's own settings, as /etc/belay/belayd.toml holds them.
type Host struct {
	Node resources.NodeName `toml:"node"`
	// Address is what other members dial, host:port; gossip uses the next port.
	Address string `toml:"address"`
	DataDir string `toml:"data_dir"`
	RunDir  string `toml:"run_dir"`
	// Socket is for local callers, mode 0660.
	Socket string `toml:"socket"`
	// SocketGroup may connect to Socket besides root.
	SocketGroup string `toml:"socket_group"`
	LogLevel    string `toml:"log_level"`
	// HeartbeatTimeout is Raft's; the default is 500 ms, the least 200 ms.
	HeartbeatTimeout time.Duration `toml:"heartbeat_timeout"`
}

// Defaults of Host.
const (
	DefaultPort    = "7450"
	DefaultDataDir = "/var/lib/belay"
	DefaultRunDir  = "/run/belay"
	DefaultSocket  = "/run/belay/belayd.sock"
	DefaultGroup   = "belay"
)

// WithDefaults fills in what is not set.
func (h Host) WithDefaults() Host {
	set := func(value *string, byDefault string) {
		if *value == "" {
			*value = byDefault
		}
	}
	set(&h.DataDir, DefaultDataDir)
	set(&h.RunDir, DefaultRunDir)
	set(&h.Socket, DefaultSocket)
	set(&h.SocketGroup, DefaultGroup)
	set(&h.LogLevel, "info")
	return h
}
