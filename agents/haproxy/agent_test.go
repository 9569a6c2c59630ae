package haproxy

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// fakeUnits is a unit whose "HAProxy" is an admin socket in this process.
type fakeUnits struct {
	t      *testing.T
	socket string
	state  agents.UnitState

	mu     sync.Mutex
	calls  []string
	worker int
	states map[string]int // PROXY/SERVER to srv_admin_state
	listen net.Listener
	refuse bool // of the configuration check
}

func (u *fakeUnits) note(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls = append(u.calls, fmt.Sprintf(format, args...))
}

func (u *fakeUnits) has(call string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.calls, func(c string) bool { return strings.HasPrefix(c, call) })
}

// taken returns the calls since the last time.
func (u *fakeUnits) taken() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	calls := u.calls
	u.calls = nil
	return calls
}

func (u *fakeUnits) State(context.Context, string) (agents.UnitState, error) { return u.state, nil }

func (u *fakeUnits) StartUnit(context.Context, string) error {
	u.note("start")
	u.state.Active = "active"
	return u.serve()
}

func (u *fakeUnits) serve() error {
	l, err := net.Listen("unix", u.socket)
	if err != nil {
		return err
	}
	u.listen = l
	u.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			u.answer(conn)
		}
	}()
	return nil
}

func (u *fakeUnits) answer(conn net.Conn) {
	defer conn.Close()
	command, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var name, to string
	switch {
	case command == "show info\n":
		fmt.Fprintf(conn, "Name: HAProxy\nPid: %d\n", u.worker)
	case command == "show servers state\n":
		fmt.Fprint(conn, "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n")
		for key, admin := range u.states {
			proxy, server, _ := strings.Cut(key, "/")
			fmt.Fprintf(conn, "2 %s 1 %s 127.0.0.1 2 %d 1 1\n", proxy, server, admin)
		}
	default:
		if n, _ := fmt.Sscanf(command, "set server %s state %s", &name, &to); n == 2 {
			u.calls = append(u.calls, strings.TrimSpace(command))
			u.states[name] = map[string]int{"ready": 0, "maint": forcedMaint, "drain": forcedDrain}[to]
		}
	}
}

func (u *fakeUnits) RestartUnit(context.Context, string) error { u.note("restart"); return u.serve() }

func (u *fakeUnits) ReloadUnit(context.Context, string) error {
	u.note("reload")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.worker++
	return nil
}

func (u *fakeUnits) End(context.Context, string, time.Duration) error {
	u.state.Active = "inactive"
	return nil
}

func (u *fakeUnits) Manage(_ context.Context, _ string, lines ...string) error {
	u.note("manage %s", strings.Join(lines, " "))
	return nil
}

func (u *fakeUnits) Release(context.Context, string) error       { u.note("release"); return nil }
func (u *fakeUnits) Journal(context.Context, string, int) string { return "its last words" }

func (u *fakeUnits) Run(context.Context, agents.Command) (agents.Exit, error) {
	if u.refuse {
		return agents.Exit{Code: 1, Stderr: "[NOTICE] version\n[ALERT] line 7: unknown keyword 'x'\n"}, nil
	}
	return agents.Exit{}, nil
}

func newFake(t *testing.T) (*fakeUnits, *Agent, agents.Request) {
	t.Helper()
	dir := t.TempDir()
	u := &fakeUnits{t: t, socket: filepath.Join(dir, "run", "s"), worker: 1, states: map[string]int{"x/c1": 0, "x/c2": 0, "x/c3": 0}}
	u.state = agents.UnitState{Unit: "haproxy.service", Load: "loaded", Active: "inactive"}
	params := resources.Params{
		"config": filepath.Join(dir, "etc", "belay.cfg"), "socket": u.socket,
		"listen.x.bind": "127.0.0.1:1", "listen.x.backend": "galera", "listen.x.policy": "one_active",
	}
	return u, New(u, u, zap.NewNop()), request(params, cluster3())
}

