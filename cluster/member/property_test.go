package member

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestAnyOrderOfEvents lets orders, cancels, lost leaders, hung agents, wrong
// confirmations and everything else come in any order. The rig itself holds that
// no two tasks run on one instance; here, that nothing is started without a
// leader, that no operation runs twice, and that all comes to rest in the end.
func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		var orders []state.Order
		var hung []Task
		ran := map[resources.ActionID]int{}
		r.agent = func(_ int, task Task) (agents.Result, bool) {
			if task.Operation != nil {
				if ran[task.Operation.ID]++; ran[task.Operation.ID] > 1 {
					rt.Fatalf("%s ran twice", task.Operation.ID)
				}
				if raises(task.Op) && r.core.suspended {
					rt.Fatalf("%s of %s was begun without a leader", task.Op, task.Instance)
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "hangs") == 0 {
				hung = append(hung, task)
				return agents.Result{}, false
			}
			return agents.Result{Outcome: rapid.SampledFrom([]agents.Outcome{agents.OutcomeOK, agents.OutcomeOK, agents.OutcomeOK, agents.OutcomeFailed, agents.OutcomeUnknown, agents.OutcomeNotRunning}).Draw(rt, "outcome")}, true
		}
		let := func() { // one that hangs returns
			if len(hung) == 0 {
				return
			}
			task := hung[0]
			hung = hung[1:]
			if _, hangs := r.hung[task.ID]; hangs { // else it was cut, and has answered
				delete(r.hung, task.ID)
				r.end(task, agents.Result{}, true)
			}
		}
		policies := []resources.NoQuorumPolicy{"", resources.NoQuorumDemote, resources.NoQuorumFreeze, resources.NoQuorumIgnore}
		actions := map[string]func(){
			"order": func() {
				id := rapid.SampledFrom([]resources.InstanceID{"vip", "web", "proxy"}).Draw(rt, "instance")
				op := rapid.SampledFrom([]resources.Op{resources.OpStart, resources.OpStop, resources.OpProbe, resources.OpPromote, resources.OpDemote}).Draw(rt, "op")
				actions := r.apply(&state.OperationsStarted{Operations: []state.Intent{{
					Node: "a", Instance: id, Op: op, Incarnation: r.s.Nodes["a"].Incarnation, Timeout: resources.Duration(time.Minute),
				}}}).Actions
				if actions[0] != "" {
					orders = append(orders, state.Order{Operation: *r.s.Operations[actions[0]], LeaderTerm: 1, Index: r.s.Index})
				}
			},
			"give": func() {
				if len(orders) > 0 {
					r.order(rapid.SampledFrom(orders).Draw(rt, "which"))
				}
			},
			"record": func() {
				for _, o := range orders {
					if status, known := r.core.Status(o.ID); known && status.Done && r.s.Operations[o.ID] != nil {
						r.apply(&state.OperationFinished{Action: o.ID, Result: status.Result})
					}
				}
			},
			"cancel": func() {
				if len(orders) > 0 {
					r.core.Cancel(rapid.SampledFrom(orders).Draw(rt, "which").ID)
				}
			},
			"policy": func() {
				policy := rapid.SampledFrom(policies).Draw(rt, "policy")
				r.define(func(d *resources.Definition) { d.Properties.NoQuorumPolicy = policy })
			},
			"lose":   func() { r.deaf = r.now },
			"regain": func() { r.deaf = time.Time{} },
			"dead": func() {
				if n := r.s.Nodes["a"]; n.Online() {
					r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: n.Incarnation})
				}
			},
			"confirm": func() {
				if n := r.s.Nodes["a"]; n.Lost() {
					r.apply(&state.FenceConfirmed{Node: "a", Reason: "wrong"})
				}
			},
			"return":  let,
			"moment":  func() { r.run(5 * time.Millisecond) },
			"second":  func() { r.run(time.Second) },
			"a while": func() { r.run(10 * time.Second) },
		}
		names := []string{"order", "give", "record", "cancel", "policy", "lose", "regain", "dead", "confirm", "return", "moment", "second", "a while"}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			actions[rapid.SampledFrom(names).Draw(rt, "action")]()
		}
		r.deaf = time.Time{}
		rest := func() bool { return len(hung)+len(r.core.tasks) == 0 }
		for range 20 {
			for len(hung) > 0 {
				let()
			}
			if r.run(2 * time.Second); rest() {
				break
			}
		}
		if len(r.died) > 0 {
			return // the host has ended
		}
		if c := r.core; c.suspended || c.stopping != nil || c.lost {
			rt.Errorf("it does not come to rest: suspended %v, stopping %+v, lost %v", c.suspended, c.stopping, c.lost)
		}
		for _, o := range orders {
			if status, known := r.core.Status(o.ID); known && !status.Done {
				rt.Errorf("%s is not done", fmt.Sprint(o.Op, " ", o.Instance))
			}
		}
	})
}
