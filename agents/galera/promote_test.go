package galera

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func (h *fakeHost) do(op resources.Op) agents.Result {
	h.t.Helper()
	request := h.Request(op)
	ctx, cancel := context.WithTimeout(h.t.Context(), request.Timeout)
	defer cancel()
	switch op {
	case resources.OpStart:
		return h.agent().Start(ctx, request)
	case resources.OpPromote:
		return h.agent().Promote(ctx, request)
	case resources.OpDemote:
		return h.agent().Demote(ctx, request)
	case resources.OpStop:
		return h.agent().Stop(ctx, request)
	case resources.OpMonitor:
		request.Role = resources.RolePromoted
	}
	return h.agent().Monitor(ctx, request)
}

func (h *fakeHost) ok(ops ...resources.Op) {
	h.t.Helper()
	for _, op := range ops {
		if result := h.do(op); result.Outcome != agents.OutcomeOK {
			h.t.Fatalf("%s: %s: %s", op, result.Outcome, result.Reason)
		}
	}
}

func (h *fakeHost) wordIsGone() {
	h.t.Helper()
	if _, err := os.Stat(h.wordFile()); !errors.Is(err, os.ErrNotExist) {
		h.t.Error("the bootstrap word is left for the next start")
	}
}

func TestPromoteBootstraps(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t).bootstraps(uuidA, "12")
		h.write("/var/lib/mysql/gvwstate.dat", "my_uuid: x\n")
		before := h.read(grastateFile)
		h.ok(resources.OpStart, resources.OpPromote)
		if !h.newCluster {
			t.Error("mysqld has not formed a cluster")
		}
		h.wordIsGone()
		copies, err := filepath.Glob(filepath.Join(h.data, "grastate.dat.*"))
		if err != nil || len(copies) != 1 {
			t.Fatalf("copies %v, %v", copies, err)
		}
		if kept, err := os.ReadFile(copies[0]); err != nil || string(kept) != before {
			t.Errorf("the copy of grastate.dat is %q, %v", kept, err)
		}
		if h.read("/var/lib/mysql/gvwstate.dat") != "" {
			t.Error("gvwstate.dat is still there")
		}
		// The unit's own drop-in must remove the word, however the start ends.
		for _, line := range []string{"Restart=no", "EnvironmentFile=-" + h.wordFile(), "ExecStartPost=+-/bin/rm -f " + h.wordFile(), "ExecStopPost=+-/bin/rm -f " + h.wordFile()} {
			if !slices.Contains(h.units.Lines(), line) {
				t.Errorf("the drop-in lacks %q: %v", line, h.units.Lines())
			}
		}
		// Nothing of the bootstrap may reach the next start.
		h.ok(resources.OpDemote)
		h.advice = map[string]string{adviceMode: modeJoin}
		h.ok(resources.OpPromote)
		if h.newCluster {
			t.Error("a later plain start formed a cluster")
		}
	})
}

func TestPromoteJoins(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.write("/var/lib/mysql/gvwstate.dat", "my_uuid: x\n")
		if err := os.WriteFile(h.wordFile(), []byte(newClusterWord), 0o600); err != nil { // left by a daemon that died
			t.Fatal(err)
		}
		h.ok(resources.OpStart, resources.OpPromote)
		if h.newCluster {
			t.Error("a join formed a cluster")
		}
		if state, err := parseGrastate(h.read(grastateFile)); err != nil || state.Safe {
			t.Errorf("grastate %+v, %v", state, err)
		}
		// With a view of its own, a plain start can form a component by itself.
		if h.read("/var/lib/mysql/gvwstate.dat") != "" {
			t.Error("gvwstate.dat is still there")
		}
	})
}

func TestPromoteRefuses(t *testing.T) {
	peer := func(role resources.Role, attributes map[string]string) func(*fakeHost) {
		return func(h *fakeHost) {
			h.view.Peers["galera"] = []agents.Peer{{Node: "n1", Role: resources.RolePromoted}, {Node: "n2", Role: role, Attributes: attributes}}
		}
	}
	tests := []struct {
		name   string
		host   func(*fakeHost)
		reason string
	}{
		{"without a decision", func(h *fakeHost) { h.advice = nil }, "has not decided"},
		{"while it is to wait", func(h *fakeHost) { h.advice = map[string]string{adviceMode: modeWait} }, "has not decided"},
		{"a bootstrap beside a promoted member", peer(resources.RolePromoted, nil), "while n2 runs mysqld"},
		{"a bootstrap beside one that starts", peer(resources.RoleStarted, stateOnly("starting")), "while n2 runs mysqld"},
		{"a bootstrap beside one that answers", func(h *fakeHost) {
			h.view.Nodes["n2"] = agents.NodeView{Address: "192.0.2.2", Alive: true, Expected: true}
			h.reach["192.0.2.2:4567"] = true
		}, "192.0.2.2:4567"},
		{"a bootstrap of a position that has changed", func(h *fakeHost) { h.bootstraps(uuidA, "11") }, "the decision was made for"},
		{"a bootstrap of another history", func(h *fakeHost) { h.bootstraps(uuidB, "12") }, "the decision was made for"},
		{"an empty cluster address", func(h *fakeHost) { h.defaults += "--wsrep_cluster_address=gcomm://\n" }, "names no member"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t).bootstraps(uuidA, "12")
			h.ok(resources.OpStart)
			test.host(h)
			result := h.do(resources.OpPromote)
			if result.Outcome == agents.OutcomeOK || !strings.Contains(result.Reason, test.reason) {
				t.Errorf("outcome %s, reason %q, want %q", result.Outcome, result.Reason, test.reason)
			}
			if h.Running() {
				t.Error("mysqld was started")
			}
			h.wordIsGone()
		})
	}
}

