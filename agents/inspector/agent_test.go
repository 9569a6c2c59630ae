package inspector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

const (
	unit     = "belay-inspector-1.service"
	doorUnit = "belay-inspector-1-dnsmasq.service"
)

// world is a host of fakes: two units, a network and an API.
type world struct {
	*agenttest.Trouble
	api, door *agenttest.Units
	dir       string
	params    resources.Params

	mu      sync.Mutex
	specs   map[string]agents.TransientSpec
	foreign []string // DHCP servers of others
	open    []int    // connections, one value a look
	ill     error
	syncs   bool // the inspector writes its filter
	mute    bool // dnsmasq runs without listening
}

func newWorld(t *testing.T) *world {
	t.Helper()
	trouble := &agenttest.Trouble{}
	w := &world{Trouble: trouble, api: agenttest.NewUnits(unit, trouble), door: agenttest.NewUnits(doorUnit, trouble), dir: t.TempDir(), specs: map[string]agents.TransientSpec{}, syncs: true}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"inspector.conf", "program"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.params = resources.Params{
		"config": filepath.Join(w.dir, "inspector.conf"), "program": filepath.Join(w.dir, "program"), "user": me.Username,
		"interface": "eth1", "hostsdir": filepath.Join(w.dir, "hosts"), "dhcp_range": "192.0.2.100,192.0.2.120", "dhcp_range.1": "192.0.2.130,192.0.2.140", "drain": "4s",
	}
	w.api.OnEnd = func(bool) { // BindsTo=
		if w.door.Running() {
			w.door.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.Processes = "inactive", "dead", nil })
		}
	}
	return w
}

func (w *world) unit(name string) *agenttest.Units {
	switch name {
	case unit:
		return w.api
	case doorUnit, "dnsmasq.service":
		return w.door
	}
	panic("no unit " + name)
}

func (w *world) State(ctx context.Context, name string) (agents.UnitState, error) {
	return w.unit(name).State(ctx, name)
}
func (w *world) StartUnit(ctx context.Context, name string) error {
	return w.unit(name).StartUnit(ctx, name)
}
func (w *world) StartTransient(ctx context.Context, name string, spec agents.TransientSpec) error {
	w.mu.Lock()
	w.specs[name] = spec
	w.mu.Unlock()
	err := w.unit(name).StartUnit(ctx, name)
	if err == nil && name == unit && w.syncs {
		err = os.WriteFile(filepath.Join(w.params["hostsdir"], filterFile), nil, 0o644)
	}
	return err
}
func (w *world) End(ctx context.Context, name string, grace time.Duration) error {
	return w.unit(name).End(ctx, name, grace)
}
func (w *world) Manage(ctx context.Context, name string, lines ...string) error {
	return w.unit(name).Manage(ctx, name, lines...)
}
func (w *world) Release(ctx context.Context, name string) error {
	return w.unit(name).Release(ctx, name)
}
func (w *world) Journal(ctx context.Context, name string, n int) string {
	return w.unit(name).Journal(ctx, name, n)
}

func (w *world) DHCPServers(string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	servers := append([]string{}, w.foreign...)
	if w.door.Running() && !w.mute {
		servers = append(servers, "ours")
	}
	return servers, nil
}

func (w *world) Connections(int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.open) == 0 {
		return 0, nil
	}
	n := w.open[0]
	w.open = w.open[1:]
	return n, nil
}

func (w *world) Probe(ctx context.Context, base string) error {
	if err := w.Strike(ctx); err != nil {
		return err
	}
	if !w.api.Running() {
		return errors.New("connection refused by " + base)
	}
	return w.ill
}

func (w *world) Agent() agents.Agent { return w.agent() }

func (w *world) agent() *Agent {
	return New(Host{Units: w, Network: w, Prober: w, Dir: filepath.Join(w.dir, "etc")}, zap.NewNop())
}

func (w *world) Request(op resources.Op) agents.Request {
	return agents.Request{
		Op: op, Instance: "inspector:1", Node: "node-1", Agent: "inspector", Params: w.params, Timeout: 30 * time.Second, Progress: func(agents.Progress) {},
		DataDir: filepath.Join(w.dir, "data"), RunDir: filepath.Join(w.dir, "run"),
		View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{"node-1": {Address: "192.0.2.11"}}},
	}
}

