package simulate

import (
	"fmt"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// withoutQuorum does what each member does by itself once its lease is over:
// nobody leads, so nothing is planned and nothing is written down.
func (r *run) withoutQuorum() {
	r.out.Plan = scheduler.Plan(r.s, r.opts.Now, r.opts.Planner)
	r.out.Policy = r.s.Definition.Properties.NoQuorumPolicy
	if r.out.Policy == "" {
		r.out.Policy = resources.NoQuorumStop
	}
	why := fmt.Sprintf("no quorum, and no_quorum_policy is %s", r.out.Policy)
	for _, name := range r.s.NodeNames() {
		n := r.s.Nodes[name]
		if !n.Online() {
			continue
		}
		switch r.out.Policy {
		case resources.NoQuorumStop:
			for _, id := range sortedIDs(n) {
				if n.Instances[id].Role.Active() {
					r.byItself(name, id, resources.OpStop, why)
				}
			}
		case resources.NoQuorumDemote:
			for _, id := range sortedIDs(n) {
				if n.Instances[id].Role == resources.RolePromoted {
					r.byItself(name, id, resources.OpDemote, why)
				}
			}
		case resources.NoQuorumSuicide:
			r.apply(&state.MemberVerdict{Node: name, Liveness: state.LivenessLeft, Incarnation: n.Incarnation})
		}
	}
}

// byItself lets a member carry out an operation that no leader ordered.
func (r *run) byItself(node resources.NodeName, id resources.InstanceID, op resources.Op, why string) {
	failed := r.fails(node, id, op)
	r.step(Step{Key: fmt.Sprintf("%s %s@%s", op, id, node), Kind: transition.Kind(op), Node: node, Instance: id, Reason: why, Failed: failed})
	started := r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: node, Instance: id, Op: op, Incarnation: r.s.Nodes[node].Incarnation}}})
	for _, action := range started.Actions {
		result := agents.Result{Outcome: agents.OutcomeOK}
		if failed {
			result = agents.Result{Outcome: agents.OutcomeFailed, Reason: supposedFailure}
		}
		r.apply(&state.OperationFinished{Action: action, Result: result})
	}
}
