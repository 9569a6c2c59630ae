package systemd

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func request(op resources.Op, params resources.Params) agents.Request {
	return agents.Request{
		Op: op, Instance: "api:2", Node: "node-1", Agent: "systemd:x", Params: params, Timeout: 20 * time.Second,
		Progress: func(agents.Progress) {}, View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{"node-1": {Address: "127.0.0.1"}}},
	}
}

func TestAgentLifecycle(t *testing.T) {
	f, m := newFakeSystemd(t)
	f.add("x.service", &fakeUnit{file: "enabled"})
	a := New(m, zap.NewNop())
	steps := []struct {
		name    string
		run     func(context.Context, agents.Request) agents.Result
		op      resources.Op
		outcome agents.Outcome
		says    string
	}{
		{"probe of the stopped unit", a.Monitor, resources.OpProbe, agents.OutcomeNotRunning, "belayctl resource take-over"},
		{"stop of the stopped unit", a.Stop, resources.OpStop, agents.OutcomeOK, ""},
		{"start", a.Start, resources.OpStart, agents.OutcomeOK, "belayctl resource take-over"},
		{"start again", a.Start, resources.OpStart, agents.OutcomeOK, ""},
		{"monitor", a.Monitor, resources.OpMonitor, agents.OutcomeOK, ""},
		{"stop", a.Stop, resources.OpStop, agents.OutcomeOK, ""},
		{"probe", a.Monitor, resources.OpProbe, agents.OutcomeNotRunning, ""},
		{"promote", a.Promote, resources.OpPromote, agents.OutcomeUnsupported, "promoted"},
	}
	for _, s := range steps {
		got := s.run(t.Context(), request(s.op, nil))
		if got.Outcome != s.outcome || !strings.Contains(got.Reason, s.says) {
			t.Errorf("%s: got %+v, want %v saying %q", s.name, got, s.outcome, s.says)
		}
	}
}

func TestAgentKeepsTheDropinOnlyWhileItManages(t *testing.T) {
	f, m := newFakeSystemd(t)
	f.add("x.service", &fakeUnit{active: "active"})
	a := New(m, zap.NewNop())
	if a.Monitor(t.Context(), request(resources.OpProbe, nil)); f.count("daemon-reload") != 0 {
		t.Error("a probe wrote a drop-in")
	}
	adopted := request(resources.OpMonitor, nil)
	adopted.Role = resources.RoleStarted
	if a.Monitor(t.Context(), adopted); f.count("daemon-reload") != 1 {
		t.Error("a unit that was found running was not taken over")
	}
	if a.Stop(t.Context(), request(resources.OpStop, nil)); f.count("daemon-reload") != 2 {
		t.Error("the drop-in outlived the stop")
	}
}

func TestAgentStartOutcomes(t *testing.T) {
	cases := map[string]struct {
		unit    *fakeUnit
		params  resources.Params
		outcome agents.Outcome
	}{
		"not installed":    {nil, nil, agents.OutcomeNotInstalled},
		"masked":           {&fakeUnit{load: "masked"}, nil, agents.OutcomeNotPermitted},
		"bad unit file":    {&fakeUnit{load: "bad-setting"}, nil, agents.OutcomeNotInstalled},
		"exits at once":    {&fakeUnit{react: func(_ string, u *fakeUnit) string { u.active = "inactive"; return "done" }}, nil, agents.OutcomeFailed},
		"check is no URL":  {&fakeUnit{}, resources.Params{"check": "localhost"}, agents.OutcomeMisconfigured},
		"check lacks port": {&fakeUnit{}, resources.Params{"check": "tcp://localhost"}, agents.OutcomeMisconfigured},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, m := newFakeSystemd(t)
			if c.unit != nil {
				f.add("x.service", c.unit)
			}
			if got := New(m, zap.NewNop()).Start(t.Context(), request(resources.OpStart, c.params)); got.Outcome != c.outcome || got.Reason == "" {
				t.Errorf("got %+v, want %v with a reason", got, c.outcome)
			}
		})
	}
}

func TestAgentMonitorOutcomes(t *testing.T) {
	cases := map[string]struct {
		unit    fakeUnit
		outcome agents.Outcome
	}{
		"active":            {fakeUnit{active: "active"}, agents.OutcomeOK},
		"reloading":         {fakeUnit{active: "reloading"}, agents.OutcomeOK},
		"exited 0":          {fakeUnit{active: "inactive"}, agents.OutcomeNotRunning},
		"failed":            {fakeUnit{active: "failed", result: "signal", status: 9}, agents.OutcomeNotRunning},
		"failed, leftovers": {fakeUnit{active: "failed", processes: "7\n"}, agents.OutcomeFailed},
		"activating":        {fakeUnit{active: "activating"}, agents.OutcomeFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				f, m := newFakeSystemd(t)
				unit := c.unit
				f.add("x.service", &unit)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				req := request(resources.OpMonitor, nil)
				req.Role = resources.RoleStarted
				got := New(m, zap.NewNop()).Monitor(ctx, req)
				if got.Outcome != c.outcome || (got.Outcome != agents.OutcomeOK && got.Reason == "") {
					t.Errorf("got %+v, want %v", got, c.outcome)
				}
			})
		})
	}
}

func TestAgentCheck(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	f, m := newFakeSystemd(t)
	f.add("x.service", &fakeUnit{active: "active"})
	a := New(m, zap.NewNop())
	for name, c := range map[string]struct {
		check   string
		status  int
		outcome agents.Outcome
	}{
		"answers":                 {"http://%{address}:" + port + "/", 200, agents.OutcomeOK},
		"asks for a password":     {"http://%{address}:" + port + "/", 401, agents.OutcomeOK},
		"redirects":               {"http://%{address}:" + port + "/", 302, agents.OutcomeOK},
		"has an error":            {"http://%{address}:" + port + "/", 503, agents.OutcomeFailed},
		"is another service":      {"http://%{address}:" + port + "/", 404, agents.OutcomeFailed},
		"tcp":                     {"tcp://%{address}:" + port, 503, agents.OutcomeOK},
		"tcp, nobody listens":     {"tcp://127.0.0.1:1", 200, agents.OutcomeFailed},
		"https to a plain server": {"https://%{address}:" + port, 200, agents.OutcomeFailed},
	} {
		status = c.status
		if got := a.Monitor(t.Context(), request(resources.OpMonitor, resources.Params{"check": c.check})); got.Outcome != c.outcome {
			t.Errorf("%s: got %+v, want %v", name, got, c.outcome)
		}
	}
}

func TestAgentStartWaitsForTheCheck(t *testing.T) {
	ready := make(chan struct{})
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		close(ready)
	}))
	t.Cleanup(server.Close)
	f, m := newFakeSystemd(t)
	f.add("x.service", &fakeUnit{})
	if got := New(m, zap.NewNop()).Start(t.Context(), request(resources.OpStart, resources.Params{"check": server.URL})); got.Outcome != agents.OutcomeOK {
		t.Errorf("got %+v", got)
	}
	<-ready
}

func TestSpecIsComplete(t *testing.T) {
	spec := New(nil, nil).Spec()
	for _, op := range []resources.Op{resources.OpStart, resources.OpStop, resources.OpMonitor, resources.OpProbe} {
		if spec.Timeouts[op] <= 0 {
			t.Errorf("%s has no timeout", op)
		}
	}
	if !spec.Suffix || spec.MonitorInterval <= 0 {
		t.Errorf("spec %+v", spec)
	}
}