func (w *world) Running() bool     { return w.api.Running() || w.door.Running() }
func (w *world) Noise()            { w.MakeNoise() }
func (w *world) Secrets() []string { return nil }

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(t *testing.T) agenttest.Harness { return newWorld(t) })
}

func TestConformanceWithoutADoor(t *testing.T) {
	agenttest.RunBubbled(t, func(t *testing.T) agenttest.Harness {
		w := newWorld(t)
		w.params = resources.Params{"config": w.params["config"], "program": w.params["program"], "user": w.params["user"], "hostsdir": w.params["hostsdir"], "door": "false"}
		return w
	})
}

// run calls a method with the timeout of the request, in a bubble.
func run(t *testing.T, w *world, method func(*Agent) func(context.Context, agents.Request) agents.Result, op resources.Op, role resources.Role) agents.Result {
	t.Helper()
	req := w.Request(op)
	req.Role = role
	ctx, cancel := context.WithTimeout(t.Context(), req.Timeout)
	defer cancel()
	return method(w.agent())(ctx, req)
}

type method = func(*Agent) func(context.Context, agents.Request) agents.Result

var (
	start   method = func(a *Agent) func(context.Context, agents.Request) agents.Result { return a.Start }
	stop    method = func(a *Agent) func(context.Context, agents.Request) agents.Result { return a.Stop }
	promote method = func(a *Agent) func(context.Context, agents.Request) agents.Result { return a.Promote }
	demote  method = func(a *Agent) func(context.Context, agents.Request) agents.Result { return a.Demote }
	monitor method = func(a *Agent) func(context.Context, agents.Request) agents.Result { return a.Monitor }
)

// inWorld runs a test in virtual time over a started instance.
func inWorld(t *testing.T, body func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if got := run(t, w, start, resources.OpStart, 0); got.Outcome != agents.OutcomeOK {
			t.Fatalf("start: %+v", got)
		}
		body(t, w)
	})
}

func TestEachInstanceHasItsOwnConfiguration(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		text, err := os.ReadFile(filepath.Join(w.dir, "etc", "belay-inspector-1.conf"))
		if err != nil {
			t.Fatal(err)
		}
		want := "# Written by belayd for belay-inspector-1.\n[DEFAULT]\nhost = node-1-1\nlisten_address = 192.0.2.11\nlisten_port = 5051\n\n" +
			"[oslo_concurrency]\nlock_path = /run/belay-inspector-1\n\n[pxe_filter]\ndriver = dnsmasq\n\n" +
			"[dnsmasq_pxe_filter]\ndhcp_hostsdir = " + w.params["hostsdir"] + "\npurge_dhcp_hostsdir = True\n"
		if string(text) != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
		command := strings.Join(w.specs[unit].Command, " ")
		if want := w.params["program"] + " --config-file " + w.params["config"] + " --config-file " + filepath.Join(w.dir, "etc", "belay-inspector-1.conf"); command != want {
			t.Errorf("command %q, want %q", command, want)
		}
		run(t, w, promote, resources.OpPromote, 0)
		door, err := os.ReadFile(filepath.Join(w.dir, "etc", "belay-inspector-1-dnsmasq.conf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"port=0\n", "interface=eth1\n", "dhcp-range=192.0.2.130,192.0.2.140\n", "dhcp-hostsdir=" + w.params["hostsdir"] + "\n"} {
			if !strings.Contains(string(door), line) {
				t.Errorf("dnsmasq's configuration lacks %q:\n%s", line, door)
			}
		}
		if got := w.specs[doorUnit].BindsTo; len(got) != 1 || got[0] != unit {
			t.Errorf("the door is bound to %v, want %s", got, unit)
		}
	})
}

