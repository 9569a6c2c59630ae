package membership

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

const (
	// DefaultPort is the gossip port, UDP and TCP.
	DefaultPort = 7451
	// DefaultPingInterval is Timing.PingInterval's default.
	DefaultPingInterval = 200 * time.Millisecond
	// KeySize is the length of a gossip key in bytes (AES-256).
	KeySize = 32
	// MaxMeta is the most metadata a member may advertise, in bytes: memberlist
	// panics above 512, of which 8 carry the instance. It is refused before.
	MaxMeta = memberlist.MetaMaxSize - instanceSize

	instanceSize = 8
	// MaxName is the longest member name, in bytes: the bound of the wire
	// format.
	MaxName = 253
)

// Peer is a member known from Raft's configuration.
type Peer struct {
	// Name is the member's name.
	Name string
	// Addr is its gossip address as IP:port. Host names are refused: looking
	// them up could block on a DNS server that is itself a cluster service.
	Addr string
}

// Config is the host-local configuration. Durations of zero take the defaults
// given with each field.
type Config struct {
	// Name is this member's unique name, at most MaxName bytes.
	Name string
	// BindAddr is the IP address to listen on; default 0.0.0.0.
	BindAddr string
	// Port is the UDP and TCP port; default DefaultPort.
	Port int
	// AdvertiseAddr is the IP address others reach this member at; default
	// BindAddr, or a private address of the host if that is a wildcard.
	AdvertiseAddr string
	// Key is the primary gossip key, KeySize bytes. There is no plaintext mode.
	Key []byte
	// Label is the cluster's id, 1 to 255 bytes. Members with another label
	// ignore each other.
	Label string
	// Meta is what this member advertises at start, at most MaxMeta bytes.
	Meta []byte
	// Logger is required.
	Logger *zap.Logger
	// Peers returns the members Raft knows of, this one included or not. It is
	// called about once a second and must not block. It may be nil.
	Peers func() []Peer
	// Awake, if set, is called when pings have gone out, at least once in each
	// Timing.PingInterval while there is a member to ping. What else is due to the
	// peers costs little then. It must not block.
	Awake func()
	// Transport replaces UDP and TCP in tests; nil in production.
	Transport memberlist.Transport
	// Timing sets the detector's thresholds.
	Timing Timing
}

// Timing holds the thresholds of the detector. The defaults were measured to
// give suspect within 0.8 s and dead within 1.6 s at 3 to 64 members, and to
// let pauses of 1 s pass without a death.
type Timing struct {
	// PingInterval is the time between pings to a watched member; 200 ms
	// (DefaultPingInterval).
	PingInterval time.Duration
	// SuspectAfter is the silence that makes a member suspect; 700 ms.
	SuspectAfter time.Duration
	// DeadAfter is the silence that makes it dead, given a second witness or
	// gossip's word; 1450 ms. A paused member is silent for its pause and one
	// PingInterval.
	DeadAfter time.Duration
	// SoloDeadAfter is the silence that makes it dead on this member's own
	// account; 2200 ms.
	SoloDeadAfter time.Duration
	// HoldAlive is how long a dead member must answer before it is alive
	// again; 3 s.
	HoldAlive time.Duration
	// HoldSuspect is the same for a suspect one; 1 s.
	HoldSuspect time.Duration
	// PauseGap is the gap between own ticks that counts as a pause of this
	// process; 500 ms.
	PauseGap time.Duration
	// PauseGrace is how long it accuses nobody after one; 1 s.
	PauseGrace time.Duration
	// ProbeInterval, ProbeTimeout and GossipInterval are memberlist's; 500 ms,
	// 250 ms and 200 ms. The ring detects before gossip does.
	ProbeInterval, ProbeTimeout, GossipInterval time.Duration
	// RejoinInterval is how often known but missing peers are contacted; 5 s.
	// Until the first one answers it is 1 s.
	RejoinInterval time.Duration
	// StreamTimeout bounds dialling and reading a stream; 2 s.
	StreamTimeout time.Duration
	// LeaveTimeout bounds the goodbye at shutdown; 1 s.
	LeaveTimeout time.Duration
}

const tickInterval = 50 * time.Millisecond

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.PingInterval, DefaultPingInterval},
		{&t.SuspectAfter, 700 * time.Millisecond},
		{&t.DeadAfter, 1450 * time.Millisecond},
		{&t.SoloDeadAfter, 2200 * time.Millisecond},
		{&t.HoldAlive, 3 * time.Second},
		{&t.HoldSuspect, time.Second},
		{&t.PauseGap, 500 * time.Millisecond},
		{&t.PauseGrace, time.Second},
		{&t.ProbeInterval, 500 * time.Millisecond},
		{&t.ProbeTimeout, 250 * time.Millisecond},
		{&t.GossipInterval, 200 * time.Millisecond},
		{&t.RejoinInterval, 5 * time.Second},
		{&t.StreamTimeout, 2 * time.Second},
		{&t.LeaveTimeout, time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return t
}

// doubtAfter is the silence after which a watcher speaks up.
func (t Timing) doubtAfter() time.Duration { return t.SuspectAfter * 4 / 7 }

