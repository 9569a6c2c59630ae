package stage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/network"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// breakage is a fault of the chaos test, aimed at hosts.
type breakage struct {
	*Stage
	fault      chaos.Fault
	host, peer rig.Host // -1: none
	delay      *heldDelay
}

// heldDelay is the cable that a fault has made slow, until it is mended.
type heldDelay struct{ cable *network.Delay }

// mendTimeout bounds how long it takes to undo a fault whose host is being
// switched meanwhile.
const mendTimeout = time.Minute

// errOff says that a host is off and cannot be broken further.
var errOff = errors.New("it had no power")

// begin breaks it. errOff is not a failure: another fault may have brought it
// about.
func (b breakage) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, mendTimeout)
	defer cancel()
	if b.isOff(ctx) {
		return errOff
	}
	err := b.damage(ctx)
	if err != nil && b.isOff(ctx) {
		return errOff
	}
	return err
}

// isOff reports whether the fault needs a host that runs and has none.
func (b breakage) isOff(ctx context.Context) bool {
	if b.host < 0 {
		return false
	}
	on, err := b.rig.Power(ctx, b.host)
	return err == nil && !on
}

func (b breakage) damage(ctx context.Context) error {
	switch b.fault.Kind {
	case chaos.PowerCut:
		return b.rig.PowerOff(ctx, b.host)
	case chaos.Outage:
		return b.each(func(host rig.Host) error { return b.rig.PowerOff(ctx, host) })
	case chaos.Isolated:
		return b.rig.Unplug(ctx, b.host)
	case chaos.Split:
		return b.rig.Cut(ctx, b.host, b.peer)
	case chaos.OneWay:
		return b.rig.CutOneWay(ctx, b.peer, b.host)
	case chaos.Deaf:
		return b.others(func(host rig.Host) error { return b.rig.CutOneWay(ctx, host, b.host) })
	case chaos.Mute:
		return b.others(func(host rig.Host) error { return b.rig.CutOneWay(ctx, b.host, host) })
	case chaos.Pause, chaos.Freeze, chaos.LongFreeze:
		return b.rig.Freeze(ctx, b.host)
	case chaos.DiskStall, chaos.DiskHang:
		return b.rig.DiskHang(ctx, b.host)
	case chaos.Overload:
		return b.overload(ctx)
	case chaos.DaemonKill:
		return b.run(ctx, b.host, "systemctl", "kill", "--signal=KILL", "belayd")
	case chaos.Loss:
		return b.rig.Lose(ctx, chaos.LossPercent)
	case chaos.Late:
		cable, err := b.rig.Delay(b.host, chaos.LateLeast, chaos.LateMost)
		b.delay.cable = cable
		return err
	case chaos.BMCHang:
		return b.rig.SetBMCFault(ctx, b.host, bmc.Hang)
	case chaos.BMCLogin:
		return b.setSecret(ctx, "not-the-password")
	case chaos.BMCLie:
		return b.setLie(ctx, true)
	}
	return fmt.Errorf("nobody knows how to do %q", b.fault.Kind)
}

// vain says why a fault had no effect; empty if it had. A BMC that was not asked
// to switch anything off has told no lie.
func (b breakage) vain(ctx context.Context) string {
	if b.fault.Kind != chaos.BMCLie {
		return ""
	}
	behaviour, err := b.behaviour(ctx)
	switch {
	case err != nil:
		return err.Error()
	case behaviour.LieOnce:
		return "nobody asked it to switch off"
	}
	return ""
}

// setLie makes the host's BMC lie once, or not.
func (b breakage) setLie(ctx context.Context, once bool) error {
	behaviour, err := b.behaviour(ctx)
	if err != nil {
		return err
	}
	behaviour.LieOnce = once
	return b.rig.SetBMCBehaviour(ctx, b.host, behaviour)
}

