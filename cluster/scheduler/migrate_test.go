package scheduler_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// drawMovers draws a cluster of little else but what may migrate, in chains of
// orders and colocations.
func drawMovers(t *rapid.T) *cluster {
	names := []string{"n1", "n2", "n3", "n4"}[:rapid.IntRange(2, 4).Draw(t, "nodes")]
	c := newCluster(names...)
	c.d.Properties.FenceBudget = 1000
	var ids []resources.ResourceID
	for k := range rapid.IntRange(1, 4).Draw(t, "resources") {
		id, migrate := resources.ResourceID(fmt.Sprint("v", k)), rapid.IntRange(0, 3).Draw(t, "migrates") > 0
		c.d.Resources = append(c.d.Resources, resources.Resource{ID: id, Agent: "vm", Meta: resources.Meta{AllowMigrate: &migrate}})
		ids = append(ids, id)
	}
	for k := 1; k < len(ids); k++ {
		earlier := ids[rapid.IntRange(0, k-1).Draw(t, "earlier")]
		if rapid.Bool().Draw(t, "order") {
			c.d.Orders = append(c.d.Orders, resources.Order{ID: fmt.Sprint("o", k), First: earlier, Then: ids[k]})
		}
		if score := rapid.SampledFrom([]resources.Score{0, resources.Infinity, -resources.Infinity}).Draw(t, "score"); score != 0 {
			c.d.Colocations = append(c.d.Colocations, resources.Colocation{ID: fmt.Sprint("c", k), Resource: ids[k], With: earlier, Score: score})
		}
	}
	return c
}

// TestMigrationsSettle: whatever cuts migrations short, nothing ever runs twice,
// and once the faults stop the cluster comes to rest with everything where it
// belongs.
func TestMigrationsSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawMovers(t))
		w.settle()
		names := w.s.NodeNames()
		w.faults = rapid.IntRange(0, 4).Draw(t, "faults")
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "node")
			switch rapid.IntRange(0, 19).Draw(t, "event") {
			case 0:
				w.lose(name)
			case 1, 2:
				if w.s.Nodes[name].Off != nil {
					w.boot(name)
				}
			case 3:
				w.restartDaemon(name)
			case 4:
				for _, id := range slices.Sorted(maps.Keys(w.runs[name])) {
					w.crash(name, id)
					break
				}
			case 5, 6, 7, 8:
				w.apply(&state.NodeStandby{Node: name, Standby: !w.s.Nodes[name].Standby})
			default:
				w.step()
			}
			w.check()
		}
		w.faults = 0
		w.settle()
		w.apply(&state.FailuresCleared{})
		w.settle()
		for _, m := range w.s.Migrations {
			if m.Phase != state.MigrationCut || !w.s.Nodes[m.Source].Lost() { // its source waits to be fenced
				w.fail("at rest, and %s of %s is left", m.Phase, m.Instance)
			}
		}
		w.believes()
	})
}

// TestMigrationNeedsEveryMember: before every member knows of migrations, nothing
// moves live.
func TestMigrationNeedsEveryMember(t *testing.T) {
	c := cluster3().parse("rsc v agent=vm migrate=true\nis v@n1 started\nnode n1 standby")
	s := c.build()
	s.Version = state.VersionMore - 1
	plan := scheduler.Plan(s, c.now, c.opts)
	for _, a := range plan.Actions {
		if a.Kind == transition.KindMigrateTo {
			t.Errorf("%s although the cluster is at command set %d", a.Key, s.Version)
		}
	}
	if len(plan.Actions) != 2 {
		t.Errorf("plan: %s", render(&plan))
	}
}

// TestWhyNotLive: a stop that could have been a migration says why it is none.
func TestWhyNotLive(t *testing.T) {
	c := cluster3().parse("rsc v agent=vm migrate=true\nis v@n1 started\nfailure v@n1 migrate_to\nnode n1 standby")
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	want := "node n1 is in standby, and it cannot move live: that failed before"
	if got := plan.Actions[0].Reason; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
