package scheduler_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// large returns a cluster that runs as planned: one resource in ten is a clone
// of two copies or (each third of those) of one per node, every second
// primitive is ordered after and colocated with the one before it, and each
// fifth has a location.
func large(nodes, count int) *cluster {
	var names []string
	for k := range nodes {
		names = append(names, fmt.Sprintf("node-%02d", k))
	}
	c := newCluster(names...)
	sticky := resources.Score(100)
	c.d.Defaults.Resource.Stickiness = &sticky
	two := 2
	for k := range count {
		r := resources.Resource{ID: resources.ResourceID(fmt.Sprintf("r%04d", k)), Agent: "sim", Params: resources.Params{"port": fmt.Sprint(k), "config": "/etc/x"}}
		switch {
		case k%30 == 0:
			r.Clone = &resources.Clone{Interleave: true}
		case k%10 == 0:
			r.Clone = &resources.Clone{Max: &two, Interleave: true}
		case k%2 == 0:
			before := c.d.Resources[k-1].ID
			c.d.Orders = append(c.d.Orders, resources.Order{ID: "o", First: before, Then: r.ID})
			c.d.Colocations = append(c.d.Colocations, resources.Colocation{ID: "c", Resource: r.ID, With: before, Score: resources.Infinity})
		case k%5 == 0:
			c.d.Locations = append(c.d.Locations, resources.Location{ID: "l", Resource: r.ID, Node: resources.NodeName(names[k%nodes]), Score: 50})
		}
		c.d.Resources = append(c.d.Resources, r)
	}
	c.d.Locations = append(c.d.Locations, resources.Location{ID: "all", Selector: &resources.Selector{Agent: "s*"}, Rule: "not_defined spare", Score: 1})
	c.build()
	plan := scheduler.Plan(c.s, c.now, c.opts)
	for node, targets := range plan.Targets {
		for id, role := range targets {
			r, _ := c.d.Resource(id.Resource())
			*c.s.Nodes[node].Instances[id] = state.Instance{ID: id, Role: role, Probed: true, Digest: resources.Digest(r)}
		}
	}
	return c
}

func BenchmarkPlan(b *testing.B) {
	for _, size := range []struct{ nodes, resources int }{{3, 139}, {16, 500}, {64, 2000}} {
		c := large(size.nodes, size.resources)
		if plan := scheduler.Plan(c.s, c.now, c.opts); len(plan.Actions) != 0 {
			b.Fatalf("the cluster is not at rest: %d actions, first %v", len(plan.Actions), plan.Actions[0])
		}
		b.Run(fmt.Sprintf("%dx%d/idle", size.nodes, size.resources), func(b *testing.B) {
			measure(b, c)
		})
		cold := large(size.nodes, size.resources)
		for _, n := range cold.s.Nodes {
			n.Instances = map[resources.InstanceID]*state.Instance{}
		}
		b.Run(fmt.Sprintf("%dx%d/cold", size.nodes, size.resources), func(b *testing.B) {
			measure(b, cold)
		})
		down := large(size.nodes, size.resources)
		down.Down("node-01")
		b.Run(fmt.Sprintf("%dx%d/node-dead", size.nodes, size.resources), func(b *testing.B) {
			measure(b, down)
		})
	}
}

// BenchmarkReplan plans after one event, with the planner of a term: a member is
// suspected, and is heard again.
func BenchmarkReplan(b *testing.B) {
	for _, size := range []struct{ nodes, resources int }{{3, 139}, {16, 500}, {64, 2000}} {
		b.Run(fmt.Sprintf("%dx%d", size.nodes, size.resources), func(b *testing.B) {
			c := large(size.nodes, size.resources)
			suspect, result := state.ApplyCommand(c.s, c.s.Index+1, 1, c.now, state.ByCluster, &state.MemberVerdict{
				Node: "node-01", Liveness: state.LivenessSuspect, Incarnation: c.s.Nodes["node-01"].Incarnation,
			})
			if result.Err != nil {
				b.Fatal(result.Err)
			}
			var planner scheduler.Planner
			planner.Plan(c.s, c.now, c.opts)
			b.ReportAllocs()
			before, turn := cpuTime(b), 0
			for b.Loop() {
				turn++
				planner.Plan([]*state.State{c.s, suspect}[turn%2], c.now, c.opts)
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// measure plans again and again. Besides the time it reports the processor's,
// which is what counts on a busy machine.
func measure(b *testing.B, c *cluster) {
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		scheduler.Plan(c.s, c.now, c.opts)
	}
	b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
}

// cpuTime is the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
