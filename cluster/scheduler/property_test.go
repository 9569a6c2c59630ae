package scheduler_test

import (
	"encoding/json"
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

// drawCluster draws a definition: up to five nodes, some resources of every
// kind, orders and colocations from earlier to later ones. Nobody has looked
// at anything yet.
func drawCluster(t *rapid.T) *cluster {
	names := []string{"n1", "n2", "n3", "n4", "n5"}[:rapid.IntRange(2, 5).Draw(t, "nodes")]
	c := newCluster(names...)
	budget := 1000
	c.d.Properties.FenceBudget = budget
	sticky := resources.Score(rapid.SampledFrom([]int{0, 1, 100}).Draw(t, "sticky"))
	c.d.Defaults.Resource.Stickiness = &sticky
	fatal := rapid.Bool().Draw(t, "start_failure_is_fatal")
	c.d.Properties.StartFailureIsFatal = &fatal
	var ids []resources.ResourceID
	for k := range rapid.IntRange(1, 7).Draw(t, "resources") {
		ids = append(ids, drawUnit(t, c, k, len(names)))
	}
	for k, id := range ids {
		if k == 0 {
			continue
		}
		earlier := ids[rapid.IntRange(0, k-1).Draw(t, "earlier")]
		switch rapid.IntRange(0, 5).Draw(t, "constraint") {
		case 0, 1:
			kind := rapid.SampledFrom([]resources.OrderKind{resources.OrderMandatory, resources.OrderMandatory, resources.OrderOptional, resources.OrderSerialize}).Draw(t, "kind")
			c.d.Orders = append(c.d.Orders, resources.Order{ID: fmt.Sprint("o", k), First: earlier, Then: id, Kind: kind})
		case 2:
			score := rapid.SampledFrom([]resources.Score{resources.Infinity, 50, -50, -resources.Infinity}).Draw(t, "score")
			c.d.Colocations = append(c.d.Colocations, resources.Colocation{ID: fmt.Sprint("c", k), Resource: id, With: earlier, Score: score})
		case 3:
			c.d.Locations = append(c.d.Locations, resources.Location{
				ID: fmt.Sprint("l", k), Resource: id, Node: resources.NodeName(rapid.SampledFrom(names).Draw(t, "node")),
				Score: rapid.SampledFrom([]resources.Score{resources.Infinity, 50, -50, -resources.Infinity}).Draw(t, "score"),
			})
		}
	}
	for _, name := range names {
		c.blind["*@"+name] = true
	}
	return c
}

func drawUnit(t *rapid.T, c *cluster, k, nodes int) resources.ResourceID {
	id := resources.ResourceID(fmt.Sprint("r", k))
	add := func(id resources.ResourceID, agent string, clone *resources.Clone) {
		c.d.Resources = append(c.d.Resources, resources.Resource{ID: id, Agent: agent, Clone: clone})
	}
	size := rapid.IntRange(1, nodes).Draw(t, "max")
	interleave := rapid.Bool().Draw(t, "interleave")
	sim, pair, notify := "sim", "pairfree", rapid.Bool().Draw(t, "notify")
	if notify {
		sim, pair = "told", "toldpair"
	}
	switch rapid.IntRange(0, 9).Draw(t, "sort") {
	case 0:
		add(id, sim, &resources.Clone{Interleave: interleave, Notify: notify, Max: &size})
	case 1:
		two := 2
		add(id, sim, &resources.Clone{GloballyUnique: true, Notify: notify, NodeMax: &two, Max: &size})
	case 2:
		promoted := rapid.IntRange(1, 2).Draw(t, "promoted")
		add(id, pair, &resources.Clone{Promotable: true, Notify: notify, Interleave: interleave, PromotedMax: &promoted})
	case 3:
		a, b := id+"a", id+"b"
		add(a, "sim", nil)
		add(b, "sim", nil)
		c.d.Groups = append(c.d.Groups, resources.Group{ID: id, Members: []resources.ResourceID{a, b}})
	case 4:
		a, b := id+"a", id+"b"
		add(a, sim, nil)
		add(b, sim, nil)
		c.d.Groups = append(c.d.Groups, resources.Group{ID: id, Members: []resources.ResourceID{a, b}, Clone: &resources.Clone{Interleave: interleave, Notify: notify, Max: &size}})
	case 5:
		add(id, "soft", nil)
	case 6, 7:
		add(id, "vm", nil)
		migrate := true
		c.d.Resources[len(c.d.Resources)-1].Meta.AllowMigrate = &migrate
	default:
		add(id, "sim", nil)
	}
	return id
}

// TestSettles: whatever fails in between, the limits hold at every step, and
// once the faults stop the cluster comes to rest.
func TestSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawCluster(t))
		w.adopt()
		w.faults = rapid.IntRange(0, 4).Draw(t, "faults")
		names := w.s.NodeNames()
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 19).Draw(t, "event") {
			case 0:
				w.lose(rapid.SampledFrom(names).Draw(t, "node"))
			case 1:
				if name := rapid.SampledFrom(names).Draw(t, "node"); w.s.Nodes[name].Off != nil {
					w.boot(name)
				}
			case 2:
				w.restartDaemon(rapid.SampledFrom(names).Draw(t, "node"))
			case 3:
				name := rapid.SampledFrom(names).Draw(t, "node")
				if ids := slices.Sorted(maps.Keys(w.runs[name])); len(ids) > 0 {
					w.crash(name, rapid.SampledFrom(ids).Draw(t, "instance"))
				}
			case 4:
				name := rapid.SampledFrom(names).Draw(t, "node")
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
		for _, a := range w.plan.Actions {
			if a.Wait == "" && a.InFlight == "" && len(a.After) == 0 {
				w.fail("%s is left over", a.Key)
			}
		}
		w.believes()
	})
}

