package scheduler_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// world is a cluster with what really runs beside what the state believes. It
// does what the leader and the members do, in an order that rapid draws: plan,
// dispatch what is ready, report results, lose nodes, fence them.
type world struct {
	t     *rapid.T
	c     *cluster
	s     *state.State
	index uint64
	now   time.Time
	// runs is the truth: what runs on each node, whoever knows it.
	runs map[resources.NodeName]map[resources.InstanceID]resources.Role
	// cut nodes are out of reach; what was ordered there may still happen.
	cut   map[resources.NodeName]bool
	boots int
	// born is when each instance came up last, in steps.
	born  map[resources.NodeName]map[resources.InstanceID]int
	steps int
	// faults: how likely, of 10, an operation fails or ends unknown.
	faults int
	plan   transition.Transition
	log    []string
	// planner plans every state, as a leader's does.
	planner scheduler.Planner
	// told holds who was told of what is about to happen since it last happened,
	// as "start a@n1 to a@n2".
	told map[string]bool
}

func newWorld(t *rapid.T, c *cluster) *world {
	w := &world{t: t, c: c, s: c.build(), index: 100, now: epoch, runs: map[resources.NodeName]map[resources.InstanceID]resources.Role{}, cut: map[resources.NodeName]bool{}, born: map[resources.NodeName]map[resources.InstanceID]int{}, told: map[string]bool{}}
	for name := range w.s.Nodes {
		w.runs[name] = map[resources.InstanceID]resources.Role{}
		w.born[name] = map[resources.InstanceID]int{}
	}
	return w
}