func TestStartUsesTheClustersConfiguration(t *testing.T) {
	cases := map[string]struct {
		change  func(*fakeUnits)
		outcome agents.Outcome
		call    string
		says    string
	}{
		"stopped":                    {func(*fakeUnits) {}, agents.OutcomeOK, "start", ""},
		"running with other words":   {func(u *fakeUnits) { u.state.Active = "active" }, agents.OutcomeOK, "restart", ""},
		"running with ours":          {func(u *fakeUnits) { u.state.Active = "active" }, agents.OutcomeOK, "reload", ""},
		"enabled at boot":            {func(u *fakeUnits) { u.state.UnitFile = "enabled" }, agents.OutcomeOK, "start", "systemctl disable"},
		"not installed":              {func(u *fakeUnits) { u.state.Load = "not-found" }, agents.OutcomeNotInstalled, "", "install"},
		"configuration not accepted": {func(u *fakeUnits) { u.refuse = true }, agents.OutcomeFailed, "", "unknown keyword 'x'"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			u, a, req := newFake(t)
			c.change(u)
			if name == "running with ours" {
				if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeOK {
					t.Fatalf("first start: %+v", got)
				}
			}
			got := a.Start(t.Context(), req)
			if got.Outcome != c.outcome || !strings.Contains(got.Reason, c.says) || c.call != "" && !u.has(c.call) {
				t.Errorf("got %+v and calls %v, want %v saying %q and %q", got, u.taken(), c.outcome, c.says, c.call)
			}
			if got.Outcome == agents.OutcomeOK && !u.has(`manage Environment="CONFIG=`+req.Params["config"]+`"`) {
				t.Errorf("the unit was not told of the configuration: %v", u.taken())
			}
		})
	}
}

func TestRefreshReloadsOnlyForStructure(t *testing.T) {
	u, a, req := newFake(t)
	if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeOK {
		t.Fatalf("start: %+v", got)
	}
	steps := []struct {
		name   string
		change func(*agents.View)
		call   string
	}{
		{"nothing", func(*agents.View) {}, ""},
		{"index alone", func(v *agents.View) { v.Index++ }, ""},
		{"a peer fails", func(v *agents.View) { v.Peers["galera"][0].Failed = true }, "set server x/c1 state maint"},
		{"a peer is well", func(v *agents.View) { v.Peers["galera"][0].Failed = false }, "set server x/c1 state ready"},
		{"a node leaves", func(v *agents.View) { delete(v.Nodes, "c3"); v.Peers["galera"] = v.Peers["galera"][:2] }, "reload"},
	}
	for _, s := range steps {
		u.taken()
		s.change(&req.View)
		if got := a.Refresh(t.Context(), req); got.Outcome != agents.OutcomeOK {
			t.Fatalf("%s: %+v", s.name, got)
		}
		if got := strings.Join(u.taken(), ", "); got != s.call {
			t.Errorf("%s: calls %q, want %q", s.name, got, s.call)
		}
	}
}

func TestMonitorAndStop(t *testing.T) {
	u, a, req := newFake(t)
	req.Role = resources.RoleStarted
	if got := a.Monitor(t.Context(), req); got.Outcome != agents.OutcomeNotRunning || got.Output == "" {
		t.Errorf("stopped: %+v", got)
	}
	u.state.Active = "active"
	if got := a.Monitor(t.Context(), req); got.Outcome != agents.OutcomeFailed {
		t.Errorf("without our socket: %+v", got)
	}
	u.state.Active = "inactive"
	a.Start(t.Context(), req)
	if got := a.Monitor(t.Context(), req); got.Outcome != agents.OutcomeOK || got.Attributes["active.x"] != "c1" {
		t.Errorf("running: %+v", got)
	}
	for range 2 {
		if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK || !u.has("release") {
			t.Errorf("stop: %+v", got)
		}
	}
}

func TestWatchesEveryBackendOnce(t *testing.T) {
	params := resources.Params{"listen.a.backend": "x", "listen.b.backend": "y", "listen.c.backend": "x", "listen.d.bind": "z"}
	if got := (&Agent{}).Watches(params); !slices.Equal(got, []resources.ResourceID{"x", "y"}) {
		t.Errorf("got %v", got)
	}
}

func TestSpecIsComplete(t *testing.T) {
	spec := (&Agent{}).Spec()
	for _, op := range []resources.Op{resources.OpStart, resources.OpStop, resources.OpMonitor, resources.OpProbe, resources.OpReload} {
		if spec.Timeouts[op] <= 0 {
			t.Errorf("%s has no timeout", op)
		}
	}
	params := resources.Params{"listen.x.bind": "127.0.0.1:1", "listen.x.backend": "x"}
	for _, p := range spec.Params {
		if p.Default != "" {
			params[strings.Replace(p.Name, "*", "x", 1)] = p.Default
		}
	}
	if _, err := parse(request(params, cluster3())); err != nil {
		t.Errorf("the defaults do not parse: %v", err)
	}
}