func TestPromoteWithAnOverrideNeedsNoPosition(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t).bootstraps(uuidB, "99")
		h.advice[adviceOverride] = "true"
		h.grastate(uuidA, "12x", "0")
		h.ok(resources.OpStart)
		h.grastate(uuidA, "12", "0")
		h.ok(resources.OpPromote)
		if !h.newCluster {
			t.Error("the override did not bootstrap")
		}
	})
}

func TestPromoteFailsWithTheServersReason(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.primaries = false
		h.ok(resources.OpStart)
		result := h.do(resources.OpPromote)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "no primary component answered") || !strings.Contains(result.Output, "Failed to reach primary view") {
			t.Fatalf("%+v", result)
		}
		if result.Attributes[attrPosition] != "unknown" || result.Attributes[attrUUID] != "" {
			t.Errorf("the old position still counts: %v", result.Attributes)
		}
		// The member reports again when it has been demoted.
		demoted := h.do(resources.OpDemote)
		if demoted.Outcome != agents.OutcomeOK || demoted.Attributes[attrSeqno] != "12" {
			t.Errorf("%+v", demoted)
		}
	})
}

func TestPromoteIsUnknownWhenTimeRunsOut(t *testing.T) {
	for name, test := range map[string]struct {
		cancel func(context.Context) (context.Context, context.CancelFunc)
		want   agents.Outcome
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Second)
		}, agents.OutcomeUnknown},
		"the executor's deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(20*time.Second, func() { cancel(context.DeadlineExceeded) })
			return ctx, func() { cancel(nil) }
		}, agents.OutcomeUnknown},
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Second, cancel)
			return ctx, cancel
		}, agents.OutcomeCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHost(t)
				h.units.OnStart = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				h.ok(resources.OpStart)
				ctx, cancel := test.cancel(t.Context())
				defer cancel()
				begin := time.Now()
				result := h.agent().Promote(ctx, h.Request(resources.OpPromote))
				if result.Outcome != test.want || time.Since(begin) != 20*time.Second {
					t.Errorf("%s after %v: %s", result.Outcome, time.Since(begin), result.Reason)
				}
				if !h.Running() {
					t.Error("the start was not left to go on")
				}
				// Looking at it does not call it failed: a later promote waits for it.
				looked := h.do(resources.OpProbe)
				if looked.Outcome != agents.OutcomeOK || looked.Role != resources.RoleStarted || looked.Attributes[attrState] != "starting" {
					t.Errorf("probe: %+v", looked)
				}
				// Unless there is nothing left that it could join: everybody would wait
				// for it for ever.
				h.advice = map[string]string{adviceMode: modeWait}
				if looked := h.do(resources.OpMonitor); looked.Outcome != agents.OutcomeFailed || looked.Role != resources.RoleStarted || looked.Attributes[attrState] == "" {
					t.Errorf("monitor without a primary component: %+v", looked)
				}
			})
		})
	}
}

// A mysqld on its way up listens to nobody before it has found a primary
// component. One that looks for none that there is keeps all others waiting.
func TestStopOnTheWayUp(t *testing.T) {
	for mode, want := range map[string]time.Duration{modeJoin: startingGrace, modeWait: aloneGrace} {
		t.Run(mode, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHost(t)
				h.units.OnStart = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				h.ok(resources.OpStart)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				h.agent().Promote(ctx, h.Request(resources.OpPromote))
				h.advice = map[string]string{adviceMode: mode}
				h.units.Change(func(s *agents.UnitState) { s.Active = "activating" })
				h.units.Stubborn = true
				begin := time.Now()
				h.ok(resources.OpStop)
				if took := time.Since(begin); h.Running() || took < want || took > want+time.Second {
					t.Errorf("stopped: %v, after %s, want %s", !h.Running(), took, want)
				}
			})
		})
	}
}

