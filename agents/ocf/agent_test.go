package ocf

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/agents/command"
	"github.com/belay-ha/belay/resources"
)

const secret = "s3cr3t-word"

// fake is a script that behaves as the file "mode" beside it says.
const fake = `#!/bin/sh
d=$(dirname "$0")
mode=$(cat "$d/mode" 2>/dev/null)
case "$1" in meta-data)
	echo '<?xml version="1.0"?><resource-agent name="fake"><parameters><parameter name="password"/><parameter name="state" required="1"/></parameters></resource-agent>'
	exit 0;; esac
case "$mode" in
hang) sleep 600 & wait;;
noise) i=0; while [ $i -lt 2000 ]; do echo "password $OCF_RESKEY_password"; i=$((i+1)); done; echo "ocf-exit-reason:bad $OCF_RESKEY_password" >&2; exit 1;;
kill) kill -9 $$;;
[0-9]*) exit "$mode";;
esac
case "$1" in
start) touch "$OCF_RESKEY_state";;
stop) rm -f "$OCF_RESKEY_state";;
monitor) [ -e "$OCF_RESKEY_state" ] || exit 7;;
notify) env >"$d/env";;
*) exit 3;;
esac
exit 0
`

type harness struct {
	t    *testing.T
	root string

	mu    sync.Mutex
	calls []agents.Command
}

// Run runs a program, and notes with which arguments.
func (h *harness) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	h.mu.Lock()
	h.calls = append(h.calls, c)
	h.mu.Unlock()
	return command.Runner{}.Run(ctx, c)
}

