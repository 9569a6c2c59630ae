// Package simulate carries out on paper what a cluster would do: it plans with
// the planner of production, lets each action that is ready succeed (or fail, if
// that is asked for), records the results through the commands of the replicated
// state, and plans again until nothing more happens.
//
// What nobody can know offline is supposed: that a look finds what the state
// believes, that power controllers obey, and that an agent which decides about
// promotion by itself lets every member be promoted. Time stands still.
//
// The package does no I/O, reads no clock and starts no goroutine.
package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Options are what a simulation needs besides the state.
type Options struct {
	// Planner is what production plans with. Without Quorum the members' own
	// policy is all that happens.
	Planner scheduler.Options
	// Now is the instant at which everything happens.
	Now time.Time
	// Failures are operations that fail each time they are tried.
	Failures []Failure
}

// Result is what a simulation came to.
type Result struct {
	Before, After *state.State
	Now           time.Time
	// Steps are what was done, in order.
	Steps []Step
	// Plan is what is left when nothing more happens: actions that wait for a
	// time or for an operator, and the problems.
	Plan transition.Transition
	// Endless names an action that was cut off because it came again and again;
	// empty if the cluster settled.
	Endless string
	// Supposed are the resources whose agents decide about promotion, and were
	// supposed to allow it.
	Supposed []resources.ResourceID
	// Policy is what members did by themselves without quorum.
	Policy resources.NoQuorumPolicy
	// Unmatched are failures of operations that never came.
	Unmatched []Failure
}

// Step is one action that was carried out.
type Step struct {
	// Key is the planner's, such as "start db@n1", or one of the same form.
	Key      string               `json:"key"`
	Kind     transition.Kind      `json:"kind"`
	Node     resources.NodeName   `json:"node"`
	Instance resources.InstanceID `json:"instance,omitempty"`
	Reason   string               `json:"reason,omitempty"`
	// After are the steps that it waited for, as indexes of earlier ones.
	After []int `json:"after,omitempty"`
	// Round counts from 0: steps of one round happen at the same time.
	Round  int  `json:"round"`
	Failed bool `json:"failed,omitempty"`
}

// maxTimes bounds how often one action is carried out: what still comes again
// then comes for ever.
const maxTimes = 8

// Run simulates until nothing more happens. s is read only.
func Run(s *state.State, opts Options) *Result {
	r := &run{
		opts: opts, s: s, out: &Result{Before: s, Now: opts.Now}, waited: map[string]map[string]bool{}, last: map[string]int{},
		times: map[string]int{}, pending: make([]bool, len(opts.Failures)), hit: make([]bool, len(opts.Failures)),
	}
	for k, f := range opts.Failures {
		r.pending[k] = f.Op == resources.OpMonitor
	}
	if !opts.Planner.Quorum {
		r.withoutQuorum()
	} else {
		r.suppose()
		for r.round() {
			r.number++
		}
	}
	r.out.After = r.s
	for k, f := range opts.Failures {
		if !r.hit[k] {
			r.out.Unmatched = append(r.out.Unmatched, f)
		}
	}
	return r.out
}

type run struct {
	opts   Options
	s      *state.State
	out    *Result
	number int
	// waited holds, by key, the keys that an action has been seen to wait for.
	waited map[string]map[string]bool
	last   map[string]int // the newest step of each key
	times  map[string]int
	// pending are the failures of monitors that have still to happen, hit those
	// that did.
	pending, hit []bool
}

func (r *run) apply(command state.Command) state.Result {
	var result state.Result
	r.s, result = state.ApplyCommand(r.s, r.s.Index+1, r.s.Term, r.opts.Now, state.ByCluster, command)
	return result
}

// suppose lets members be promoted whose agent decides about that at run time.
func (r *run) suppose() {
	def := r.s.Definition.Resolved()
	for i := range def.Resources {
		resource := &def.Resources[i]
		if _, decided := r.s.Advice[resource.ID]; decided || !r.opts.Planner.Facts(resource.Agent).Advisor || !promotable(def, resource) {
			continue
		}
		scores := map[resources.NodeName]resources.Score{}
		for name := range r.s.Nodes {
			scores[name] = 1
		}
		r.apply(&state.ResourceAdvised{Resource: resource.ID, Advice: agents.Advice{Promotion: scores, Reason: "supposed by a simulation"}})
		r.out.Supposed = append(r.out.Supposed, resource.ID)
	}
}

func promotable(def *resources.Definition, resource *resources.Resource) bool {
	clone := resource.Clone
	if g, member := def.GroupOf(resource.ID); member {
		clone = g.Clone
	}
	return clone != nil && clone.Promotable
}

// round lets everything happen that can happen now, at the same time, and
// reports whether anything did.
func (r *run) round() bool {
	index := r.s.Index
	r.breakMonitored()
	plan := scheduler.Plan(r.s, r.opts.Now, r.opts.Planner)
	r.out.Plan = plan
	r.remember(&plan)
	flying := slices.Sorted(maps.Keys(r.s.Operations))
	for _, a := range transition.Ready(&plan) {
		if r.times[a.Key]++; r.times[a.Key] > maxTimes {
			r.out.Endless = a.Key
			return false
		}
		flying = append(flying, r.begin(a)...)
	}
	for _, id := range flying {
		r.finish(r.s.Operations[id])
	}
	for _, name := range slices.Sorted(maps.Keys(r.s.Fencing)) {
		r.fence(r.s.Fencing[name])
	}
	return r.s.Index != index
}

