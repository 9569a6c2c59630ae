package member

import (
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// newest gives the cluster the newest command set.
func (r *rig) newest() {
	fresh := *r.s
	fresh.Version = state.Version
	r.s = &fresh
}

// confirmedOff has an operator say of the wrong host that it is off.
func (r *rig) confirmedOff() {
	r.t.Helper()
	r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: r.s.Nodes["a"].Incarnation})
	r.apply(&state.FenceConfirmed{Node: "a", Reason: "the wrong one"})
}

// A member that went on without a leader, and was confirmed off meanwhile, stops
// what it runs before it takes part again: also when it hears the leader before
// the log has told it, and when its daemon starts anew.
func TestGivenAwayIsStoppedFirst(t *testing.T) {
	for name, returns := range map[string]func(*rig){
		"it knows at once": func(r *rig) { r.confirmedOff() },
		"the log tells it late": func(r *rig) {
			stale := r.s
			r.confirmedOff()
			told := r.s
			r.s, r.deafTo = stale, true
			r.regain()
			r.s, r.deafTo = told, false
		},
		"its daemon starts anew": func(r *rig) {
			r.left = r.s
			r.confirmedOff()
			r.core = New(r.core.config)
		},
		"its daemon starts anew, and its log is behind": func(r *rig) {
			r.left = r.s
			stale := r.s
			r.confirmedOff()
			told := r.s
			r.core = New(r.core.config)
			r.s, r.deafTo = stale, true
			r.regain()
			r.s, r.deafTo = told, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.newest()
			r.running("web")
			r.lose(resources.NoQuorumFreeze)
			if slices.Contains(r.ops("web"), resources.OpStop) {
				t.Fatal("a frozen member has stopped something")
			}
			returns(r)
			told := len(r.told)
			r.regain()
			r.run(10 * time.Second)
			if !slices.Contains(r.ops("web"), resources.OpStop) {
				t.Fatalf("what was given away goes on: %v", r.ops("web"))
			}
			if n := r.s.Nodes["a"]; n.Off != nil || n.Incarnation != r.core.Incarnation() || r.core.Suspended() {
				t.Errorf("it has not come back: %+v, suspended %v", n, r.core.Suspended())
			}
			for _, fence := range r.stopped[told:] {
				if fence == "" {
					t.Errorf("it announced itself before it had stopped everything: %q", r.stopped)
				}
			}
			r.carry("web", resources.OpStart) // it takes orders
		})
	}
}

// A member that has stopped everything by itself has nothing to stop again.
func TestIdleMemberComesBackAtOnce(t *testing.T) {
	r := newRig(t)
	r.newest()
	r.running("web")
	r.lose(resources.NoQuorumStop)
	r.run(time.Second)
	done := len(r.begun)
	r.confirmedOff()
	r.regain()
	if n := r.s.Nodes["a"]; n.Off != nil || len(r.begun) != done || !slices.Contains(r.stopped, "f"+r.fence()) {
		t.Errorf("%+v, did %v, announced %q", n, r.begun[done:], r.stopped)
	}
}

// fence is the number of the newest fencing.
func (r *rig) fence() string {
	return r.s.FenceHistory[len(r.s.FenceHistory)-1].ID[1:]
}

// A host that cannot stop what was given away has to end: it says so once, and takes
// part in nothing.
func TestWhatCannotBeGivenAwayEndsTheHost(t *testing.T) {
	r := newRig(t)
	r.newest()
	r.running("web")
	r.agent = func(int, Task) (agents.Result, bool) { return agents.Result{Outcome: agents.OutcomeFailed}, true }
	r.confirmedOff()
	r.run(time.Minute)
	if len(r.died) != 1 || !r.core.Suspended() || r.s.Nodes["a"].Off == nil {
		t.Errorf("died %q, suspended %v", r.died, r.core.Suspended())
	}
}