func TestStartFailsWithTheReason(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ill = errors.New("no")
		w.api.Said = "CRITICAL database is gone"
		w.api.OnStart = func(context.Context) error {
			time.AfterFunc(2*time.Second, func() { // it exits 0 by itself
				w.api.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.Processes = "inactive", "dead", nil })
			})
			return nil
		}
		got := run(t, w, start, resources.OpStart, 0)
		if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "ended by itself") || !strings.Contains(got.Output, "CRITICAL") {
			t.Errorf("got %+v", got)
		}
		w.params["program"] = "/no/such/program"
		if got := run(t, w, start, resources.OpStart, 0); got.Outcome != agents.OutcomeNotInstalled {
			t.Errorf("got %+v", got)
		}
	})
}

func TestTheDoorOpensOnlyWhenAllIsWell(t *testing.T) {
	cases := map[string]struct {
		change  func(*world)
		outcome agents.Outcome
		says    string
	}{
		"all well":                  {func(*world) {}, agents.OutcomeOK, ""},
		"inspector is ill":          {func(w *world) { w.ill = errors.New("status 503") }, agents.OutcomeUnknown, "503"},
		"inspector does not run":    {func(w *world) { w.api.Die(9) }, agents.OutcomeFailed, "ended by itself"},
		"somebody else serves DHCP": {func(w *world) { w.foreign = []string{"0.0.0.0 port 67 on eth1"} }, agents.OutcomeFailed, "something else answers DHCP"},
		"filter never synchronised": {func(w *world) { os.Remove(filepath.Join(w.params["hostsdir"], filterFile)) }, agents.OutcomeUnknown, "never synchronised"},
		"dnsmasq does not listen":   {func(w *world) { w.mute = true }, agents.OutcomeUnknown, "does not listen"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c.change(w)
				got := run(t, w, promote, resources.OpPromote, 0)
				if got.Outcome != c.outcome || !strings.Contains(got.Reason, c.says) {
					t.Errorf("got %+v, want %v saying %q", got, c.outcome, c.says)
				}
				if c.outcome != agents.OutcomeOK && w.door.Running() && !w.mute {
					t.Error("the door is open")
				}
			})
		})
	}
}

func TestTheDoorClosesWithItsInspector(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run(t, w, promote, resources.OpPromote, 0)
		w.api.Die(9)
		if got := run(t, w, monitor, resources.OpMonitor, resources.RolePromoted); got.Outcome != agents.OutcomeNotRunning || w.door.Running() {
			t.Errorf("got %+v, door open %v", got, w.door.Running())
		}
	})
}

func TestMonitorTellsWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		change  func(*world)
		outcome agents.Outcome
		role    resources.Role
		says    string
	}{
		"chain is broken":            {func(w *world) { w.ill = errors.New("status 503") }, agents.OutcomeFailed, resources.RolePromoted, "503"},
		"door alone":                 {func(w *world) { w.api.OnEnd = nil; w.api.Die(9) }, agents.OutcomeFailed, resources.RolePromoted, "without an inspector"},
		"dnsmasq does not listen":    {func(w *world) { w.mute = true }, agents.OutcomeFailed, resources.RolePromoted, "nobody answers DHCP"},
		"dnsmasq died":               {func(w *world) { w.door.Die(9) }, agents.OutcomeOK, resources.RoleStarted, "door is closed"},
		"somebody else serves, too":  {func(w *world) { w.foreign = []string{"x"} }, agents.OutcomeOK, resources.RolePromoted, ""},
		"inspector is shutting down": {func(w *world) { w.api.Change(func(s *agents.UnitState) { s.Active = "deactivating" }) }, agents.OutcomeFailed, resources.RolePromoted, "deactivating"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				run(t, w, promote, resources.OpPromote, 0)
				c.change(w)
				if got := run(t, w, monitor, resources.OpMonitor, resources.RolePromoted); got.Outcome != c.outcome || got.Role != c.role || !strings.Contains(got.Reason, c.says) {
					t.Errorf("got %+v, want %v as %v saying %q", got, c.outcome, c.role, c.says)
				}
			})
		})
	}
}

