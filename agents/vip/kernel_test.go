package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// inNamespace runs the calling test again in a process of its own with an
// empty network namespace, and reports whether it is that process.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("BELAY_TEST_NAMESPACE") != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), "BELAY_TEST_NAMESPACE=1")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := command.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("may not make network namespaces: %v", err)
	}
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
	return false
}

// neighbour is another host: the far end of a veth pair, in a namespace of its
// own, with sockets that watch the wire.
type neighbour struct {
	near link
	mac  net.HardwareAddr
	// v4 and v6 see what arrives at the far end.
	v4, v6 *socket
	// do runs a function in the far namespace.
	do func(func() error) error
}

func newNeighbour(t *testing.T) *neighbour {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"}, PeerName: "far"}))
	n := &neighbour{}
	jobs, done, space := make(chan func() error), make(chan error), make(chan int)
	go func() { // this thread lives in the far namespace and dies with the goroutine
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		fd := -1
		if err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		space <- fd
		done <- err
		for job := range jobs {
			done <- job()
		}
	}()
	fd := <-space
	must(<-done)
	t.Cleanup(func() { close(jobs) })
	n.do = func(job func() error) error { jobs <- job; return <-done }

	far, err := netlink.LinkByName("far")
	must(err)
	must(netlink.LinkSetNsFd(far, fd))
	near, err := netlink.LinkByName("near")
	must(err)
	must(configure(near, "10.9.0.1/24", "2001:db8::1/64"))
	must(n.do(func() error {
		far, err := netlink.LinkByName("far")
		if err != nil {
			return err
		}
		n.mac = far.Attrs().HardwareAddr
		if err := configure(far, "10.9.0.2/24", "2001:db8::2/64"); err != nil {
			return err
		}
		at := link{name: "far", index: far.Attrs().Index}
		if n.v4, err = open(at, netip.IPv4Unspecified()); err != nil {
			return err
		}
		n.v6, err = open(at, netip.IPv6Unspecified())
		return err
	}))
	awaitCarrier(t)
	links, err := kernel{}.links(t.Context())
	must(err)
	for _, l := range links {
		if l.name == "near" {
			n.near = l
		}
	}
	return n
}

func configure(l netlink.Link, prefixes ...string) error {
	if err := netlink.LinkSetUp(l); err != nil {
		return err
	}
	for _, text := range prefixes {
		prefix := netip.MustParsePrefix(text)
		if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(prefix), Flags: unix.IFA_F_NODAD}); err != nil {
			return err
		}
	}
	return nil
}

func awaitCarrier(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if l, err := netlink.LinkByName("near"); err == nil && l.Attrs().OperState == netlink.OperUp {
			return
		}
	}
	t.Fatal("the veth pair does not come up")
}

// hears waits for packets that claim ip and returns how many came until then.
func (n *neighbour) hears(t *testing.T, ip netip.Addr, want int, within time.Duration) int {
	t.Helper()
	s := n.v4
	if ip.Is6() {
		s = n.v6
	}
	heard := 0
	for until := time.Now().Add(within); heard < want; {
		payload, from, err := s.receive(until)
		if err != nil {
			t.Fatal(err)
		}
		if payload == nil {
			break
		}
		if mac := claims(payload, from, ip); mac != nil && mac.String() == n.near.mac.String() {
			heard++
		}
	}
	return heard
}

