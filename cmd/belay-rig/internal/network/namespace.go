// Package network is the cabling of a rig: a network namespace of its own that
// holds two bridges, the hosts' cables, and the filter that cuts host pairs.
//
// Nothing that a host sends leaves the namespace. It starts no goroutine that
// outlives a call, but for the four of a Delay, which end with it.
package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespace is a named network namespace, as ip-netns(8) keeps them.
type Namespace string

// Path returns the file that keeps the namespace alive.
func (ns Namespace) Path() string { return filepath.Join("/run/netns", string(ns)) }

// Exists reports whether the namespace is there.
func (ns Namespace) Exists() bool {
	var st unix.Statfs_t
	return unix.Statfs(ns.Path(), &st) == nil && st.Type == unix.NSFS_MAGIC
}

// Make creates the namespace unless it is there.
func (ns Namespace) Make(ctx context.Context) error {
	if ns.Exists() {
		return nil
	}
	// A file without a namespace is left by a machine that lost power.
	if err := os.Remove(ns.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make network namespace: %w", err)
	}
	return run(ctx, "ip", "netns", "add", string(ns))
}

// Remove removes the namespace and so every interface in it. Processes that
// are in it keep it alive, nameless, until they end.
func (ns Namespace) Remove(ctx context.Context) error {
	if _, err := os.Stat(ns.Path()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return run(ctx, "ip", "netns", "delete", string(ns))
}

// Do runs fn on a thread that is in the namespace. Sockets that fn opens and
// processes that it starts belong to the namespace; goroutines that it starts
// do not.
func (ns Namespace) Do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this goroutine, so no other
		// work can ever run on a thread in the wrong namespace.
		runtime.LockOSThread()
		done <- ns.enter(fn)
	}()
	return <-done
}

func (ns Namespace) enter(fn func() error) error {
	file, err := os.Open(ns.Path())
	if err != nil {
		return fmt.Errorf("enter network namespace (is the rig up?): %w", err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", ns, err)
	}
	return fn()
}

// DialContext connects from inside the namespace. The address must be an IP
// and a port: a name would be looked up on another thread, outside.
func (ns Namespace) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		return nil, fmt.Errorf("dial %s in namespace %s: %q is not an IP address", address, ns, host)
	}
	var conn net.Conn
	err = ns.Do(func() error {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Start starts cmd inside the namespace.
func (ns Namespace) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr != nil && cmd.SysProcAttr.Pdeathsig != 0 {
		// The signal comes when the starting thread ends, which is at once.
		return errors.New("a process started in a namespace cannot have a parent-death signal")
	}
	return ns.Do(cmd.Start)
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
