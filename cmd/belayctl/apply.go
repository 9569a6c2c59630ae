package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// application is one run of apply or plan.
type application struct {
	app   *app
	flags changeFlags
	names []string
	owner string
	// prune is "", owned or all.
	prune string
	yes   bool
	// revision that the cluster must be at, 0 for any.
	revision uint64
	// takeOver has systemd start the resources' units no more.
	takeOver bool
}

const applyHelp = `Makes the cluster hold what the files say, shows what differs, and changes nothing when
nothing does. Several files and directories add up; of a directory all *.toml; - is the
standard input.

Where a change interrupts services that run, it says which, for whom, and asks; scripts
say --yes. Without a terminal and without --yes nothing is changed: exit code 2.

What the cluster has and the files do not stays, and is listed. --prune takes out what
earlier runs of apply with this --owner have put there; --prune=all also what others have.
If somebody changes the definition in between, nothing is applied and you are told what
has changed: exit code 1.

Where systemd also starts the units of new resources by itself, at boot and beside the
cluster, apply warns; --take-over has the members disable them.`

func (a *app) applyCommand() *cobra.Command {
	p := &application{app: a, flags: changeFlags{diff: true}}
	cmd := &cobra.Command{
		Use: "apply -f FILE|DIR...", Short: "Make the cluster what definition files say", Args: arguments(0, 0), Long: applyHelp,
		Example: "  belayctl apply -f cluster.toml --dry-run\n  belayctl apply -f base.toml -f site.toml --wait=600s\n  belayctl apply -f cluster.d --prune --yes\n  belayctl export | belayctl apply -f -",
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.run(cmd.Context(), "apply") },
	}
	p.flags.add(cmd)
	p.addFlags(cmd)
	cmd.Flags().BoolVarP(&p.yes, "yes", "y", false, "interrupt services without asking")
	cmd.Flags().BoolVar(&p.takeOver, "take-over", false, "let systemd start the units of the files' resources no more; undone when those are deleted")
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	p := &application{app: a, flags: changeFlags{diff: true, dryRun: true}}
	cmd := &cobra.Command{
		Use: "plan -f FILE|DIR...", Short: "Show what apply would change, and what would follow", Args: arguments(0, 0),
		Long: `Shows how the files differ from the cluster, what was changed in the cluster since the
files were applied, the actions that apply would cause, and the services that it would
interrupt, with those that lean on them. It changes nothing. apply --revision N then
applies to that very revision only.`,
		Example: "  belayctl plan -f cluster.toml\n  belayctl plan -f cluster.d --prune -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.run(cmd.Context(), "plan") },
	}
	p.addFlags(cmd)
	return cmd
}

func (p *application) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&p.names, "file", "f", nil, "a definition file, a directory, or -; may be given several times")
	flags.StringVar(&p.owner, "owner", "files", "the name of this set of files: each set prunes its own things")
	flags.StringVar(&p.prune, "prune", "", "take out what the files do not hold any more: owned (by these files) or all")
	flags.Lookup("prune").NoOptDefVal = "owned"
	flags.Uint64Var(&p.revision, "revision", 0, "only if the definition is at this revision, which plan has shown")
}

func (p *application) run(ctx context.Context, verb string) error {
	switch {
	case len(p.names) == 0:
		return usage("write: belayctl %s -f FILE", verb)
	case p.prune != "" && p.prune != "owned" && p.prune != "all":
		return usage("prune %q: write owned or all", p.prune)
	case strings.TrimSpace(p.owner) == "" || len(p.owner) > 64:
		return usage("the owner is a name of at most 64 letters")
	}
	files, err := p.app.readFiles(p.names)
	if err != nil {
		return err
	}
	source := definition.Read(files...)
	c, err := p.app.cluster()
	if err != nil {
		return cmp.Or(source.Faults(), err)
	}
	current, err := call(ctx, c.Definition)
	if err != nil {
		return cmp.Or(source.Faults(), err)
	}
	if p.revision != 0 && p.revision != current.Revision {
		return p.app.changedMeanwhile(ctx, c, p.revision, nil)
	}
	next, err := p.next(current, source)
	if err != nil {
		return err
	}
	p.app.warn(current.Definition, next.definition)
	p.flags.after = func(ctx context.Context, c Cluster, now *resources.Definition) error {
		return p.app.ownNewUnits(ctx, c, current.Definition, now, source.Definition(), p.takeOver)
	}
	return p.app.carryOut(ctx, c, current, next, &p.flags, p.yes)
}

