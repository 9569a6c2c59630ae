package main

import (
	"context"
	"fmt"
	"io"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// foresee plans, on a copy of the cluster's state, what a definition would cause.
func (a *app) foresee(ctx context.Context, c Cluster, revision uint64, wanted *resources.Definition) ([]api.ActionStatus, []api.ProblemStatus, error) {
	current, err := call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, false) })
	if err != nil {
		return nil, nil, err
	}
	changed, result := state.ApplyCommand(current, current.Index+1, current.Term, a.now(), "dry run", &state.DefinitionSet{Base: revision, Definition: wanted})
	if result.Err != nil {
		return nil, nil, result.Err
	}
	plan := scheduler.Plan(changed, a.now(), scheduler.Options{Quorum: true, Agents: node.AgentFacts(a.agents)})
	var problems []api.ProblemStatus
	for _, p := range plan.Problems {
		problems = append(problems, api.ProblemStatus{Code: p.Code, Severity: p.Severity.String(), Node: p.Node, Resource: p.Resource, Text: p.Text, Next: p.Next})
	}
	return api.Actions(api.Live{Transition: plan}), problems, nil
}

func (a *app) printForeseen(w io.Writer, answer changeAnswer) {
	if !answer.Changed {
		fmt.Fprintln(w, "nothing would change")
		return
	}
	a.printDiff(w, answer.Changes)
	switch len(answer.Actions) {
	case 0:
		fmt.Fprintln(w, "\nno actions would follow")
	default:
		fmt.Fprintf(w, "\n%d actions would follow:\n", len(answer.Actions))
	}
	for _, action := range answer.Actions {
		fmt.Fprintf(w, "  %s", action.Key)
		if action.Reason != "" {
			fmt.Fprintf(w, "  (%s)", action.Reason)
		}
		fmt.Fprintln(w)
	}
	for _, p := range answer.Problems {
		fmt.Fprintf(w, "%s: %s\n", p.Severity, problemLine(p))
	}
}
