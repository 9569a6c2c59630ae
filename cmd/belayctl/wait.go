package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

func (a *app) waitCommand() *cobra.Command {
	var limit waitFlag
	var condition string
	cmd := &cobra.Command{
		Use: "wait [ID...]", Short: "Wait until the cluster, or some resources, are as defined", Args: arguments(0, -1),
		Long: `Waits until nothing is left to do for the resources named, or for all, and they are
as the definition says. Exit code 4 means that nothing more happens by itself and they
are not; 5 that it took too long.

With --for it waits for a condition, of these, with and, or, not and parentheses:
  resource/ID started|promoted|stopped [OP N]   instances in that role; OP is >= <= == != < >
  resource/ID on NODE                           it runs there
  resource/ID failed                            an instance has failed
  node/NAME online|offline|standby|maintenance|lost|off
  cluster settled|quorum|healthy
What runs meanwhile is told on the standard error: on a terminal in one line, else a
line for each event.`,
		Example: "  belayctl wait --timeout 600s\n  belayctl wait galera haproxy\n  belayctl wait --for 'resource/galera promoted>=3' --timeout 10m\n  belayctl wait --for 'node/controller-1 online and cluster settled'",
	}
	cmd.Flags().Var(&limit, "timeout", "how long to wait (default 10m)")
	cmd.Flags().StringVar(&condition, "for", "", "wait for a condition, such as resource/galera promoted>=3")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit.time == 0 {
			limit.time = waitDefault
		}
		c, err := a.cluster()
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("for") { // empty, too: a script's variable that was never set is no condition that holds
			if len(args) > 0 {
				return usage("name resources or give --for, not both")
			}
			wanted, err := parseCondition(condition)
			if err != nil {
				return err
			}
			return a.waitFor(cmd.Context(), c, condition, wanted, limit.time)
		}
		status, err := call(cmd.Context(), func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) })
		if err != nil {
			return err
		}
		request := api.WaitRequest{Index: status.Index}
		for _, word := range args {
			of, err := a.target(cmd.Context(), word)
			if err != nil {
				return err
			}
			request.Resources = append(request.Resources, of.parts...)
		}
		if err := a.waitSettled(cmd.Context(), c, request, limit.time); err != nil {
			return err
		}
		return a.print(waitedAnswer{Settled: true}, func(w io.Writer) { fmt.Fprintln(w, "settled, as asked") })
	}
	return cmd
}

// waitFor looks twice a second. A cluster without a leader is asked again until the
// time is up: it may be what is waited for.
func (a *app) waitFor(ctx context.Context, c Cluster, text string, wanted condition, limit resources.Duration) error {
	deadline := a.now().Add(limit.Std())
	shown := a.newProgress()
	defer shown.end()
	checked := false
	for {
		status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) })
		if isLeaderless(err) && a.now().Before(deadline) {
			a.pause(ctx, silencePause)
			continue
		}
		if err != nil {
			return err
		}
		if !checked {
			if err := wanted.check(status); err != nil {
				return err
			}
			checked = true
		}
		holds, how := wanted.holds(status)
		if holds {
			return a.print(waitedAnswer{Condition: text, Holds: true}, func(w io.Writer) { fmt.Fprintf(w, "%s: true\n", text) })
		}
		if !a.now().Before(deadline) {
			return &timedOutError{after: limit, what: how + ","}
		}
		shown.show(status)
		if a.pause(ctx, fencePoll); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// isLeaderless reports whether a cluster could not answer because it has no
// leader now: another is elected within seconds, and who waits can wait for that.
func isLeaderless(err error) bool {
	var wire *api.Error
	return errors.As(err, &wire) && (wire.Code == api.CodeNoQuorum || wire.Code == api.CodeUnavailable)
}