func (w *world) apply(command state.Command) state.Result {
	w.index++
	var result state.Result
	w.s, result = state.ApplyCommand(w.s, w.index, 3, w.now, state.ByCluster, command)
	return result
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
	if len(w.log) > 400 {
		w.log = w.log[200:]
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.log {
		w.t.Log(line)
	}
	w.t.Log(render(&w.plan))
	w.t.Fatalf(format, args...)
}

// replan plans, and checks what holds for every plan.
func (w *world) replan() {
	w.plan = scheduler.Plan(w.s, w.now, w.c.opts)
	if err := transition.Validate(&w.plan); err != nil {
		w.fail("invalid plan: %v", err)
	}
	again := scheduler.Plan(w.s, w.now, w.c.opts)
	if a, b := render(&w.plan), render(&again); a != b {
		w.fail("two plans of one state differ:\n%s\n%s", a, b)
	}
	kept := w.planner.Plan(w.s, w.now, w.c.opts)
	if diff := cmp.Diff(again, kept); diff != "" {
		w.fail("a planner that remembers plans otherwise (-without +with memory):\n%s", diff)
	}
}

// step does one thing that can happen now; false if nothing can.
func (w *world) step() bool {
	w.replan()
	var choices []func()
	for _, a := range transition.Ready(&w.plan) {
		choices = append(choices, func() { w.dispatch(a) })
	}
	for _, id := range slices.Sorted(maps.Keys(w.s.Operations)) {
		if op := w.s.Operations[id]; !w.cut[op.Node] {
			choices = append(choices, func() { w.finish(op) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.s.Fencing)) {
		if f := w.s.Fencing[name]; f.Phase == state.FencingRequested || f.Phase == state.FencingRunning {
			choices = append(choices, func() { w.fence(f) })
		}
	}
	if len(choices) == 0 {
		if w.plan.RecheckAt.IsZero() {
			return false
		}
		w.now = w.plan.RecheckAt
		w.note("time is +%s", w.now.Sub(epoch))
		return true
	}
	choices[rapid.IntRange(0, len(choices)-1).Draw(w.t, "choice")]()
	w.check()
	return true
}

func (w *world) dispatch(a transition.Action) {
	w.note("dispatch %s (%s)", a.Key, a.Reason)
	switch a.Kind {
	case transition.KindFence:
		if f := w.s.Fencing[a.Node]; f != nil { // a repeated attempt
			w.apply(&state.FenceStarted{Fence: f.ID, Node: a.Node, Executor: "x"})
			return
		}
		w.apply(&state.FenceRequested{Node: a.Node, Action: resources.FencingReboot, Reason: a.Reason})
	case transition.KindPowerOn:
		f := w.s.Fencing[a.Node]
		w.apply(&state.FencePoweredOn{Fence: f.ID, Node: a.Node})
	default:
		w.order(a)
	}
}

// order starts an operation, after checking that its mandatory predecessors are
// there.
func (w *world) order(a transition.Action) {
	op, _ := a.Kind.Op()
	w.checkOrders(a)
	w.checkTold(a)
	n := w.s.Nodes[a.Node]
	result := w.apply(&state.OperationsStarted{Operations: []state.Intent{{
		Node: a.Node, Instance: a.Instance, Op: op, Incarnation: n.Incarnation, Timeout: a.Timeout, Digest: a.Digest, Reason: a.Reason,
		Notify: a.Notify, Notice: a.Notice, Peer: a.Peer,
	}}})
	if result.Err != nil || len(result.Actions) != 1 || result.Actions[0] == "" {
		w.fail("%s was refused: %v", a.Key, result.Err)
	}
}

// finish ends an operation: well, badly, or so that nobody knows.
func (w *world) finish(op *state.Operation) {
	r := agents.Result{Outcome: agents.OutcomeOK}
	if w.faults > 0 && rapid.IntRange(0, 9).Draw(w.t, "fault") < w.faults {
		r.Outcome = rapid.SampledFrom([]agents.Outcome{agents.OutcomeFailed, agents.OutcomeUnknown}).Draw(w.t, "outcome")
	}
	happened := r.Outcome == agents.OutcomeOK || rapid.Bool().Draw(w.t, "happened")
	if r.Outcome == agents.OutcomeFailed && op.Op == resources.OpStop {
		happened = false
	}
	if op.Op == resources.OpProbe {
		if r.Outcome != agents.OutcomeUnknown {
			role, found := w.runs[op.Node][op.Instance]
			r = agents.Result{Outcome: agents.OutcomeOK, Role: role}
			if !found {
				r.Outcome = agents.OutcomeNotRunning
			}
		}
	} else if happened {
		w.effect(op)
	}
	w.note("%s %s@%s: %s", op.Op, op.Instance, op.Node, r.Outcome)
	w.hear(op)
	w.apply(&state.OperationFinished{Action: op.ID, Result: r})
}

func (w *world) effect(op *state.Operation) {
	here := w.runs[op.Node]
	switch op.Op {
	case resources.OpStart:
		if _, up := here[op.Instance]; !up {
			w.steps++
			w.born[op.Node][op.Instance] = w.steps
		}
		here[op.Instance] = max(here[op.Instance], resources.RoleStarted)
	case resources.OpStop:
		delete(here, op.Instance)
	case resources.OpMigrateTo:
		if _, up := here[op.Instance]; up && w.s.Nodes[op.Peer].Off == nil {
			w.runs[op.Peer][op.Instance], w.born[op.Peer][op.Instance] = here[op.Instance], w.born[op.Node][op.Instance]
			delete(here, op.Instance)
		}
	case resources.OpPromote:
		here[op.Instance] = resources.RolePromoted
	case resources.OpDemote:
		here[op.Instance] = resources.RoleStarted
	}
}

// fence moves an open fencing on.
func (w *world) fence(f *state.Fencing) {
	if f.Phase == state.FencingRequested {
		w.apply(&state.FenceStarted{Fence: f.ID, Node: f.Node, Executor: "x"})
		w.cut[f.Node] = true
		return
	}
	if w.faults > 0 && rapid.IntRange(0, 9).Draw(w.t, "bmc") < w.faults {
		w.note("fence %s fails", f.Node)
		w.apply(&state.FenceReported{Fence: f.ID, Node: f.Node, Error: "no answer", RetryAt: w.now.Add(10 * time.Second)})
		return
	}
	w.note("fence %s: off", f.Node)
	clear(w.runs[f.Node])
	w.apply(&state.FenceReported{Fence: f.ID, Node: f.Node, Proven: true})
}

// lose cuts a node off and records the verdict. Orders that it already has may
// still be carried out.
func (w *world) lose(name resources.NodeName) {
	n := w.s.Nodes[name]
	if n.Liveness != state.LivenessAlive {
		return
	}
	w.note("lose %s", name)
	for _, id := range slices.Sorted(maps.Keys(w.s.Operations)) {
		if op := w.s.Operations[id]; op.Node == name && rapid.Bool().Draw(w.t, "late") {
			w.effect(op)
		}
	}
	w.cut[name] = true
	w.apply(&state.MemberVerdict{Node: name, Liveness: state.LivenessDead, Incarnation: n.Incarnation})
}

// boot brings a node back with an empty host.
func (w *world) boot(name resources.NodeName) {
	w.boots++
	w.note("boot %s", name)
	clear(w.runs[name])
	w.cut[name] = false
	w.apply(&state.MemberBooted{Node: name, Incarnation: fmt.Sprint("i", w.boots), BootID: fmt.Sprint("b", w.boots), Software: 1})
}

// restartDaemon gives the node's daemon a new run; its services go on.
func (w *world) restartDaemon(name resources.NodeName) {
	n := w.s.Nodes[name]
	if w.cut[name] || n.Liveness != state.LivenessAlive {
		return
	}
	w.boots++
	w.note("daemon restarts on %s", name)
	for _, id := range slices.Sorted(maps.Keys(w.s.Operations)) {
		if op := w.s.Operations[id]; op.Node == name && rapid.Bool().Draw(w.t, "late") {
			w.effect(op)
		}
	}
	w.apply(&state.MemberBooted{Node: name, Incarnation: fmt.Sprint("i", w.boots), BootID: n.BootID, Software: 1})
}

// crash ends an instance behind the cluster's back; its monitor notices.
func (w *world) crash(name resources.NodeName, id resources.InstanceID) {
	n := w.s.Nodes[name]
	i := n.Instances[id]
	if w.cut[name] || i == nil || i.Action != "" || !i.Probed || !i.Role.Active() || w.s.Migrating(name, id) {
		return
	}
	w.note("%s crashes on %s", id, name)
	delete(w.runs[name], id)
	w.apply(&state.InstanceReported{Node: name, Incarnation: n.Incarnation, Instance: id, Seen: w.s.Index, Result: agents.Result{Outcome: agents.OutcomeNotRunning}})
}

// settle goes on until nothing more can happen.
func (w *world) settle() {
	for range 3000 {
		if !w.step() {
			return
		}
	}
	w.fail("does not settle")
}

// check holds the truth against the limits.
func (w *world) check() {
	for i := range w.s.Definition.Resources {
		r := &w.s.Definition.Resources[i]
		clone := w.c.cloneOf(r)
		total, promoted, limit, promotedLimit := 0, 0, 1, 0
		if clone != nil {
			limit = resources.Or(clone.Max, len(w.s.Definition.Nodes))
			promotedLimit = resources.Or(clone.PromotedMax, 1)
		}
		byID := map[resources.InstanceID]int{}
		for _, name := range w.s.NodeNames() {
			for id, role := range w.runs[name] {
				if id.Resource() != r.ID {
					continue
				}
				total++
				byID[id]++
				if role == resources.RolePromoted {
					promoted++
				}
			}
		}
		if total > limit {
			w.fail("%s runs %d times, at most %d", r.ID, total, limit)
		}
		if promoted > promotedLimit {
			w.fail("%s is promoted %d times, at most %d", r.ID, promoted, promotedLimit)
		}
		for id, n := range byID {
			if n > 1 && id != resources.InstanceID(r.ID) {
				w.fail("%s runs %d times", id, n)
			}
		}
	}
}

// checkAges: at rest, what is ordered after something has come up after it.
// Only primitives: a clone's copies come and go without those that need one. And
// not what was found running at the start (age 0): first may have come up before
// anybody looked there.
func (w *world) checkAges() {
	age := func(id resources.ResourceID) (int, bool) {
		r, found := w.s.Definition.Resource(id)
		if !found || w.c.cloneOf(r) != nil {
			return 0, false
		}
		for name, here := range w.runs {
			if _, up := here[resources.InstanceID(id)]; up {
				return w.born[name][resources.InstanceID(id)], true
			}
		}
		return 0, false
	}
	for _, o := range w.s.Definition.Orders {
		first, up := age(o.First)
		then, alsoUp := age(o.Then)
		if up && alsoUp && o.Kind == resources.OrderMandatory && then <= first && first > 0 && then > 0 {
			w.fail("%s came up at %d and %s at %d", o.First, first, o.Then, then)
		}
	}
}

// checkOrders: a start follows its mandatory predecessors.
func (w *world) checkOrders(a transition.Action) {
	if a.Kind != transition.KindStart && a.Kind != transition.KindMigrateTo {
		return
	}
	for _, o := range w.s.Definition.Orders {
		if o.Kind != "" && o.Kind != resources.OrderMandatory {
			continue
		}
		if !slices.Contains(w.memberIDs(o.Then), a.Instance.Resource()) || (o.ThenAction != "" && o.ThenAction != resources.OpStart) {
			continue
		}
		for _, first := range w.memberIDs(o.First) {
			if !w.believedActive(first) {
				w.fail("%s is dispatched while %s runs nowhere", a.Key, first)
			}
		}
	}
}

func (w *world) memberIDs(id resources.ResourceID) []resources.ResourceID {
	if g, found := w.s.Definition.Group(id); found {
		return g.Members
	}
	return []resources.ResourceID{id}
}

func (w *world) believedActive(id resources.ResourceID) bool {
	for _, n := range w.s.Nodes {
		for other, i := range n.Instances {
			if other.Resource() == id && i.Role.Active() {
				return true
			}
		}
	}
	return false
}
