package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/cgroup"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/network"
)

// systemd's own signals to its PID 1.
const (
	signalPowerOff = unix.Signal(34 + 4) // SIGRTMIN+4
	signalReboot   = unix.Signal(34 + 5) // SIGRTMIN+5
)

// Power reports whether the host is powered: from the call of PowerOn until
// its last process has ended. A host that is frozen or hangs is powered.
func (r *Rig) Power(_ context.Context, host Host) (on bool, err error) { return r.power(host) }

func (r *Rig) power(host Host) (bool, error) {
	group, err := r.group(host)
	if err != nil {
		return false, err
	}
	return group.Populated(), nil
}

// PowerOn starts the host and returns at once, before it has booted: see
// WaitBooted. A host that is on stays as it is.
func (r *Rig) PowerOn(ctx context.Context, host Host) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.powerOn(ctx, host); err != nil {
		return fmt.Errorf("power on %s: %w", host, err)
	}
	return nil
}

func (r *Rig) powerOn(ctx context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	if group.Populated() {
		return nil
	}
	if !r.Created(host) {
		return fmt.Errorf("it has no disk: run `belay-rig create %d`", int(host))
	}
	if err := r.checkBase(r.hostDir(host)); err != nil {
		return err
	}
	if err := r.cleanUp(ctx, host, group); err != nil {
		return err
	}
	if err := group.Make(""); err != nil {
		return err
	}
	cmd, err := r.startChild(childSupervise, []string{host.String()}, r.hostDir(host, "console.log"))
	if err != nil {
		return err
	}
	// Until the supervisor is in the group the host looks off, and a power-off
	// would miss it: hold the lock until then.
	return poll(ctx, "supervisor to start", func() (bool, error) {
		if group.Populated() {
			return true, nil
		}
		if err := unix.Kill(cmd.Process.Pid, 0); err != nil {
			return false, fmt.Errorf("it ended: %s", r.consoleTail(host))
		}
		return false, nil
	})
}

// WaitBooted waits until the host's systemd says running or degraded. Its
// deadline is ctx's, which should leave a minute on a busy machine.
func (r *Rig) WaitBooted(ctx context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	started := time.Now()
	err = pollEvery(ctx, 50*time.Millisecond, host.String()+" to boot", func() (bool, error) {
		if !group.Populated() && time.Since(started) > time.Second {
			return false, fmt.Errorf("it is off: %s", r.consoleTail(host))
		}
		if group.Frozen() {
			return false, errors.New("it is frozen: thaw it, or cut its power")
		}
		if _, ok := group.Leader(); !ok {
			return false, nil
		}
		return r.booted(ctx, host)
	})
	return err
}

func (r *Rig) booted(ctx context.Context, host Host) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd, err := r.Command(ctx, host, "systemctl", "is-system-running", "--wait")
	if err != nil {
		return false, nil // it ended between two looks
	}
	out, _ := cmd.Output() // degraded has exit status 1
	switch strings.TrimSpace(string(out)) {
	case "running", "degraded":
		return true, nil
	}
	return false, nil
}

// PowerOff cuts the host's power: its cables go silent first, as killing
// processes would make the kernel say goodbye for them; what was not synced to
// disk is lost; then every process is killed. It returns when all is gone.
func (r *Rig) PowerOff(ctx context.Context, host Host) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	group, err := r.group(host)
	if err != nil {
		return err
	}
	var all []error
	if group.Populated() {
		for _, cable := range host.cables() {
			if err := r.netns().SetUp(cable.name, false); err != nil && !network.IsNotFound(err) {
				all = append(all, fmt.Errorf("cut cable: %w", err))
			}
		}
		// Whatever fails, the processes must be killed.
		all = append(all, r.dropWrites(host, group))
	}
	all = append(all, group.Kill(), r.cleanUp(ctx, host, group))
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("power off %s: %w", host, err)
	}
	return nil
}

// Kill kills every process of the host at once, leaving its cables in and its
// writes on their way: what SIGKILL to everything would do, not a power cut.
func (r *Rig) Kill(ctx context.Context, host Host) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	group, err := r.group(host)
	if err != nil {
		return err
	}
	if err := errors.Join(group.Kill(), r.cleanUp(ctx, host, group)); err != nil {
		return fmt.Errorf("kill %s: %w", host, err)
	}
	return nil
}

// Shutdown presses the power button: an orderly stop. It returns when the host
// is off, or when ctx ends, and then the host may still be stopping.
func (r *Rig) Shutdown(ctx context.Context, host Host) error {
	if err := r.pressPower(host); err != nil {
		return err
	}
	group, err := r.group(host)
	if err != nil {
		return err
	}
	if err := group.WaitEmpty(ctx); err != nil {
		return fmt.Errorf("shut down %s: %w", host, err)
	}
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if group.Populated() {
		return nil // somebody has switched it on since
	}
	return r.cleanUp(ctx, host, group)
}

