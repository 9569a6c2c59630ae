package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// noSystemd is unit control on a host without it.
type noSystemd struct{}

func (noSystemd) Available() error { return agents.ErrNoSystemd }
func (noSystemd) State(context.Context, string) (agents.UnitState, error) {
	return agents.UnitState{}, agents.ErrNoSystemd
}
func (noSystemd) StartTransient(context.Context, string, agents.TransientSpec) error {
	return agents.ErrNoSystemd
}
func (noSystemd) End(context.Context, string, time.Duration) error { return agents.ErrNoSystemd }
func (noSystemd) Journal(context.Context, string, int) string      { return "" }

// execRunner runs check commands.
type execRunner struct{}

func (execRunner) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = c.Env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return agents.Exit{Code: exit.ExitCode(), Stderr: string(out)}, nil
	}
	return agents.Exit{Stdout: string(out)}, err
}

func shell(script string, more ...string) resources.Params {
	params := resources.Params{"command": "/bin/sh", "args": "-c '" + script + "'", "settle": "50ms", "stop_timeout": "300ms"}
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	return params
}

// forked returns an agent and a request on a host without systemd. Whatever is
// left at the end of the test is killed.
func forked(t *testing.T, params resources.Params) (*Agent, agents.Request) {
	t.Helper()
	req := agents.Request{
		Op: resources.OpStart, Instance: "web:3", Node: "node-1", Agent: "process", Params: params, Timeout: 10 * time.Second, RunDir: filepath.Join(t.TempDir(), "run"),
		Progress: func(agents.Progress) {}, View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{"node-1": {Address: "192.0.2.1"}}},
	}
	h := forkHost{dir: req.RunDir, log: zap.NewNop()}
	t.Cleanup(func() {
		if r, valid, err := h.recorded(); err == nil && valid {
			ours, _, _ := h.members(r)
			_ = send(ours, unix.SIGKILL)
		}
	})
	return New(noSystemd{}, execRunner{}, zap.NewNop()), req
}

func start(t *testing.T, a *Agent, req agents.Request) record {
	t.Helper()
	if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeOK {
		t.Fatalf("start: %+v", got)
	}
	r, valid, err := forkHost{dir: req.RunDir}.recorded()
	if err != nil || !valid {
		t.Fatalf("no record: %v", err)
	}
	return r
}

func monitor(t *testing.T, a *Agent, req agents.Request) agents.Result {
	t.Helper()
	req.Op, req.Role = resources.OpMonitor, resources.RoleStarted
	return a.Monitor(t.Context(), req)
}

