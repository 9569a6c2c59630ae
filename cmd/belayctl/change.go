package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// waitDefault is how long a bare --wait waits.
const waitDefault = resources.Duration(10 * time.Minute)

// waitFlag is --wait[=TIME]: 240, 600s, or nothing for waitDefault.
type waitFlag struct{ time resources.Duration }

// String returns the time, or "" without the flag.
func (w *waitFlag) String() string {
	if w.time == 0 {
		return ""
	}
	return w.time.String()
}

// Set reads the time.
func (w *waitFlag) Set(text string) error {
	d, err := resources.ParseDuration(text)
	if err != nil {
		return err
	}
	if d == 0 {
		return errors.New("wait for more than no time")
	}
	w.time = d
	return nil
}

// Type names the flag's value in the help.
func (w *waitFlag) Type() string { return "time" }

// changeFlags are those of every command that changes the cluster.
type changeFlags struct {
	wait   waitFlag
	dryRun bool
	// diff shows what changes line by line instead of by name.
	diff bool
	// after is done when a change of the definition is committed, before it is
	// waited for.
	after func(ctx context.Context, c Cluster, wanted *resources.Definition) error
}

func (f *changeFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var(&f.wait, "wait", "wait until this change is true: 240, 600s, or 10m when no time is given")
	cmd.Flags().Lookup("wait").NoOptDefVal = waitDefault.String()
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would change and which actions would follow, and change nothing")
}

// changeAnswer is what -o json prints of a change.
type changeAnswer struct {
	Changed bool   `json:"changed"`
	DryRun  bool   `json:"dry_run,omitempty"`
	Index   uint64 `json:"index,omitempty"`
	// Changes of the definition; Actions that a dry run foresees.
	Changes     []definition.Change `json:"changes,omitempty"`
	Actions     []api.ActionStatus  `json:"actions,omitempty"`
	Interrupted []interruption      `json:"interrupted,omitempty"`
	Problems    []api.ProblemStatus `json:"problems,omitempty"`
	Fence       string              `json:"fence,omitempty"`
}

// edition changes a definition, or refuses.
type edition func(*resources.Definition) (*resources.Definition, error)

// concurrent bounds how often a change is made again because someone else
// changed the definition in between.
const concurrent = 5

// edit changes the definition: it reads it, edits it, checks the result and
// commits it. concerns name the resources that --wait looks at; none: all.
func (a *app) edit(ctx context.Context, flags *changeFlags, change edition, concerns ...string) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		current, err := call(ctx, c.Definition)
		if err != nil {
			return err
		}
		err = a.editOnce(ctx, c, current, flags, change, concerns)
		if attempt == concurrent || !isConflict(err) {
			return err
		}
		a.noteMeanwhile(ctx, c, current)
	}
}

// noteMeanwhile tells what somebody else has changed since the definition was read:
// the change is then made on top of that. That it cannot be told ends nothing.
func (a *app) noteMeanwhile(ctx context.Context, c Cluster, seen api.DefinitionAnswer) {
	now, lines, err := a.changesSince(ctx, c, seen.Revision, seen.Definition)
	if err != nil {
		return
	}
	fmt.Fprintf(a.errOut, "note: the definition was changed meanwhile, from revision %d to %d; your change is made on top of that:\n", seen.Revision, now)
	for _, line := range lines {
		fmt.Fprintf(a.errOut, "  %s\n", line)
	}
}

func (a *app) editOnce(ctx context.Context, c Cluster, current api.DefinitionAnswer, flags *changeFlags, change edition, concerns []string) error {
	wanted, err := change(current.Definition)
	if err != nil {
		return err
	}
	if err := a.check(current.Definition, wanted); err != nil {
		return err
	}
	answer := changeAnswer{DryRun: flags.dryRun, Changes: definition.Diff(current.Definition, wanted)}
	answer.Changed = len(answer.Changes) > 0
	if flags.dryRun {
		return a.showForeseen(ctx, c, answer, &state.DefinitionSet{Base: current.Revision, Definition: wanted})
	}
	if answer.Changed {
		committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) {
			return c.Command(ctx, &state.DefinitionSet{Base: current.Revision, Definition: wanted})
		})
		if err != nil {
			return err
		}
		answer.Index = committed.Index
	}
	a.noteOwned(current.Owners, answer.Changes)
	if err := a.print(answer, func(w io.Writer) { a.printChanged(w, answer, flags.diff) }); err != nil {
		return err
	}
	if flags.after != nil {
		if err := flags.after(ctx, c, wanted); err != nil {
			return err
		}
	}
	return a.settle(ctx, c, flags, api.WaitRequest{
		Index: max(answer.Index, current.Revision), Resources: concerned(concerns, current.Definition, wanted), Holding: leavesAlone(current.Definition, wanted),
	})
}

