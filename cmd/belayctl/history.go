package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources/definition"
)

const (
	// historyDefault is how many lines are shown when nobody says how many.
	historyDefault = 50
	// followPause is the time between two looks of --follow.
	followPause = time.Second
)

// happened is one event as belayctl tells it.
type happened struct {
	state.Event
	// Group is what --kind calls it.
	Group string `json:"group"`
	// Wrong says that something did not go well.
	Wrong bool `json:"wrong,omitempty"`
	// Changes of a definition against the revision before, where both are kept.
	Changes []string `json:"changes,omitempty"`
}

func (a *app) historyCommand() *cobra.Command {
	var wanted historyFilter
	var since, until string
	var stale, follow bool
	cmd := &cobra.Command{
		Use: "history", Short: "Tell what has happened: verdicts, plans, actions, fencing, and who changed what", Args: arguments(0, 0),
		Long: fmt.Sprintf(`Tells what has happened, oldest first, from the replicated state: it is the same on
every member and outlives their restarts. It keeps the newest %d events, and the newest
%d plans and operations.

Kinds, more than one with commas:
  verdict     what the cluster concluded about a member, and who saw what
  plan        what was decided to be done, and why
  operation   what an operation on a resource came to, on which node, how long it took
  monitor     a running instance that is not as it was
  fencing     requests, attempts, proofs; watchdogs and fence devices
  member      members that joined, started, left
  change      what people and files changed: definitions, standby, moves, secrets, ...
Each group holds finer kinds, as -o json names them, which may be given as well.

--since and --until take a time ago (90s, 1h30m), 15:04, 2006-01-02 15:04 (UTC) or RFC 3339.`, state.MaxHistory, state.MaxPerformed),
		Example: "  belayctl history --since 1h\n  belayctl history --node controller-1 --kind verdict,fencing\n  belayctl history --resource vip -n 20 -o json\n" +
			"  belayctl history --failed --stale\n  belayctl history --follow --kind change",
	}
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "leave out what is older")
	flags.StringVar(&until, "until", "", "leave out what is newer")
	flags.StringVar(&wanted.node, "node", "", "of this node alone")
	flags.StringVar(&wanted.resource, "resource", "", "of this resource, or instance, alone")
	flags.StringVar(&wanted.by, "by", "", "of this person, or \"cluster\", alone")
	flags.StringSliceVar(&wanted.kinds, "kind", nil, "of these kinds alone")
	flags.BoolVar(&wanted.wrong, "failed", false, "only what did not go well")
	flags.IntVarP(&wanted.last, "lines", "n", historyDefault, "the newest N lines; 0 for all")
	flags.BoolVarP(&follow, "follow", "f", false, "go on, as things happen, until interrupted")
	flags.BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	a.completeHistory(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := wanted.check(since, until, a.now().UTC()); err != nil {
			return err
		}
		c, err := a.cluster()
		if err != nil {
			return err
		}
		if follow {
			return a.followHistory(cmd.Context(), c, &wanted, stale)
		}
		return a.showHistory(cmd.Context(), c, &wanted, stale)
	}
	return cmd
}

func (a *app) showHistory(ctx context.Context, c Cluster, wanted *historyFilter, stale bool) error {
	answer, err := call(ctx, func(ctx context.Context) (api.HistoryAnswer, error) { return c.History(ctx, 0, stale) })
	if err != nil {
		return err
	}
	all := tell(answer.Events)
	matching := wanted.choose(all)
	shown := wanted.newest(matching)
	a.addChanges(ctx, c, shown, stale)
	return a.print(orEmpty(shown), func(w io.Writer) {
		if answer.Stale {
			fmt.Fprintln(w, a.paint(yellow, fmt.Sprintf("what %s last knew, at log index %d", answer.Member, answer.Index)))
		}
		if hidden := len(matching) - len(shown); hidden > 0 {
			fmt.Fprintln(w, a.paint(dim, fmt.Sprintf("%d earlier: show them with -n 0, or narrow it with --since, --node, --kind", hidden)))
		}
		a.newTimeline(w, answer.At).write(shown)
		if len(shown) == 0 {
			fmt.Fprintln(w, wanted.nothing(all))
		}
	})
}

// followHistory shows what is kept, then what comes. A cluster without a leader is
// asked again: what happens then is what somebody follows for.
func (a *app) followHistory(ctx context.Context, c Cluster, wanted *historyFilter, stale bool) error {
	after, first := uint64(0), true
	lines := a.newTimeline(a.out, time.Time{})
	for {
		answer, err := call(ctx, func(ctx context.Context) (api.HistoryAnswer, error) { return c.History(ctx, after, stale) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (first || exitCode(err) != exitNoQuorum):
			return err
		case err != nil:
			lines.interrupted(a.errOut, a.failureOf(err).Text)
		default:
			shown := wanted.choose(tell(answer.Events))
			if first {
				shown = wanted.newest(shown)
			}
			after, first = answer.Index, false
			a.addChanges(ctx, c, shown, stale)
			if err := a.printFollowed(lines, shown); err != nil {
				return err
			}
		}
		a.pause(ctx, followPause)
	}
}

// printFollowed writes each event when it is known: as JSON, one a line.
func (a *app) printFollowed(lines *timeline, shown []happened) error {
	if a.output != "json" {
		lines.write(shown)
		return nil
	}
	for _, e := range shown {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s\n", line)
	}
	return nil
}

// addChanges says what new definitions changed, where the revisions are kept and
// a leader can be asked; else the number of the revision has to do.
func (a *app) addChanges(ctx context.Context, c Cluster, shown []happened, stale bool) {
	if stale || !slices.ContainsFunc(shown, func(e happened) bool { return e.Kind == "definition" }) {
		return
	}
	answer, err := call(ctx, func(ctx context.Context) (api.RevisionsAnswer, error) { return c.Revisions(ctx, "") })
	if err != nil {
		return
	}
	for n := range shown {
		i := slices.IndexFunc(answer.Revisions, func(r state.Revision) bool { return r.Index == shown[n].Index })
		if shown[n].Kind != "definition" || i < 1 {
			continue
		}
		for _, change := range definition.Diff(answer.Revisions[i-1].Definition, answer.Revisions[i].Definition) {
			shown[n].Changes = append(shown[n].Changes, change.Path+" "+string(change.Kind))
		}
	}
}

func (a *app) completeHistory(cmd *cobra.Command) {
	complete := func(flag string, names func(*cobra.Command) []string) {
		f := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return names(cmd), cobra.ShellCompDirectiveNoFileComp
		}
		if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
			panic(err) // the flag is made above
		}
	}
	complete("node", func(cmd *cobra.Command) []string { return definedNames(a.completionDefinition(cmd), "NODE") })
	complete("resource", func(cmd *cobra.Command) []string { return definedNames(a.completionDefinition(cmd), "RESOURCE") })
	complete("kind", func(*cobra.Command) []string { return strings.Split(historyGroups, ", ") })
}
