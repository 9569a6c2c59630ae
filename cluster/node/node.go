package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/localexec"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// Config is what a member is made of. Fields without a default are required.
type Config struct {
	Name resources.NodeName
	// Address is this member's API and Raft address, host:port; gossip uses the
	// next port.
	Address string
	// BootID changes with each start of the host.
	BootID string
	// DataDir outlives the host's restart, RunDir does not.
	DataDir, RunDir string
	Agents          agents.Registry
	Fences          fencing.Registry
	// Keys seals secrets; CA signs joiners' certificates when this member leads;
	// GossipKey is handed to them.
	Keys      *security.Vault
	CA        *security.CA
	GossipKey security.Key
	// RoundTripper reaches the API of the named member, and of no other.
	RoundTripper func(node resources.NodeName) http.RoundTripper
	// Raft holds the log's settings; ID, DataDir, Machine, OnFault, BeatInterval and
	// Logger are filled in.
	Raft raftlog.Config
	// Gossip holds the detector's settings; Name, Peers, Awake and Logger are filled in.
	Gossip membership.Config
	// DialHost tells a host whose daemon is away (refused) from a host that is
	// gone. nil dials the address by TCP.
	DialHost func(ctx context.Context, address string) (refused bool, text string)
	// Fault is called once when the process must end, because the disk hangs or
	// the log is damaged.
	Fault func(error)
	// OpenWatchdog arms this host's hardware watchdog. nil has none: a definition that
	// wants one is reported by its check.
	OpenWatchdog func(device string, timeout time.Duration) (Watchdog, error)
	// Virtual says how it shows that this host is a virtual machine, "" for iron: a
	// watchdog in one proves nothing (watchdog.Virtual).
	Virtual string
	// Suicide ends this host at once; the no-quorum policy may call it.
	Suicide func()
	// Version is this program's release, for people. Examine looks at this host for
	// the doctor; nil leaves that out.
	Version string
	Examine func(context.Context, doctor.Wants) doctor.Host
	// Units is what makes systemd start units by itself on this host; nil where there
	// is no systemd.
	Units UnitFiles
	// Journal returns the newest that this daemon has logged; nil where it has none.
	Journal func(context.Context) (string, error)
	Log     *zap.Logger
}

// Node is one member.
type Node struct {
	config  Config
	log     *zap.Logger
	machine *machine
	raft    *raftlog.Node
	gossip  *membership.Membership
	exec    *localexec.Executor
	options scheduler.Options
	lease   lease
	feeder  feeder

	// left is what an earlier run of the daemon left (member.Input.Left); nil if
	// nothing.
	left atomic.Pointer[state.State]
	// offered is the id of the data key that this member was last given to keep, in
	// use or not yet; nil for none.
	offered atomic.Pointer[string]
	// beliefs is what this run leaves.
	beliefs beliefs
	// live is what the leader loop knows beyond the state; nil when following.
	live atomic.Pointer[leaderView]
	// measures is what is counted for Metrics.
	measures *measures

	mu      sync.Mutex
	clients map[resources.NodeName]*peerClient // guarded by mu
}

// ErrPowerCut ends a member, as the cause of Run's context, without a word to
// the others, as the loss of its host's power does.
var ErrPowerCut = errors.New("power cut")

// New returns a member that does nothing until Run.
func New(config Config) (*Node, error) {
	if config.DialHost == nil {
		config.DialHost = dialHost
	}
	if config.OpenWatchdog == nil {
		config.OpenWatchdog = noWatchdog
	}
	n := &Node{config: config, log: config.Log, clients: map[resources.NodeName]*peerClient{}, measures: newMeasures(time.Now())}
	n.exec = localexec.New(localexec.Config{
		Core:    member.Config{Self: config.Name, Address: config.Address, BootID: config.BootID, Agents: config.Agents, NewIncarnation: newIncarnation},
		DataDir: config.DataDir + "/instances", RunDir: config.RunDir + "/instances",
		OpenSecret: n.openSecret, Observe: n.observe, Remember: n.remember, Report: n.report,
		Announce: func(ctx context.Context, c *state.MemberBooted) error { return n.tellLeader(ctx, c) },
		Die:      func(string) { config.Suicide() },
		Log:      config.Log.Named("localexec"),
	})
	n.machine = newMachine(func(s *state.State) {
		n.exec.SetState(s)
		n.measures.saw(s)
	})
	raftConfig := config.Raft
	raftConfig.ID, raftConfig.DataDir, raftConfig.Machine = string(config.Name), config.DataDir+"/raft", n.machine
	raftConfig.OnFault, raftConfig.Logger = config.Fault, config.Log.Named("raft")
	gossipConfig := config.Gossip
	raftConfig.BeatInterval = cmp.Or(gossipConfig.Timing.PingInterval, membership.DefaultPingInterval)
	var err error
	if n.raft, err = raftlog.New(raftConfig); err != nil {
		return nil, fmt.Errorf("set up the log: %w", err)
	}
	gossipConfig.Awake = n.raft.Beat
	gossipConfig.Name, gossipConfig.Peers, gossipConfig.Logger = string(config.Name), n.gossipPeers, config.Log.Named("gossip")
	if n.gossip, err = membership.New(gossipConfig); err != nil {
		return nil, fmt.Errorf("set up gossip: %w", err)
	}
	n.options = scheduler.Options{Quorum: true, Leader: config.Name, Agents: AgentFacts(config.Agents)}
	return n, nil
}

