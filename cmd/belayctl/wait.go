package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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

With --for it waits for a number of instances: RESOURCE started|promoted|stopped OP N,
where OP is one of >= <= == != < >.`,
		Example: "  belayctl wait --timeout 600s\n  belayctl wait galera haproxy\n  belayctl wait --for 'galera promoted >= 3' --timeout 10m",
	}
	cmd.Flags().Var(&limit, "timeout", "how long to wait (default 10m)")
	cmd.Flags().StringVar(&condition, "for", "", "wait for a number of instances")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit.time == 0 {
			limit.time = waitDefault
		}
		c, err := a.cluster()
		if err != nil {
			return err
		}
		if condition != "" {
			if len(args) > 0 {
				return usage("name resources or give --for, not both")
			}
			wanted, err := parseCondition(condition)
			if err != nil {
				return err
			}
			return a.waitFor(cmd.Context(), c, wanted, limit.time)
		}
		status, err := call(cmd.Context(), func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) })
		if err != nil {
			return err
		}
		if err := a.waitSettled(cmd.Context(), c, status.Index, limit.time, bare(args)); err != nil {
			return err
		}
		return a.print(map[string]bool{"settled": true}, func(w io.Writer) { fmt.Fprintln(w, "settled, as asked") })
	}
	return cmd
}

// condition is a number of instances to wait for.
type condition struct {
	resource resources.ResourceID
	role     resources.Role
	op       string
	count    int
	text     string
}

func parseCondition(text string) (condition, error) {
	wrong := usage("condition %q: write RESOURCE started|promoted|stopped >= N", text)
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return condition{}, wrong
	}
	left, right := strings.Fields(text[:at]), text[at:]
	op := right[:1]
	if len(right) > 1 && right[1] == '=' {
		op = right[:2]
	}
	count, err := strconv.Atoi(strings.TrimSpace(right[len(op):]))
	if err != nil || len(left) != 2 || op == "=" || op == "!" {
		return condition{}, wrong
	}
	role, err := resources.ParseRole(left[1])
	if err != nil || role == resources.RoleUnknown {
		return condition{}, wrong
	}
	return condition{resource: bare(left[:1])[0], role: role, op: op, count: count, text: text}, nil
}

func (c condition) holds(status api.Status) (bool, int) {
	n := 0
	for _, r := range status.Resources {
		if r.Resource != c.resource || r.Failed || !r.Probed {
			continue
		}
		if r.Role == c.role || c.role == resources.RoleStarted && r.Role == resources.RolePromoted {
			n++
		}
	}
	switch c.op {
	case ">=":
		return n >= c.count, n
	case "<=":
		return n <= c.count, n
	case "==":
		return n == c.count, n
	case "!=":
		return n != c.count, n
	case "<":
		return n < c.count, n
	default:
		return n > c.count, n
	}
}

// waitFor looks again each time the cluster says that it has moved, and at least
// twice a second.
func (a *app) waitFor(ctx context.Context, c Cluster, wanted condition, limit resources.Duration) error {
	deadline := a.now().Add(limit.Std())
	for {
		status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) })
		if err != nil {
			return err
		}
		defined := false
		for _, d := range status.Defined {
			defined = defined || d.ID == wanted.resource
		}
		if !defined {
			return usage("no resource is called %q", wanted.resource)
		}
		holds, n := wanted.holds(status)
		if holds {
			return a.print(map[string]int{"instances": n}, func(w io.Writer) { fmt.Fprintf(w, "%s: %d\n", wanted.text, n) })
		}
		if !a.now().Before(deadline) {
			return &timedOutError{after: limit, what: fmt.Sprintf("%s has %d %s, not %s %d,", wanted.resource, n, wanted.role, wanted.op, wanted.count)}
		}
		timer := time.NewTimer(fencePoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