// await repeats a look until it is true.
func await(t *testing.T, what string, look func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !look(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A daemon may be killed between the start of a program and its record. The next one
// must find the program all the same, or start a second.
func TestForkedStartThatWasNotRecorded(t *testing.T) {
	for name, script := range map[string]string{
		"it runs":                        "exec sleep 600",
		"its leader has ended meanwhile": "sleep 600 & while sleep 0.01; do test -e $STOP && exit 0; done",
	} {
		t.Run(name, func(t *testing.T) {
			gate := filepath.Join(t.TempDir(), "stop")
			a, req := forked(t, shell(script, "env.STOP", gate))
			first := start(t, a, req)
			h := forkHost{dir: req.RunDir, log: zap.NewNop()}
			if err := h.write(record{Boot: first.Boot}); err != nil { // as the daemon left it
				t.Fatal(err)
			}
			if name != "it runs" {
				if err := os.WriteFile(gate, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				await(t, "the leader ends", func() bool { reap(first); _, found := entryOf(first.PID); return !found })
				if got := monitor(t, a, req); got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "are left") {
					t.Errorf("monitor: %+v", got)
				}
			} else if again := start(t, a, req); again != first {
				t.Errorf("found %+v, want %+v, and no second process", again, first)
			}
			if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
				t.Errorf("stop: %+v", got)
			}
			if _, found := entryOf(first.PID); found {
				t.Error("the process is still there")
			}
			if err := h.write(record{Boot: first.Boot}); err != nil { // killed before the program was started
				t.Fatal(err)
			}
			if got := monitor(t, a, req); got.Outcome != agents.OutcomeNotRunning {
				t.Errorf("monitor of what was not started: %+v", got)
			}
		})
	}
}

func TestForkedLifecycle(t *testing.T) {
	a, req := forked(t, shell(`echo "$WHERE $0" ; exec sleep 600`, "env.WHERE", "%{node} %{index} %{address}"))
	for range 2 {
		if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
			t.Fatalf("stop of nothing: %+v", got)
		}
	}
	first := start(t, a, req)
	if again := start(t, a, req); again != first {
		t.Errorf("a second start started a second process: %v, %v", first, again)
	}
	// A start counts after settle, in which a busy host may not have come to the first line.
	await(t, "the program speaks", func() bool { return (forkHost{dir: req.RunDir}).words(t.Context()) != "" })
	if got := (forkHost{dir: req.RunDir}).words(t.Context()); !strings.HasPrefix(got, "node-1 3 192.0.2.1") {
		t.Errorf("output %q", got)
	}
	// Another daemon finds what the first one started.
	b := New(noSystemd{}, execRunner{}, zap.NewNop())
	if got := monitor(t, b, req); got.Outcome != agents.OutcomeOK {
		t.Errorf("monitor: %+v", got)
	}
	if got := b.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
		t.Errorf("stop: %+v", got)
	}
	if _, found := entryOf(first.PID); found {
		t.Error("the process is still there")
	}
	if got := b.Monitor(t.Context(), req); got.Outcome != agents.OutcomeNotRunning {
		t.Errorf("monitor: %+v", got)
	}
}

// A program may end while the process table is read. Whoever then takes it for
// ended looks no more, so a zombie would be left for as long as the daemon lives.
func TestForkedProgramThatCountsAsEndedIsReaped(t *testing.T) {
	a, req := forked(t, shell("exec sleep 600"))
	r := start(t, a, req)
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var table []entry
	await(t, "the table shows that it has ended", func() bool {
		var err error
		if table, err = processes(); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(table, func(e entry) bool { return e.pid == r.PID && e.zombie })
	})
	if ours, unsure := (forkHost{dir: req.RunDir}).among(table, r); len(ours)+len(unsure) != 0 {
		t.Errorf("of the session are left: %v, %v", ours, unsure)
	}
	if e, found := entryOf(r.PID); found {
		t.Errorf("it is left as %+v", e)
	}
}

func TestForkedProgramHasASessionOfItsOwn(t *testing.T) {
	a, req := forked(t, shell("sleep 600"))
	r := start(t, a, req)
	if e, found := entryOf(r.PID); !found || e.session != r.PID {
		t.Errorf("got %+v, want a session leader", e)
	}
}

func TestForkedExitIsAFailure(t *testing.T) {
	for _, script := range []string{"echo why; exit 0", "echo why; exit 3"} {
		a, req := forked(t, shell(script, "settle", "10s"))
		if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeFailed || got.Output != "why" {
			t.Errorf("%s: got %+v, want failed", script, got)
		}
	}
	a, req := forked(t, shell("exec sleep 600"))
	r := start(t, a, req)
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the monitor sees the death", func() bool { return monitor(t, a, req).Outcome == agents.OutcomeNotRunning })
	start(t, a, req)
}

func TestForkedStopEndsTheWholeSession(t *testing.T) {
	cases := map[string]string{
		"deaf to SIGTERM":        `trap "" TERM; sleep 600 & wait; sleep 600`,
		"children":               "sleep 600 & sleep 600 & sleep 600",
		"child in another group": `set -m; sleep 600 & sleep 600`,
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			a, req := forked(t, shell(script))
			r := start(t, a, req)
			if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
				t.Fatalf("stop: %+v", got)
			}
			table, err := processes()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range table {
				if e.session == r.PID && !e.zombie {
					t.Errorf("process %d is left", e.pid)
				}
			}
		})
	}
}