// Run takes part in the cluster until ctx ends. Services go on when it returns.
//
// Everything starts together; at the end the API stops first, then the leader
// hands over, then the local executor lets go of what runs, then gossip says
// goodbye and the log is closed last, so that nothing is acknowledged that is
// not on the disk.
func (n *Node) Run(ctx context.Context) error {
	if err := n.raft.Start(); err != nil {
		return fmt.Errorf("start the log in %s: %w", n.config.DataDir, err)
	}
	if err := n.bootstrap(ctx); err != nil {
		return fmt.Errorf("found the cluster: %w", err)
	}
	n.readBeliefs()
	n.lease.heard(time.Now())
	group, ctx := errgroup.WithContext(ctx)
	gossipCtx, stopGossip := context.WithCancel(context.WithoutCancel(ctx))
	gossipDone := make(chan error, 1)
	go func() { gossipDone <- n.gossip.Run(gossipCtx) }()
	group.Go(func() error { return n.exec.Run(ctx) })
	group.Go(func() error { return n.leadWhenElected(ctx) })
	group.Go(func() error { return n.keepBeliefs(ctx) })
	group.Go(func() error { return n.keepDataKey(ctx) })
	group.Go(func() error { return n.renewLeases(ctx) })
	group.Go(func() error { return n.keepWatchdog(ctx) })
	group.Go(func() error { return n.holdUnits(ctx) })
	group.Go(func() error {
		select {
		case err := <-gossipDone:
			return errors.Join(errors.New("gossip ended"), err)
		case <-n.raft.Done():
			return errors.New("the log has stopped: this member was removed from the cluster, or its disk failed")
		case <-ctx.Done():
			return nil
		}
	})
	err := group.Wait()
	if n.raft.Status().State == raftlog.Leader && !errors.Is(context.Cause(ctx), ErrPowerCut) {
		handOver, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		if err := n.raft.TransferLeadership(handOver, ""); err != nil {
			n.log.Info("leadership is not handed over", zap.Error(err))
		}
		cancel()
	}
	stopGossip()
	select {
	case <-gossipDone:
	case <-time.After(2 * time.Second):
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, n.raft.Shutdown(closing))
}

// AgentFacts tells the scheduler what it needs to know of the agents. It does no
// I/O; belayctl plans with it offline.
func AgentFacts(registry agents.Registry) map[string]scheduler.AgentFacts {
	facts := map[string]scheduler.AgentFacts{}
	for _, spec := range registry.Specs() {
		agent, found := registry.Find(spec.Name)
		if spec.Suffix {
			agent, found = registry.Find(spec.Name + ":any")
		}
		if !found {
			continue
		}
		_, advisor := agent.(agents.Advisor)
		_, refreshes := agent.(agents.Refresher)
		_, notified := agent.(agents.Notified)
		facts[spec.Name] = scheduler.AgentFacts{
			Promotable: spec.Promotable, Migrates: spec.Migrates, Advisor: advisor && spec.Promotable, NeedsNoScore: !advisor, Reloads: refreshes, Notified: notified, Timeouts: spec.Timeouts,
		}
	}
	return facts
}

// gossipPeers lists the members for the detector.
func (n *Node) gossipPeers() []membership.Peer {
	s := n.machine.current.Load()
	var peers []membership.Peer
	for _, name := range s.NodeNames() {
		if addr, err := GossipAddress(s.Nodes[name].Address); err == nil {
			peers = append(peers, membership.Peer{Name: string(name), Addr: addr})
		}
	}
	return peers
}

func (n *Node) openSecret(s *state.State, name string) (string, error) {
	sealed, found := s.Secrets[name]
	if !found {
		return "", fmt.Errorf("there is no such secret: set it with `belayctl secret set %s`", name)
	}
	value, err := n.config.Keys.Ring().Open(secretName(name), sealed)
	return string(value), err
}

// API returns the server of this member.
func (n *Node) API() *api.Server { return api.NewServer(n, n, n.log.Named("api")) }

// Responsive reports whether this member's state and log answer within limit.
// A stuck one must not tell systemd that it is well.
func (n *Node) Responsive(limit time.Duration) bool {
	answered := make(chan struct{})
	go func() {
		n.raft.Status()
		n.machine.watch()
		n.exec.Incarnation()
		close(answered)
	}()
	select {
	case <-answered:
		return true
	case <-time.After(limit):
		return false
	}
}