// A state transfer is not on the disk when the member is synced: a power cut would
// leave a server that cannot start.
func TestPromoteBringsTheDataToTheDisk(t *testing.T) {
	for name, exit := range map[string]agents.Exit{"it works": {}, "it fails": {Code: 1, Stderr: "sync: error syncing"}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.syncing = exit
			h.ok(resources.OpStart)
			if len(h.synced) != 0 {
				t.Fatalf("synced before the promotion: %q", h.synced)
			}
			h.ok(resources.OpPromote) // what serves is not called failed for it
			if want := []string{"-f " + h.path("/var/lib/mysql")}; !slices.Equal(h.synced, want) {
				t.Errorf("synced %q, want %q", h.synced, want)
			}
		})
	}
}

func TestPromoteReportsProgressWhileBytesMove(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		written, looks := 0, 0
		started := h.units.OnStart
		h.units.OnStart = func(ctx context.Context) error {
			// Between the agent's looks: it must not read the file half written, which
			// /proc never shows.
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			for looks = range 60 {
				if looks < 30 {
					written += 2 << 20
				} // then it stalls
				h.write("/proc/4711/io", "rchar: 1\nwchar: "+strconv.Itoa(written)+"\nsyscr: 1\n")
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return started(ctx)
		}
		h.ok(resources.OpStart)
		request := h.Request(resources.OpPromote)
		begin, last := time.Now(), time.Duration(0)
		request.Progress = func(p agents.Progress) { h.progress, last = append(h.progress, p), time.Since(begin) }
		if result := h.agent().Promote(t.Context(), request); result.Outcome != agents.OutcomeOK {
			t.Fatalf("%+v", result)
		}
		if n := len(h.progress); n < 10 || last < 25*time.Second || last > 32*time.Second {
			t.Errorf("%d reports of progress, the last after %v; bytes moved for 30 s of 60", n, last)
		}
		for i := 1; i < len(h.progress); i++ {
			if h.progress[i].Done <= h.progress[i-1].Done {
				t.Fatalf("progress does not rise: %v", h.progress[i-1:i+1])
			}
		}
	})
}

func TestPromoteReportsProgressWhileTransactionsApply(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart)
		started := h.units.OnStart
		h.units.OnStart = func(ctx context.Context) error {
			err := started(ctx)
			h.set(func(s *Status) {
				s.State, s.Comment, s.Ready = stateJoining, "Joining: receiving State Transfer", false
			})
			return err
		}
		go func() {
			for range 10 {
				time.Sleep(1500 * time.Millisecond)
				h.set(func(s *Status) { s.Seqno += 7 })
			}
			h.set(func(s *Status) { s.State, s.Comment, s.Ready = stateSynced, "Synced", true })
		}()
		if result := h.agent().Promote(t.Context(), h.Request(resources.OpPromote)); result.Outcome != agents.OutcomeOK {
			t.Fatalf("%+v", result)
		}
		if len(h.progress) < 8 || !strings.Contains(h.progress[0].Text, "Joining") {
			t.Errorf("progress %v", h.progress)
		}
	})
}

func TestMonitorAfterPromote(t *testing.T) {
	tests := []struct {
		name    string
		status  func(*Status)
		role    resources.Role // expected by the cluster
		outcome agents.Outcome
		found   resources.Role
		reason  string
	}{
		{"synced", func(*Status) {}, resources.RolePromoted, agents.OutcomeOK, resources.RolePromoted, ""},
		{"donor", func(s *Status) { s.State, s.Comment = stateDonor, "Donor/Desynced" }, resources.RolePromoted, agents.OutcomeOK, resources.RolePromoted, "Donor/Desynced"},
		{"catching up after being donor", func(s *Status) { s.State, s.Comment = stateJoined, "Joined" }, resources.RolePromoted, agents.OutcomeOK, resources.RolePromoted, "Joined"},
		{"non-Primary", func(s *Status) { s.ClusterStatus, s.Ready, s.State, s.Comment = "non-Primary", false, 0, "Initialized" }, resources.RolePromoted, agents.OutcomeFailed, resources.RolePromoted, "not in the primary component"},
		{"not ready", func(s *Status) { s.Ready = false }, resources.RolePromoted, agents.OutcomeFailed, resources.RolePromoted, "does not serve"},
		{"joins again when it should serve", func(s *Status) { s.State, s.Ready, s.Comment = stateJoining, false, "Joining" }, resources.RolePromoted, agents.OutcomeFailed, resources.RolePromoted, "does not serve"},
		{"joins while nobody knows it", func(s *Status) { s.State, s.Ready, s.Comment = stateJoining, false, "Joining" }, resources.RoleUnknown, agents.OutcomeOK, resources.RoleStarted, "receives its state"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHost(t)
				h.ok(resources.OpStart, resources.OpPromote)
				h.set(test.status)
				request := h.Request(resources.OpMonitor)
				request.Role = test.role
				result := h.agent().Monitor(t.Context(), request)
				if result.Outcome != test.outcome || result.Role != test.found || !strings.Contains(result.Reason, test.reason) {
					t.Errorf("%+v", result)
				}
				if result.Attributes[attrState] == "" {
					t.Errorf("attributes %v", result.Attributes)
				}
			})
		})
	}
}

