package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belayctl/internal/top"
	"github.com/belay-ha/belay/resources"
)

func (a *app) topCommand() *cobra.Command {
	var stale bool
	every := waitFlag{resources.Duration(2 * time.Second)}
	cmd := &cobra.Command{
		Use: "top", Short: "Watch the cluster on the full screen: what is wrong first, what runs, what happens", Args: arguments(0, 0),
		Long: `Shows, and keeps showing: what is wrong with the next command, the operations that run
and for how long, the nodes with what they run, databases and brokers with what they say
of themselves, and what has happened.

Keys: tab or 1-4 for the screens, / to filter, up and down to choose, enter to explain a
resource or to tell what a node runs, ? for all keys, q to end.

It needs a terminal. With -o json it writes one look instead.`,
		Example: "  belayctl top\n  belayctl top --interval 5s\n  belayctl top -o json",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.Flags().Var(&every, "interval", "pause between two looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.cluster()
		if err != nil {
			return err
		}
		if a.output == "json" {
			look, err := a.lookOnce(cmd.Context(), c, 0, stale)
			if err != nil {
				return err
			}
			return a.print(look, func(io.Writer) {})
		}
		if !a.terminal || !a.interactive {
			return usage("top needs a terminal to draw on: `belayctl status` shows the cluster once, `belayctl status --watch` again and again, `belayctl history --follow` what happens")
		}
		if _, err := a.lookOnce(cmd.Context(), c, 0, stale); err != nil {
			return err // before the screen is taken over: the message stays
		}
		return a.screen(cmd.Context(), top.Options{
			In: a.in, Out: a.screenOut(), Every: every.time.Std(), Colour: a.paint(red, "x") != "x",
			Look: func(ctx context.Context, after uint64) top.Look {
				look, err := a.lookOnce(ctx, c, after, stale)
				if err != nil {
					look.Err = err.Error()
				}
				return look
			},
			Explain: func(ctx context.Context, id resources.ResourceID) top.Explained { return a.explained(ctx, c, id) },
		})
	}
	return cmd
}

// lookOnce asks for what the screen shows.
func (a *app) lookOnce(ctx context.Context, c Cluster, after uint64, stale bool) (top.Look, error) {
	status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, stale) })
	if err != nil {
		return top.Look{}, err
	}
	past, err := call(ctx, func(ctx context.Context) (api.HistoryAnswer, error) { return c.History(ctx, after, stale) })
	if err != nil {
		return top.Look{}, err
	}
	return top.Look{At: past.At, Status: status, Events: past.Events, Index: past.Index}, nil
}

// explained is what belayctl explain says, for the screen.
func (a *app) explained(ctx context.Context, c Cluster, id resources.ResourceID) top.Explained {
	x, err := call(ctx, func(ctx context.Context) (*api.Explanation, error) { return c.Explain(ctx, id, "") })
	if err != nil {
		return top.Explained{Text: err.Error()}
	}
	plain := *a
	plain.terminal = false
	var text bytes.Buffer
	plain.printExplanation(&text, x, "")
	return top.Explained{Text: text.String()}
}
