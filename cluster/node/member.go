package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// Parts are what a Member is assembled from.
type Parts struct {
	Host   Host
	BootID string
	Agents agents.Registry
	Fences fencing.Registry
	// Listener is the member's one port, already open.
	Listener net.Listener
	// Gossip replaces UDP and TCP for gossip; nil in production.
	Gossip memberlist.Transport
	// DialHost is Config.DialHost.
	DialHost func(ctx context.Context, address string) (refused bool, text string)
	// OpenWatchdog and Virtual are Config's.
	OpenWatchdog func(device string, timeout time.Duration) (Watchdog, error)
	Virtual      string
	// Fault and Suicide are Config's.
	Fault   func(error)
	Suicide func()
	// Version, Examine and Journal are Config's.
	Version string
	Examine func(context.Context, doctor.Wants) doctor.Host
	// Units is Config's.
	Units   UnitFiles
	Journal func(context.Context) (string, error)
	Log     *zap.Logger
}

// Member is a Node with its port, its local socket and its keys.
type Member struct {
	parts Parts
	node  *Node
	mux   *security.Mux
	creds *security.Credentials
	files security.Files
}

// TLSDir is where a member keeps its keys, below its data directory.
const TLSDir = "tls"

// unusableKeys says what to do about keys that cannot be read. A member whose keys
// are damaged must not be told that it is none: it would be founded anew, beside
// the cluster that it belongs to.
func unusableKeys(host Host, err error) error {
	log := filepath.Join(host.DataDir, "raft")
	for _, path := range []string{filepath.Join(host.DataDir, TLSDir, "node.crt"), log, raftlog.MadeFile(log)} {
		if _, is := os.Stat(path); !errors.Is(is, fs.ErrNotExist) {
			return fmt.Errorf("this member's keys cannot be used: %w; restore them, or, if the other members have quorum, "+
				"`belayctl node remove %s` there, move %s away and join again", err, host.Node, host.DataDir)
		}
	}
	return fmt.Errorf("this host is no member: found a cluster with `belayctl cluster init`, or join one with `belayctl cluster join`: %w", err)
}

// Assemble reads the member's keys and puts it together. It starts nothing; the
// listener is closed by Run, or by the caller after an error.
func Assemble(parts Parts) (*Member, error) {
	files := security.Files{Dir: filepath.Join(parts.Host.DataDir, TLSDir)}
	material, err := files.LoadNode()
	if err != nil {
		return nil, unusableKeys(parts.Host, err)
	}
	authority, err := files.LoadCA()
	if err != nil {
		return nil, unusableKeys(parts.Host, err)
	}
	gossipKey, err := files.LoadGossipKey()
	if err != nil {
		return nil, unusableKeys(parts.Host, err)
	}
	keys, err := files.LoadKeyring()
	if err != nil {
		return nil, unusableKeys(parts.Host, err)
	}
	if err := files.AddChecks(); err != nil {
		parts.Log.Warn("damage to the key files would not be noticed: write them with a check", zap.Error(err))
	}
	m := &Member{parts: parts, files: files}
	var machine atomic.Pointer[machine]
	m.creds, err = security.NewCredentials(material, func(name, serial string) bool {
		current := machine.Load()
		return current != nil && revoked(current.current.Load(), name, serial)
	})
	if err != nil {
		return nil, unusableKeys(parts.Host, err)
	}
	if m.creds.Identity().Name != string(parts.Host.Node) {
		return nil, fmt.Errorf("the certificate in %s is for node %s, this host is configured as %s", files.Dir, m.creds.Identity().Name, parts.Host.Node)
	}
	m.mux = security.NewMux(parts.Listener, m.creds, parts.Log.Named("port"))
	config, err := m.config(authority, keys, gossipKey)
	if err != nil {
		return nil, err
	}
	if m.node, err = New(config); err != nil {
		return nil, err
	}
	machine.Store(m.node.machine)
	return m, nil
}

// revoked reports whether a certificate was taken back: by its serial number, or
// because its node was removed and has not joined again. A node has more than
// one certificate if it had to ask twice.
func revoked(s *state.State, name, serial string) bool {
	if _, listed := s.Revoked[serial]; listed {
		return true
	}
	if _, member := s.Nodes[resources.NodeName(name)]; member {
		return false
	}
	for _, removed := range s.Revoked {
		if string(removed) == name {
			return true
		}
	}
	return false
}

