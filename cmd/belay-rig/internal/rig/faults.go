package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/network"
)

// Freeze stops every process of the host. Its kernel goes on answering ping
// and accepting connections.
func (r *Rig) Freeze(ctx context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	return named("freeze", host, group.Freeze(ctx))
}

// Thaw undoes Freeze.
func (r *Rig) Thaw(_ context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	return named("thaw", host, group.Thaw())
}

// Unplug pulls the host's cluster cable; it stays out over power cycles.
func (r *Rig) Unplug(_ context.Context, host Host) error {
	return named("unplug", host, r.setCable(host, cable{host.clusterCable(), clusterBridge}, false))
}

// Plug undoes Unplug.
func (r *Rig) Plug(_ context.Context, host Host) error {
	return named("plug", host, r.setCable(host, cable{host.clusterCable(), clusterBridge}, true))
}

// OOBUnplug pulls the host's management cable, by which it reaches all BMCs;
// its own BMC stays reachable for others. It stays out over power cycles.
func (r *Rig) OOBUnplug(_ context.Context, host Host) error {
	return named("unplug management of", host, r.setCable(host, cable{host.oobCable(), oobBridge}, false))
}

// OOBPlug undoes OOBUnplug.
func (r *Rig) OOBPlug(_ context.Context, host Host) error {
	return named("plug management of", host, r.setCable(host, cable{host.oobCable(), oobBridge}, true))
}

func (r *Rig) setCable(host Host, cable cable, in bool) error {
	mark := r.unplugMark(host, cable.bridge)
	if in {
		if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	} else if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return fmt.Errorf("is the rig up? %w", err)
	}
	if err := r.netns().SetUp(cable.name, in); err != nil && !network.IsNotFound(err) {
		return err
	}
	return nil // a host that is off has no interface: the mark decides at power-on
}

func (r *Rig) unplugMark(host Host, bridge string) string {
	return r.runDir(fmt.Sprintf("unplugged-%s-%d", bridge, int(host)))
}

func (r *Rig) unplugged(host Host, bridge string) bool {
	_, err := os.Stat(r.unplugMark(host, bridge))
	return err == nil
}

// Cut drops everything between two hosts on the cluster network.
func (r *Rig) Cut(ctx context.Context, a, b Host) error {
	return r.netns().Cut(ctx, direction(a, b), direction(b, a))
}

// CutOneWay drops what goes from one host to the other, not the answers' way.
func (r *Rig) CutOneWay(ctx context.Context, from, to Host) error {
	return r.netns().Cut(ctx, direction(from, to))
}

// Heal undoes Cut and CutOneWay between two hosts.
func (r *Rig) Heal(ctx context.Context, a, b Host) error {
	return r.netns().Heal(ctx, direction(a, b), direction(b, a))
}

// HealAll undoes every Cut and CutOneWay.
func (r *Rig) HealAll(ctx context.Context) error { return r.netns().HealAll(ctx) }

// Lose drops a percentage of all packets between hosts, at random; 0 undoes it.
func (r *Rig) Lose(ctx context.Context, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("lose: want 0 to 100 percent of the packets, got %d", percent)
	}
	return r.netns().Lose(ctx, percent)
}

// Delay makes every packet to and from the host late, on the cluster network, by a
// time between least and most. The Delay's Stop undoes it; power-off does, too, in
// that the host comes back with a new cable.
func (r *Rig) Delay(host Host, least, most time.Duration) (*network.Delay, error) {
	delay, err := r.netns().Delay(host.clusterCable(), clusterBridge, least, most)
	return delay, named("slow down the cable of", host, err)
}

func direction(from, to Host) network.Pair {
	return network.Pair{From: from.clusterCable(), To: to.clusterCable()}
}

// DiskHang makes every write of the host wait until DiskOK or power-off.
func (r *Rig) DiskHang(_ context.Context, host Host) error {
	return named("hang the disk of", host, r.onDisk(host, func(disk *os.File) error {
		err := unix.IoctlSetInt(int(disk.Fd()), fiFreeze, 0)
		if errors.Is(err, unix.EBUSY) {
			return nil // it hangs already
		}
		return err
	}))
}

// DiskOK undoes DiskHang.
func (r *Rig) DiskOK(_ context.Context, host Host) error {
	return named("let the disk go of", host, r.onDisk(host, thawDisk))
}

func (r *Rig) onDisk(host Host, fn func(*os.File) error) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	disk, err := r.openDisk(host, group)
	if err != nil {
		return err
	}
	defer disk.Close()
	return fn(disk)
}

// Slow bounds the host to a percentage, 1 to 99, of one core. Fast undoes it,
// and so does power-off.
func (r *Rig) Slow(_ context.Context, host Host, percent int) error {
	if percent < 1 || percent > 99 {
		return fmt.Errorf("slow %s: want 1 to 99 percent of a core, got %d", host, percent)
	}
	group, err := r.group(host)
	if err != nil {
		return err
	}
	return named("slow", host, group.LimitCPU(percent))
}

// Fast undoes Slow.
func (r *Rig) Fast(_ context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	return named("fast", host, group.LimitCPU(0))
}

func named(what string, host Host, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, host, err)
	}
	return nil
}
