package podman

import (
	"slices"
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// TestRunWords: what a bundle's replica says becomes options, secrets go another
// way, and what the cluster relies on comes last.
func TestRunWords(t *testing.T) {
	h := newHarness()
	req := h.Request(resources.OpStart)
	req.Params = resources.Params{
		"image": "web:1", "command": `sh -c "exec web"`, "network": "host", "hostname": "web-0", "options": "--user=root --restart-count=1 -e A=b",
		"host.web-1": "192.0.2.11", "port.0": "192.0.2.10:80:8080", "mount.0": "/srv/web:/srv:ro", "mount.1": "/var/log/web/web-0:/var/log", "env.PASSWORD": "correct horse",
	}
	bubble.Test(t, func(t *testing.T) {
		if got := h.Agent().Start(t.Context(), req); got.Outcome != agents.OutcomeOK {
			t.Fatalf("%+v", got)
		}
	})
	want := []string{
		"run", "--oom-score-adj=0", "--network=host", "--hostname=web-0", "--add-host=web-1:192.0.2.11", "--volume=/srv/web:/srv:ro",
		"--volume=/var/log/web/web-0:/var/log", "--publish=192.0.2.10:80:8080", "--user=root", "--restart-count=1", "-e", "A=b", "--env-file=/dev/stdin",
		"--label=belay.instance=web-podman-0", "--label=belay.node=node-1", "--label=belay.settings=SUM", "--detach", "--restart=no", "--pull=never", "--name=web-podman-0", "web:1", "sh", "-c", "exec web",
	}
	got := slices.Clone(h.podman.args)
	for i := range got {
		if strings.HasPrefix(got[i], "--label=belay.settings=") {
			got[i] = "--label=belay.settings=SUM"
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if h.podman.env != "PASSWORD=correct horse\n" {
		t.Errorf("environment %q", h.podman.env)
	}
}

// in runs an operation in virtual time.
func in(t *testing.T, h *harness, op resources.Op, change ...string) agents.Result {
	t.Helper()
	req := h.Request(op)
	for i := 0; i < len(change); i += 2 {
		req.Params[change[i]] = change[i+1]
	}
	var result agents.Result
	bubble.Test(t, func(t *testing.T) {
		ctx := t.Context()
		switch op {
		case resources.OpStart:
			result = h.Agent().Start(ctx, req)
		case resources.OpStop:
			result = h.Agent().Stop(ctx, req)
		default:
			if op == resources.OpMonitor {
				req.Role = resources.RoleStarted
			}
			result = h.Agent().Monitor(ctx, req)
		}
	})
	return result
}

func expect(t *testing.T, what string, got agents.Result, outcome agents.Outcome, words ...string) {
	t.Helper()
	if got.Outcome != outcome {
		t.Errorf("%s: %+v, want %s", what, got, outcome)
	}
	for _, word := range words {
		if !strings.Contains(got.Reason+got.Output, word) {
			t.Errorf("%s: no %q in %+v", what, word, got)
		}
	}
}

// foreign puts a container of the instance's name there that somebody else has made.
func foreign(h *harness) *container {
	c := &container{ID: "f0", Name: "web-podman-0"}
	c.Config.Labels = map[string]string{"belay.instance": "web-podman-0", "belay.node": "another"}
	h.podman.containers["f0"] = c
	h.podman.setState(c, "running")
	return c
}

// TestForeignContainer: whatever its name and state, it is left alone, and is not
// taken for the instance.
func TestForeignContainer(t *testing.T) {
	h := newHarness()
	c := foreign(h)
	expect(t, "probe", in(t, h, resources.OpProbe), agents.OutcomeNotRunning)
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeNotPermitted, "has not made", "podman rename")
	expect(t, "stop", in(t, h, resources.OpStop), agents.OutcomeOK)
	h.podman.setState(c, "exited")
	expect(t, "start beside a stopped one", in(t, h, resources.OpStart), agents.OutcomeNotPermitted)
	if h.podman.find("f0") == nil {
		t.Error("it was removed")
	}
}

// TestRenamed: a container that somebody has renamed is still the instance's.
func TestRenamed(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	h.podman.find("web-podman-0").Name = "other"
	expect(t, "monitor", in(t, h, resources.OpMonitor), agents.OutcomeOK)
	expect(t, "start again", in(t, h, resources.OpStart), agents.OutcomeOK)
	expect(t, "stop", in(t, h, resources.OpStop), agents.OutcomeOK)
	if h.Running() {
		t.Error("it runs")
	}
}

// TestNoImage: what is missing is said with the command that brings it, and only
// fetched when that is allowed.
func TestNoImage(t *testing.T) {
	h := newHarness()
	h.podman.fetchable["web:2"] = true
	expect(t, "never", in(t, h, resources.OpStart, "image", "web:2"), agents.OutcomeNotInstalled, "image web:2", "podman pull web:2", "belayctl resource retry web-podman-0")
	expect(t, "missing", in(t, h, resources.OpStart, "image", "web:2", "pull", "missing"), agents.OutcomeOK)
	expect(t, "stop", in(t, h, resources.OpStop), agents.OutcomeOK)
	expect(t, "out of reach", in(t, h, resources.OpStart, "image", "web:3", "pull", "missing"), agents.OutcomeFailed, "connection refused")
}

// TestAfterBoot: podman lists containers that the last run of the host has left. They
// do not run, and do not stand in the way.
func TestAfterBoot(t *testing.T) {
	for _, state := range []string{"exited", "created", "stopped", "removing"} {
		h := newHarness()
		expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
		h.podman.setState(h.podman.find("web-podman-0"), state)
		expect(t, state+": probe", in(t, h, resources.OpProbe), agents.OutcomeNotRunning)
		expect(t, state+": start", in(t, h, resources.OpStart), agents.OutcomeOK)
		if n := len(h.podman.containers); n != 1 {
			t.Errorf("%s: %d containers", state, n)
		}
	}
}

// TestEnded: a container that ended by itself is told of with its last words.
func TestEnded(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	c := h.podman.find("web-podman-0")
	h.podman.setState(c, "exited")
	c.State.ExitCode, c.State.OOMKilled = 137, true
	expect(t, "monitor", in(t, h, resources.OpMonitor), agents.OutcomeNotRunning, "exit status 137", "memory", "the last words")
	delete(h.podman.containers, c.ID)
	expect(t, "removed", in(t, h, resources.OpMonitor), agents.OutcomeNotRunning, "somebody has removed it")
	h.podman.onRun = func(c *container) { h.podman.setState(c, "exited") }
	expect(t, "start of what ends at once", in(t, h, resources.OpStart), agents.OutcomeFailed, "ended by itself", "the last words")
}

// TestGone: podman takes a container for running whose process and conmon were
// killed. It is not, and podman's belief does not stand in the way.
func TestGone(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	kill := func() { delete(h.podman.processes, h.podman.find("web-podman-0").State.Pid) }
	kill()
	expect(t, "monitor", in(t, h, resources.OpMonitor), agents.OutcomeNotRunning, "podman says running", "no process")
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	expect(t, "monitor", in(t, h, resources.OpMonitor), agents.OutcomeOK)
	kill()
	expect(t, "stop", in(t, h, resources.OpStop), agents.OutcomeOK)
	if len(h.podman.containers) > 0 {
		t.Error("podman still lists it")
	}
}

// TestInDoubt: a container that neither runs nor is proven stopped is failed, not
// started, and stopped first.
func TestInDoubt(t *testing.T) {
	for _, state := range []string{"paused", "stopping", "initialized", "unknown"} {
		h := newHarness()
		expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
		h.podman.setState(h.podman.find("web-podman-0"), state)
		got := in(t, h, resources.OpProbe)
		if expect(t, state+": probe", got, agents.OutcomeFailed, state); got.Role != resources.RoleStarted {
			t.Errorf("%s: role %s", state, got.Role)
		}
		expect(t, state+": start", in(t, h, resources.OpStart), agents.OutcomeFailed, "stop it first")
		expect(t, state+": stop", in(t, h, resources.OpStop), agents.OutcomeOK)
		if len(h.podman.containers) > 0 || h.Running() {
			t.Errorf("%s: something is left", state)
		}
	}
}

// TestStopIsProven: podman's word is not enough.
func TestStopIsProven(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	h.podman.onStop = func(*container) {} // it says that it has stopped it
	expect(t, "still running", in(t, h, resources.OpStop), agents.OutcomeFailed, "after the stop", "running")
	h.podman.onStop = func(c *container) { c.State.Status = "exited" } // and its process lives
	expect(t, "process left", in(t, h, resources.OpStop), agents.OutcomeFailed, "its process")
	if h.podman.find("web-podman-0") == nil {
		t.Error("podman was made to forget it")
	}
}

// TestOtherParameters: what runs with other parameters is not taken for started, and
// parameters that cannot be read hide nothing that runs and keep nothing running.
func TestOtherParameters(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	expect(t, "start", in(t, h, resources.OpStart, "env.PASSWORD", "another horse"), agents.OutcomeFailed, "other parameters")
	for _, op := range []resources.Op{resources.OpProbe, resources.OpMonitor} {
		expect(t, string(op), in(t, h, op, "options", "--rm"), agents.OutcomeOK)
	}
	expect(t, "stop", in(t, h, resources.OpStop, "options", "--rm", "stop_timeout", "soon"), agents.OutcomeOK)
	expect(t, "probe", in(t, h, resources.OpProbe, "options", "--rm"), agents.OutcomeMisconfigured, "--rm")
}

// TestHealth: a health check decides whether what runs also serves.
func TestHealth(t *testing.T) {
	h := newHarness()
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	h.podman.ill = true
	got := in(t, h, resources.OpMonitor)
	if expect(t, "monitor", got, agents.OutcomeFailed, "does not serve", "unhealthy"); got.Role != resources.RoleStarted {
		t.Errorf("role %s", got.Role)
	}
	expect(t, "stop", in(t, h, resources.OpStop), agents.OutcomeOK)
	h.podman.ill = false
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	h.podman.find("web-podman-0").ExecIDs = make([]string, maxPrograms)
	calls := len(h.podman.Calls())
	expect(t, "monitor", in(t, h, resources.OpMonitor), agents.OutcomeFailed, "hang")
	for _, c := range h.podman.Calls()[calls:] {
		if c.Args[0] == "healthcheck" {
			t.Error("another check was added")
		}
	}
}

// TestNoPodman: a node without it lacks something.
func TestNoPodman(t *testing.T) {
	h := newHarness()
	delete(h.podman.Programs, Program)
	expect(t, "probe", in(t, h, resources.OpProbe), agents.OutcomeNotInstalled, "apt-get install podman")
}

// TestStartAfterAKilledOne: what a podman that was killed has left in its storage
// keeps no start from the name; what another program has there does.
func TestStartAfterAKilledOne(t *testing.T) {
	h := newHarness()
	h.podman.stored = map[string]string{"web-podman-0": "storage", "web-podman-01": "storage"}
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeOK)
	if _, found := h.podman.stored["web-podman-01"]; !found || len(h.podman.stored) != 1 {
		t.Errorf("left in the storage: %v", h.podman.stored)
	}
	h = newHarness()
	h.podman.stored = map[string]string{"web-podman-0": "buildah"}
	expect(t, "start", in(t, h, resources.OpStart), agents.OutcomeNotPermitted, "buildah", "not touched")
	if len(h.podman.stored) != 1 {
		t.Error("another program's container was removed")
	}
}