// knows returns the hardware address that the neighbour has for ip.
func (n *neighbour) knows(t *testing.T, ip netip.Addr) string {
	t.Helper()
	found := ""
	err := n.do(func() error {
		all, err := netlink.NeighList(0, 0)
		for _, one := range all {
			if one.IP.String() == ip.String() {
				found = one.HardwareAddr.String()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRealAddressMoves(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	n := newNeighbour(t)
	for _, text := range []string{"10.9.0.201/24", "2001:db8::201/64"} {
		t.Run(text, func(t *testing.T) {
			ip := netip.MustParsePrefix(text).Addr()
			a := New(zap.NewNop())
			defer a.Close()
			params := resources.Params{"address": text}
			// The neighbour knows an older owner of the address.
			stale := net.HardwareAddr{2, 0, 0, 0, 0, 9}
			if err := n.do(func() error {
				far, err := netlink.LinkByName("far")
				if err != nil {
					return err
				}
				return netlink.NeighSet(&netlink.Neigh{LinkIndex: far.Attrs().Index, State: netlink.NUD_STALE, IP: ip.AsSlice(), HardwareAddr: stale})
			}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if got := a.Start(t.Context(), request(resources.OpStart, params)); got.Outcome != agents.OutcomeOK || got.Attributes["interface"] != "near" {
				t.Fatalf("start: %+v", got)
			}
			took := time.Since(began)
			t.Logf("start took %v", took)
			if took > 2*time.Second {
				t.Errorf("start took %v", took)
			}
			want := 3 + 3*2 // probes, and three times request and reply
			if ip.Is6() {
				want = 3 + 3
			}
			if heard := n.hears(t, ip, want, 900*time.Millisecond); heard != want {
				t.Errorf("the neighbour heard %d packets, want %d", heard, want)
			}
			if got := n.knows(t, ip); got != n.near.mac.String() {
				t.Errorf("the neighbour has %s for it, want %s", got, n.near.mac)
			}
			if got := a.Monitor(t.Context(), request(resources.OpMonitor, params)); got.Outcome != agents.OutcomeOK {
				t.Errorf("monitor: %+v", got)
			}
			if err := n.do(func() error { return ping(ip) }); err != nil {
				t.Errorf("the neighbour cannot reach the address: %v", err)
			}
			if got := a.Stop(t.Context(), request(resources.OpStop, params)); got.Outcome != agents.OutcomeOK {
				t.Errorf("stop: %+v", got)
			}
			if got := a.Monitor(t.Context(), request(resources.OpMonitor, params)); got.Outcome != agents.OutcomeNotRunning {
				t.Errorf("monitor after the stop: %+v", got)
			}
		})
	}
}

// ping connects to a closed port: a refusal comes from a host that is there.
func ping(ip netip.Addr) error {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), "9"), 2*time.Second)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err == nil {
		return errors.Join(errors.New("something listens"), conn.Close())
	}
	return err
}

func TestRealDuplicateIsRefused(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	n := newNeighbour(t)
	a := New(zap.NewNop())
	defer a.Close()
	for _, text := range []string{"10.9.0.2/24", "2001:db8::2/64"} { // the neighbour's own
		began := time.Now()
		got := a.Start(t.Context(), request(resources.OpStart, resources.Params{"address": text}))
		if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, n.mac.String()) {
			t.Errorf("%s: got %+v, want failed and %s", text, got, n.mac)
		}
		t.Logf("refused after %v: %s", time.Since(began), got.Reason)
		held, _, err := a.look(t.Context(), netip.MustParsePrefix(text).Addr())
		if err != nil || len(held) > 0 {
			t.Errorf("%s: the address was taken all the same: %v, %v", text, held, err)
		}
	}
}

func TestRealKernelDropsWhatNobodyRenews(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	newNeighbour(t)
	a := New(zap.NewNop())
	defer a.Close()
	prefix := "10.9.0.201/24"
	params := resources.Params{"address": prefix, "lft": "3s"}
	if got := a.Start(t.Context(), request(resources.OpStart, params)); got.Outcome != agents.OutcomeOK {
		t.Fatalf("start: %+v", got)
	}
	updates, stop := make(chan netlink.AddrUpdate, 64), make(chan struct{})
	defer close(stop)
	if err := netlink.AddrSubscribe(updates, stop); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a.Monitor(t.Context(), request(resources.OpMonitor, params)) // renews once
	limit := time.After(10 * time.Second)
	for {
		select {
		case u := <-updates:
			if u.NewAddr || u.LinkAddress.IP.String() != "10.9.0.201" {
				continue
			}
			took := time.Since(began)
			t.Logf("the kernel dropped the address after %v", took)
			if took < 2*time.Second || took > 6*time.Second {
				t.Errorf("the kernel dropped the address after %v, want about 3 s", took)
			}
			if got := a.Monitor(t.Context(), request(resources.OpMonitor, params)); got.Outcome != agents.OutcomeNotRunning {
				t.Errorf("monitor: %+v", got)
			}
			if got := a.Stop(t.Context(), request(resources.OpStop, params)); got.Outcome != agents.OutcomeOK {
				t.Errorf("stop: %+v", got)
			}
			return
		case <-limit:
			t.Fatal("the kernel keeps an address that nobody renews")
		}
	}
}

func TestRealRemovalLeavesTheOtherAddresses(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	newNeighbour(t)
	a := New(zap.NewNop())
	defer a.Close()
	for i := range 3 {
		params := resources.Params{"address": fmt.Sprintf("10.9.0.%d/24", 201+i), "detect_duplicate": "false"}
		if got := a.Start(t.Context(), request(resources.OpStart, params)); got.Outcome != agents.OutcomeOK {
			t.Fatalf("start: %+v", got)
		}
	}
	a.Stop(t.Context(), request(resources.OpStop, resources.Params{"address": "10.9.0.201/24"}))
	for _, ip := range []string{"10.9.0.1", "10.9.0.202", "10.9.0.203"} {
		if held, _, err := a.look(t.Context(), netip.MustParseAddr(ip)); err != nil || len(held) != 1 {
			t.Errorf("%s is held %d times (%v), want once", ip, len(held), err)
		}
	}
}