// remember notes what waits for what: when an action is ready at last, the plan
// no longer holds what it waited for.
func (r *run) remember(plan *transition.Transition) {
	for i := range plan.Actions {
		a := &plan.Actions[i]
		for _, before := range a.After {
			if r.waited[a.Key] == nil {
				r.waited[a.Key] = map[string]bool{}
			}
			r.waited[a.Key][plan.Actions[before].Key] = true
		}
	}
}

// begin dispatches an action as the leader does, and returns the operation that
// is in flight then.
func (r *run) begin(a transition.Action) []resources.ActionID {
	op, operates := a.Kind.Op()
	switch {
	case operates:
		return r.apply(&state.OperationsStarted{Operations: []state.Intent{{
			Node: a.Node, Instance: a.Instance, Op: op, Incarnation: r.s.Nodes[a.Node].Incarnation,
			Timeout: a.Timeout, Digest: a.Digest, Reason: a.Reason, Notify: a.Notify, Notice: a.Notice, Peer: a.Peer,
		}}}).Actions
	case a.Kind == transition.KindPowerOn:
		if f := r.s.Fencing[a.Node]; f != nil {
			r.step(Step{Key: a.Key, Kind: a.Kind, Node: a.Node, Reason: a.Reason})
			r.apply(&state.FencePoweredOn{Fence: f.ID, Node: a.Node})
		}
	case a.Kind == transition.KindUnfence:
		r.step(Step{Key: a.Key, Kind: a.Kind, Node: a.Node, Reason: a.Reason})
		id := r.apply(&state.UnfenceStarted{Node: a.Node, Executor: a.Node, Reason: a.Reason}).Fence
		r.apply(&state.UnfenceReported{ID: id, Node: a.Node, Done: true, Digest: r.s.UnfencingDigest(a.Node)})
	case r.s.Fencing[a.Node] == nil:
		how := r.s.Definition.Properties.FencingAction
		if how == "" {
			how = resources.FencingReboot
		}
		r.apply(&state.FenceRequested{Node: a.Node, Action: how, Reason: a.Reason})
	}
	return nil
}

// finish gives an operation its result.
func (r *run) finish(op *state.Operation) {
	if op == nil || !r.s.Nodes[op.Node].Online() {
		return // refused, or nobody hears of it
	}
	result := agents.Result{Outcome: agents.OutcomeOK}
	failed := r.fails(op.Node, op.Instance, op.Op)
	switch i, known := r.s.Instance(op.Node, op.Instance); {
	case failed:
		result = agents.Result{Outcome: agents.OutcomeFailed, Reason: supposedFailure}
	case op.Op == resources.OpProbe && known && i.Role.Active():
		result.Role, result.Attributes = i.Role, i.Attributes
	case op.Op == resources.OpProbe:
		result.Outcome = agents.OutcomeNotRunning
	}
	key := fmt.Sprintf("%s %s@%s", op.Op, op.Instance, op.Node)
	if op.Notice != nil {
		key = op.Notice.Key(state.Place{Node: op.Node, Instance: op.Instance})
	}
	r.step(Step{
		Key: key, Kind: transition.Kind(op.Op), Node: op.Node, Instance: op.Instance,
		Reason: op.Reason, Failed: failed,
	})
	r.apply(&state.OperationFinished{Action: op.ID, Result: result})
}

// fence lets an open fencing prove that the node is off. One that failed and
// waits for an operator goes on waiting.
func (r *run) fence(f *state.Fencing) {
	if f.Phase == state.FencingOff || (f.Phase == state.FencingFailed && (f.RetryAt.IsZero() || r.opts.Now.Before(f.RetryAt))) {
		return
	}
	by := r.executor(f.Node)
	if by == "" {
		return
	}
	r.step(Step{Key: "fence " + string(f.Node), Kind: transition.KindFence, Node: f.Node, Reason: f.Reason})
	r.apply(&state.FenceStarted{Fence: f.ID, Node: f.Node, Executor: by})
	r.apply(&state.FenceReported{Fence: f.ID, Node: f.Node, Proven: true})
}

// executor returns a member that can switch another one's power, "" if none can.
func (r *run) executor(node resources.NodeName) resources.NodeName {
	for _, name := range r.s.NodeNames() {
		if name != node && r.s.Nodes[name].Online() {
			return name
		}
	}
	return ""
}

func (r *run) step(step Step) {
	step.Round = r.number
	for key := range r.waited[step.Key] {
		if before, done := r.last[key]; done {
			step.After = append(step.After, before)
		}
	}
	// What became due only by what happened to the same instance, or node, came
	// after it.
	at := "on " + string(step.Instance) + "@" + string(step.Node)
	if before, done := r.last[at]; done {
		step.After = append(step.After, before)
	}
	slices.Sort(step.After)
	step.After = slices.Compact(step.After)
	delete(r.waited, step.Key)
	r.last[step.Key], r.last[at] = len(r.out.Steps), len(r.out.Steps)
	if step.Failed {
		r.last["on @"+string(step.Node)] = len(r.out.Steps) // it may end the node
	}
	r.out.Steps = append(r.out.Steps, step)
}
