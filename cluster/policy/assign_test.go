package policy

import (
	"testing"

	"github.com/belay-ha/belay/resources"
)

const inf = resources.Infinity

// placing is a bench on which resources are placed: all nodes are usable and
// allowed with a score of 0.
type placing struct{ *bench }

func newPlacing(t *testing.T, nodes ...string) *placing {
	t.Helper()
	b := newBench(t, nodes...)
	b.opt.symmetric, b.haveFenceDevice = true, true
	b.nodeBy = map[string]*node{}
	for _, n := range b.nodes {
		n.attrs = map[string]string{"#uname": n.name}
		b.nodeBy[n.name] = n
	}
	return &placing{b}
}

// rsc adds a primitive; scores name nodes in order.
func (p *placing) rsc(id string, scores ...resources.Score) *resource {
	r := p.primitive(id, flagUnique|flagCritical)
	r.nextRole = RoleUnknown
	r.allowed = nil
	p.tableOf(r)
	for i, s := range scores {
		r.allowed[i].score = s
	}
	return r
}

func (p *placing) group(id string, members ...*resource) *resource {
	g := p.collection(id, Group, members...)
	g.group = &groupInfo{ordered: true, colocated: true}
	g.nextRole, g.allowed = RoleUnknown, nil
	p.tableOf(g)
	return g
}

func (p *placing) on(r *resource, n int) *resource {
	r.runningOn, r.role = []*node{p.nodes[n]}, RoleStarted
	return r
}

func (p *placing) with(dependent, primary *resource, score resources.Score) *placing {
	p.colocate(colocation{id: dependent.id + "-" + primary.id, dependent: dependent, primary: primary, score: score, influence: true})
	return p
}

// run locates and assigns, and compares where each of the resources went.
func (p *placing) run(want map[string]string) {
	p.t.Helper()
	p.locate()
	p.assign()
	for id, name := range want {
		got := ""
		if n := p.rscBy[id].assigned; n != nil {
			got = n.name
		}
		if got != name {
			p.t.Errorf("%s went to %q, want %q (scores %v)", id, got, name, p.rscBy[id].allowed)
		}
	}
}

func TestPlacement(t *testing.T) {
	tests := []struct {
		name  string
		build func(p *placing)
		want  map[string]string
	}{
		{"the best score wins", func(p *placing) { p.rsc("a", 1, 3, 2) }, map[string]string{"a": "n2"}},
		{"equals are shared out", func(p *placing) { p.rsc("a"); p.rsc("b"); p.rsc("c"); p.rsc("d") },
			map[string]string{"a": "n1", "b": "n2", "c": "n3", "d": "n1"}},
		{"what runs moves if it has no reason to stay", func(p *placing) {
			p.rsc("a")
			p.on(p.rsc("b"), 0)
		}, map[string]string{"a": "n1", "b": "n2"}},
		{"equal positive scores keep it", func(p *placing) {
			p.rsc("a", 1)
			p.on(p.rsc("b", 1, 1, 1), 0)
		}, map[string]string{"a": "n1", "b": "n1"}},
		{"stickiness keeps it", func(p *placing) {
			p.on(p.rsc("a", 0, 50), 0).stickiness = 100
		}, map[string]string{"a": "n1"}},
		{"banned everywhere", func(p *placing) { p.rsc("a", -inf, -inf, -inf) }, map[string]string{"a": ""}},
		{"negative scores rule out", func(p *placing) { p.rsc("a", -5, -inf, -inf) }, map[string]string{"a": ""}},
		{"a node in standby is none", func(p *placing) {
			p.nodes[0].standby = true
			p.rsc("a", 100)
		}, map[string]string{"a": "n2"}},
		{"target role Stopped", func(p *placing) { p.rsc("a").nextRole = RoleStopped }, map[string]string{"a": ""}},
		{"unmanaged stays on a dead node", func(p *placing) {
			r := p.on(p.rsc("a", -inf), 0)
			r.unset(flagManaged)
			p.nodes[0].online = false
		}, map[string]string{"a": "n1"}},
		{"without a fence device nothing is managed", func(p *placing) {
			p.opt.fencing, p.haveFenceDevice = true, false
			p.rsc("a", 5)
		}, map[string]string{"a": ""}},
		{"the dependent follows", func(p *placing) {
			a, b := p.rsc("a", 3), p.rsc("b", 0, 0, 5)
			p.with(a, b, inf)
		}, map[string]string{"a": "n3", "b": "n3"}},
		{"the primary heeds its dependent", func(p *placing) {
			a, b := p.rsc("a", 0, 0, 10), p.rsc("b")
			p.with(a, b, inf)
		}, map[string]string{"a": "n3", "b": "n3"}},
		{"no primary, no dependent", func(p *placing) {
			a, b := p.rsc("a"), p.rsc("b", -inf, -inf, -inf)
			p.with(a, b, inf)
		}, map[string]string{"a": "", "b": ""}},
		{"apart", func(p *placing) {
			a, b := p.rsc("a", 10), p.rsc("b", 10)
			p.with(a, b, -inf)
		}, map[string]string{"a": "n2", "b": "n1"}},
		{"a wish to be apart gives way", func(p *placing) {
			a, b := p.rsc("a", 0, -inf, -inf), p.rsc("b", 10, -inf, -inf)
			p.with(a, b, -100)
		}, map[string]string{"a": "n1", "b": "n1"}},
		{"in a circle", func(p *placing) {
			a, b := p.rsc("a", 0, 7), p.rsc("b")
			p.with(a, b, inf).with(b, a, inf)
		}, map[string]string{"a": "n2", "b": "n2"}},
		{"a group stays together", func(p *placing) {
			p.group("g", p.rsc("m1"), p.rsc("m2", 0, 0, 10), p.rsc("m3"))
		}, map[string]string{"m1": "n3", "m2": "n3", "m3": "n3"}},
		{"a member that cannot run stops those after it", func(p *placing) {
			m2 := p.rsc("m2")
			m2.nextRole = RoleStopped
			p.group("g", p.rsc("m1", 5), m2, p.rsc("m3"))
		}, map[string]string{"m1": "n1", "m2": "", "m3": ""}},
		{"with a group is with its last member", func(p *placing) {
			m2 := p.rsc("m2")
			m2.nextRole = RoleStopped
			g := p.group("g", p.rsc("m1", 5), m2)
			p.with(p.rsc("a"), g, inf)
		}, map[string]string{"m1": "n1", "a": ""}},
		{"no room together, but alone", func(p *placing) {
			p.opt.strategy = placeUtilization
			for _, n := range p.nodes {
				n.capacity = map[string]int{"cpu": 2}
			}
			a, b := p.rsc("a"), p.rsc("b")
			a.utilization, b.utilization = map[string]int{"cpu": 2}, map[string]int{"cpu": 1}
			p.with(b, a, inf)
		}, map[string]string{"a": "n2", "b": ""}}, // all have as much room: see tablePlaces
		{"the smaller node has no room", func(p *placing) {
			p.opt.strategy = placeUtilization
			p.nodes[0].capacity = map[string]int{"cpu": 2}
			p.nodes[1].capacity = map[string]int{"cpu": 3}
			p.nodes[2].capacity = map[string]int{}
			a, b := p.rsc("a"), p.rsc("b")
			a.utilization, b.utilization = map[string]int{"cpu": 2}, map[string]int{"cpu": 1}
			p.with(b, a, inf)
		}, map[string]string{"a": "n2", "b": "n2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlacing(t, "n1", "n2", "n3")
			tt.build(p)
			p.run(tt.want)
		})
	}
}

