package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/api"
)

// maxDoor is how soon after a power cut DHCP is served again.
const maxDoor = 10 * time.Second

// doorMoves cuts the power of the host that answers DHCP, with IPMI as the way
// to fence it.
func doorMoves(ctx context.Context, s *Stage) (err error) {
	if err := s.fenceBy(ctx, s.definition, "ipmi"); err != nil {
		return err
	}
	if _, err := s.Until(ctx, time.Minute, "everything runs", Whole); err != nil {
		return err
	}
	doors := Count(ctx, 100*time.Millisecond, s.hasDoor)
	defer func() { err = errors.Join(err, doors.Stop("the open DHCP door")) }()
	if err := await(ctx, 10*time.Second, "one host answers DHCP", func() bool { return len(doors.Now()) == 1 }); err != nil {
		return err
	}
	host := doors.Now()[0]
	gone := time.Now() // the others may notice before the last of it is gone
	if err := s.rig.PowerOff(ctx, host); err != nil {
		return err
	}
	s.Say("power of %s is cut: it had the open DHCP door", host)
	if err := await(ctx, maxDoor, "the door is open on another host", func() bool {
		_, elsewhere := doors.FirstElsewhere(host, gone)
		return elsewhere
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	opened, _ := doors.FirstElsewhere(host, gone)
	off, err := s.offProven(ctx, nodeName(host), gone)
	if err != nil {
		return err
	}
	s.Say("power proven off by IPMI after %.2f s, the door open on another host after %.2f s", off.Sub(gone).Seconds(), opened.Sub(gone).Seconds())
	if opened.Before(off) {
		return fmt.Errorf("a door opened after %s, and the power was proven off after %s", opened.Sub(gone), off.Sub(gone))
	}
	if _, err = s.Until(ctx, 4*time.Minute, "the fenced node and every instance are back", func(st api.Status) bool {
		return bootedAfter(st, nodeName(host), gone) && Whole(st)
	}); err != nil {
		return err
	}
	if err := s.fenceBy(ctx, s.definition, "redfish"); err != nil {
		return err
	}
	_, err = s.Until(ctx, time.Minute, "everything runs", Whole)
	return err
}
