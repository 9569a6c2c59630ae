package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/cgroup"
)

func TestMain(m *testing.M) {
	if code, is := Child(os.Args[1:]); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestRig builds a rig of its own, breaks it in every way, and removes it. The
// cases share the rig and leave it as they find it: all hosts on and healthy.
func TestRig(t *testing.T) {
	if testing.Short() {
		t.Skip("boots three hosts: not with -short")
	}
	// A caller that may have to kill this test names its rig, to clear it away.
	name := os.Getenv("BELAY_TEST_RIG")
	if name == "" {
		name = fmt.Sprintf("belay-rig-t%d", os.Getpid())
	}
	r := New(Options{
		Name: name,
		Seeds: []Seed{func(host Host, root string) error {
			return os.WriteFile(filepath.Join(root, "etc/seeded"), []byte(host.String()), 0o644)
		}},
	})
	if err := r.Ready(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.DestroyAll(ctx); err != nil {
			t.Errorf("destroy: %v", err)
		}
		checkNothingLeft(t, r)
	})
	ctx := t.Context()
	must(t, r.Up(ctx))
	must(t, r.Create(ctx, Hosts()...))
	bootAll(t, r)

	cases := []struct {
		name string
		run  func(*testing.T, *Rig)
	}{
		{"hosts are told apart", testIdentity},
		{"a command's status and output come back", testCommand},
		{"a file is pushed into a host that is on and one that is off", testPush},
		{"a power cut loses what was not synced", testPowerCutLosesWrites},
		{"a power cut is silent, a kill is not", testPowerCutIsSilent},
		{"a reboot from inside starts the host again", testReboot},
		{"an orderly shutdown ends off", testShutdown},
		{"Redfish switches the host", testRedfish},
		{"IPMI switches the host", testIPMI},
		{"BMC faults", testBMCFaults},
		{"a killed BMC server is started again", testBMCServerKilled},
		{"a frozen host answers ping, does nothing, and can be cut", testFreeze},
		{"cuts are per pair and direction", testCuts},
		{"an unplugged cable stays out over a power cycle", testUnplug},
		{"a hung disk stops writes and can be cut", testDiskHang},
		{"a slow host is slow", testSlow},
		{"saved disks come back", testSaveRestore},
	}
	for _, c := range cases {
		if !t.Run(c.name, func(t *testing.T) { c.run(t, r) }) {
			break // the next one would find a broken rig
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bootAll(t *testing.T, r *Rig, hosts ...Host) {
	t.Helper()
	if len(hosts) == 0 {
		hosts = Hosts()
	}
	for _, host := range hosts {
		must(t, r.PowerOn(t.Context(), host))
	}
	waitBooted(t, r, hosts...)
}

func waitBooted(t *testing.T, r *Rig, hosts ...Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, host := range hosts {
		must(t, r.WaitBooted(ctx, host))
	}
}

func waitPower(t *testing.T, r *Rig, host Host, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	must(t, poll(ctx, fmt.Sprintf("power %v of %s", want, host), func() (bool, error) {
		on, err := r.power(host)
		return on == want, err
	}))
}

func run(t *testing.T, r *Rig, host Host, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := r.Run(ctx, host, command[0], command[1:]...)
	must(t, err)
	return strings.TrimSpace(out)
}

// reaches reports whether one host's ping is answered by another address.
func reaches(t *testing.T, r *Rig, from Host, address string) bool {
	t.Helper()
	_, err := r.Run(t.Context(), from, "ping", "-c1", "-W1", "-q", address)
	return err == nil
}

// wantReaches checks who answers whom. An answer may take some tries, while a
// failed address resolution is forgotten.
func wantReaches(t *testing.T, r *Rig, from Host, address string, want bool) {
	t.Helper()
	got := false
	for try := 0; try < 5 && !got; try++ {
		got = reaches(t, r, from, address)
		if !want {
			break
		}
	}
	if got != want {
		t.Errorf("%s reaches %s: %v, want %v", from, address, got, want)
	}
}

func testIdentity(t *testing.T, r *Rig) {
	for _, host := range Hosts() {
		for want, command := range map[string][]string{
			host.String():       {"hostname"},
			host.machineID():    {"cat", "/etc/machine-id"},
			host.clusterMAC():   {"cat", "/sys/class/net/host0/address"},
			host.oobMAC():       {"cat", "/sys/class/net/oob0/address"},
			"running":           {"systemctl", "is-system-running"},
			host.String() + " ": {"sh", "-c", "echo $(cat /etc/seeded)' '."},
			"1":                 {"cat", "/proc/sys/net/ipv4/ip_nonlocal_bind"},
		} {
			got := strings.TrimSuffix(run(t, r, host, command...), ".")
			if got != want {
				t.Errorf("%s: %v is %q, want %q", host, command, got, want)
			}
		}
		for _, peer := range Hosts() {
			wantReaches(t, r, host, peer.String(), true)
			wantReaches(t, r, host, peer.BMCAddr(), true)
		}
	}
}

func testCommand(t *testing.T, r *Rig) {
	cmd, err := r.Command(t.Context(), 0, "sh", "-c", "echo out; echo err >&2; exit 7")
	must(t, err)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "out\n" || string(exit.Stderr) != "err\n" {
		t.Errorf("got %q, %v", out, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, 0, "sleep", "317"); err == nil {
		t.Error("a command outlived its deadline")
	}
	if out, err := r.Run(t.Context(), 0, "pgrep", "-f", "sleep 317"); err == nil {
		t.Errorf("the command still runs in the host: %s", out)
	}
	if got := run(t, r, 0, "sh", "-c", "grep CapBnd /proc/self/status /proc/1/status | cut -d: -f3 | uniq | wc -l"); got != "1" {
		t.Error("a command has other capabilities than the host's systemd")
	}
}

func testPush(t *testing.T, r *Rig) {
	file := filepath.Join(t.TempDir(), "tool")
	must(t, os.WriteFile(file, []byte("#!/bin/sh\necho pushed\n"), 0o600))
	must(t, r.Push(t.Context(), 1, file, "/opt/a/tool", 0o755))
	must(t, r.PowerOff(t.Context(), 1))
	must(t, r.Push(t.Context(), 1, file, "/opt/b/tool", 0o755))
	bootAll(t, r, 1)
	for _, path := range []string{"/opt/a/tool", "/opt/b/tool"} {
		if got := run(t, r, 1, path); got != "pushed" {
			t.Errorf("%s printed %q", path, got)
		}
	}
}

func testPowerCutLosesWrites(t *testing.T, r *Rig) {
	run(t, r, 0, "sh", "-c", "echo kept >/root/synced; sync /root/synced /root; echo gone >/root/unsynced")
	must(t, r.PowerOff(t.Context(), 0))
	bootAll(t, r, 0)
	if got := run(t, r, 0, "sh", "-c", "cat /root/synced; test -s /root/unsynced && cat /root/unsynced; true"); got != "kept" {
		t.Errorf("after the power cut the files hold %q, want only what was synced", got)
	}
}

// connect opens a connection to a server in the host that says nothing.
func connect(t *testing.T, r *Rig, host Host) net.Conn {
	t.Helper()
	// systemd owns it, so that it does not end with this call.
	run(t, r, host, "systemd-run", "--unit=listener", "--collect", "nc", "-lk", "7000")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var conn net.Conn
	must(t, poll(ctx, "listener", func() (bool, error) {
		var err error
		conn, err = r.DialContext(ctx, "tcp", host.String()+":7000")
		return err == nil, nil
	}))
	t.Cleanup(func() { conn.Close() })
	return conn
}

func testPowerCutIsSilent(t *testing.T, r *Rig) {
	read := func(conn net.Conn) error {
		must(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
		_, err := conn.Read(make([]byte, 1))
		return err
	}
	cut := connect(t, r, 0)
	must(t, r.PowerOff(t.Context(), 0))
	if err := read(cut); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the peer of a host without power read %v, want silence", err)
	}
	bootAll(t, r, 0)
	killed := connect(t, r, 0)
	must(t, r.Kill(t.Context(), 0))
	if err := read(killed); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the peer of a killed host read %v, want an end", err)
	}
	bootAll(t, r, 0)
}

func leader(t *testing.T, r *Rig, host Host) int {
	t.Helper()
	pid, ok := r.Leader(host)
	if !ok {
		t.Fatalf("%s has no systemd", host)
	}
	return pid
}

func testReboot(t *testing.T, r *Rig) {
	before := leader(t, r, 2)
	must(t, r.Reboot(t.Context(), 2))
	waitBooted(t, r, 2)
	if leader(t, r, 2) == before {
		t.Error("the host did not reboot")
	}
	wantReaches(t, r, 0, Host(2).ClusterAddr(), true)
	wantReaches(t, r, 0, Host(2).OOBAddr(), true)
	// What a self-fence does: reboot(2), nothing stopped.
	before = leader(t, r, 2)
	cmd, err := r.Command(t.Context(), 2, "systemctl", "reboot", "-ff")
	must(t, err)
	_ = cmd.Run() // dies with the host
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	must(t, poll(ctx, "self-fence", func() (bool, error) {
		now, ok := r.Leader(2)
		return ok && now != before, nil
	}))
	waitBooted(t, r, 2)
}

func testShutdown(t *testing.T, r *Rig) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, r.Shutdown(ctx, 2))
	if on, err := r.Power(ctx, 2); err != nil || on {
		t.Errorf("power after shutdown: %v, %v", on, err)
	}
	if _, err := r.Command(ctx, 2, "true"); err == nil {
		t.Error("a command was accepted by a host that is off")
	}
	bootAll(t, r, 2)
}

func testFreeze(t *testing.T, r *Rig) {
	must(t, r.Freeze(t.Context(), 0))
	wantReaches(t, r, 1, Host(0).ClusterAddr(), true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, 0, "true"); err == nil {
		t.Error("a frozen host ran a command")
	}
	must(t, r.Thaw(t.Context(), 0))
	run(t, r, 0, "true")
	must(t, r.Freeze(t.Context(), 0))
	must(t, r.PowerOff(t.Context(), 0))
	bootAll(t, r, 0)
}

func testCuts(t *testing.T, r *Rig) {
	want := func(from, to Host, reached bool) {
		t.Helper()
		wantReaches(t, r, from, to.ClusterAddr(), reached)
	}
	must(t, r.Cut(t.Context(), 0, 2))
	want(0, 2, false)
	want(2, 0, false)
	want(0, 1, true)
	want(1, 2, true)
	wantReaches(t, r, 0, Host(2).OOBAddr(), true)
	must(t, r.Heal(t.Context(), 2, 0))
	want(0, 2, true)
	must(t, r.CutOneWay(t.Context(), 0, 1))
	want(0, 1, false)
	before := run(t, r, 0, "cat", "/sys/class/net/host0/statistics/rx_packets")
	want(1, 0, false) // the request arrives, the answer does not
	if after := run(t, r, 0, "cat", "/sys/class/net/host0/statistics/rx_packets"); after == before {
		t.Error("nothing arrived in the direction that is not cut")
	}
	must(t, r.HealAll(t.Context()))
	want(0, 1, true)
	must(t, r.Lose(t.Context(), 100))
	want(0, 1, false)
	wantReaches(t, r, 0, Host(1).OOBAddr(), false)
	wantReaches(t, r, 0, "10.77.0.1", true) // the machine's own traffic
	must(t, r.Lose(t.Context(), 0))
	want(0, 1, true)
	if err := r.Lose(t.Context(), 101); err == nil {
		t.Error("more than all packets can be lost")
	}
}

func testUnplug(t *testing.T, r *Rig) {
	want := func(cluster, oob bool) {
		t.Helper()
		wantReaches(t, r, 0, Host(1).ClusterAddr(), cluster)
		wantReaches(t, r, 0, Host(1).OOBAddr(), oob)
	}
	must(t, r.Unplug(t.Context(), 1))
	want(false, true)
	must(t, r.OOBUnplug(t.Context(), 1))
	must(t, r.Reset(t.Context(), 1))
	waitBooted(t, r, 1)
	want(false, false)
	must(t, errors.Join(r.Plug(t.Context(), 1), r.OOBPlug(t.Context(), 1)))
	want(true, true)
}

func testDiskHang(t *testing.T, r *Rig) {
	write := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := r.Run(ctx, 2, "sh", "-c", "echo x >/root/probe && sync /root/probe")
		return err
	}
	must(t, r.DiskHang(t.Context(), 2))
	if write(time.Second) == nil {
		t.Error("a write succeeded on a hung disk")
	}
	must(t, r.DiskOK(t.Context(), 2))
	must(t, write(30*time.Second))
	must(t, r.DiskHang(t.Context(), 2))
	_ = write(time.Second) // now hangs in the kernel
	must(t, r.PowerOff(t.Context(), 2))
	bootAll(t, r, 2)
}

