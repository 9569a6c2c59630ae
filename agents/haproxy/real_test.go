package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// masterUnits runs a real HAProxy in master-worker mode, as the unit would.
type masterUnits struct {
	config  string
	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
	reloads atomic.Int32
}

func (u *masterUnits) State(_ context.Context, unit string) (agents.UnitState, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	state := agents.UnitState{Unit: unit, Load: "loaded", Active: "inactive", Sub: "dead"}
	if u.process != nil {
		select {
		case <-u.ended:
			state.Active, state.Result = "failed", "exit-code"
		default:
			state.Active, state.Sub = "active", "running"
		}
	}
	return state, nil
}

func (u *masterUnits) StartUnit(context.Context, string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.process = exec.Command("haproxy", "-W", "-f", u.config)
	u.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := u.process.Start(); err != nil {
		return err
	}
	ended, process := make(chan struct{}), u.process
	u.ended = ended
	go func() { defer close(ended); _ = process.Wait() }()
	return nil
}

func (u *masterUnits) RestartUnit(ctx context.Context, unit string) error {
	return errors.Join(u.End(ctx, unit, time.Second), u.StartUnit(ctx, unit))
}

func (u *masterUnits) ReloadUnit(context.Context, string) error {
	u.reloads.Add(1)
	return u.process.Process.Signal(syscall.SIGUSR2)
}

func (u *masterUnits) End(context.Context, string, time.Duration) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.process == nil {
		return nil
	}
	_ = syscall.Kill(-u.process.Process.Pid, syscall.SIGKILL)
	<-u.ended
	u.process = nil
	return nil
}

func (u *masterUnits) Manage(context.Context, string, ...string) error { return nil }
func (u *masterUnits) Release(context.Context, string) error           { return nil }
func (u *masterUnits) Journal(context.Context, string, int) string     { return "" }
func (u *masterUnits) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	out, err := exec.CommandContext(ctx, c.Path, c.Args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return agents.Exit{Code: exit.ExitCode(), Stderr: string(out)}, nil
	}
	return agents.Exit{Stdout: string(out)}, err
}

// bench is a running HAProxy with three backends on 127.0.0.1 to .3.
type bench struct {
	agent *Agent
	units *masterUnits
	req   agents.Request
	front string
}

func newBench(t *testing.T, listen resources.Params) *bench {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("needs the program haproxy (package haproxy)")
	}
	dir := t.TempDir()
	backPort := freePort(t)
	for i := 1; i <= 3; i++ {
		backend(t, fmt.Sprintf("127.0.0.%d:%d", i, backPort), fmt.Sprintf("c%d", i))
	}
	b := &bench{units: &masterUnits{config: filepath.Join(dir, "haproxy.cfg")}, front: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	params := resources.Params{
		"config": b.units.config, "socket": filepath.Join(dir, "s"), "program": program, "log": "127.0.0.1:514 local0", "maxconn": "2000",
		"user": "root", "group": "root",
		"listen.x.bind": b.front, "listen.x.backend": "galera", "listen.x.port": strconv.Itoa(backPort), "listen.x.check_interval": "100ms",
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: HAProxy sets its user")
	}
	for key, value := range listen {
		params[key] = value
	}
	b.agent, b.req = New(b.units, b.units, zap.NewNop()), request(params, cluster3())
	t.Cleanup(func() {
		if got := b.agent.Stop(context.Background(), b.req); got.Outcome != agents.OutcomeOK {
			t.Errorf("stop: %+v", got)
		}
	})
	if got := b.agent.Start(t.Context(), b.req); got.Outcome != agents.OutcomeOK {
		t.Fatalf("start: %+v", got)
	}
	return b
}

func (b *bench) refresh(t *testing.T, change func(*agents.View)) {
	t.Helper()
	change(&b.req.View)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got := b.agent.Refresh(ctx, b.req); got.Outcome != agents.OutcomeOK {
		t.Fatalf("refresh: %+v", got)
	}
}

func (b *bench) monitor(t *testing.T) agents.Result {
	t.Helper()
	req := b.req
	req.Op, req.Role = resources.OpMonitor, resources.RoleStarted
	return b.agent.Monitor(t.Context(), req)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// backend says its name to whoever connects and then echoes lines.
func backend(t *testing.T, at, name string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprintln(conn, name)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}

// dial connects through HAProxy and returns the backend's name.
func (b *bench) dial() (net.Conn, *bufio.Reader, string, error) {
	conn, err := net.DialTimeout("tcp", b.front, 3*time.Second)
	if err != nil {
		return nil, nil, "", err
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, nil, "", err
	}
	r := bufio.NewReader(conn)
	name, err := r.ReadString('\n')
	return conn, r, strings.TrimSpace(name), err
}

func (b *bench) serving(t *testing.T) string {
	t.Helper()
	conn, _, name, err := b.dial()
	if err != nil {
		t.Fatalf("connect through HAProxy: %v", err)
	}
	conn.Close()
	return name
}

func TestRealReloadDropsNoConnection(t *testing.T) {
	b := newBench(t, resources.Params{"listen.x.policy": "roundrobin", "listen.x.role": "promoted"})
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var good, bad atomic.Int64
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				conn, r, _, err := b.dial()
				if err == nil {
					fmt.Fprintln(conn, "hello")
					_, err = r.ReadString('\n')
				}
				if err != nil {
					bad.Add(1)
					t.Logf("dropped: %v", err)
				} else {
					good.Add(1)
				}
				if conn != nil {
					conn.Close()
				}
			}
		})
	}
	long, r, _, err := b.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	for i := range 4 { // a node joins and leaves: servers come and go
		before := good.Load()
		b.refresh(t, func(v *agents.View) {
			if i%2 == 0 {
				v.Nodes["c4"] = agents.NodeView{Address: "127.0.0.4", Alive: true, Expected: true}
			} else {
				delete(v.Nodes, "c4")
			}
		})
		look := time.NewTicker(time.Millisecond)
		for good.Load() < before+50 && ctx.Err() == nil {
			<-look.C
		}
		look.Stop()
	}
	cancel()
	clients.Wait()
	t.Logf("%d connections through %d reloads, %d dropped", good.Load(), b.units.reloads.Load(), bad.Load())
	if b.units.reloads.Load() != 4 || bad.Load() > 0 || good.Load() < 200 {
		t.Errorf("%d reloads, %d good and %d bad connections", b.units.reloads.Load(), good.Load(), bad.Load())
	}
	fmt.Fprintln(long, "still there")
	if line, err := r.ReadString('\n'); err != nil || line != "still there\n" {
		t.Errorf("the connection from before the reloads: %q, %v", line, err)
	}
}