// next is the change that the files ask for.
func (p *application) next(current api.DefinitionAnswer, source *definition.Source) (*changeSet, error) {
	wanted := source.Definition()
	if wanted.Name != "" && current.Definition.Name != "" && wanted.Name != current.Definition.Name {
		other := bad(codeOtherCluster, "the files are for cluster %q, and this is %q", wanted.Name, current.Definition.Name)
		return nil, cmp.Or(source.Faults(), other)
	}
	keepsOwners := current.CommandSet >= state.VersionMore
	if p.prune == "owned" && !keepsOwners {
		return nil, usage("this cluster does not know yet whose things are whose, because not all members run this release: leave out --prune, or take out everything else with --prune=all")
	}
	next := &changeSet{owner: p.owner, revision: current.Revision}
	owned := func(path string) bool { return current.Owners[path] == p.owner }
	next.definition = definition.Merge(current.Definition, wanted, func(path string) bool {
		drop := p.prune == "all" || p.prune == "owned" && owned(path)
		if !drop {
			next.kept = append(next.kept, keptThing{Path: path, Owner: current.Owners[path], Own: owned(path)})
		}
		return drop
	})
	if keepsOwners {
		next.owners = state.Owners{}
		for _, path := range definition.ThingPaths(next.definition) {
			if owner := current.Owners[path]; owner != "" {
				next.owners[path] = owner
			}
		}
		for _, path := range definition.ThingPaths(wanted) {
			next.owners[path] = p.owner
		}
	} else {
		next.owner = ""
	}
	agentTable, fenceTable := p.app.tables()
	return next, p.whose(current.Owners, source.Check(agentTable, fenceTable, current.Definition, next.definition))
}

// whose says of things that are not in the files, and that the change would make
// wrong, who keeps them: most name what these files hold no more.
func (p *application) whose(owners state.Owners, err error) error {
	var wrong *definition.Error
	if !errors.As(err, &wrong) {
		return err
	}
	for i := range wrong.Problems {
		problem := &wrong.Problems[i]
		if problem.File != "" {
			continue
		}
		thing, _, _ := strings.Cut(problem.Path, "]")
		switch owner := owners[thing+"]"]; owner {
		case "":
			problem.Text += "; it was made by single commands: change it first, or leave out --prune"
		case p.owner:
			problem.Text += "; these files kept it once: take it out with --prune, or change it first"
		default:
			problem.Text += fmt.Sprintf("; it is kept by the files of %q: change those first, or leave out --prune", owner)
		}
	}
	return err
}

// keptThing is in the cluster and not in the files.
type keptThing struct {
	Path string `json:"path"`
	// Owner is whose files hold it, "" for what single commands made; Own says that
	// it is of the very files that are applied, which held it once.
	Owner string `json:"owner,omitempty"`
	Own   bool   `json:"own,omitempty"`
}

// changedMeanwhile says what has changed since a revision.
func (a *app) changedMeanwhile(ctx context.Context, c Cluster, since uint64, base *resources.Definition) error {
	now, lines, err := a.changesSince(ctx, c, since, base)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("the definition has changed since revision %d: it is at %d now; nothing was applied", since, now)
	for _, line := range lines {
		text += "\n  " + line
	}
	return &api.Error{Code: api.CodeConflict, Reason: string(state.ReasonDefinitionChanged), Text: text + "\nlook again: belayctl plan -f FILE"}
}

// changesSince returns the present revision, and lines about what has changed since
// another: who changed it, and which things. base is the definition of that revision,
// nil to look for it.
func (a *app) changesSince(ctx context.Context, c Cluster, since uint64, base *resources.Definition) (uint64, []string, error) {
	fresh, err := call(ctx, c.Definition)
	if err != nil {
		return 0, nil, err
	}
	answer, err := call(ctx, func(ctx context.Context) (api.RevisionsAnswer, error) { return c.Revisions(ctx, "") })
	if err != nil {
		return 0, nil, err
	}
	var lines []string
	for _, r := range answer.Revisions {
		if r.Index == since {
			base = r.Definition
		}
		if r.Index > since && r.Index <= fresh.Revision {
			lines = append(lines, revisionLine(r))
		}
	}
	if base != nil {
		for _, change := range definition.Diff(base, fresh.Definition) {
			lines = append(lines, fmt.Sprintf("%s %s", change.Path, change.Kind))
		}
	}
	return fresh.Revision, lines, nil
}

// isConflict reports whether somebody changed the definition in between.
func isConflict(err error) bool {
	var wire *api.Error
	return errors.As(err, &wire) && wire.Code == api.CodeConflict
}

// printKept lists what the files do not speak of: what they held once by name,
// the rest in short.
func (a *app) printKept(w io.Writer, kept []keptThing) {
	const most = 10
	own := 0
	others := map[string][]string{}
	for _, k := range kept {
		if !k.Own {
			others[k.Owner] = append(others[k.Owner], k.Path)
			continue
		}
		if own++; own <= most {
			fmt.Fprintf(w, "not in the files any more: %s; --prune takes it out\n", k.Path)
		}
	}
	if own > most {
		fmt.Fprintf(w, "and %d more\n", own-most)
	}
	for _, owner := range slices.Sorted(maps.Keys(others)) {
		whose := "kept by " + owner
		if owner == "" {
			whose = "made by single commands"
		}
		fmt.Fprintf(w, "left as it is, %s: %s\n", whose, few(others[owner], 3))
	}
}