// testSlow looks at the kernel's own account of how often the host had to wait:
// how long work takes says as much about the machine as about the bound.
func testSlow(t *testing.T, r *Rig) {
	work := func() int {
		before := throttled(t, r, 1)
		run(t, r, 1, "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
		return throttled(t, r, 1) - before
	}
	must(t, r.Slow(t.Context(), 1, 5))
	slow := work()
	must(t, r.Fast(t.Context(), 1))
	if fast := work(); slow < 3 || fast > 0 {
		t.Errorf("had to wait in %d periods at 5%% of a core and in %d without a bound, want some and none", slow, fast)
	}
}

// throttled returns in how many periods a host has used up its share of a core.
func throttled(t *testing.T, r *Rig, host Host) int {
	t.Helper()
	group, err := r.group(host)
	must(t, err)
	periods, err := group.Throttled()
	must(t, err)
	return periods
}

func testSaveRestore(t *testing.T, r *Rig) {
	if err := r.Save(t.Context(), "early"); err == nil {
		t.Error("disks of running hosts were saved")
	}
	run(t, r, 0, "sh", "-c", "echo before >/root/state; sync")
	for _, host := range Hosts() {
		must(t, r.PowerOff(t.Context(), host))
	}
	must(t, r.Save(t.Context(), "formed"))
	bootAll(t, r, 0)
	run(t, r, 0, "sh", "-c", "echo after >/root/state; sync")
	must(t, r.Restore(t.Context(), "formed"))
	bootAll(t, r)
	if got := run(t, r, 0, "cat", "/root/state"); got != "before" {
		t.Errorf("the restored disk holds %q", got)
	}
}

// checkNothingLeft looks for everything that a rig makes.
func checkNothingLeft(t *testing.T, r *Rig) {
	t.Helper()
	if r.netns().Exists() {
		t.Error("the network namespace is left")
	}
	tree, err := cgroup.Detect(r.options.Name)
	must(t, err)
	if left := tree.Left(); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	for _, host := range Hosts() {
		if loops, err := loopDevices(r.hostDir(host, "disk.img")); err != nil || len(loops) > 0 {
			t.Errorf("loop devices are left: %v, %v", loops, err)
		}
	}
	for _, dir := range []string{r.runDir(), r.stateDir()} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if mounted, err := r.Mounted(); err != nil || mounted {
		t.Errorf("mounts are left: %v, %v", mounted, err)
	}
	if lines := processesNaming(t, r.options.Name); len(lines) > 0 {
		t.Errorf("processes are left: %q", lines)
	}
}

// processesNaming returns the command lines, other than this one's, that hold
// a text.
func processesNaming(t *testing.T, text string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), text) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