func TestRealFailoverOfOneActive(t *testing.T) {
	b := newBench(t, resources.Params{"listen.x.policy": "one_active"})
	for range 5 {
		if got := b.serving(t); got != "c1" {
			t.Fatalf("%s serves, want c1", got)
		}
	}
	old, r, _, err := b.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	began := time.Now()
	b.refresh(t, func(v *agents.View) { n := v.Nodes["c1"]; n.Suspect = true; v.Nodes["c1"] = n })
	if got := b.serving(t); got != "c2" {
		t.Fatalf("%s serves, want c2", got)
	}
	t.Logf("the traffic moved within %v of the view's change", time.Since(began))
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("a connection to the suspect lives on")
	}
	if got := b.monitor(t); got.Outcome != agents.OutcomeOK || got.Attributes["active.x"] != "c2" {
		t.Errorf("monitor: %+v", got)
	}
	b.refresh(t, func(v *agents.View) { v.Peers["galera"][1].Failed = true })
	if got := b.serving(t); got != "c3" {
		t.Errorf("%s serves, want c3", got)
	}
	b.refresh(t, func(v *agents.View) {
		*v = cluster3()
	})
	if got := b.serving(t); got != "c1" {
		t.Errorf("%s serves, want c1", got)
	}
	if got := b.units.reloads.Load(); got != 0 {
		t.Errorf("%d reloads, want none: only states changed", got)
	}
	// The file must agree with what was set at run time.
	b.refresh(t, func(v *agents.View) { v.Peers["galera"][0].Stopping = true })
	if got := b.agent.Start(t.Context(), b.req); got.Outcome != agents.OutcomeOK { // reloads
		t.Fatalf("start again: %+v", got)
	}
	if got := b.serving(t); got != "c2" || b.units.reloads.Load() != 1 {
		t.Errorf("after %d reloads %s serves, want c2", b.units.reloads.Load(), got)
	}
}

func TestRealRefusedConfigurationKeepsTheOldOne(t *testing.T) {
	b := newBench(t, nil)
	b.req.Params["listen.x.extra"] = "no-such-keyword 1"
	got := b.agent.Refresh(t.Context(), b.req)
	if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "no-such-keyword") {
		t.Errorf("got %+v, want HAProxy's line", got)
	}
	if b.serving(t) == "" || b.units.reloads.Load() != 0 {
		t.Error("the refused configuration was loaded")
	}
	delete(b.req.Params, "listen.x.extra")
	b.req.Params["listen.x.bind"] += ",192.0.2.77:3306" // not on this host: binds all the same
	if got := b.agent.Refresh(t.Context(), b.req); got.Outcome != agents.OutcomeOK {
		t.Errorf("bind of an address that is not here: %+v", got)
	}
}

// freeze stops every thread of a process. SIGSTOP alone promises less: a thread
// that is on another processor goes on until the kernel reaches it, and may
// answer a last request.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if frozen(t, pid) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is not stopped 10 s after SIGSTOP", pid)
		}
		runtime.Gosched()
	}
}

// frozen tells whether every thread of a process is stopped: state T of
// proc(5), the field behind the program's name in parentheses.
func frozen(t *testing.T, pid int) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(stats) == 0 {
		t.Fatalf("threads of %d: %v, %v", pid, stats, err)
	}
	for _, path := range stats {
		line, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(line[strings.LastIndexByte(string(line), ')')+1:]), " T ") {
			return false
		}
	}
	return true
}

func TestRealMonitorSeesADeadHAProxy(t *testing.T) {
	b := newBench(t, nil)
	if got := b.monitor(t); got.Outcome != agents.OutcomeOK {
		t.Fatalf("monitor: %+v", got)
	}
	worker, err := pid(t.Context(), b.req.Params["socket"])
	if err != nil {
		t.Fatal(err)
	}
	freeze(t, worker)
	if got := b.monitor(t); got.Outcome != agents.OutcomeFailed {
		t.Errorf("frozen worker: %+v", got)
	}
	if err := b.units.End(t.Context(), "", 0); err != nil {
		t.Fatal(err)
	}
	if got := b.monitor(t); got.Outcome != agents.OutcomeNotRunning || got.Reason == "" {
		t.Errorf("no process: %+v", got)
	}
}
