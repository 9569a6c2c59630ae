package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// These tests run a real log with one voter, in real time: the leader loop with
// whatever the test puts into the state.

const limit = 15 * time.Second

// newLeader returns a member that founds a cluster and leads its log, and a
// function that runs its leader loop until the test ends.
func newLeader(t *testing.T) (m *testMember, lead func()) {
	t.Helper()
	m = &testMember{t: t, bmc: &bmc{}}
	m.restart(t.TempDir(), boot)
	if err := m.raft.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := m.raft.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := m.raft.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wait("it leads", func() bool { return m.raft.Status().State.String() == "leader" })
	return m, func() {
		stop := m.run(m.leadWhenElected)
		t.Cleanup(stop)
	}
}

func (m *testMember) wait(what string, holds func() bool) {
	m.t.Helper()
	deadline := time.After(limit)
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			m.t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func (m *testMember) commit(c state.Command) state.Result {
	m.t.Helper()
	result, err := m.propose(m.t.Context(), c)
	if err != nil {
		m.t.Fatalf("%T: %v", c, err)
	}
	return result
}

func (m *testMember) self() *state.Node { return m.machine.current.Load().Nodes["a"] }

func (m *testMember) foundNow() {
	m.commit(&state.ClusterCreated{ID: "id", Name: "test", Node: "a", Address: "192.0.2.1:7450"})
	m.commit(&state.TokenCreated{ID: "t", ExpiresAt: time.Now().Add(time.Hour)})
	m.commit(&state.MemberJoined{Node: "b", Address: "192.0.2.2:7450", Token: "t"})
	m.commit(&state.MemberBooted{Node: "b", Incarnation: "run-b", BootID: "boot"})
}

// A leader that cannot do its first writes tries again in the same term.
func TestLeaderTriesAgain(t *testing.T) {
	m, lead := newLeader(t)
	lead() // there is no founding record to name the cluster by
	term := m.raft.Status().Term
	m.wait("a first try", func() bool { return m.raft.AppliedIndex() > 0 || m.raft.Status().CommitIndex >= 3 })
	record, err := json.Marshal(Founding{ClusterID: "id", Name: "test", Serial: "01"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(m.config.DataDir, FoundingFile)
	if err := os.WriteFile(path, record, 0o600); err != nil {
		t.Fatal(err)
	}
	m.wait("the cluster exists", func() bool { return m.machine.current.Load().Cluster.ID == "id" })
	m.wait("it leads", func() bool { return m.live.Load() != nil })
	if m.raft.Status().Term != term {
		t.Error("only another term helped")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the founding record is still there: %v", err)
	}
}

// What the last leader thought of this member, which leads now, nobody else
// would take back.
func TestLeaderIsAlive(t *testing.T) {
	for name, thought := range map[string]state.Liveness{"suspect": state.LivenessSuspect, "dead": state.LivenessDead} {
		t.Run(name, func(t *testing.T) {
			m, lead := newLeader(t)
			m.foundNow()
			m.commit(&state.MemberBooted{Node: "a", Incarnation: m.exec.Incarnation(), BootID: boot})
			m.commit(&state.MemberVerdict{Node: "a", Liveness: thought, Incarnation: m.exec.Incarnation()})
			lead()
			m.wait("it counts as alive", func() bool { return m.self().Liveness == state.LivenessAlive })
		})
	}
}

// A leader that the state does not hold for online, because it has not announced
// itself yet, fences by itself all the same, and begins once.
func TestLeaderFencesBeforeItHasAnnouncedItself(t *testing.T) {
	m, lead := newLeader(t)
	m.bmc.before = func(ctx context.Context) { <-ctx.Done() } // a slow BMC
	m.foundNow()
	m.commit(&state.DefinitionSet{Definition: &resources.Definition{
		Nodes: []resources.Node{{Name: "a"}, {Name: "b"}}, Fences: []resources.FenceDevice{{ID: "plug-b", Agent: "plug", Targets: []resources.NodeName{"b"}}},
	}})
	m.commit(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
	m.commit(&state.FenceRequested{Node: "b", Action: resources.FencingOff, Reason: "lost"})
	lead()
	m.wait("an attempt", func() bool { return m.machine.current.Load().Fencing["b"].Phase == state.FencingRunning })
	index := m.machine.current.Load().Index
	<-time.After(time.Second)
	if s := m.machine.current.Load(); s.Fencing["b"].Attempts != 1 || s.Index > index+3 {
		t.Errorf("%d attempts and %d entries within a second", s.Fencing["b"].Attempts, s.Index-index)
	}
}

// restless is an advisor that never gives the same advice twice.
type restless struct {
	agents.Agent
	n *int
}

func (r restless) Advise(agents.Situation) agents.Advice {
	*r.n++
	return agents.Advice{Reason: time.Unix(int64(*r.n), 0).String()}
}

func TestRestlessAdvisorDoesNotStopTheLeader(t *testing.T) {
	m, lead := newLeader(t)
	m.config.Agents = agents.NewRegistry(restless{m.agent, new(int)})
	m.foundNow()
	m.commit(&state.DefinitionSet{Definition: &resources.Definition{Nodes: []resources.Node{{Name: "a"}}, Resources: []resources.Resource{{ID: "db", Agent: "simulated"}}}})
	lead()
	m.wait("a plan", func() bool { return m.live.Load() != nil })
	index := m.machine.current.Load().Index
	<-time.After(time.Second)
	if grown := m.machine.current.Load().Index - index; grown > 8 {
		t.Errorf("%d entries within a second", grown)
	}
}

// The core speaks of the detector's verdicts in its own words.
func TestVerdictsAreThoseOfTheDetector(t *testing.T) {
	for theirs, ours := range map[membership.Verdict]leader.Verdict{
		membership.Unknown: leader.Unknown, membership.Alive: leader.Alive, membership.Suspect: leader.Suspect, membership.Dead: leader.Dead, membership.Left: leader.Left,
	} {
		if leader.Verdict(theirs) != ours {
			t.Errorf("%s is %d, not %d", theirs, theirs, ours)
		}
	}
}
