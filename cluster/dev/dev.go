// Package dev runs a whole cluster in one process: members with their real log,
// gossip, TLS and leader loop on loopback, simulated services, and an emulated
// BMC for each. `belayd dev` and tests use it. It needs no root.
//
// Cluster.Run owns every goroutine.
package dev

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/simulated"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/enroll"
	"github.com/belay-ha/belay/cluster/membership/memnet"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
	"github.com/belay-ha/belay/resources"
)

// Config says what cluster to run.
type Config struct {
	// DataDir holds everything; sockets are DataDir/NODE.sock, and
	// DataDir/belayd.sock leads to the first node's.
	DataDir string
	// Nodes is how many members there are, 1 to 7.
	Nodes int
	// Witness makes the last of them a witness.
	Witness bool
	// Specs are the agents that are simulated.
	Specs  []agents.Spec
	Fences fencing.Registry
	// ActionTime is how long a simulated start or stop takes.
	ActionTime time.Duration
	// Wrap, when not nil, may put something of its own before each member's
	// simulated agents.
	Wrap func(resources.NodeName, agents.Agent) agents.Agent
	Log  *zap.Logger
}

// Cluster is a whole cluster in one process.
type Cluster struct {
	config Config
	gossip *memnet.Network
	hosts  []*Host
}

// BMC account of every emulated BMC.
const (
	BMCUser     = "admin"
	BMCPassword = "simulated"
)

// New returns a cluster that Run starts. It makes the hosts' directories and opens
// their power controllers.
func New(config Config) (*Cluster, error) {
	if config.Nodes < 1 || config.Nodes > 7 {
		return nil, fmt.Errorf("a development cluster has 1 to 7 members, not %d", config.Nodes)
	}
	c := &Cluster{config: config, gossip: memnet.New(uint64(time.Now().UnixNano()))}
	for i := range config.Nodes {
		host, err := c.newHost(i)
		if err != nil {
			return nil, err
		}
		c.hosts = append(c.hosts, host)
	}
	return c, nil
}

// Hosts returns the members' hosts.
func (c *Cluster) Hosts() []*Host { return c.hosts }

// Host returns the host of a member.
func (c *Cluster) Host(name resources.NodeName) (*Host, bool) {
	for _, h := range c.hosts {
		if h.Settings.Node == name {
			return h, true
		}
	}
	return nil, false
}

// Run forms the cluster, or starts it again from DataDir, and keeps it until
// ctx ends. ready is called once when every member has joined. Run returns ErrInUse
// when another process runs a cluster there, and the error of package raftlog when
// a member's log cannot be trusted.
func (c *Cluster) Run(ctx context.Context, ready func()) error {
	for _, host := range c.hosts {
		defer host.bmc.Close()
	}
	release, err := lock(c.config.DataDir)
	if err != nil {
		return err
	}
	defer release()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := c.form(ctx, group); err != nil {
			return err
		}
		ready()
		return nil
	})
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// form founds the cluster on the first host and joins the others one by one. All
// that are members already start together: none of them has a quorum alone.
func (c *Cluster) form(ctx context.Context, group *errgroup.Group) error {
	var started, fresh []*Host
	for i, host := range c.hosts {
		if i > 0 && !host.member() {
			fresh = append(fresh, host)
			continue
		}
		if i == 0 {
			if err := host.enroll(ctx, c); err != nil && !errors.Is(err, enroll.ErrMember) {
				return err
			}
			if err := link(host.Settings.Socket, filepath.Join(c.config.DataDir, "belayd.sock")); err != nil {
				return err
			}
		}
		group.Go(func() error { return host.run(ctx) })
		started = append(started, host)
	}
	for _, host := range started {
		if err := host.waitServing(ctx); err != nil {
			return err
		}
	}
	for _, host := range fresh {
		if err := host.enroll(ctx, c); err != nil {
			return err
		}
		group.Go(func() error { return host.run(ctx) })
		if err := host.waitServing(ctx); err != nil {
			return err
		}
	}
	return nil
}

func link(target, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(filepath.Base(target), path)
}

// Fences returns a definition's fence devices for this cluster's BMCs.
func (c *Cluster) Fences() []resources.FenceDevice {
	var devices []resources.FenceDevice
	for _, h := range c.hosts {
		devices = append(devices, resources.FenceDevice{
			ID: "bmc-" + string(h.Settings.Node), Agent: "redfish", Targets: []resources.NodeName{h.Settings.Node},
			Params: resources.Params{
				"endpoint": h.bmc.URL(), "username": BMCUser, "password": "secret://bmc", "fingerprint": h.bmc.Fingerprint(), "auth": "basic",
			},
		})
	}
	return devices
}

