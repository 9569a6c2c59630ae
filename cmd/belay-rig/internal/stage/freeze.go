package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// frozenHost stops every process of the address's host. Its kernel answers on:
// ping, and connections to what listened. Only its power's end makes it safe to
// have the address elsewhere.
func frozenHost(ctx context.Context, s *Stage) (err error) {
	host, err := s.holder(ctx)
	if err != nil {
		return err
	}
	if on, err := s.bmcPower(ctx, host); err != nil || !on {
		return fmt.Errorf("before: the BMC of %s says power %v: %w", host, on, err)
	}
	before, _ := s.rig.Leader(host)
	addresses := Count(ctx, 10*time.Millisecond, func(h rig.Host) bool { return s.hasAddress(h, VIP) })
	defer func() { err = errors.Join(err, addresses.Stop("the address")) }()
	frozen := time.Now() // the others may notice before the last process stands still
	if err := s.rig.Freeze(ctx, host); err != nil {
		return err
	}
	s.aside[host] = true
	defer delete(s.aside, host)
	s.Say("%s is frozen: it held the address, and its kernel goes on answering", host)
	if err := await(ctx, maxAddress, "the address is on another host", func() bool {
		_, elsewhere := addresses.FirstElsewhere(host, frozen)
		return elsewhere
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	at, _ := addresses.FirstElsewhere(host, frozen)
	if now, on := s.rig.Leader(host); on && now == before {
		return fmt.Errorf("the address moved, and the frozen system of %s (process %d) is still there", host, before)
	}
	off, err := s.offProven(ctx, nodeName(host), frozen)
	if err != nil {
		return err
	}
	if at.Before(off) {
		return fmt.Errorf("the address moved after %s, and the power was proven off after %s", at.Sub(frozen), off.Sub(frozen))
	}
	s.Say("power proven off after %.2f s, address elsewhere after %.2f s", off.Sub(frozen).Seconds(), at.Sub(frozen).Seconds())
	delete(s.aside, host)
	_, err = s.Until(ctx, 4*time.Minute, "the fenced node and every instance are back", func(st api.Status) bool {
		return bootedAfter(st, nodeName(host), frozen) && Whole(st)
	})
	return err
}

// bmcPower asks the host's BMC itself.
func (s *Stage) bmcPower(ctx context.Context, host rig.Host) (bool, error) {
	all, err := s.rig.BMCs(ctx)
	if err != nil {
		return false, err
	}
	for _, b := range all {
		if b.Host == host {
			return b.Power, nil
		}
	}
	return false, fmt.Errorf("%s has no BMC", host)
}
