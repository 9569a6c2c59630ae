package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// fillDisk takes all room of a host's disk, the part that is kept for root too:
// large files first, then what is left block by block.
const fillDisk = `mkdir -p /var/fill && cd /var/fill || exit 1
n=0
for size in 256M 16M 1M 64K 4K; do
	while fallocate -l $size $n 2>/dev/null; do n=$((n+1)); done
	rm -f $n
done
sync`

// maxGivenUp bounds how long a member may keep its services although its daemon
// cannot write: the minute in which a daemon may be away, and the fencing.
const maxGivenUp = 100 * time.Second

// fullDisk takes all room of the disk of the address's host. Its daemon cannot
// write its log and must not take part; nothing else is wrong with the host, so
// nobody but the cluster would notice. It is given up, fenced and, once there is
// room again, back.
func fullDisk(ctx context.Context, s *Stage) (err error) {
	host, err := s.holder(ctx)
	if err != nil {
		return err
	}
	writer, err := s.Write(ctx)
	if err != nil {
		return err
	}
	defer func() {
		written, lost, stopErr := writer.Stop(ctx)
		if lost > 0 {
			err = errors.Join(err, fmt.Errorf("%d of %d acknowledged writes are lost", lost, written))
		}
		err = errors.Join(err, stopErr)
	}()
	addresses := Count(ctx, 10*time.Millisecond, func(h rig.Host) bool { return s.hasAddress(h, VIP) })
	defer func() { err = errors.Join(err, addresses.Stop("the address")) }()
	if err := s.run(ctx, host, "sh", "-c", fillDisk); err != nil {
		return err
	}
	full := time.Now()
	s.aside[host] = true
	defer delete(s.aside, host)
	s.Say("the disk of %s is full: it held the address", host)
	if err := await(ctx, maxGivenUp, "the address is on another host", func() bool {
		_, elsewhere := addresses.FirstElsewhere(host, full)
		return elsewhere
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	at, _ := addresses.FirstElsewhere(host, full)
	off, err := s.offProven(ctx, nodeName(host), full)
	if err != nil {
		return err
	}
	if at.Before(off) {
		return fmt.Errorf("the address moved after %s, and the power was proven off after %s", at.Sub(full), off.Sub(full))
	}
	s.Say("power proven off after %.1f s, address elsewhere after %.1f s", off.Sub(full).Seconds(), at.Sub(full).Seconds())
	// With a full disk the rig's hosts come up read-only: room is made from outside,
	// as from a rescue system.
	if err := s.rig.PowerOff(ctx, host); err != nil {
		return err
	}
	if err := s.rig.Rescue(ctx, host, func(written string) error { return os.RemoveAll(filepath.Join(written, "var/fill")) }); err != nil {
		return err
	}
	if err := s.rig.PowerOn(ctx, host); err != nil {
		return err
	}
	delete(s.aside, host)
	_, err = s.Until(ctx, 4*time.Minute, "the fenced node and every instance are back", func(st api.Status) bool {
		return bootedAfter(st, nodeName(host), full) && Whole(st)
	})
	return err
}
