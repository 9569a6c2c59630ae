package policy

import (
	"slices"
	"testing"
)

// asked lists the orderings of which both sides are in the list of ids.
func asked(b *bench, ids ...string) []string {
	var got []string
	for _, o := range b.orderings {
		if slices.Contains(ids, o.firstRsc.id) && slices.Contains(ids, o.thenRsc.id) {
			got = append(got, o.firstRsc.id+" "+o.firstTask+" > "+o.thenRsc.id+" "+o.thenTask)
		}
	}
	return got
}

func TestOrderGroup(t *testing.T) {
	b := newBench(t, "n1")
	first, second := b.primitive("a", 0), b.primitive("b", 0)
	g := b.collection("g", Group, first, second)
	g.group = &groupInfo{ordered: true, colocated: true}
	second.runningOn = b.nodes
	b.orderWithin(g)
	got := asked(b, "a", "b")
	for _, want := range []string{"a start > b start", "b stop > a stop", "b stop > a start"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %v", want, got)
		}
	}
}

func TestOrderUnorderedGroup(t *testing.T) {
	b := newBench(t, "n1")
	g := b.collection("g", Group, b.primitive("a", 0), b.primitive("b", 0))
	g.group = &groupInfo{colocated: true}
	b.orderWithin(g)
	for _, o := range b.orderings {
		if o.firstRsc.id == "a" && o.thenRsc.id == "b" || o.firstRsc.id == "b" && o.thenRsc.id == "a" {
			t.Errorf("%s %s waits for %s %s", o.thenRsc.id, o.thenTask, o.firstRsc.id, o.firstTask)
		}
	}
}

func TestOrderClone(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		b := newBench(t, "n1")
		r := b.clone("web", 3, cloneInfo{ordered: ordered})
		b.orderWithin(r)
		got := asked(b, "web:0", "web:2")
		if slices.Contains(got, "web:0 start > web:2 start") != ordered || slices.Contains(got, "web:2 stop > web:0 stop") != ordered {
			t.Errorf("ordered %v: %v", ordered, got)
		}
		got = asked(b, "web-clone", "web:1")
		for _, want := range []string{"web-clone start > web:1 start", "web:1 start > web-clone running", "web:1 stop > web-clone stopped"} {
			if !slices.Contains(got, want) {
				t.Errorf("ordered %v: no %s in %v", ordered, want, got)
			}
		}
	}
}

func TestPointsOfClone(t *testing.T) {
	b := newBench(t, "n1", "n2")
	r := b.clone("web", 2, cloneInfo{}, 0)
	b.do(r.members[0], taskStop, 0, "required")
	b.do(r.members[1], taskStart, 1, "required stuck")
	b.actPoints(r, r.members)
	for task, want := range map[string]string{
		taskStart: "", taskStarted: "", taskStop: "required migrates", taskStopped: "required",
	} {
		if got := state(b.firstAction(r, task, nil)); got != want {
			t.Errorf("%s is %q, want %q", task, got, want)
		}
	}
}
