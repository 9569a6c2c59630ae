// Package rig turns one Debian machine into three controller hosts, each a
// systemd-nspawn container with a real systemd and D-Bus, its own disk, two
// network cables and a BMC, and breaks them in the ways that hosts break.
//
// It owns StateDir (base, disks, golden disks, locks), /run/<name> (the BMC
// server's files), a network namespace and a control group. Each host has a
// supervisor process, and all BMCs share one server process; both are this
// program started again (see Child) and outlive the Rig that started them.
// State is kept in the kernel and in files, so many processes may use one rig.
// Everything here needs root.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/base"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/cgroup"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/network"
)

// DefaultName is the rig that belay-rig uses unless told otherwise.
const DefaultName = "belay-rig"

// StateDir is where bases, disks and golden disks of all rigs are kept.
const StateDir = "/var/lib/belay-rig"

const (
	clusterBridge = "bly0"
	oobBridge     = "bly1"
	// stopWait bounds how long the kernel may take to end killed processes
	// and to give their disk back.
	stopWait = 30 * time.Second
)

// Options configure a Rig. The zero value is usable from belay-rig itself.
type Options struct {
	// Name tells rigs on one machine apart; empty means DefaultName. Every
	// rig has the same addresses, in a namespace of its own.
	Name string
	// Program is a copy of belay-rig, or of any program that calls Child
	// first; empty means the running one.
	Program string
	// Seeds run, in order, on the disk of each host that Create makes.
	Seeds []Seed
	// DiskBytes is the size of a host's sparse disk; 0 means 4 GiB.
	DiskBytes int64
	// Log receives progress lines; nil discards them.
	Log io.Writer
}

// Rig is a handle on one rig of this machine. It holds no resources.
type Rig struct {
	options Options
}

// New returns a Rig. It does no I/O.
func New(options Options) *Rig {
	if options.Name == "" {
		options.Name = DefaultName
	}
	if options.DiskBytes == 0 {
		options.DiskBytes = 4 << 30
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	return &Rig{options: options}
}

// validName is what fits into a file name, a namespace's name and nspawn's.
var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// stateDir is where this rig keeps its disks, runDir what dies with it.
func (r *Rig) stateDir(elem ...string) string {
	dir := StateDir
	if r.options.Name != DefaultName {
		dir = filepath.Join(StateDir, "rigs", r.options.Name)
	}
	return filepath.Join(append([]string{dir}, elem...)...)
}

func (r *Rig) runDir(elem ...string) string {
	return filepath.Join(append([]string{"/run", r.options.Name}, elem...)...)
}

func (r *Rig) netns() network.Namespace { return network.Namespace(r.options.Name) }

// Build makes the base file system unless it is there: see base.Builder.
func (r *Rig) Build(ctx context.Context) error {
	_, err := r.builder().Build(ctx)
	return err
}

func (r *Rig) builder() *base.Builder {
	return &base.Builder{Dir: StateDir, Log: r.options.Log}
}

// Ready returns nil if this machine can run the rig now: root, a cgroup
// hierarchy, and the base built. Tests skip with its error otherwise.
func (r *Rig) Ready() error {
	if os.Geteuid() != 0 {
		return errors.New("the rig needs root")
	}
	if !validName.MatchString(r.options.Name) {
		return fmt.Errorf("rig name %q: want lower-case letters, digits and hyphens", r.options.Name)
	}
	if _, err := cgroup.Detect(r.options.Name); err != nil {
		return fmt.Errorf("the rig needs cgroup v2: %w", err)
	}
	if !r.builder().Ready() {
		return fmt.Errorf("the rig's base %s is not built: run `belay-rig build`", base.Version())
	}
	return nil
}

// Up makes the network and starts the BMC server; hosts are not touched. What
// is up already stays as it is.
func (r *Rig) Up(ctx context.Context) error {
	if err := r.Ready(); err != nil {
		return err
	}
	unlock, err := r.lock(ctx, "rig")
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.makeNetwork(ctx); err != nil {
		return fmt.Errorf("bring the rig up: %w", err)
	}
	if err := os.MkdirAll(r.runDir(), 0o755); err != nil {
		return fmt.Errorf("bring the rig up: %w", err)
	}
	if err := r.installProgram(); err != nil {
		return fmt.Errorf("bring the rig up: %w", err)
	}
	return r.startBMCs(ctx)
}

func (r *Rig) makeNetwork(ctx context.Context) error {
	if err := r.netns().Make(ctx); err != nil {
		return err
	}
	if err := r.netns().LoopbackUp(); err != nil {
		return err
	}
	oob := network.Bridge{Name: oobBridge, MAC: "02:be:1a:00:00:02", Addresses: []string{"10.78.0.1/24"}}
	for _, host := range Hosts() {
		oob.Addresses = append(oob.Addresses, host.bmcCIDR())
	}
	cluster := network.Bridge{Name: clusterBridge, MAC: "02:be:1a:00:00:01", Addresses: []string{"10.77.0.1/24"}}
	for _, bridge := range []network.Bridge{cluster, oob} {
		if err := r.netns().MakeBridge(bridge); err != nil {
			return err
		}
	}
	return r.netns().MakeFilter(ctx)
}

// Down switches every host off and removes all that Up and PowerOn made:
// processes, mounts, loop devices, namespaces, control groups, run files. The
// base, disks and golden disks stay. It goes on after an error and returns all.
func (r *Rig) Down(ctx context.Context) error {
	unlock, err := r.lock(ctx, "rig")
	if err != nil {
		return err
	}
	defer unlock()
	// The BMCs first: one that is asked to must not power a host on meanwhile.
	all := []error{r.stopBMCs(ctx)}
	for _, host := range Hosts() {
		all = append(all, r.PowerOff(ctx, host))
	}
	all = append(all, r.netns().Remove(ctx))
	if tree, err := cgroup.Detect(r.options.Name); err == nil {
		all = append(all, tree.Remove())
	}
	all = append(all, os.RemoveAll(r.runDir()), os.RemoveAll(r.program()))
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("take the rig down: %w", err)
	}
	return nil
}

