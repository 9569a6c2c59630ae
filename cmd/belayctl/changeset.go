package main

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// changeSet is a whole new definition, and who asks for it.
type changeSet struct {
	definition  *resources.Definition
	owner, note string
	// owners is nil where the cluster keeps none.
	owners   state.Owners
	kept     []keptThing
	revision uint64
}

// planAnswer is what -o json prints of plan, apply and rollback.
type planAnswer struct {
	changeAnswer
	// Revision that was looked at.
	Revision uint64 `json:"revision"`
	// Drift is what was changed in the cluster since the files were applied.
	Drift []drift `json:"drift,omitempty"`
	// Kept is what the cluster has and the files do not.
	Kept []keptThing `json:"kept,omitempty"`
}

// drift is one thing that is not as its files made it.
type drift struct {
	Path string `json:"path"`
	// Kind is what happened to it since revision Since.
	Kind  definition.ChangeKind `json:"kind"`
	Since uint64                `json:"since"`
	By    string                `json:"by,omitempty"`
}

func (d drift) String() string {
	return fmt.Sprintf("%s was %s in the cluster after revision %d, by %s", d.Path, d.Kind, d.Since, d.By)
}

// carryOut shows a change set and commits it, against the revision that was seen
// and no other: who changed something meanwhile is not overwritten.
func (a *app) carryOut(ctx context.Context, c Cluster, current api.DefinitionAnswer, next *changeSet, flags *changeFlags, yes bool) error {
	answer := planAnswer{Revision: current.Revision, Kept: next.kept}
	answer.DryRun, answer.Changes = flags.dryRun, definition.Diff(current.Definition, next.definition)
	answer.Changed = len(answer.Changes) > 0
	var err error
	if answer.Drift, err = a.drift(ctx, c, current, next); err != nil {
		return err
	}
	command := &state.DefinitionSet{Base: current.Revision, Definition: next.definition, Owner: next.owner, Note: next.note}
	adopts := next.owners != nil && !maps.Equal(next.owners, current.Owners)
	if adopts {
		command.Owners = &next.owners
	}
	var found foreseen
	if answer.Changed {
		found, err = a.foresee(ctx, c, command)
		if isConflict(err) { // the state is newer than the definition that was read
			return a.changedMeanwhile(ctx, c, current.Revision, current.Definition)
		}
		if err != nil {
			return err
		}
		answer.Actions, answer.Interrupted, answer.Problems = found.Actions, found.Interrupted, found.Problems
		found.Changes = answer.Changes
	}
	if flags.dryRun {
		return a.print(answer, func(w io.Writer) { a.printPlan(w, answer, found) })
	}
	if len(answer.Interrupted) > 0 && !yes {
		if err := a.askToInterrupt(answer.Interrupted); err != nil {
			return err
		}
	}
	if answer.Changed || adopts {
		committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) { return c.Command(ctx, command) })
		if isConflict(err) {
			return a.changedMeanwhile(ctx, c, current.Revision, current.Definition)
		}
		if err != nil {
			return err
		}
		answer.Index = committed.Index
	}
	if err := a.print(answer, func(w io.Writer) {
		a.printDrift(w, answer.Drift)
		if adopted := adoption(current.Owners, next.owners); !answer.Changed && adopts && adopted > 0 {
			fmt.Fprintf(w, "nothing to change; %d things are kept by these files from now on\n", adopted)
		} else {
			a.printChanged(w, answer.changeAnswer, flags.diff)
		}
		a.printKept(w, answer.Kept)
	}); err != nil {
		return err
	}
	if flags.after != nil {
		if err := flags.after(ctx, c, next.definition); err != nil {
			return err
		}
	}
	return a.settle(ctx, c, flags, api.WaitRequest{Index: max(answer.Index, current.Revision), Holding: leavesAlone(current.Definition, next.definition)})
}

// adoption counts the things whose owner changes.
func adoption(before, after state.Owners) int {
	n := 0
	for path, owner := range after {
		if before[path] != owner {
			n++
		}
	}
	return n
}

func (a *app) printPlan(w io.Writer, answer planAnswer, found foreseen) {
	a.printDrift(w, answer.Drift)
	if answer.Changed {
		a.printForeseen(w, found)
	} else {
		fmt.Fprintln(w, "nothing would change")
	}
	a.printKept(w, answer.Kept)
	if answer.Changed {
		fmt.Fprintf(w, "revision %d\n", answer.Revision)
	}
}

func (a *app) printDrift(w io.Writer, list []drift) {
	for _, d := range list {
		fmt.Fprintln(w, a.paint(yellow, "drift: "+d.String()))
	}
}

// askToInterrupt lets a person agree, and refuses where nobody is there.
func (a *app) askToInterrupt(list []interruption) error {
	text := "this would interrupt"
	for _, i := range list {
		text += "\n  " + i.String()
	}
	if !a.interactive {
		return bad(codeNeedsYes, "%s\nnothing was changed: add --yes to do it", text)
	}
	fmt.Fprintln(a.errOut, text)
	return a.ask("Go on? Type yes: ", "yes")
}

// drift compares what the owner's files made last with what the cluster has now.
func (a *app) drift(ctx context.Context, c Cluster, current api.DefinitionAnswer, next *changeSet) ([]drift, error) {
	if next.owner == "" || current.CommandSet < state.VersionMore {
		return nil, nil
	}
	answer, err := call(ctx, func(ctx context.Context) (api.RevisionsAnswer, error) { return c.Revisions(ctx, next.owner) })
	if err != nil {
		return nil, err
	}
	revisions := answer.Revisions
	last := -1
	for n, r := range revisions {
		if r.Owner == next.owner {
			last = n
		}
	}
	if last < 0 {
		return nil, nil
	}
	var list []drift
	for _, change := range definition.Diff(revisions[last].Definition, current.Definition) {
		owner := current.Owners[change.Path]
		if change.Kind == definition.Removed {
			owner = next.owners[change.Path] // the files still hold it, or nothing has drifted
		}
		if owner != next.owner && change.Path != "cluster" && change.Path != "defaults" {
			continue
		}
		d := drift{Path: change.Path, Kind: change.Kind, Since: revisions[last].Index}
		for n := last + 1; n < len(revisions); n++ {
			for _, step := range definition.Diff(revisions[n-1].Definition, revisions[n].Definition) {
				if step.Path == change.Path {
					d.By = revisions[n].By
				}
			}
		}
		list = append(list, d)
	}
	return list, nil
}