func TestMonitorOfAServerThatDied(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		h.units.Said = "2026 [ERROR] mysqld got signal 11 ;\n"
		h.units.Die(syscall.SIGKILL)
		result := h.do(resources.OpMonitor)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "mysqld is gone") || result.Attributes[attrPosition] != "unknown" {
			t.Fatalf("%+v", result)
		}
		// Demote after that only reads the position again, from the tables.
		demoted := h.do(resources.OpDemote)
		if demoted.Outcome != agents.OutcomeOK || demoted.Attributes[attrRecoveredBy] != "galera_recovery" {
			t.Errorf("%+v", demoted)
		}
	})
}

func TestMonitorAfterTheHostsRestart(t *testing.T) {
	h := newHost(t)
	h.ok(resources.OpStart)
	h.run = t.TempDir() // the host's restart empties it
	if result := h.do(resources.OpProbe); result.Outcome != agents.OutcomeNotRunning {
		t.Errorf("%+v", result)
	}
}

func TestMonitorOfAServerThatDoesNotAnswer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		h.ask = context.DeadlineExceeded
		result := h.do(resources.OpMonitor)
		// Nobody knows; the last attributes must stay, or the others would be
		// demoted for one slow answer.
		if result.Outcome != agents.OutcomeUnknown || result.Attributes != nil {
			t.Errorf("%+v", result)
		}
	})
}

func TestMonitorReportsTheSeqnoSeldom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		first := h.do(resources.OpMonitor).Attributes[attrSeqno]
		h.set(func(s *Status) { s.Seqno += 1000 })
		h.now = h.now.Add(30 * time.Second)
		if got := h.do(resources.OpMonitor).Attributes[attrSeqno]; got != first {
			t.Errorf("after 30 s: %s, was %s: each monitor would be a log entry", got, first)
		}
		h.now = h.now.Add(31 * time.Second)
		if got := h.do(resources.OpMonitor).Attributes[attrSeqno]; got == first {
			t.Errorf("after 61 s: still %s", got)
		}
	})
}

func TestStopKillsAServerThatDoesNotEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		h.units.Stubborn = true
		begin := time.Now()
		h.ok(resources.OpStop)
		if took := time.Since(begin); took != 42*time.Second { // 70 % of 60 s
			t.Errorf("took %v", took)
		}
		if h.Running() || !slices.Contains(h.units.Calls(), "kill") || h.units.Lines() != nil {
			t.Errorf("running %t, calls %v, drop-in %v", h.Running(), h.units.Calls(), h.units.Lines())
		}
	})
}

func TestStopFailsWhileAStrayServerRuns(t *testing.T) {
	h := newHost(t)
	h.ok(resources.OpStart)
	h.stray("4242", "/var/lib/mysql")
	if result := h.do(resources.OpStop); result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "process 4242") {
		t.Errorf("%+v", result)
	}
	if result := h.do(resources.OpProbe); result.Outcome != agents.OutcomeFailed {
		t.Errorf("probe: %+v", result)
	}
}

// A position that could not be read at demote is read by the monitor: the
// others wait for it.
func TestMonitorReadsAPositionThatDemoteCouldNot(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		h.units.Die(syscall.SIGKILL)
		good := h.recovery
		h.recovery = agents.Exit{Code: 1, Stderr: "InnoDB: Unable to lock ./ibdata1\n"}
		demoted := h.do(resources.OpDemote)
		if demoted.Outcome != agents.OutcomeOK || demoted.Attributes[attrUUID] != "" || demoted.Reason == "" {
			t.Fatalf("%+v", demoted)
		}
		h.recovery = good
		if result := h.do(resources.OpProbe); result.Outcome != agents.OutcomeOK || result.Attributes[attrSeqno] != "4" {
			t.Errorf("%+v", result)
		}
	})
}

func TestCopiesOfStateFilesAreBounded(t *testing.T) {
	h := newHost(t)
	for range 20 {
		h.now = h.now.Add(time.Second)
		h.grastate(uuidA, "12", "0")
		c, _, _ := h.agent().begin(h.Request(resources.OpPromote))
		if err := c.allowBootstrap(); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(h.data, "grastate.dat.*"))
	if err != nil || len(copies) != maxCopies {
		t.Errorf("%d copies, %v", len(copies), err)
	}
}
