package node

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestNoQuorumPolicies(t *testing.T) {
	cases := map[string]struct {
		policy        resources.NoQuorumPolicy
		runs, suspend bool
		suicides      int
	}{
		"default": {"", false, true, 0},
		"stop":    {resources.NoQuorumStop, false, true, 0},
		"freeze":  {resources.NoQuorumFreeze, true, true, 0},
		"demote":  {resources.NoQuorumDemote, true, true, 0},
		"ignore":  {resources.NoQuorumIgnore, true, false, 0},
		"suicide": {resources.NoQuorumSuicide, true, true, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.define(func(d *resources.Definition) { d.Properties.NoQuorumPolicy = c.policy })
				before := m.exec.Incarnation()
				defer m.run(m.exec.Run)()
				time.Sleep(state.DefaultLease - time.Second)
				if !m.runs("vip") || m.exec.Suspended() {
					t.Fatal("the policy was applied before the lease had run out")
				}
				time.Sleep(2 * time.Second)
				if m.runs("vip") != c.runs || m.exec.Suspended() != c.suspend || m.died() != c.suicides {
					t.Errorf("runs %v, suspended %v, %d suicides", m.runs("vip"), m.exec.Suspended(), m.died())
				}
				time.Sleep(time.Minute) // once only
				if m.died() != c.suicides || m.exec.Incarnation() != before {
					t.Errorf("%d suicides, incarnation changed: %v", m.died(), m.exec.Incarnation() != before)
				}
				m.lease.heard(time.Now())
				time.Sleep(time.Second)
				if m.exec.Suspended() || (m.exec.Incarnation() != before) != c.suspend {
					t.Errorf("with a leader again: suspended %v, incarnation changed: %v", m.exec.Suspended(), m.exec.Incarnation() != before)
				}
			})
		})
	}
}

func TestWhatCannotBeStoppedEndsTheHost(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.agent.set(true, false)
		defer m.run(m.exec.Run)()
		time.Sleep(state.DefaultLease + time.Second)
		if m.died() != 1 {
			t.Errorf("%d suicides", m.died())
		}
	})
}

// A daemon that ends while it stops things, as in an upgrade, has not failed to
// stop them.
func TestEndOfTheDaemonIsNoReasonToEndTheHost(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.agent.set(false, true)
		stop := m.run(m.exec.Run)
		time.Sleep(state.DefaultLease + time.Second)
		stop()
		if m.died() != 0 {
			t.Error("the host was ended")
		}
	})
}

func TestShortLeasesAreNotObeyed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) { d.Properties.Lease = resources.Duration(100 * time.Millisecond) })
		defer m.run(m.exec.Run)()
		time.Sleep(state.MinLease - 500*time.Millisecond) // an election
		if m.exec.Suspended() {
			t.Error("an election's time without a leader stopped everything")
		}
		time.Sleep(time.Second)
		if m.runs("vip") {
			t.Error("the lease was not obeyed at all")
		}
	})
}

// The host has restarted since the state was true: nothing is left to stop, and
// a stop that fails must not end the host again.
func TestNothingToStopAfterARestartOfTheHost(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		old := m.machine.current.Load()
		m.restart(t.TempDir(), "boot-2")
		m.machine.publish(old)
		m.agent.set(true, false)
		defer m.run(m.exec.Run)()
		time.Sleep(state.DefaultLease + time.Second)
		if m.died() != 0 || !m.exec.Suspended() {
			t.Errorf("%d suicides, suspended %v", m.died(), m.exec.Suspended())
		}
	})
}

// A daemon that starts anew without a leader has nothing of the log applied. It
// stops what its last run has left on file.
func TestRestartedDaemonKnowsWhatToStop(t *testing.T) {
	for name, c := range map[string]struct {
		boot  string
		stops bool
	}{
		"same start of the host": {boot, true},
		"the host has restarted": {"boot-2", false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				dir := m.config.RunDir
				stop := m.run(m.keepBeliefs)
				time.Sleep(time.Second)
				stop()
				m.restart(dir, c.boot)
				m.readBeliefs()
				defer m.run(m.exec.Run)()
				time.Sleep(state.DefaultLease + time.Second)
				if m.runs("vip") == c.stops || m.runs("web") == c.stops {
					t.Errorf("vip runs %v, web runs %v", m.runs("vip"), m.runs("web"))
				}
			})
		})
	}
}

func TestWhatWasLeftIsReadBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		if err := m.remember(m.machine.current.Load()); err != nil {
			t.Fatal(err)
		}
		dir, old := m.config.RunDir, m.machine.current.Load()
		m.restart(dir, boot)
		m.readBeliefs()
		if left := m.left.Load(); left == nil || left.Index != old.Index || len(left.Nodes["a"].Instances) != len(old.Nodes["a"].Instances) {
			t.Fatalf("what was left is %+v", left)
		}
	})
}

// The cluster holds this host for off, and has given its services to others: an
// operator confirmed the wrong node, or a power controller is another host's.
func TestHostThatIsHeldForOffStopsEverything(t *testing.T) {
	for name, refuses := range map[string]bool{"it can": false, "it cannot": true} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.agent.set(refuses, false)
				before := m.exec.Incarnation()
				m.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: before})
				defer m.run(m.exec.Run)()
				time.Sleep(time.Second)
				if !m.runs("vip") {
					t.Fatal("without a proof nothing was given away")
				}
				m.apply(&state.FenceConfirmed{Node: "a", Reason: "the wrong one"})
				m.lease.heard(time.Now().Add(time.Second))
				time.Sleep(time.Second)
				if refuses {
					if m.died() != 1 {
						t.Errorf("%d suicides", m.died())
					}
					return
				}
				if m.runs("vip") || m.runs("web") || m.died() != 0 {
					t.Errorf("vip runs %v, web runs %v, %d suicides", m.runs("vip"), m.runs("web"), m.died())
				}
				if m.exec.Incarnation() == before || m.exec.Suspended() {
					t.Error("it does not announce itself again")
				}
			})
		})
	}
}
