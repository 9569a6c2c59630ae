package inspector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

// filterFile is what ironic-inspector writes at the end of its filter's first
// synchronisation (pxe_filter/dnsmasq.py).
const filterFile = "unknown_hosts_filter"

// openDoor starts dnsmasq and returns when it listens. Without a door it leaves
// a marker, so that a monitor knows who is promoted.
func (a *Agent) openDoor(ctx context.Context, s settings) error {
	if !s.door {
		if err := os.MkdirAll(filepath.Dir(s.marker), 0o755); err != nil {
			return fmt.Errorf("promote: %w", err)
		}
		if err := os.WriteFile(s.marker, nil, 0o644); err != nil {
			return fmt.Errorf("promote: %w", err)
		}
		return nil
	}
	state, err := a.Units.State(ctx, s.doorUnit)
	if err != nil {
		return err
	}
	if !state.Running() {
		if err := a.clearWay(ctx, s); err != nil {
			return err
		}
		if err := a.startDoor(ctx, s); err != nil {
			return err
		}
	}
	return a.await(ctx, fmt.Sprintf("%s runs, but does not listen on %s", s.doorUnit, s.iface), func() (bool, error) {
		servers, err := a.Network.DHCPServers(s.iface)
		return len(servers) > 0, err
	})
}

// clearWay waits for the filter and refuses when somebody else answers DHCP.
func (a *Agent) clearWay(ctx context.Context, s settings) error {
	if s.filter == "dnsmasq" {
		file := filepath.Join(s.hostsdir, filterFile)
		err := a.await(ctx, file+" has not been written: the filter was never synchronised with Ironic", func() (bool, error) {
			_, err := os.Stat(file)
			return err == nil, nil
		})
		if err != nil {
			return err
		}
	}
	servers, err := a.Network.DHCPServers(s.iface)
	if err != nil {
		return err
	}
	if len(servers) > 0 {
		return fmt.Errorf("something else answers DHCP on %s (%s): stop it before this door opens", s.iface, strings.Join(servers, ", "))
	}
	return nil
}

func (a *Agent) startDoor(ctx context.Context, s settings) error {
	if !s.ownDoor {
		if err := a.Units.Manage(ctx, s.doorUnit, "[Unit]", "BindsTo="+s.unit, "After="+s.unit); err != nil {
			return err
		}
		return a.Units.StartUnit(ctx, s.doorUnit)
	}
	config := s.doorConfig
	if config == "" {
		if err := os.MkdirAll(filepath.Dir(s.leases), 0o755); err != nil {
			return fmt.Errorf("directory for leases: %w", err)
		}
		config = filepath.Join(a.Dir, s.name+"-dnsmasq.conf")
		if err := replaceFile(config, doorText(s)); err != nil {
			return fmt.Errorf("configuration of dnsmasq: %w", err)
		}
	}
	return a.Units.StartTransient(ctx, s.doorUnit, agents.TransientSpec{
		Description: "DHCP for introspection, bound to " + s.unit,
		Command:     []string{s.doorProgram, "--keep-in-foreground", "--conf-file=" + config, "--pid-file"},
		BindsTo:     []string{s.unit}, StopTimeout: doorGrace + 10*time.Second,
	})
}

// closeDoor ends dnsmasq and proves that nobody answers DHCP on the interface.
// It asks no other member and depends on nothing but systemd: a member that
// has lost its quorum must be able to do it.
func (a *Agent) closeDoor(ctx context.Context, s settings) error {
	if !s.door {
		if _, err := a.Units.State(ctx, s.unit); err != nil {
			return err
		}
		if err := os.Remove(s.marker); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("demote: %w", err)
		}
		return nil
	}
	before, err := a.Units.State(ctx, s.doorUnit)
	if err != nil {
		return err
	}
	if err := a.Units.End(ctx, s.doorUnit, doorGrace); err != nil {
		return err
	}
	if !s.ownDoor {
		if err := a.Units.Release(ctx, s.doorUnit); err != nil {
			return err
		}
	}
	if before.Gone() {
		// It was closed already: who else answers there is not this instance's,
		// perhaps another instance on this node.
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doorGrace)
	defer cancel()
	return a.await(ctx, "the door is closed, but "+s.iface+" still has a DHCP server", func() (bool, error) {
		servers, err := a.Network.DHCPServers(s.iface)
		return len(servers) == 0, err
	})
}

// doorOpen reports whether this instance is the promoted one.
func (a *Agent) doorOpen(ctx context.Context, s settings) (bool, error) {
	if !s.door {
		_, err := os.Stat(s.marker)
		return err == nil, nil
	}
	state, err := a.Units.State(ctx, s.doorUnit)
	if err != nil && !errors.Is(err, agents.ErrNoUnit) {
		return false, err
	}
	return err == nil && !state.Gone(), nil
}

// await looks until a condition holds. At the end of ctx it returns the
// complaint.
func (a *Agent) await(ctx context.Context, complaint string, look func() (bool, error)) error {
	again := time.NewTicker(lookAgain / 5)
	defer again.Stop()
	for {
		done, err := look()
		if done || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", complaint, context.Cause(ctx))
		}
	}
}