func TestDemoteProvesThatNobodyServes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run(t, w, promote, resources.OpPromote, 0)
		w.foreign = []string{"a stray dnsmasq"}
		if got := run(t, w, demote, resources.OpDemote, 0); got.Outcome != agents.OutcomeFailed || w.door.Running() {
			t.Errorf("with a stray server: %+v", got)
		}
		w.foreign = nil
		run(t, w, promote, resources.OpPromote, 0)
		w.door.Stubborn = true
		began := time.Now()
		if got := run(t, w, demote, resources.OpDemote, 0); got.Outcome != agents.OutcomeOK || time.Since(began) > 5*time.Second {
			t.Errorf("a deaf dnsmasq: %+v after %v", got, time.Since(began))
		}
	})
}

func TestStopDrains(t *testing.T) {
	cases := map[string]struct {
		open []int
		took time.Duration
	}{
		"nobody is connected": {nil, time.Second},
		"clients finish":      {[]int{2, 1, 0}, 3 * time.Second},
		"a client stays":      {[]int{1, 1, 1, 1, 1, 1, 1}, 4 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.open = c.open
				began := time.Now()
				if got := run(t, w, stop, resources.OpStop, 0); got.Outcome != agents.OutcomeOK {
					t.Fatalf("stop: %+v", got)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestAnotherUnitMayBeTheDoor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.params["dnsmasq_unit"] = "dnsmasq.service"
		if got := run(t, w, promote, resources.OpPromote, 0); got.Outcome != agents.OutcomeOK {
			t.Fatalf("promote: %+v", got)
		}
		if got := fmt.Sprint(w.door.Lines()); got != "[Restart=no [Unit] BindsTo="+unit+" After="+unit+"]" {
			t.Errorf("drop-in %s", got)
		}
		if got := run(t, w, demote, resources.OpDemote, 0); got.Outcome != agents.OutcomeOK || w.door.Lines() != nil {
			t.Errorf("demote: %+v, drop-in %v", got, w.door.Lines())
		}
	})
}

func TestParametersOfTheDoor(t *testing.T) {
	req := newWorld(t).Request(resources.OpStart)
	for _, c := range []struct {
		params resources.Params
		says   string
	}{
		{resources.Params{}, "interface"},
		{resources.Params{"interface": "eth1"}, "dhcp_range"},
		{resources.Params{"interface": "eth1", "dnsmasq_unit": "dnsmasq.service"}, ""},
		{resources.Params{"interface": "eth1", "dnsmasq_config": "/etc/dnsmasq.conf"}, ""},
		{resources.Params{"door": "false"}, ""},
	} {
		req.Params = c.params
		_, err := parse(req)
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: got %v, want %q", c.params, err, c.says)
		}
	}
}

func TestProbe(t *testing.T) {
	const empty = `{"error":{"message":"The following problems encountered: Hardware inventory is empty or missing"}}`
	cases := map[string]struct {
		post    int
		said    string
		list    int
		healthy bool
	}{
		"works":                  {500, empty, 200, true},
		"works, newer status":    {400, empty, 200, true},
		"asks for a token":       {500, empty, 401, true},
		"no conductor":           {503, `{"error":{"message":"No available conductor service"}}`, 200, false},
		"another failure":        {500, `{"error":{"message":"Lost connection to MySQL server"}}`, 200, false},
		"database is gone":       {500, empty, 500, false},
		"something else answers": {200, "inventory", 200, false},
		"a load balancer":        {503, "<html>no server is available, inventory</html>", 200, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && r.URL.Path == "/v1/continue" {
					w.WriteHeader(c.post)
					fmt.Fprint(w, c.said)
					return
				}
				w.WriteHeader(c.list)
			}))
			defer server.Close()
			if err := (httpProber{}).Probe(t.Context(), server.URL); (err == nil) != c.healthy {
				t.Errorf("got %v, want healthy %v", err, c.healthy)
			}
		})
	}
}

func TestKernelSeesSockets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if open, err := (kernel{}).Connections(l.Addr().(*net.TCPAddr).Port); err != nil || open != 1 {
		t.Errorf("%d connections, %v, want 1", open, err)
	}
	if servers, err := (kernel{}).DHCPServers("no-such-if"); err != nil || len(servers) > 0 {
		t.Errorf("got %v, %v", servers, err)
	}
}