// noteOwned says which of the changed things a set of files will set back.
func (a *app) noteOwned(owners state.Owners, changes []definition.Change) {
	for _, change := range changes {
		if owner := owners[change.Path]; owner != "" {
			fmt.Fprintf(a.errOut, "note: %s is kept by the files of %q: change those too, or the next apply sets it back\n", change.Path, owner)
		}
	}
}

// check refuses a definition with problems that the present one does not have
// already.
func (a *app) check(old, new *resources.Definition) error {
	agentTable, fenceTable := a.tables()
	known := resources.Validate(old, agentTable, fenceTable)
	problems := slices.DeleteFunc(resources.Validate(new, agentTable, fenceTable), func(p resources.Problem) bool {
		return slices.Contains(known, p)
	})
	if len(problems) > 0 {
		return &resources.InvalidError{Problems: problems}
	}
	return nil
}

func (a *app) printChanged(w io.Writer, answer changeAnswer, diff bool) {
	switch {
	case !answer.Changed:
		fmt.Fprintln(w, "nothing to change")
		return
	case diff:
		a.printDiff(w, answer.Changes)
		return
	}
	for _, change := range answer.Changes {
		fmt.Fprintf(w, "%s %s\n", change.Path, change.Kind)
	}
}

// showForeseen ends a dry run.
func (a *app) showForeseen(ctx context.Context, c Cluster, answer changeAnswer, commands ...state.Command) error {
	var found foreseen
	if answer.Changed {
		var err error
		if found, err = a.foresee(ctx, c, commands...); err != nil {
			return err
		}
	}
	found.Changes = answer.Changes
	answer.Actions, answer.Interrupted, answer.Problems = found.Actions, found.Interrupted, found.Problems
	return a.print(answer, func(w io.Writer) {
		if !answer.Changed {
			fmt.Fprintln(w, "nothing would change")
			return
		}
		a.printForeseen(w, found)
	})
}

// command commits a command that is no change of the definition. concerns are the
// resources that --wait looks at; none: all.
func (a *app) command(ctx context.Context, flags *changeFlags, command state.Command, done string, concerns ...resources.ResourceID) error {
	return a.commit(ctx, flags, done, concerns, command)
}

// commit commits commands that are no changes of the definition, one after the
// other. concerns are the resources that --wait looks at; none: all.
func (a *app) commit(ctx context.Context, flags *changeFlags, done string, concerns []resources.ResourceID, commands ...state.Command) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	answer := changeAnswer{Changed: true, DryRun: flags.dryRun}
	if flags.dryRun {
		return a.showForeseen(ctx, c, answer, commands...)
	}
	request := api.WaitRequest{Resources: concerns}
	for _, command := range commands {
		committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) { return c.Command(ctx, command) })
		if err != nil {
			return err
		}
		answer.Index, answer.Fence = committed.Index, committed.Fence
		request.Holding = request.Holding || beginsMaintenance(command)
	}
	if err := a.print(answer, func(w io.Writer) { fmt.Fprintln(w, done) }); err != nil {
		return err
	}
	request.Index = answer.Index
	return a.settle(ctx, c, flags, request)
}

// beginsMaintenance reports whether a command begins a maintenance.
func beginsMaintenance(command state.Command) bool {
	switch c := command.(type) {
	case *state.MaintenanceSet:
		return true
	case *state.NodeMaintenance:
		return c.On
	}
	return false
}