func TestForkedLeftoversAreSeenAndStopped(t *testing.T) {
	a, req := forked(t, shell("sleep 600 & sleep 600"))
	r := start(t, a, req)
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the monitor sees the leftovers", func() bool { return monitor(t, a, req).Outcome == agents.OutcomeFailed })
	if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeFailed {
		t.Errorf("start beside leftovers: %+v", got)
	}
	if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
		t.Errorf("stop: %+v", got)
	}
}

func TestAReusedProcessIDIsLeftAlone(t *testing.T) {
	a, req := forked(t, shell("sleep 600"))
	r := start(t, a, req)
	h := forkHost{dir: req.RunDir}
	boot, err := bootID()
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]record{
		"other start time": {Boot: boot, PID: r.PID, Start: r.Start - 1},
		"other boot":       {Boot: "another", PID: r.PID, Start: r.Start},
	} {
		data, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.file(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := a.Monitor(t.Context(), req); got.Outcome != agents.OutcomeNotRunning {
			t.Errorf("%s: monitor: %+v", name, got)
		}
		if got := a.Stop(t.Context(), req); got.Outcome != agents.OutcomeOK {
			t.Errorf("%s: stop: %+v", name, got)
		}
		if e, found := entryOf(r.PID); !found || e.zombie {
			t.Fatalf("%s: somebody else's process was killed", name)
		}
	}
	if err := os.WriteFile(h.file(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.Stop(t.Context(), req); got.Outcome == agents.OutcomeOK {
		t.Errorf("stop without knowing what ran: %+v", got)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.file(), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChecks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cases := map[string]agents.Outcome{
		"tcp://" + l.Addr().String():              agents.OutcomeOK,
		"tcp://127.0.0.1:1":                       agents.OutcomeFailed,
		"http://127.0.0.1:1/":                     agents.OutcomeFailed,
		`command:/bin/sh -c "test \"$A\" = yes"`:  agents.OutcomeOK,
		`command:/bin/sh -c "echo broken; false"`: agents.OutcomeFailed,
		"ping":                     agents.OutcomeMisconfigured,
		"command:relative":         agents.OutcomeMisconfigured,
		`command:/bin/sh -c "open`: agents.OutcomeMisconfigured,
	}
	a, req := forked(t, shell("sleep 600", "env.A", "yes"))
	start(t, a, req)
	for check, want := range cases {
		req.Params["check"] = check
		if got := monitor(t, a, req); got.Outcome != want || want != agents.OutcomeOK && got.Reason == "" {
			t.Errorf("%s: got %+v, want %v", check, got, want)
		}
	}
	delete(req.Params, "check")
}

func TestStartOfWhatIsNotThere(t *testing.T) {
	a, req := forked(t, resources.Params{"command": "/no/such/program"})
	if got := a.Start(t.Context(), req); got.Outcome != agents.OutcomeNotInstalled {
		t.Errorf("got %+v", got)
	}
	req.Params = resources.Params{"command": "sleep", "stop_signal": "SIGNONSENSE", "settle": "soon", "args": "'open"}
	got := a.Start(t.Context(), req)
	for _, name := range []string{"command", "stop_signal", "settle", "args"} {
		if got.Outcome != agents.OutcomeMisconfigured || !strings.Contains(got.Reason, name) {
			t.Errorf("got %+v, want misconfigured and %s", got, name)
		}
	}
}

func TestSecretsOfTheEnvironmentAreHidden(t *testing.T) {
	a, req := forked(t, shell(`echo "password is $PASSWORD"; exit 1`, "env.PASSWORD", "correct horse", "settle", "10s"))
	got := a.Start(t.Context(), req)
	if text := fmt.Sprint(got); strings.Contains(text, "correct horse") || !strings.Contains(text, "[hidden]") {
		t.Errorf("got %s", text)
	}
}

func TestProcessTableReadsOurselves(t *testing.T) {
	e, found := entryOf(os.Getpid())
	if !found || e.start == 0 || e.zombie {
		t.Errorf("got %+v, %v", e, found)
	}
	if _, found := entryOf(1 << 30); found {
		t.Error("found a process that cannot be: " + strconv.Itoa(1<<30))
	}
}