// pressPower asks the host's systemd to stop everything and power off.
func (r *Rig) pressPower(host Host) error {
	leader, ok := r.Leader(host)
	if !ok {
		return fmt.Errorf("press the power button of %s: no systemd runs there", host)
	}
	if err := ignoreGone(unix.Kill(leader, signalPowerOff)); err != nil {
		return fmt.Errorf("press the power button of %s: %w", host, err)
	}
	return nil
}

// Reboot asks the host's systemd for a reboot and waits until a new one has
// taken over. It does not wait for the boot: see WaitBooted.
func (r *Rig) Reboot(ctx context.Context, host Host) error {
	group, err := r.group(host)
	if err != nil {
		return err
	}
	leader, ok := group.Leader()
	if !ok {
		return fmt.Errorf("reboot %s: no systemd runs there", host)
	}
	if err := ignoreGone(unix.Kill(leader, signalReboot)); err != nil {
		return fmt.Errorf("reboot %s: %w", host, err)
	}
	return poll(ctx, host.String()+" to reboot", func() (bool, error) {
		now, ok := group.Leader()
		return ok && now != leader, nil
	})
}

// Reset cuts the power and gives it back. It does not wait for the boot.
func (r *Rig) Reset(ctx context.Context, host Host) error {
	if err := r.PowerOff(ctx, host); err != nil {
		return err
	}
	return r.PowerOn(ctx, host)
}

// cleanUp removes what the kernel keeps of a host without processes.
func (r *Rig) cleanUp(ctx context.Context, host Host, group cgroup.Group) error {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	if err := group.WaitEmpty(ctx); err != nil {
		return err
	}
	if r.netns().Exists() {
		for _, cable := range host.cables() {
			if err := r.netns().Delete(cable.name); err != nil {
				return err
			}
		}
	}
	if err := r.waitLoopFree(ctx, r.hostDir(host, "disk.img")); err != nil {
		return err
	}
	// A process that just ended may hold its group a moment longer.
	return poll(ctx, "control group of "+host.String(), func() (bool, error) {
		err := group.Remove()
		if errors.Is(err, unix.EBUSY) {
			return false, nil
		}
		return err == nil, err
	})
}

// consoleTail returns the last lines that the host printed.
func (r *Rig) consoleTail(host Host) string {
	text, err := os.ReadFile(r.hostDir(host, "console.log"))
	if err != nil {
		return "no console log"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-4):], " / ")
}

// openDisk opens the mount point of the host's own disk, as the supervisor
// sees it. It refuses anything that is not that disk: before the supervisor
// has mounted it, the same path is a directory on the machine's own disk, and
// shutting that down would take the machine with it.
func (r *Rig) openDisk(host Host, group cgroup.Group) (*os.File, error) {
	supervisor, ok := group.Supervisor()
	if !ok {
		return nil, errNoDisk
	}
	dir, err := os.Open(filepath.Join(fmt.Sprintf("/proc/%d/root", supervisor), r.hostDir(host, "disk")))
	if err != nil {
		return nil, fmt.Errorf("open the host's disk: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		dir.Close()
		return nil, fmt.Errorf("open the host's disk: %w", err)
	}
	file := fmt.Sprintf("/sys/dev/block/%d:%d/loop/backing_file", unix.Major(st.Dev), unix.Minor(st.Dev))
	backing, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(backing)) != r.hostDir(host, "disk.img") {
		dir.Close()
		return nil, errNoDisk
	}
	return dir, nil
}

var errNoDisk = errors.New("the host has not mounted its disk")

// dropWrites makes the host's disk refuse all writes from now on, including
// those that wait in the page cache, and lets hung writers go.
func (r *Rig) dropWrites(host Host, group cgroup.Group) error {
	disk, err := r.openDisk(host, group)
	if errors.Is(err, errNoDisk) {
		return nil // nothing was written yet
	}
	if err != nil {
		return err
	}
	defer disk.Close()
	const noLogFlush = 2 // EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal
	if err := unix.IoctlSetPointerInt(int(disk.Fd()), fsIOCShutdown, noLogFlush); err != nil {
		return fmt.Errorf("shut the disk down: %w", err)
	}
	// A writer that hangs in a frozen file system cannot be killed.
	if err := thawDisk(disk); err != nil {
		return err
	}
	return nil
}

// Requests of ioctl(2), from linux/fs.h and ext4's: _IOR('X', 125, __u32),
// _IOWR('X', 119, int), _IOWR('X', 120, int).
const (
	fsIOCShutdown = 0x8004587d
	fiFreeze      = 0xc0045877
	fiThaw        = 0xc0045878
)

func thawDisk(disk *os.File) error {
	err := unix.IoctlSetInt(int(disk.Fd()), fiThaw, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: not frozen
		return fmt.Errorf("let the disk go: %w", err)
	}
	return nil
}