func (t Timing) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(t.PingInterval >= 2*tickInterval, "ping interval %s is under %s", t.PingInterval, 2*tickInterval)
	check(t.SuspectAfter >= 3*t.PingInterval, "suspect after %s is under three ping intervals (%s)", t.SuspectAfter, 3*t.PingInterval)
	check(t.DeadAfter >= t.SuspectAfter+2*t.PingInterval, "dead after %s leaves under two ping intervals after suspect (%s)", t.DeadAfter, t.SuspectAfter)
	check(t.SoloDeadAfter >= t.DeadAfter, "solo dead after %s is under dead after (%s)", t.SoloDeadAfter, t.DeadAfter)
	check(t.PauseGap >= 4*tickInterval, "pause gap %s is under %s", t.PauseGap, 4*tickInterval)
	check(t.ProbeTimeout > 0 && t.ProbeTimeout < t.ProbeInterval, "probe timeout %s is not within the probe interval (%s)", t.ProbeTimeout, t.ProbeInterval)
	for name, d := range map[string]time.Duration{
		"hold alive": t.HoldAlive, "hold suspect": t.HoldSuspect, "pause grace": t.PauseGrace,
		"gossip interval": t.GossipInterval, "rejoin interval": t.RejoinInterval,
		"stream timeout": t.StreamTimeout, "leave timeout": t.LeaveTimeout,
	} {
		check(d > 0, "%s is negative (%s)", name, d)
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.BindAddr == "" {
		c.BindAddr = "0.0.0.0"
	}
	if c.Port == 0 {
		c.Port = DefaultPort
	}
	c.Timing = c.Timing.withDefaults()
	return c
}

func (c Config) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Name != "" && len(c.Name) <= MaxName, "name must have 1 to %d bytes, has %d", MaxName, len(c.Name))
	check(net.ParseIP(c.BindAddr) != nil, "bind address %q is not an IP address", c.BindAddr)
	check(c.AdvertiseAddr == "" || net.ParseIP(c.AdvertiseAddr) != nil, "advertise address %q is not an IP address", c.AdvertiseAddr)
	check(c.Port > 0 && c.Port < 1<<16, "port %d is not within 1 to 65535", c.Port)
	check(c.Label != "" && len(c.Label) <= memberlist.LabelMaxSize, "label (cluster id) must have 1 to %d bytes, has %d", memberlist.LabelMaxSize, len(c.Label))
	check(c.Logger != nil, "logger is missing")
	errs = append(errs, checkKey(c.Key), checkMeta(c.Meta), c.Timing.validate())
	return errors.Join(errs...)
}

func checkKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("gossip key must have %d bytes, has %d", KeySize, len(key))
	}
	return nil
}

func checkMeta(meta []byte) error {
	if len(meta) > MaxMeta {
		return fmt.Errorf("metadata of %d bytes is over the limit of %d", len(meta), MaxMeta)
	}
	return nil
}

// checkPeer accepts IP:port only.
func checkPeer(p Peer) error {
	if p.Name == "" || len(p.Name) > MaxName {
		return fmt.Errorf("peer name must have 1 to %d bytes, has %d", MaxName, len(p.Name))
	}
	if _, err := netip.ParseAddrPort(p.Addr); err != nil {
		return fmt.Errorf("peer %s: address %q is not IP:port: %w", p.Name, p.Addr, err)
	}
	return nil
}

// retransmitMult is how often each member passes news on, for each power of ten
// of members. Whom it tells is chance: with memberlist's usual 4, one of eight
// members misses the news of a return in one case of twenty, and holds whom it
// is about gone until the next exchange of states, half a minute later. With 12
// that is one case in fifty thousand.
const retransmitMult = 12

// gossipConfig builds memberlist's configuration. SuspicionMult stays at 3: 2
// would let one confused member kill another without a confirmation, and the
// ring detects before gossip does, so nothing is gained from scaling it by the
// member count.
func (c Config) gossipConfig(ring *memberlist.Keyring, d *delegate) *memberlist.Config {
	g := memberlist.DefaultLANConfig()
	g.Name = c.Name
	g.Transport = c.Transport
	g.BindAddr, g.BindPort = c.BindAddr, c.Port
	g.AdvertiseAddr, g.AdvertisePort = c.AdvertiseAddr, c.Port
	if c.AdvertiseAddr == "" && !net.ParseIP(c.BindAddr).IsUnspecified() {
		g.AdvertiseAddr = c.BindAddr
	}
	g.Label = c.Label
	g.Keyring = ring
	g.GossipVerifyIncoming, g.GossipVerifyOutgoing = true, true
	g.EnableCompression = false // costs CPU per packet, gains nothing at these sizes
	g.ProbeInterval, g.ProbeTimeout = c.Timing.ProbeInterval, c.Timing.ProbeTimeout
	g.GossipInterval = c.Timing.GossipInterval
	g.RetransmitMult = retransmitMult
	g.SuspicionMult = 3
	g.SuspicionMaxTimeoutMult = 3
	g.TCPTimeout = c.Timing.StreamTimeout
	g.GossipToTheDeadTime = 30 * time.Second
	g.DeadNodeReclaimTime = time.Second // a replaced node takes its name at a new address
	g.Logger = newLogAdapter(c.Logger.Named("gossip"))
	g.LogOutput = nil
	g.Delegate, g.Events, g.Conflict, g.Ping = d, d, d, d
	return g
}