// behaviour returns how the host's BMC behaves.
func (b breakage) behaviour(ctx context.Context) (bmc.Behaviour, error) {
	all, err := b.rig.BMCs(ctx)
	if err != nil {
		return bmc.Behaviour{}, err
	}
	for _, status := range all {
		if status.Host == b.host {
			return status.Behaviour, nil
		}
	}
	return bmc.Behaviour{}, fmt.Errorf("%s has no BMC", b.host)
}

// end undoes it. A host that has lost its power, or is between two starts, has
// nothing of it left, or will have none soon: it is tried again.
func (b breakage) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	for {
		err := b.mend(ctx)
		if err == nil || b.onHost() && b.isOff(ctx) {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("mend %q: %w", b.fault, err)
		}
	}
}

// onHost reports whether the fault is in the host itself and goes with its power.
func (b breakage) onHost() bool {
	switch b.fault.Kind {
	case chaos.Pause, chaos.Freeze, chaos.LongFreeze, chaos.DiskStall, chaos.DiskHang:
		return true
	}
	return false
}

func (b breakage) mend(ctx context.Context) error {
	switch b.fault.Kind {
	case chaos.Outage:
		return b.each(func(host rig.Host) error { return b.rig.PowerOn(ctx, host) })
	case chaos.Isolated:
		return b.rig.Plug(ctx, b.host)
	case chaos.Split, chaos.OneWay:
		return b.rig.Heal(ctx, b.host, b.peer)
	case chaos.Deaf, chaos.Mute:
		return b.others(func(host rig.Host) error { return b.rig.Heal(ctx, b.host, host) })
	case chaos.Pause, chaos.Freeze, chaos.LongFreeze:
		return b.rig.Thaw(ctx, b.host)
	case chaos.DiskStall, chaos.DiskHang:
		return b.rig.DiskOK(ctx, b.host)
	case chaos.Loss:
		return b.rig.Lose(ctx, 0)
	case chaos.Late:
		if b.delay.cable != nil {
			return b.delay.cable.Stop()
		}
	case chaos.BMCHang:
		return b.rig.SetBMCFault(ctx, b.host, bmc.Healthy)
	case chaos.BMCLogin:
		return b.setSecret(ctx, rig.BMCPassword)
	case chaos.BMCLie:
		return b.setLie(ctx, false)
	}
	return nil // a cut power is the cluster's to mend, and the rest ends by itself
}

// each does something to all hosts at once.
func (b breakage) each(do func(rig.Host) error) error {
	hosts := rig.Hosts()
	done := make(chan error, len(hosts))
	for _, host := range hosts {
		go func() { done <- do(host) }()
	}
	var all []error
	for range hosts {
		all = append(all, <-done)
	}
	return errors.Join(all...)
}

// others does something to every host but the broken one.
func (b breakage) others(do func(rig.Host) error) error {
	var all []error
	for _, host := range rig.Hosts() {
		if host != b.host {
			all = append(all, do(host))
		}
	}
	return errors.Join(all...)
}

// overload starts twice as many busy processes in the host as the machine has
// processors, for as long as the fault lasts. They end by themselves.
func (b breakage) overload(ctx context.Context) error {
	const burn = `exec >/dev/null 2>&1; for n in $(seq "$1"); do timeout -s KILL "$2" sh -c 'while :; do :; done' & done`
	seconds := strconv.FormatFloat(b.fault.Lasts.Seconds(), 'f', 1, 64)
	return b.run(ctx, b.host, "sh", "-c", burn, "sh", strconv.Itoa(2*runtime.NumCPU()), seconds)
}

// setSecret gives the cluster a password for the host's BMC, by any member that
// takes it.
func (b breakage) setSecret(ctx context.Context, password string) error {
	err := errors.New("no host is on")
	for _, host := range rig.Hosts() {
		if on, powerErr := b.rig.Power(ctx, host); powerErr != nil || !on {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second) // one may be frozen
		err = b.ctlInput(attempt, host, password, "secret", "set", "bmc-"+b.host.String())
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}