func (m *Member) config(authority *security.CA, keys *security.Keyring, gossipKey security.Key) (Config, error) {
	host := m.parts.Host
	pin := authority.Pin()
	gossip := membership.Config{Key: gossipKey[:], Label: hex.EncodeToString(pin[:8]), Transport: m.parts.Gossip}
	address, err := GossipAddress(host.Address)
	if err != nil {
		return Config{}, err
	}
	ip, port, err := net.SplitHostPort(address)
	if err != nil {
		return Config{}, err
	}
	gossip.BindAddr, gossip.AdvertiseAddr = ip, ip
	if gossip.Port, err = strconv.Atoi(port); err != nil {
		return Config{}, err
	}
	return Config{
		Name: host.Node, Address: host.Address, BootID: m.parts.BootID, DataDir: host.DataDir, RunDir: host.RunDir,
		Agents: m.parts.Agents, Fences: m.parts.Fences, Keys: security.NewVault(keys, m.files.SaveKeyring), CA: authority, GossipKey: gossipKey, RoundTripper: m.roundTripper,
		Raft: raftlog.Config{
			Stream:           raftlog.NewStream(host.Address, m.mux.Raft(), security.RaftDialer{Credentials: m.creds}),
			HeartbeatTimeout: host.HeartbeatTimeout,
		},
		Gossip: gossip, DialHost: m.parts.DialHost, OpenWatchdog: m.parts.OpenWatchdog, Virtual: m.parts.Virtual, Fault: m.parts.Fault, Suicide: m.parts.Suicide,
		Version: m.parts.Version, Examine: m.parts.Examine, Units: m.parts.Units, Journal: m.parts.Journal, Log: m.parts.Log,
	}, nil
}

// roundTripper reaches the API of one member and of no other.
func (m *Member) roundTripper(name resources.NodeName) http.RoundTripper {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return m.creds.Dial(ctx, security.ProtoHTTP2, string(name), address)
		},
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   time.Minute,
		// A peer that lost its power leaves connections that look open.
		HTTP2: &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second},
	}
}

// Node returns the member's core.
func (m *Member) Node() *Node { return m.node }

// Run serves until ctx ends. With ErrPowerCut as its cause it ends without a
// word to the others.
func (m *Member) Run(ctx context.Context) error {
	local, err := m.listenLocal()
	if err != nil {
		return err
	}
	handlers, access := m.node.API(), m.access()
	servers := []struct {
		server   *http.Server
		listener net.Listener
	}{
		{&http.Server{Handler: handlers.Handler(access.Local), ConnContext: api.WithPeerCredentials, ReadHeaderTimeout: 5 * time.Second}, local},
		{&http.Server{Handler: handlers.Handler(m.identify), ReadHeaderTimeout: 5 * time.Second}, m.mux.API()},
		{&http.Server{Handler: handlers.JoinHandler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second}, m.mux.Join()},
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.mux.Run(ctx) })
	for _, s := range servers {
		s.server.ErrorLog = zap.NewStdLog(m.parts.Log.Named("http"))
		group.Go(func() error {
			if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
				return fmt.Errorf("serve the API: %w", err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return s.server.Close()
		})
	}
	group.Go(func() error { return m.node.Run(ctx) })
	group.Go(func() error { return m.cutOffRevoked(ctx) })
	group.Go(func() error { return m.keepCertificate(ctx) })
	return group.Wait()
}

// identify names the caller of a request by its certificate, unless that has been
// taken back: a connection that is not closed yet must not change anything after
// the removal was acknowledged.
func (m *Member) identify(r *http.Request) api.Identity {
	if r.TLS != nil {
		peer, err := security.PeerIdentity(*r.TLS)
		if err != nil || revoked(m.node.machine.current.Load(), peer.Name, peer.Serial) {
			return api.Identity{Name: peer.Name, Role: api.RoleNone}
		}
	}
	return m.access().Certificate(r)
}

func (m *Member) access() api.Access {
	return api.Access{Member: m.parts.Host.Node, SocketGroup: m.parts.Host.SocketGroup, Roles: func() map[state.Subject]state.RoleBinding {
		return m.node.machine.current.Load().Roles
	}}
}

// cutOffRevoked closes the connections of members that were removed.
func (m *Member) cutOffRevoked(ctx context.Context) error {
	seen := 0
	for {
		s, changed := m.node.machine.watch()
		if len(s.Revoked) != seen {
			seen = len(s.Revoked)
			m.mux.DropRevoked()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// listenLocal opens the local socket for root and the socket's group.
func (m *Member) listenLocal() (net.Listener, error) {
	path := m.parts.Host.Socket
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the socket of an earlier run: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the local socket: %w", err)
	}
	mode := os.FileMode(0o600)
	if group, err := user.LookupGroup(m.parts.Host.SocketGroup); err == nil {
		if gid, err := strconv.Atoi(group.Gid); err == nil && os.Chown(path, -1, gid) == nil {
			mode = 0o660
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		listener.Close()
		return nil, fmt.Errorf("protect the local socket: %w", err)
	}
	return listener, nil
}
