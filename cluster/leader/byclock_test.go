package leader

import (
	"fmt"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// worldly has the rig's orders answered by what runs where.
func (r *rig) worldly() {
	runs := map[string]bool{}
	r.order = func(_ int, o state.Order) Ordered {
		here := string(o.Instance) + "@" + string(o.Node)
		result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
		switch o.Op {
		case resources.OpStart:
			runs[here] = true
		case resources.OpStop:
			delete(runs, here)
		}
		if !runs[here] {
			result.Role = resources.RoleStopped
			if o.Op == resources.OpProbe {
				result.Outcome = agents.OutcomeNotRunning
			}
		}
		return Ordered{Reply: Done, Result: result}
	}
}

// TestTheClockAloneChanges: what a rule gives from an instant on, or up to it, and a
// failure that expires, are acted on when the wall clock shows it, although nothing
// else happens.
func TestTheClockAloneChanges(t *testing.T) {
	const at = 30 * time.Second // after epoch, by the wall clock
	stop := "stop vip on a"
	for _, c := range []struct {
		name   string
		change func(d *resources.Definition, from, before string)
		fails  bool // its monitor fails at the beginning
		want   string
	}{
		{"a location begins", func(d *resources.Definition, from, _ string) {
			d.Locations = append(d.Locations, resources.Location{ID: "l", Resource: "vip", Rule: "#uname == b and " + from, Score: resources.Infinity})
		}, false, stop},
		{"a location ends", func(d *resources.Definition, _, before string) {
			d.Locations = append(d.Locations, resources.Location{ID: "l", Resource: "vip", Rule: "#uname == a and " + before, Score: 500})
			d.Locations = append(d.Locations, resources.Location{ID: "b", Resource: "vip", Node: "b", Score: 400})
		}, false, stop},
		{"a node is in standby", func(d *resources.Definition, from, _ string) {
			d.Nodes[0].When = []resources.NodeWhen{{Rule: from, Standby: new(true)}}
		}, false, stop},
		{"a node's attribute begins", func(d *resources.Definition, from, _ string) {
			d.Nodes[1].When = []resources.NodeWhen{{Rule: from, Attributes: map[string]string{"rack": "2"}}}
			d.Locations = append(d.Locations, resources.Location{ID: "l", Resource: "vip", Rule: "rack == 2", Score: resources.Infinity})
		}, false, stop},
		{"a resource is disabled", func(d *resources.Definition, from, _ string) {
			d.Resources[0].When = []resources.When{{Rule: from, Meta: resources.Meta{TargetRole: new(resources.RoleStopped)}}}
		}, false, stop},
		{"a parameter changes", func(d *resources.Definition, from, _ string) {
			d.Resources[0].When = []resources.When{{Rule: from, Params: resources.Params{"address": "192.0.2.2/24"}}}
		}, false, stop},
		{"a resource is managed again", func(d *resources.Definition, _, before string) {
			d.Resources[0].When = []resources.When{{Rule: before, Meta: resources.Meta{Managed: new(false)}}}
			d.Resources[0].Meta.TargetRole = new(resources.RoleStopped)
		}, false, stop},
		{"a default changes", func(d *resources.Definition, from, _ string) {
			d.Defaults.When = []resources.DefaultsWhen{{Rule: from, Resource: resources.Meta{TargetRole: new(resources.RoleStopped)}}}
		}, false, stop},
		{"a property changes", func(d *resources.Definition, from, _ string) {
			d.Cluster.When = []resources.PropertiesWhen{{Rule: from, StopAllResources: new(true)}}
		}, false, stop},
		{"a failure expires", func(d *resources.Definition, _, _ string) {
			d.Resources[0].Meta.MigrationThreshold, d.Resources[0].Meta.FailureTimeout = new(1), new(resources.Duration(at-5*time.Second))
		}, true, "stop vip on b"},
	} {
		for _, skew := range []time.Duration{0, -time.Hour, time.Hour} {
			t.Run(fmt.Sprintf("%s, the wall clock %s ahead", c.name, skew), func(t *testing.T) {
				r := newRig(t)
				r.skew = skew
				r.worldly()
				r.plans()
				r.define(liking)
				r.run(4 * time.Second)
				date := epoch.Add(skew + at).Format(time.RFC3339)
				r.define(func(d *resources.Definition) {
					liking(d)
					c.change(d, "date >= "+date, "date < "+date)
				})
				r.run(epoch.Add(5 * time.Second).Sub(r.now))
				if c.fails {
					r.apply(&state.InstanceReported{Node: "a", Incarnation: "run-a", Instance: "vip", Seen: r.s.Index, Result: agents.Result{Outcome: agents.OutcomeNotRunning}})
				}
				r.run(epoch.Add(at - 10*time.Millisecond).Sub(r.now))
				before, index := len(r.orders), r.s.Index
				r.run(50 * time.Millisecond)
				if len(r.orders) == before {
					t.Fatalf("nothing was ordered; the plan is to be looked at again at %s", r.core.Plan().RecheckAt)
				}
				if got := orderText(r.orders[before]); got != c.want {
					t.Errorf("ordered: %s, want %s", got, c.want)
				}
				if before > 0 && r.orders[before].Index <= index {
					t.Error("it was decided before")
				}
			})
		}
	}
}

// liking has the address like a best, and b second.
func liking(d *resources.Definition) {
	d.Resources[0].Params = resources.Params{"address": "192.0.2.1/24"}
	d.Locations = []resources.Location{{ID: "best", Resource: "vip", Node: "a", Score: 100}, {ID: "second", Resource: "vip", Node: "b", Score: 50}}
}

func orderText(o state.Order) string {
	return fmt.Sprintf("%s %s on %s", o.Op, o.Instance, o.Node)
}

// TestTheClockIsSet: a wall clock that is set past an instant is noticed without an
// event, too, within replanAfter.
func TestTheClockIsSet(t *testing.T) {
	r := newRig(t)
	r.worldly()
	r.plans()
	r.define(func(d *resources.Definition) {
		liking(d)
		d.Nodes[0].When = []resources.NodeWhen{{Rule: "date >= " + epoch.Add(time.Hour).Format(time.RFC3339), Standby: new(true)}}
	})
	r.run(10 * time.Second)
	before := len(r.orders)
	r.skew = 2 * time.Hour
	r.run(replanAfter + tick)
	if len(r.orders) == before || orderText(r.orders[before]) != "stop vip on a" {
		t.Errorf("ordered after the clock was set: %d", len(r.orders)-before)
	}
}
