package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/cgroup"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/network"
)

// nspawnReboot is the status by which systemd-nspawn, run with --keep-unit,
// says that the host asked for a reboot: it does not restart it by itself.
const nspawnReboot = 133

// supervise is one host's power supply: it holds the host's mounts, starts it,
// plugs its cables in, and starts it again when it reboots. It runs in the
// host's control group and so dies with the host in a power cut.
func supervise(ctx context.Context, r *Rig, args []string) error {
	if len(args) != 1 {
		return errors.New("want one host")
	}
	host, err := ParseHost(args[0])
	if err != nil {
		return err
	}
	group, err := r.group(host)
	if err != nil {
		return err
	}
	if err := group.Join(""); err != nil {
		return err
	}
	if err := r.mountHost(ctx, host, r.hostDir(host, "disk.img")); err != nil {
		return err
	}
	for {
		status, err := r.runHost(ctx, host, group)
		r.logf("rig: %s ended, status %d", host, status)
		if err != nil || status != nspawnReboot {
			return err
		}
	}
}

// runHost runs the host once and returns nspawn's exit status.
func (r *Rig) runHost(ctx context.Context, host Host, group cgroup.Group) (int, error) {
	// Interfaces of a life that was killed may linger: their names are needed.
	for _, cable := range []string{host.clusterCable(), host.oobCable()} {
		if err := r.netns().Delete(cable); err != nil {
			return 0, err
		}
	}
	if err := group.Make("ns"); err != nil {
		return 0, err
	}
	// nspawn makes the host's group below the one that it is started in, so
	// the shell enters the right one before it becomes nspawn.
	const enter = `while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"`
	args := append([]string{"-ec", enter, "sh"}, group.Joins("ns")...)
	args = append(args, "--", "systemd-nspawn",
		"--quiet", "--boot", "--directory="+r.hostDir(host, "root"),
		fmt.Sprintf("--machine=%s-%d", r.options.Name, int(host)), "--hostname="+host.String(),
		"--private-network",
		"--network-veth-extra="+host.clusterCable()+":host0",
		"--network-veth-extra="+host.oobCable()+":oob0",
		"--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off",
		"--link-journal=no", "--console=pipe")
	cmd := exec.Command("/bin/sh", args...)
	// Inside, cgroup v2 alone, as Debian 12 has it, whatever the machine has.
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start systemd-nspawn: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := r.plugIn(ctx, host, ended); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return 0, fmt.Errorf("systemd-nspawn: %w", err)
		}
		return cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, errors.Join(context.Cause(ctx), cmd.Process.Kill(), <-ended)
	}
}

// plugIn waits for the host's interfaces and puts them on their bridges. A
// cable that is unplugged stays so: power does not plug cables in.
func (r *Rig) plugIn(ctx context.Context, host Host, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, cable := range host.cables() {
		err := poll(ctx, "interface "+cable.name, func() (bool, error) {
			if err := r.netns().Attach(cable.name, cable.bridge); !network.IsNotFound(err) {
				return err == nil, err
			}
			// nspawn that ended already never makes it; runHost tells why.
			select {
			case status := <-ended:
				ended <- status
				return true, nil
			default:
				return false, nil
			}
		})
		if err != nil {
			return err
		}
		if r.unplugged(host, cable.bridge) {
			continue
		}
		if err := r.netns().SetUp(cable.name, true); err != nil && !network.IsNotFound(err) {
			return err
		}
	}
	return nil
}

type cable struct{ name, bridge string }

func (h Host) cables() []cable {
	return []cable{{h.clusterCable(), clusterBridge}, {h.oobCable(), oobBridge}}
}

func (r *Rig) group(host Host) (cgroup.Group, error) {
	tree, err := cgroup.Detect(r.options.Name)
	if err != nil {
		return cgroup.Group{}, err
	}
	return tree.Host(host.String()), nil
}