func (h *harness) Commands() []agents.Command {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

func newHarness(t *testing.T) *harness {
	h := &harness{t: t, root: t.TempDir()}
	h.write("fake", fake)
	return h
}

func (h *harness) dir() string { return filepath.Join(h.root, "resource.d", "test") }

func (h *harness) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(h.dir(), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir(), name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) state() string { return filepath.Join(h.root, "state") }

func (h *harness) Agent() agents.Agent { return New(Host{Run: h, Root: h.root}) }

func (h *harness) Request(op resources.Op) agents.Request {
	return agents.Request{Op: op, Instance: "x", Node: "node-1", Agent: "ocf:test:fake", Timeout: 30 * time.Second,
		Params: resources.Params{"state": h.state(), "password": secret}, Progress: func(agents.Progress) {}}
}

// Other is none: the script's metadata offer no migration.
func (h *harness) Other() agenttest.Harness { return nil }

func (h *harness) Running() bool {
	_, err := os.Stat(h.state())
	return err == nil
}

func (h *harness) Hang(hang bool) {
	if hang {
		h.write("mode", "hang")
		return
	}
	h.write("mode", "")
}

func (h *harness) Noise()            { h.write("mode", "noise") }
func (h *harness) Secrets() []string { return []string{secret} }

func TestConformance(t *testing.T) {
	t.Parallel() // it waits for what hangs
	agenttest.Run(t, func(t *testing.T) agenttest.Harness { return newHarness(t) })
}

func TestExitCodes(t *testing.T) {
	h := newHarness(t)
	for code, want := range map[int]struct {
		outcome agents.Outcome
		role    resources.Role
	}{
		0: {agents.OutcomeOK, resources.RoleStarted}, 1: {agents.OutcomeFailed, resources.RoleStarted},
		2: {agents.OutcomeUnsupported, resources.RoleUnknown}, 3: {agents.OutcomeUnsupported, resources.RoleUnknown},
		4: {agents.OutcomeNotPermitted, resources.RoleUnknown}, 5: {agents.OutcomeNotInstalled, resources.RoleUnknown},
		6: {agents.OutcomeMisconfigured, resources.RoleUnknown}, 7: {agents.OutcomeNotRunning, resources.RoleStopped},
		8: {agents.OutcomeOK, resources.RolePromoted}, 9: {agents.OutcomeFailed, resources.RolePromoted},
		190: {agents.OutcomeOK, resources.RoleStarted}, 191: {agents.OutcomeOK, resources.RolePromoted}, 77: {agents.OutcomeFailed, resources.RoleStarted},
	} {
		h.write("mode", fmt.Sprint(code))
		got := h.Agent().Monitor(t.Context(), h.Request(resources.OpMonitor))
		if got.Outcome != want.outcome || got.Role != want.role || (got.Reason == "") != (code == 0 || code == 7) {
			t.Errorf("monitor %d: %+v", code, got)
		}
		if got := h.Agent().Stop(t.Context(), h.Request(resources.OpStop)); (got.Outcome == agents.OutcomeOK) != (code == 0) {
			t.Errorf("stop %d: %+v", code, got)
		}
	}
	h.write("mode", "kill")
	if got := h.Agent().Stop(t.Context(), h.Request(resources.OpStop)); got.Outcome != agents.OutcomeUnknown {
		t.Errorf("killed: %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	h := newHarness(t)
	ran := filepath.Join(h.root, "ran")
	h.write("promotes", "#!/bin/sh\ntouch "+ran+"\n# <action name=\"promote\" timeout=\"10\"/>\n")
	h.write("asks", "#!/bin/sh\ntouch "+ran+"\nx=$(${HA_SBIN_DIR}/cibadmin -Q)\n")
	h.write("speaks", "#!/bin/sh\n# crm_mon is not for us\nexit 0\n")
	for name, want := range map[string]struct {
		outcome agents.Outcome
		text    string
	}{
		"ocf:test:promotes": {agents.OutcomeUnsupported, "promotes"},
		"ocf:test:asks":     {agents.OutcomeUnsupported, "cibadmin"},
		"ocf:test:missing":  {agents.OutcomeNotInstalled, "resource-agents"},
		"ocf:test":          {agents.OutcomeMisconfigured, "ocf:PROVIDER:TYPE"},
		"ocf:..:fake":       {agents.OutcomeMisconfigured, "ocf:PROVIDER:TYPE"},
		"ocf:test:speaks":   {agents.OutcomeOK, ""},
	} {
		req := h.Request(resources.OpStop)
		req.Agent = name
		if got := h.Agent().Stop(t.Context(), req); got.Outcome != want.outcome || !strings.Contains(got.Reason, want.text) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a refused script has run")
	}
}

// TestToleratedScript: what a script asks of Pacemaker is switched off, where it can
// be, and nothing else of it is.
func TestToleratedScript(t *testing.T) {
	h := newHarness(t)
	dir := filepath.Join(h.root, "resource.d", "heartbeat")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		params     resources.Params
		outcome    agents.Outcome
		reason     string
	}{
		{"it never asks", "[ \"$OCF_RESKEY_autoset_utilization_cpu\" = false ] || exit 1\nif false; then crm_resource; fi\nexit 0", nil, agents.OutcomeOK, ""},
		{"it is to ask", "crm_resource\nexit 0", resources.Params{"unset_utilization_cpu": "true"}, agents.OutcomeUnsupported, "leave the parameter out"},
		{"it asks for more", "crm_resource\ncrm_attribute\nexit 0", nil, agents.OutcomeUnsupported, "crm_attribute"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "VirtualDomain"), []byte("#!/bin/sh\n"+c.text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		req := h.Request(resources.OpMonitor)
		req.Agent, req.Params = "ocf:heartbeat:VirtualDomain", c.params
		if got := h.Agent().Monitor(t.Context(), req); got.Outcome != c.outcome || !strings.Contains(got.Reason, c.reason) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestParametersAreCheckedAgainstTheMetadata(t *testing.T) {
	h := newHarness(t)
	req := h.Request(resources.OpStart)
	req.Params = resources.Params{"state": h.state(), "sate": "x"}
	if got := h.Agent().Start(t.Context(), req); got.Outcome != agents.OutcomeUnsupported || !strings.Contains(got.Reason, "no parameter sate") {
		t.Errorf("unknown: %+v", got)
	}
	req.Params = resources.Params{"password": "x"}
	if got := h.Agent().Start(t.Context(), req); got.Outcome != agents.OutcomeUnsupported || !strings.Contains(got.Reason, "needs the parameter state") {
		t.Errorf("missing: %+v", got)
	}
	if h.Running() {
		t.Error("it was started")
	}
}

func TestNotifyPassesEverythingOn(t *testing.T) {
	h := newHarness(t)
	a := New(Host{Run: command.Runner{}, Root: h.root})
	req := h.Request(resources.OpNotify)
	req.Params["OCF_CHECK_LEVEL"] = "10"
	got := a.Notify(t.Context(), req, agents.Notification{Op: resources.OpStart, Peers: []agents.Peer{{Instance: "x", Node: "node-1"}}})
	text, err := os.ReadFile(filepath.Join(h.dir(), "env"))
	if err != nil || got.Outcome != agents.OutcomeOK {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, want := range []string{"OCF_RESKEY_CRM_meta_notify_type=post\n", "OCF_RESKEY_CRM_meta_notify_start_uname=node-1\n", "OCF_RESKEY_CRM_meta_notify_stop_uname= \n", "OCF_RESOURCE_INSTANCE=x\n", "\nOCF_CHECK_LEVEL=10\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestReal runs a script of resource-agents, and refuses those of its scripts
// that would do harm.
func TestReal(t *testing.T) {
	if _, err := os.Stat(Root + "/resource.d/heartbeat/Dummy"); err != nil {
		t.Skip("resource-agents is not installed: ", err)
	}
	a := New(Host{Run: command.Runner{}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req := agents.Request{Op: resources.OpProbe, Instance: "belay-test", Node: "node-1", Agent: "ocf:heartbeat:Dummy", Timeout: time.Minute,
		Params: resources.Params{"state": filepath.Join(t.TempDir(), "state")}}
	for i, step := range []struct {
		do   func(context.Context, agents.Request) agents.Result
		want agents.Outcome
	}{
		{a.Monitor, agents.OutcomeNotRunning}, {a.Stop, agents.OutcomeOK}, {a.Start, agents.OutcomeOK}, {a.Start, agents.OutcomeOK},
		{a.Monitor, agents.OutcomeOK}, {a.Stop, agents.OutcomeOK}, {a.Monitor, agents.OutcomeNotRunning},
	} {
		if got := step.do(ctx, req); got.Outcome != step.want {
			t.Errorf("step %d: %+v", i, got)
		}
	}
	for _, name := range []string{"galera", "redis", "rabbitmq-cluster"} {
		req.Agent = "ocf:heartbeat:" + name
		if got := a.Monitor(ctx, req); got.Outcome != agents.OutcomeUnsupported {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
