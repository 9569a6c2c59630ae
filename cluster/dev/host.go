package dev

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/simulated"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/enroll"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
)

// enroll founds the cluster on the first host and joins it on the others.
func (h *Host) enroll(ctx context.Context, c *Cluster) error {
	first := c.hosts[0]
	if h == first {
		return enroll.Found(h.Settings, "dev", filepath.Join(h.Settings.DataDir, "belayd.toml"), time.Now())
	}
	client := api.NewLocalClient(first.Settings.Socket)
	err := h.join(ctx, client, first.Settings.Address)
	var refused *api.Error
	if errors.As(err, &refused) && refused.Reason == string(state.ReasonAlreadyMember) {
		// An earlier run was killed after the cluster had taken the host in and before
		// the host knew.
		if _, err := client.Command(ctx, &state.MemberRemoved{Node: h.Settings.Node, Force: true}); err != nil {
			return fmt.Errorf("let %s join again: %w", h.Settings.Node, err)
		}
		err = h.join(ctx, client, first.Settings.Address)
	}
	return err
}

// join makes the host a member of the cluster at peer, by a token of client's.
func (h *Host) join(ctx context.Context, client *api.Client, peer string) error {
	token, err := client.CreateToken(ctx, time.Hour)
	if err != nil {
		return fmt.Errorf("make a token for %s: %w", h.Settings.Node, err)
	}
	c := h.cluster
	witness := c.config.Witness && h == c.hosts[len(c.hosts)-1]
	_, err = enroll.Join(ctx, h.Settings, peer, token.Token, filepath.Join(h.Settings.DataDir, "belayd.toml"), witness)
	return err
}

// member reports whether the host belongs to the cluster already, by an earlier
// run from the same directory.
func (h *Host) member() bool {
	_, err := os.Stat(filepath.Join(h.Settings.DataDir, node.TLSDir, "node.crt"))
	return err == nil
}

// run runs the member whenever its host has power.
func (h *Host) run(ctx context.Context) error {
	var started <-chan struct{} // names the start of the host
	var bootID string
	for ctx.Err() == nil {
		on, changed := h.watchPower()
		if !on {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if changed != started {
			boot := make([]byte, 8)
			rand.Read(boot)
			started, bootID = changed, hex.EncodeToString(boot)
		}
		if err := h.daemon(ctx, bootID, changed); err != nil {
			return fmt.Errorf("%s: %w", h.Settings.Node, err)
		}
	}
	return nil
}

var errRestart = errors.New("the daemon is restarted")

// daemon runs the member until ctx ends, the power changes, or the daemon is
// restarted or killed. An error is one that a restart does not cure.
func (h *Host) daemon(ctx context.Context, bootID string, changed <-chan struct{}) error {
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	go func() {
		select {
		case <-changed:
			h.cluster.gossip.Kill(h.gossipAddress())
			cut(node.ErrPowerCut)
		case cause := <-h.end:
			if errors.Is(cause, node.ErrPowerCut) {
				h.cluster.gossip.Kill(h.gossipAddress())
			}
			cut(cause)
		case <-ctx.Done():
		}
	}()
	if err := os.MkdirAll(h.Settings.RunDir, 0o700); err != nil {
		return err
	}
	listener, err := listen(ctx, h.Settings.Address)
	if err != nil {
		return err
	}
	member, err := node.Assemble(node.Parts{
		Host: h.Settings, BootID: bootID, Agents: h.agents(), Fences: h.cluster.config.Fences, Listener: listener,
		Gossip: h.cluster.gossip.Transport(h.gossipAddress()), DialHost: h.cluster.dialHost,
		Fault:        func(err error) { h.log.Error("fault", zap.Error(err)); cut(err) },
		OpenWatchdog: h.openWatchdog,
		Suicide:      func() { h.machine.SetPower(false) },
		Version:      "dev",
		Examine:      h.examine,
		Log:          h.log,
	})
	if err != nil {
		listener.Close()
		return err
	}
	h.log.Info("daemon started")
	err = member.Run(ctx)
	if errors.Is(err, raftlog.ErrCorrupt) || errors.Is(err, raftlog.ErrNewerFormat) {
		return err // only a person can help
	}
	if ctx.Err() == nil {
		h.log.Error("the daemon has ended by itself", zap.Error(err))
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// examine looks at the real host, but for the services, which are simulated.
func (h *Host) examine(ctx context.Context, _ doctor.Wants) doctor.Host {
	return examine.Host(ctx, examine.Options{DataDir: h.Settings.DataDir, TLSDir: filepath.Join(h.Settings.DataDir, node.TLSDir), Simulated: true})
}

// restartPause is the pause before a daemon that ended by itself starts again,
// as systemd would do it.
const restartPause = time.Second

// listen opens the member's port; the last run may still be closing it.
func listen(ctx context.Context, address string) (net.Listener, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		listener, err := net.Listen("tcp", address)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return listener, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (h *Host) gossipAddress() string {
	address, err := node.GossipAddress(h.Settings.Address)
	if err != nil {
		panic("dev: " + err.Error())
	}
	return address
}

// dialHost tells a host without power from one whose daemon is away: on
// loopback the kernel refuses connections for both.
func (c *Cluster) dialHost(ctx context.Context, address string) (bool, string) {
	for _, h := range c.hosts {
		if h.Settings.Address != address {
			continue
		}
		if on, _ := h.watchPower(); !on {
			return false, address + ": no answer (the simulated host has no power)"
		}
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return true, fmt.Sprintf("%s: %v", address, err)
	}
	connection.Close()
	return false, address + " accepts connections"
}

func (h *Host) agents() agents.Registry {
	var all []agents.Agent
	for _, spec := range h.cluster.config.Specs {
		agent := simulated.New(spec, h.Services, h.cluster.config.ActionTime)
		if h.cluster.config.Wrap != nil {
			agent = h.cluster.config.Wrap(h.Settings.Node, agent)
		}
		all = append(all, agent)
	}
	return agents.NewRegistry(all...)
}

// waitServing returns when the member answers and there is a leader.
func (h *Host) waitServing(ctx context.Context) error {
	client := api.NewLocalClient(h.Settings.Socket)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		status, err := client.Status(ctx, false)
		if err == nil && status.Leader != "" {
			for _, n := range status.Nodes {
				if n.Name == h.Settings.Node && n.Online {
					return nil
				}
			}
			err = errors.New("it has not announced itself yet")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", h.Settings.Node, errors.Join(err, ctx.Err()))
		}
	}
}