// Destroy is Down, and deletes the hosts' disks. Base and golden disks stay.
func (r *Rig) Destroy(ctx context.Context) error {
	if err := r.Down(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(r.stateDir("hosts")); err != nil {
		return fmt.Errorf("delete the hosts' disks: %w", err)
	}
	return nil
}

// DestroyAll is Destroy, and deletes golden disks and locks too; for the
// default rig also the base and the package cache, unless other rigs need them.
func (r *Rig) DestroyAll(ctx context.Context) error {
	if err := r.Destroy(ctx); err != nil {
		return err
	}
	if r.options.Name == DefaultName {
		others, err := filepath.Glob(r.stateDir("rigs", "*"))
		if err != nil || len(others) > 0 {
			return errors.Join(err, fmt.Errorf("delete the base: other rigs use it, destroy them first: %v", others))
		}
	}
	if err := os.RemoveAll(r.stateDir()); err != nil {
		return fmt.Errorf("delete %s: %w", r.stateDir(), err)
	}
	_ = os.Remove(filepath.Join(StateDir, "rigs")) // of the last one
	return nil
}

// Favour gives this process more of the processors than the hosts have together,
// where they are scarce. leave undoes it, before Down.
func (r *Rig) Favour() (leave func() error, err error) {
	tree, err := cgroup.Detect(r.options.Name)
	if err != nil {
		return nil, err
	}
	return tree.Favour()
}

// DialContext connects to a host or BMC from inside the rig's namespace. The
// address is IP:PORT or HOSTNAME:PORT. It fits http.Transport.DialContext.
func (r *Rig) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host, err := ParseHost(name); err == nil {
		address = net.JoinHostPort(host.ClusterAddr(), port)
	}
	return r.netns().DialContext(ctx, network, address)
}

// DialICMP opens a raw socket for ICMP to an address, inside the rig's
// namespace.
func (r *Rig) DialICMP(ctx context.Context, address string) (*net.IPConn, error) {
	var conn net.Conn
	err := r.netns().Do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "ip4:icmp", address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn.(*net.IPConn), nil
}

func (r *Rig) logf(format string, args ...any) {
	fmt.Fprintf(r.options.Log, format+"\n", args...)
}