// adopt lets some things run already, which nobody knows yet.
func (w *world) adopt() {
	names := w.s.NodeNames()
	for i := range w.s.Definition.Resources {
		r := &w.s.Definition.Resources[i]
		for _, id := range w.c.ids(r) {
			if rapid.Bool().Draw(w.t, "adopted") {
				w.runs[rapid.SampledFrom(names).Draw(w.t, "where")][id] = resources.RoleStarted
			}
		}
	}
}

// believes checks that a cluster at rest is what its plan says.
func (w *world) believes() {
	lost := slices.ContainsFunc(w.s.NodeNames(), func(name resources.NodeName) bool { return w.s.Nodes[name].Lost() })
	if lost {
		return
	}
	w.checkAges()
	w.checkHeard()
	if len(w.plan.Actions) > 0 {
		w.fail("at rest, and still %d actions", len(w.plan.Actions))
	}
	for _, name := range w.s.NodeNames() {
		if !maps.Equal(w.runs[name], w.plan.Targets[name]) && len(w.runs[name])+len(w.plan.Targets[name]) > 0 {
			w.fail("%s runs %v, wanted %v", name, w.runs[name], w.plan.Targets[name])
		}
	}
}

// TestAddingMovesNothing: with any stickiness, another resource beside those
// that run stops, moves or lowers none of them.
func TestAddingMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCluster(t)
		one := resources.Score(1)
		c.d.Defaults.Resource.Stickiness = &one
		w := newWorld(t, c)
		w.settle()
		def := w.s.Definition.Clone()
		priority := resources.Score(rapid.IntRange(-1, 1).Draw(t, "priority"))
		def.Resources = slices.Insert(def.Resources, rapid.IntRange(0, len(def.Resources)).Draw(t, "at"),
			resources.Resource{ID: "new", Agent: "sim", Meta: resources.Meta{Priority: &priority}})
		w.apply(&state.DefinitionSet{Base: w.s.Revision, Definition: def})
		w.replan()
		for _, a := range w.plan.Actions {
			if a.Kind == transition.KindStop || a.Kind == transition.KindDemote || a.Kind == transition.KindReload {
				w.fail("adding a resource asks for %s: %s", a.Key, a.Reason)
			}
		}
	})
}

// TestDeadNodeSparesOthers: the loss of a node restarts nothing elsewhere that
// neither depends on what it ran nor makes room for it.
func TestDeadNodeSparesOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCluster(t)
		one := resources.Score(1)
		c.d.Defaults.Resource.Stickiness = &one
		c.d.Colocations = nil
		w := newWorld(t, c)
		w.settle()
		lost := rapid.SampledFrom(w.s.NodeNames()).Draw(t, "lost")
		affected := w.dependents(lost)
		w.lose(lost)
		w.replan()
		for _, a := range w.plan.Actions {
			if (a.Kind == transition.KindStop || a.Kind == transition.KindDemote) && !affected[a.Instance.Resource()] {
				w.fail("losing %s asks for %s: %s", lost, a.Key, a.Reason)
			}
			if (a.Kind == transition.KindStart || a.Kind == transition.KindPromote) && len(a.After) == 0 && a.Wait == "" && w.ranOn(lost, a.Instance.Resource()) {
				w.fail("%s does not wait for the proof that %s is dead", a.Key, lost)
			}
		}
	})
}

func (w *world) ranOn(node resources.NodeName, id resources.ResourceID) bool {
	for other := range w.runs[node] {
		if other.Resource() == id {
			return true
		}
	}
	return false
}

// dependents returns what ran on the node and everything ordered after it,
// directly or not.
func (w *world) dependents(node resources.NodeName) map[resources.ResourceID]bool {
	affected := map[resources.ResourceID]bool{}
	for id := range w.runs[node] {
		affected[id.Resource()] = true
	}
	for changed := true; changed; {
		changed = false
		spread := func(first, then []resources.ResourceID) {
			if slices.ContainsFunc(first, func(id resources.ResourceID) bool { return affected[id] }) {
				for _, id := range then {
					changed = changed || !affected[id]
					affected[id] = true
				}
			}
		}
		for _, o := range w.s.Definition.Orders {
			spread(w.memberIDs(o.First), w.memberIDs(o.Then))
		}
		for _, g := range w.s.Definition.Groups {
			spread(g.Members, g.Members)
		}
	}
	return affected
}

// TestPlanLeavesStateAlone: planning changes nothing of what it reads.
func TestPlanLeavesStateAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawCluster(t))
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			if !w.step() {
				break
			}
		}
		before, plan := describe(w.s), scheduler.Plan(w.s, w.now, w.c.opts)
		if after := describe(w.s); before != after {
			t.Fatalf("planning changed the state: %s\n%s", before, after)
		}
		if len(plan.Targets) > len(w.s.Nodes) {
			t.Fatalf("targets for %d nodes of %d", len(plan.Targets), len(w.s.Nodes))
		}
	})
}

func describe(s *state.State) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(data)
}