func TestAttenuate(t *testing.T) {
	for _, tt := range []struct {
		score  resources.Score
		factor float32
		want   resources.Score
	}{
		{100, 1, 100}, {-inf, 1, -inf}, {5, 0.5, 3}, {-5, 0.5, -3}, {1, 0.0001, 1}, {-1, 0.0001, 1}, {1, -0.0001, -1}, {0, 1, 0},
	} {
		if got := attenuate(tt.score, tt.factor); got != tt.want {
			t.Errorf("attenuate(%v, %v) = %v, want %v", tt.score, tt.factor, got, tt.want)
		}
	}
}

func TestColocationsOfMembers(t *testing.T) {
	p := newPlacing(t, "n1")
	m1, m2, m3, x := p.rsc("m1"), p.rsc("m2"), p.rsc("m3"), p.rsc("x")
	g := p.group("g", m1, m2, m3)
	p.with(g, x, inf).with(x, g, 5).with(m2, x, 7)
	for _, tt := range []struct {
		r                     *resource
		primaries, dependents int
	}{
		{m1, 2, 0}, {m2, 1, 0}, {m3, 0, 1}, {g, 2, 1}, {x, 1, 2},
	} {
		primaries, dependents := p.colocationsOf(tt.r)
		if len(primaries) != tt.primaries || len(dependents) != tt.dependents {
			t.Errorf("%s: %d with others, %d with it; want %d and %d",
				tt.r.id, len(primaries), len(dependents), tt.primaries, tt.dependents)
		}
	}
	m1.unset(flagManaged)
	if primaries := p.primariesOf(m3); len(primaries) != 1 || primaries[0].primary != x {
		t.Errorf("m3 after an unmanaged member: %v", primaries)
	}
}

func TestUnassignGivesBack(t *testing.T) {
	p := newPlacing(t, "n1")
	n := p.nodes[0]
	n.capacity = map[string]int{"cpu": 4}
	r := p.rsc("a")
	r.utilization = map[string]int{"cpu": 3, "gpu": 1}
	p.finalAssign(r, n, false)
	if r.assigned != n || n.load != 1 || n.capacity["cpu"] != 1 {
		t.Fatalf("assigned: %v, load %d, %v", r.assigned, n.load, n.capacity)
	}
	p.unassign(r)
	if r.assigned != nil || n.load != 0 || n.capacity["cpu"] != 4 || !r.is(flagUnassigned) {
		t.Fatalf("unassigned: %v, load %d, %v", r.assigned, n.load, n.capacity)
	}
}
