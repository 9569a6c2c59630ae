package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/dev"
	"github.com/belay-ha/belay/resources"
)

// devDemo cuts the power of the host that holds the address, and prints what the
// cluster did and when.
func devDemo(ctx context.Context, out io.Writer, cluster *dev.Cluster) error {
	before, err := settled(ctx, cluster, "", func(s api.Status) bool { return runningOn(s, "vip") != "" && len(s.Actions) == 0 })
	if err != nil {
		return err
	}
	victim := runningOn(before, "vip")
	host, found := cluster.Host(victim)
	if !found {
		return fmt.Errorf("no simulated host %q", victim)
	}
	fmt.Fprintf(out, "everything runs; the address is on %s, which loses its power now\n", victim)
	began := time.Now()
	host.CutPower()
	after, err := settled(ctx, cluster, victim, func(s api.Status) bool { return runningOn(s, "vip") != "" && runningOn(s, "vip") != victim })
	if err != nil {
		return err
	}
	moved := time.Since(began)
	if _, err := settled(ctx, cluster, victim, func(s api.Status) bool { return len(s.Actions) == 0 && allOnline(s) }); err != nil {
		return err
	}
	whole := time.Since(began)
	state, err := cluster.Client().State(ctx, false)
	if err != nil {
		return err
	}
	for _, f := range state.FenceHistory {
		fmt.Fprintf(out, "%-34s %6.2f s\n", "fencing asked for", f.RequestedAt.Sub(began).Seconds())
		fmt.Fprintf(out, "%-34s %6.2f s\n", "power proven off", f.OffAt.Sub(began).Seconds())
	}
	fmt.Fprintf(out, "%-34s %6.2f s\n", "address on "+string(runningOn(after, "vip")), moved.Seconds())
	fmt.Fprintf(out, "%-34s %6.2f s\n", "all members and instances back", whole.Seconds())
	return nil
}

// demoLimit bounds each wait of the demo.
const demoLimit = time.Minute

func settled(ctx context.Context, cluster *dev.Cluster, lost resources.NodeName, holds func(api.Status) bool) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	var last error
	for {
		status, err := cluster.Client().Status(ctx, false)
		if err == nil && holds(status) {
			return status, nil
		}
		last = err
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return api.Status{}, fmt.Errorf("the cluster did not settle within %s (lost node %q, last answer: %v)", demoLimit, lost, last)
		}
	}
}

func runningOn(s api.Status, id resources.InstanceID) resources.NodeName {
	for _, r := range s.Resources {
		if r.ID == id && r.Role.Active() && r.Op == "" {
			return r.Node
		}
	}
	return ""
}

func allOnline(s api.Status) bool {
	for _, n := range s.Nodes {
		if !n.Online || n.State != "alive" {
			return false
		}
	}
	return true
}
