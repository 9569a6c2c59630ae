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
// commits it. concerns are the resources that --wait looks at; none: all.
func (a *app) edit(ctx context.Context, flags *changeFlags, change edition, concerns ...resources.ResourceID) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := a.editOnce(ctx, c, flags, change, concerns)
		var wire *api.Error
		if attempt == concurrent || !errors.As(err, &wire) || wire.Code != api.CodeConflict {
			return err
		}
	}
}

func (a *app) editOnce(ctx context.Context, c Cluster, flags *changeFlags, change edition, concerns []resources.ResourceID) error {
	current, err := call(ctx, c.Definition)
	if err != nil {
		return err
	}
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
	return a.settle(ctx, c, flags, max(answer.Index, current.Revision), concerns)
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
func (a *app) showForeseen(ctx context.Context, c Cluster, answer changeAnswer, command state.Command) error {
	var found foreseen
	if answer.Changed {
		var err error
		if found, err = a.foresee(ctx, c, command); err != nil {
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

// command commits a command that is no change of the definition.
func (a *app) command(ctx context.Context, flags *changeFlags, command state.Command, done string, concerns ...resources.ResourceID) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	if flags.dryRun {
		return a.showForeseen(ctx, c, changeAnswer{Changed: true, DryRun: true}, command)
	}
	committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) { return c.Command(ctx, command) })
	if err != nil {
		return err
	}
	answer := changeAnswer{Changed: true, Index: committed.Index, Fence: committed.Fence}
	if err := a.print(answer, func(w io.Writer) { fmt.Fprintln(w, done) }); err != nil {
		return err
	}
	return a.settle(ctx, c, flags, committed.Index, concerns)
}

// settle waits, with --wait, until the change at index is true.
func (a *app) settle(ctx context.Context, c Cluster, flags *changeFlags, index uint64, concerns []resources.ResourceID) error {
	if flags.wait.time == 0 {
		return nil
	}
	return a.waitSettled(ctx, c, index, flags.wait.time, concerns)
}

// waitStep is how often progress is looked at while waiting.
const waitStep = 2 * time.Second

// maxSilence is for how long a wait bears that nobody leads: an election, and the
// return of a member, take less.
const maxSilence = 15 * time.Second

// silencePause is how long to wait before a cluster that nobody leads is asked
// again.
const silencePause = 500 * time.Millisecond

// waitSettled waits until the change at index is true; index 0 is none. A cluster
// that nobody leads for a moment is asked again.
func (a *app) waitSettled(ctx context.Context, c Cluster, index uint64, limit resources.Duration, concerns []resources.ResourceID) error {
	deadline := a.now().Add(limit.Std())
	shown := a.newProgress()
	defer shown.end()
	var answer api.WaitAnswer
	var silent time.Time // since when nobody leads; zero while somebody does
	for {
		now := a.now()
		left := deadline.Sub(now)
		if left <= 0 {
			return &timedOutError{after: limit, actions: answer.Actions}
		}
		var err error
		answer, err = waitOnce(ctx, c, api.WaitRequest{Index: index, Resources: concerns, Timeout: resources.Duration(min(left, waitStep))})
		if err != nil && silent.IsZero() {
			silent = now
		}
		switch {
		case err != nil && exitCode(err) == exitNoQuorum && now.Sub(silent) < maxSilence && ctx.Err() == nil:
			a.pause(ctx, silencePause)
			continue
		case err != nil && index > 0:
			return fmt.Errorf("the change is made, but nobody could be asked what came of it: %w", err)
		case err != nil:
			return err
		case answer.Settled && answer.AsAsked:
			return nil
		case answer.Settled:
			return &notAsAskedError{answer.Problems}
		}
		silent = time.Time{}
		// What it tells is a comfort: that it cannot be had ends no wait.
		if status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) }); err == nil {
			shown.show(status)
		}
	}
}
