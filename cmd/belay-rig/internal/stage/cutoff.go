package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// maxAlone is how long a host that is cut off may go on with its services: the
// lease of 5 s, and then what stopping takes on a busy machine.
const maxAlone = 60 * time.Second

// maxUntold is how long the others may keep silent about why nothing is
// recovered, counted from when the lost host has stopped everything.
const maxUntold = 15 * time.Second

// cutOff is a host without its cluster cable whose BMC does not answer.
type cutOff struct {
	host      rig.Host
	at        time.Time
	addresses *Census
}

// cutOffHolder pulls the cable of the address's host while its BMC hangs, and
// checks that both sides do what is safe.
func (s *Stage) cutOffHolder(ctx context.Context) (*cutOff, error) {
	host, err := s.holder(ctx)
	if err != nil {
		return nil, err
	}
	c := &cutOff{host: host, addresses: Count(ctx, 20*time.Millisecond, func(h rig.Host) bool { return s.hasAddress(h, VIP) })}
	if err := s.rig.SetBMCFault(ctx, host, bmc.Hang); err != nil {
		return c, err
	}
	if err := s.rig.Unplug(ctx, host); err != nil {
		return c, err
	}
	c.at = time.Now()
	s.aside[host] = true
	s.Say("%s is cut off: it held the address, and its BMC does not answer", host)
	return c, errors.Join(s.stopsAlone(ctx, c), s.othersWait(ctx, c))
}

// stopsAlone checks that the host gives up its services, and that belayctl there
// says what it knows.
func (s *Stage) stopsAlone(ctx context.Context, c *cutOff) error {
	var address time.Duration
	if err := await(ctx, maxAlone, fmt.Sprintf("%s stops the services of the cluster", c.host), func() bool {
		has := s.hasAddress(c.host, VIP)
		if !has && address == 0 {
			address = time.Since(c.at)
		}
		return !has && !s.hasDoor(c.host) && s.stopped(ctx, c.host)
	}); err != nil {
		left, _ := s.rig.Run(ctx, c.host, "pgrep", "-a", "mariadbd|beam|haproxy|dnsmasq|inspector")
		return fmt.Errorf("%w; running there: %s", err, left)
	}
	s.Say("it gave up the address after %.1f s and everything after %.1f s, by itself", address.Seconds(), time.Since(c.at).Seconds())
	_, err := s.rig.Run(ctx, c.host, "belayctl", "status")
	status, known := exitStatus(err)
	if !known || status != 3 {
		return fmt.Errorf("belayctl status on %s: want exit status 3, got %d: %w", c.host, status, err)
	}
	for _, word := range []string{"no quorum", "1 of 3 voters", "silent", "belayctl status --stale"} {
		if !strings.Contains(err.Error(), word) {
			return fmt.Errorf("belayctl status on %s does not say %q: %w", c.host, word, err)
		}
	}
	_, err = s.Ctl(ctx, c.host, "status", "--stale")
	return err
}

// stopped reports whether none of the services runs on a host.
func (s *Stage) stopped(ctx context.Context, host rig.Host) bool {
	_, err := s.rig.Run(ctx, host, "pgrep", "mariadbd|beam.smp|haproxy|dnsmasq|ironic-inspecto")
	status, known := exitStatus(err)
	return known && status == 1 // nothing matched
}

// othersWait checks that the majority recovers nothing and says why and what to
// do.
func (s *Stage) othersWait(ctx context.Context, c *cutOff) error {
	node := nodeName(c.host)
	status, err := s.Until(ctx, maxUntold, "the others say why nothing is recovered", func(st api.Status) bool {
		p, told := problemOf(st, node, "nothing of it is recovered")
		return told && strings.HasPrefix(p.Next, "belayctl fence confirm "+c.host.String())
	})
	if err != nil {
		return err
	}
	problem, _ := problemOf(status, node, "nothing of it is recovered")
	s.Say("status: %s", problem.Text)
	if _, err := s.Until(ctx, 10*time.Second, "the state says that the address is not recovered", func(st api.Status) bool {
		h := Holder(st, Address)
		return h == "" || h == node
	}); err != nil {
		return err
	}
	if at, elsewhere := c.addresses.FirstElsewhere(c.host, c.at); elsewhere {
		return fmt.Errorf("another host took the address %s after the cut, without proof", at.Sub(c.at))
	}
	return nil
}

// mend undoes the faults. The host may be off.
func (s *Stage) mend(ctx context.Context, c *cutOff) error {
	defer delete(s.aside, c.host)
	return errors.Join(s.rig.SetBMCFault(ctx, c.host, bmc.Healthy), s.rig.Plug(ctx, c.host))
}

// cutOffHost ends with an operator's word, after the host was really switched
// off.
func cutOffHost(ctx context.Context, s *Stage) (err error) {
	c, err := s.cutOffHolder(ctx)
	if c != nil {
		defer func() { err = errors.Join(err, c.addresses.Stop("the address")) }()
	}
	if err != nil {
		return err
	}
	if err := s.rig.PowerOff(ctx, c.host); err != nil {
		return err
	}
	confirmed := time.Now() // the address may be back before belayctl is
	if _, err := s.anyHost(ctx, "belayctl", "fence", "confirm", c.host.String(), "--reason", "its power cord is in my hand", "--yes"); err != nil {
		return err
	}
	if err := await(ctx, maxAddress, "the address is on another host", func() bool {
		_, elsewhere := c.addresses.FirstElsewhere(c.host, confirmed)
		return elsewhere
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	at, _ := c.addresses.FirstElsewhere(c.host, confirmed)
	s.Say("confirmed as off by hand: the address is back after %.2f s", at.Sub(confirmed).Seconds())
	if err := errors.Join(s.mend(ctx, c), s.rig.PowerOn(ctx, c.host)); err != nil {
		return err
	}
	_, err = s.Until(ctx, 4*time.Minute, "the host is back and everything runs", func(st api.Status) bool {
		return bootedAfter(st, nodeName(c.host), confirmed) && Whole(st)
	})
	return err
}

// cutOffHostReturns plugs the host in again.
func cutOffHostReturns(ctx context.Context, s *Stage) (err error) {
	c, err := s.cutOffHolder(ctx)
	if c != nil {
		defer func() { err = errors.Join(err, c.addresses.Stop("the address")) }()
	}
	if err != nil {
		return err
	}
	if err := s.mend(ctx, c); err != nil {
		return err
	}
	plugged := time.Now()
	_, err = s.Until(ctx, 4*time.Minute, "the host is back and everything runs", func(st api.Status) bool {
		return len(st.Fencing) == 0 && Whole(st)
	})
	s.Say("everything runs %.1f s after the cable is in again", time.Since(plugged).Seconds())
	return err
}