// Client returns a client of the first member that is switched on.
func (c *Cluster) Client() *api.Client {
	for _, h := range c.hosts {
		if h.machine.Power() == fencing.PowerOn {
			return api.NewLocalClient(h.Settings.Socket)
		}
	}
	return api.NewLocalClient(c.hosts[0].Settings.Socket)
}

// Host is one member's simulated machine.
type Host struct {
	Settings node.Host
	Services *simulated.Host
	cluster  *Cluster
	machine  *fencetest.Machine
	bmc      *fencetest.Redfish
	log      *zap.Logger
	// end ends the present run of the daemon with a cause.
	end chan error

	mu    sync.Mutex
	power chan struct{} // guarded by mu; closed and replaced at each change
	// The fields below are guarded by mu.
	watchdog *hostWatchdog // nil until it is armed
	resets   int
	fed      int // how often the watchdog was fed
}

func (c *Cluster) newHost(i int) (*Host, error) {
	name := resources.NodeName(fmt.Sprintf("controller-%d", i))
	dir := filepath.Join(c.config.DataDir, string(name))
	socket := filepath.Join(c.config.DataDir, string(name)+".sock")
	if err := checkSocketPath(socket); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := addressOf(dir)
	if err != nil {
		return nil, err
	}
	h := &Host{
		Settings: node.Host{
			Node: name, Address: address, DataDir: dir, RunDir: filepath.Join(dir, "run"), Socket: socket,
			HeartbeatTimeout: 750 * time.Millisecond, // all members wait for one process
		}.WithDefaults(),
		Services: simulated.NewHost(), cluster: c, machine: &fencetest.Machine{}, log: c.config.Log.Named(string(name)), power: make(chan struct{}),
		end: make(chan error),
	}
	h.bmc, err = fencetest.StartRedfish(fencetest.RedfishConfig{
		Username: BMCUser, Password: BMCPassword, Systems: []*fencetest.System{{ID: "1", Name: string(name), Machine: h.machine}},
	})
	if err != nil {
		return nil, fmt.Errorf("emulate a BMC for %s: %w", name, err)
	}
	h.machine.OnChange(func(on bool) {
		h.Services.Power(on)
		h.mu.Lock()
		defer h.mu.Unlock()
		close(h.power)
		h.power = make(chan struct{})
	})
	return h, nil
}

// addressOf returns the member's address: the one of its last run, or a free
// one.
func addressOf(dir string) (string, error) {
	path := filepath.Join(dir, "address")
	if data, err := os.ReadFile(path); err == nil {
		return string(data), nil
	}
	var listener net.Listener
	var err error
	for range portTries {
		port := firstPort + rand.IntN(ports)
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer listener.Close()
			return listener.Addr().String(), os.WriteFile(path, []byte(listener.Addr().String()), 0o600)
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

// Members' ports are below those that Linux gives to connections (32768 and up,
// ip(7)): one of those could be taken again before the member listens.
const (
	firstPort, ports = 20000, 12000
	portTries        = 100
)

// CutPower switches the host off as a power failure does; PowerOn switches it on
// again, to start with a new boot.
func (h *Host) CutPower() { h.machine.SetPower(false) }

// PowerOn switches the host on.
func (h *Host) PowerOn() { h.machine.SetPower(true) }

// RestartDaemon ends the member's daemon in order, as an upgrade does, and starts
// it again. It returns when the daemon has been told, or ctx ends.
func (h *Host) RestartDaemon(ctx context.Context) error { return h.endDaemon(ctx, errRestart) }

// KillDaemon ends the member's daemon without a word, and starts it again.
func (h *Host) KillDaemon(ctx context.Context) error { return h.endDaemon(ctx, node.ErrPowerCut) }

func (h *Host) endDaemon(ctx context.Context, cause error) error {
	select {
	case h.end <- cause:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end the daemon of %s: it does not run: %w", h.Settings.Node, ctx.Err())
	}
}

// Name returns the member's name.
func (h *Host) Name() resources.NodeName { return h.Settings.Node }

func (h *Host) watchPower() (on bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.machine.Power() == fencing.PowerOn, h.power
}
