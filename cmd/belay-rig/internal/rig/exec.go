package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Command returns a command that runs as root inside the host, in the host's
// control group: freezing or killing the host hits it too. When ctx ends, it
// and its children are killed. It fails if the host is off.
func (r *Rig) Command(ctx context.Context, host Host, name string, args ...string) (*exec.Cmd, error) {
	group, err := r.group(host)
	if err != nil {
		return nil, err
	}
	leader, ok := group.Leader()
	if !ok {
		return nil, fmt.Errorf("run %s on %s: the host is off", name, host)
	}
	if err := group.Make("exec"); err != nil {
		return nil, err
	}
	bounding, err := boundingSet(leader)
	if err != nil {
		return nil, fmt.Errorf("run %s on %s: %w", name, host, err)
	}
	const enter = `while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"`
	line := append([]string{"-ec", enter, "sh"}, group.Joins("exec")...)
	line = append(line, "--", "nsenter", "--target", strconv.Itoa(leader),
		"--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wdns=/",
		"setpriv", "--inh-caps=-all", "--bounding-set="+bounding,
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "TERM="+terminal(), name)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(line, args...)...)
	// nsenter's child survives nsenter: kill the group that both are in.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return ignoreGone(unix.Kill(-cmd.Process.Pid, unix.SIGKILL)) }
	// A frozen command dies only with its host: do not wait for its output.
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// boundingSet returns setpriv's words for the capabilities of a host's systemd.
// systemd-nspawn took some from the host, such as setting the clock: entering
// its namespaces alone would keep the caller's.
func boundingSet(leader int) (string, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", leader))
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(status), "CapBnd:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if !found || err != nil {
		return "", fmt.Errorf("read the capabilities of process %d: %q", leader, line)
	}
	words := "-all"
	for bit := range 64 {
		if mask&(1<<bit) != 0 {
			words += fmt.Sprintf(",+cap_%d", bit)
		}
	}
	return words, nil
}

func terminal() string {
	if term := os.Getenv("TERM"); term != "" {
		return term
	}
	return "dumb"
}

// Run runs a command inside the host and returns its standard output. The
// error holds the end of its standard error.
func (r *Rig) Run(ctx context.Context, host Host, name string, args ...string) (string, error) {
	cmd, err := r.Command(ctx, host, name, args...)
	if err != nil {
		return "", err
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("run %s on %s: %w: %s", name, host, err, tail(problems.String(), 500))
	}
	return out.String(), nil
}

func tail(text string, n int) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-n):]
}

// Outside returns a command that runs on the machine, in the rig's network
// namespace: it reaches the hosts and BMCs, and nothing else.
func (r *Rig) Outside(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + r.netns().Path(), "--", name}, args...)...)
}

// Push copies a file of the machine into the host, on or off, replacing what
// is there; mode is its permissions. Missing directories are made.
func (r *Rig) Push(ctx context.Context, host Host, from, to string, mode os.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("push to %s: %w", host, err)
	}
	defer source.Close()
	// Written aside and renamed: a program that runs from it goes on.
	const receive = `mkdir -p "$2"; part=$(mktemp "$2/.push-XXXXXX"); trap 'rm -f "$part"' EXIT
cat >"$part"; chmod "$3" "$part"; mv -f "$part" "$1"; sync "$1" "$2"`
	args := []string{"-ec", receive, "sh", to, path.Dir(to), fmt.Sprintf("%o", mode.Perm())}
	on, err := r.power(host)
	if err != nil {
		return err
	}
	run := func(cmd *exec.Cmd) error {
		cmd.Stdin = source
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("push %s to %s on %s: %w: %s", from, to, host, err, tail(string(out), 500))
		}
		return nil
	}
	if !on {
		return r.Edit(ctx, host, func(root string) error {
			return run(exec.CommandContext(ctx, "chroot", append([]string{root, "/bin/sh"}, args...)...))
		})
	}
	cmd, err := r.Command(ctx, host, "/bin/sh", args...)
	if err != nil {
		return err
	}
	return run(cmd)
}

// Leader returns the process id, on the machine, of the host's systemd: its
// files are at /proc/<pid>/root, its D-Bus at run/dbus/system_bus_socket there.
func (r *Rig) Leader(host Host) (pid int, running bool) {
	group, err := r.group(host)
	if err != nil {
		return 0, false
	}
	return group.Leader()
}
