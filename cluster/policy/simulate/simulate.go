package simulate

import (
	"slices"

	"github.com/belay-ha/belay/cluster/policy"
)

// Options say what happens besides the plan.
type Options struct {
	// Failures are steps that do not succeed.
	Failures []Failure
	// Explain fills the plan's scores.
	Explain bool
}

// Result is one simulated transition.
type Result struct {
	// Input is what the plan was computed for, Plan the plan.
	Input *policy.Input
	Plan  *policy.Plan
	// Executed holds the numbers of the steps that were carried out, in order,
	// pseudo-steps included; Failed those among them that did not succeed.
	Executed []int
	Failed   []int
	// Complete says that every step was carried out.
	Complete bool
	// Fenced, Unfenced and Reset are the names of nodes, sorted: those whose
	// power was cut, those that were allowed back to shared devices, and guests
	// that were reset by a restart of what they live in.
	Fenced, Unfenced, Reset []string
	// Unmatched are the asked failures that met no step.
	Unmatched []Failure
	// Reached is the input after the transition, After what is known then.
	Reached *policy.Input
	After   *policy.Report
}

// Run computes a plan and carries it out. The input is not changed.
func Run(in *policy.Input, opts Options) *Result {
	var planner policy.Planner // what is reached differs little from what was
	compute := planner.Compute
	if opts.Explain {
		compute = policy.Explain
	}
	plan := compute(in)
	r := &Result{Input: in, Plan: plan}
	if plan.Present == nil {
		plan.Present = &policy.Report{}
	}
	t := newTransition(in, plan, opts.Failures)
	t.run()
	r.Executed, r.Failed = t.executed, t.failed
	r.Complete = len(t.executed) == len(plan.Steps) && len(t.failed) == 0
	r.Unmatched = t.unmatched()
	for _, number := range r.Executed {
		r.note(plan.Steps[number])
	}
	for _, names := range []*[]string{&r.Fenced, &r.Unfenced, &r.Reset} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	r.Reached = t.record.in
	if r.After = planner.Inspect(r.Reached); r.After == nil {
		r.After = &policy.Report{}
	}
	return r
}

// note keeps which nodes a step was about.
func (r *Result) note(step policy.Step) {
	switch {
	case step.Task != taskFence:
	case step.Pseudo:
		r.Reset = append(r.Reset, step.Node)
	case step.FenceAction == fenceOn:
		r.Unfenced = append(r.Unfenced, step.Node)
	default:
		r.Fenced = append(r.Fenced, step.Node)
	}
}
