package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources/definition"
)

// foreseen is what a change would cause.
type foreseen struct {
	// Changes of the definition.
	Changes []definition.Change `json:"changes,omitempty"`
	// Actions until nothing more would happen.
	Actions []api.ActionStatus `json:"actions,omitempty"`
	// Interrupted are the services that would not go on as they do now, because of
	// the change alone.
	Interrupted []interruption      `json:"interrupted,omitempty"`
	Problems    []api.ProblemStatus `json:"problems,omitempty"`
}

// foresee carries commands out on a copy of the cluster's state, and simulates
// what follows. Changes of the definition are filled in by the caller.
func (a *app) foresee(ctx context.Context, c Cluster, commands ...state.Command) (foreseen, error) {
	current, err := call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, false) })
	if err != nil {
		return foreseen{}, err
	}
	return a.foreseeFrom(current, commands...)
}

func (a *app) foreseeFrom(current *state.State, commands ...state.Command) (foreseen, error) {
	now, changed := a.now(), current
	for _, command := range commands {
		if err := api.TooNew(changed, command); err != nil {
			return foreseen{}, err
		}
		next, result := state.ApplyCommand(changed, changed.Index+1, changed.Term, now, "dry run", command)
		if result.Err != nil {
			var rejection *state.Rejection
			if errors.As(result.Err, &rejection) {
				return foreseen{}, api.FromRejection(rejection)
			}
			return foreseen{}, result.Err
		}
		changed = next
	}
	opts := simulate.Options{Now: now, Planner: scheduler.Options{Quorum: true, Agents: node.AgentFacts(a.agents)}}
	after, anyway := simulate.Run(changed, opts), simulate.Run(current, opts)
	found := foreseen{Interrupted: interruptions(current, after, anyway)}
	for _, step := range after.Steps {
		action := api.ActionStatus{Key: step.Key, Reason: step.Reason}
		for _, before := range step.After {
			action.After = append(action.After, after.Steps[before].Key)
		}
		found.Actions = append(found.Actions, action)
	}
	for _, p := range after.Plan.Problems {
		found.Problems = append(found.Problems, api.ProblemOf(p))
	}
	found.Problems = append(found.Problems, heldBack(after, anyway, opts.Planner)...)
	if after.Endless != "" {
		found.Problems = append(found.Problems, api.ProblemStatus{Code: "endless", Severity: "critical", Text: after.Endless + " would come again and again"})
	}
	return found, nil
}

// heldBack tells what would not be done because it is left alone, and is not held
// back already.
func heldBack(after, anyway *simulate.Result, opts scheduler.Options) []api.ProblemStatus {
	before := scheduler.HeldBack(anyway.After, anyway.Now, opts)
	var list []api.ProblemStatus
	for _, held := range scheduler.HeldBack(after.After, after.Now, opts) {
		if !slices.Contains(before, held) {
			list = append(list, api.ProblemOf(held.Problem()))
		}
	}
	return list
}

func (a *app) printForeseen(w io.Writer, f foreseen) {
	a.printDiff(w, f.Changes)
	if len(f.Changes) > 0 {
		fmt.Fprintln(w)
	}
	switch len(f.Actions) {
	case 0:
		fmt.Fprintln(w, "no actions would follow")
	case 1:
		fmt.Fprintln(w, "1 action would follow:")
	default:
		fmt.Fprintf(w, "%d actions would follow:\n", len(f.Actions))
	}
	for _, action := range f.Actions {
		fmt.Fprintf(w, "  %s", action.Key)
		if action.Reason != "" {
			fmt.Fprintf(w, "  (%s)", action.Reason)
		}
		fmt.Fprintln(w)
	}
	a.printInterrupted(w, f.Interrupted)
	for _, p := range f.Problems {
		fmt.Fprintf(w, "%s: %s\n", p.Severity, problemLine(p))
	}
}

func (a *app) printInterrupted(w io.Writer, list []interruption) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nwould be interrupted:")
	for _, i := range list {
		fmt.Fprintf(w, "  %s\n", a.paint(yellow, i.String()))
	}
}
