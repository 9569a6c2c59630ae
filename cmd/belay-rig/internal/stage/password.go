package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// wrongPassword cuts the power of the address's host while the cluster has a
// wrong password for its BMC.
func wrongPassword(ctx context.Context, s *Stage) (err error) {
	host, err := s.holder(ctx)
	if err != nil {
		return err
	}
	secret := "bmc-" + host.String()
	if err := s.secret(ctx, secret, "not-the-password"); err != nil {
		return err
	}
	addresses := Count(ctx, 20*time.Millisecond, func(h rig.Host) bool { return s.hasAddress(h, VIP) })
	defer func() { err = errors.Join(err, addresses.Stop("the address")) }()
	gone := time.Now() // the others may notice before the last of it is gone
	if err := s.rig.PowerOff(ctx, host); err != nil {
		return err
	}
	s.Say("power of %s is cut: it held the address, and the cluster has a wrong password for its BMC", host)
	status, err := s.Until(ctx, 30*time.Second, "the status says that the BMC refuses the login", func(st api.Status) bool {
		_, told := problemOf(st, nodeName(host), "HTTP 401")
		return told
	})
	if err != nil {
		return err
	}
	problem, _ := problemOf(status, nodeName(host), "HTTP 401")
	s.Say("status after %.1f s: %s", time.Since(gone).Seconds(), problem.Text)
	if at, elsewhere := addresses.FirstElsewhere(host, gone); elsewhere {
		return fmt.Errorf("another host took the address %s after the cut, without proof", at.Sub(gone))
	}
	mended := time.Now() // the address may be back before belayctl is
	if err := s.secret(ctx, secret, rig.BMCPassword); err != nil {
		return err
	}
	if err := await(ctx, time.Minute, "the address is on another host", func() bool {
		_, elsewhere := addresses.FirstElsewhere(host, gone)
		return elsewhere
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	at, _ := addresses.FirstElsewhere(host, gone)
	s.Say("the address is back %.1f s after the password was set right", at.Sub(mended).Seconds())
	if at.Before(mended) {
		return fmt.Errorf("the address moved %s before the password was right", mended.Sub(at))
	}
	_, err = s.Until(ctx, 4*time.Minute, "the fenced node and every instance are back", func(st api.Status) bool {
		return bootedAfter(st, nodeName(host), gone) && Whole(st)
	})
	return err
}
