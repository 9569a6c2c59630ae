package policy

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestProbesShareWalks holds what the copies of a clone share against a walk for
// each of them, in random clusters of clones and groups that are ordered after one
// another, and of which some is not probed yet.
func TestProbesShareWalks(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		e := newEngine(inventClones(t))
		e.locate()
		e.assign()
		e.act()
		e.makeRelations()
		walk := newProbeWalk(e)
		for _, r := range e.all {
			if r.variant != Primitive {
				continue
			}
			walk.begin(r)
			for _, a := range r.actions {
				if !a.isProbe() {
					continue
				}
				for _, rel := range a.after {
					var got []*action
					for _, down := range walk.from(rel.action) {
						if down.rsc != r {
							got = append(got, down)
						}
					}
					want := plainWalk(map[*action]bool{}, r, rel.action)
					if !slices.Equal(got, want) {
						t.Fatalf("the probe of %s on %s is ordered before %v, want %v", r.id, a.node.name, tell(got), tell(want))
					}
					found += len(want)
				}
			}
		}
	})
	if found == 0 {
		t.Error("no walk found anything")
	}
}

func tell(list []*action) (all []string) {
	for _, a := range list {
		all = append(all, describe(a))
	}
	return all
}

// plainWalk lists the stops and demotions of all that has to follow the action,
// as the resource's probes see it.
func plainWalk(seen map[*action]bool, rsc *resource, after *action) (downs []*action) {
	if seen[after] {
		return nil
	}
	seen[after] = true
	r := after.rsc
	if undo := map[string]string{taskStart: taskStop, taskPromote: taskDemote}[after.task]; undo != "" && r != nil && r.variant == Primitive && r != rsc {
		for _, a := range r.actions {
			if a.key == undo && !a.is(actPseudo) {
				downs = append(downs, a)
			}
		}
	}
	for _, rel := range after.after {
		if rel.flags&firstImpliesThen == 0 {
			next := rel.action.rsc
			if r == nil || r.variant < Group || rsc.parent == r || next == nil || next.variant > Group || next.parent != r {
				continue
			}
			if r.clone != nil && r.clone.interleave && new(propagation).neighbour(rsc, r, false) != next {
				continue
			}
		}
		downs = append(downs, plainWalk(seen, rsc, rel.action)...)
	}
	return downs
}

// inventClones makes a cluster of clones, groups and primitives.
func inventClones(t *rapid.T) *Input {
	often := func(what string, percent int) bool { return rapid.IntRange(0, 99).Draw(t, what) >= 100-percent }
	in := &Input{Quorum: true, DC: "1", Now: time.Unix(1500000000, 0), Options: pairsOf("fencing-enabled", "false")}
	for n := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		id := strconv.Itoa(n + 1)
		in.Nodes = append(in.Nodes, NodeConfig{ID: id, Name: "n" + id})
		in.Status = append(in.Status, NodeStatus{ID: id, Name: "n" + id, InMembership: "true", Peer: "online", Join: "member", Expected: "member"})
	}
	for k := range rapid.IntRange(2, 6).Draw(t, "resources") {
		id := fmt.Sprint("r", k)
		whole := ResourceConfig{ID: id, Class: "ocf", Provider: "pacemaker", Type: "Stateful"}
		parts := []string{id}
		if often("group", 30) {
			whole = ResourceConfig{ID: id, Variant: Group}
			parts = []string{id + "a", id + "b"}
			for _, part := range parts {
				whole.Members = append(whole.Members, ResourceConfig{ID: part, Class: "ocf", Provider: "pacemaker", Type: "Stateful"})
			}
		}
		cloned := often("clone", 75)
		if cloned {
			meta := pairsOf("interleave", strconv.FormatBool(often("interleave", 60)), "promotable", strconv.FormatBool(often("promotable", 30)),
				"ordered", strconv.FormatBool(often("ordered", 20)), "clone-max", strconv.Itoa(rapid.IntRange(1, 4).Draw(t, "clone-max")))
			whole = ResourceConfig{ID: id + "-clone", Variant: Clone, Members: []ResourceConfig{whole}, Meta: meta}
		}
		if k > 0 && often("order", 80) {
			first := in.Resources[rapid.IntRange(0, k-1).Draw(t, "first")]
			in.Orders = append(in.Orders, OrderConfig{ID: "o-" + id, First: first.ID, Then: whole.ID})
		}
		in.Resources = append(in.Resources, whole)
		for n := range in.Status {
			if !often("runs", 60) {
				continue
			}
			for _, part := range parts {
				op := HistoryOp{ID: part + "_last_0", Op: "start", CallID: 1, OnNode: in.Status[n].Name, Changed: in.Now.Add(-time.Hour)}
				in.Status[n].History = append(in.Status[n].History, ResourceHistory{Resource: part, Class: "ocf", Provider: "pacemaker", Type: "Stateful", Ops: []HistoryOp{op}})
			}
			if !cloned {
				break
			}
		}
	}
	return in
}

func pairsOf(words ...string) []AttributeSet {
	var set AttributeSet
	for i := 0; i+1 < len(words); i += 2 {
		set.Pairs = append(set.Pairs, Pair{Name: words[i], Value: words[i+1]})
	}
	return []AttributeSet{set}
}
