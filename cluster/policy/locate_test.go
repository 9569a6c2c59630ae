package policy

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

func TestLocate(t *testing.T) {
	now := time.Unix(1000, 0)
	tests := []struct {
		name  string
		build func(p *placing)
		want  []resources.Score // of a
	}{
		{"constraints add up", func(p *placing) {
			p.in.Locations = []LocationConfig{
				{ID: "l1", Resource: "a", Node: "n1", Score: "10"},
				{ID: "l2", Resource: "a", Node: "n1", Score: "5"},
				{ID: "l3", Resource: "a", Node: "N2", Score: "-INFINITY"},
				{ID: "l4", Resource: "a", Node: "n9", Score: "1"},
				{ID: "l5", Resource: "b", Node: "n1", Score: "1"},
			}
		}, []resources.Score{15, -inf, 0}},
		{"a pattern", func(p *placing) {
			p.in.Locations = []LocationConfig{
				{ID: "l1", Pattern: "^(a|b)$", Node: "n1", Score: "10"},
				{ID: "l2", Pattern: "^a", Negated: true, Node: "n2", Score: "10"},
				{ID: "l3", Pattern: "(", Node: "n3", Score: "10"},
			}
		}, []resources.Score{10, 0, 0}},
		{"a set", func(p *placing) {
			p.in.Locations = []LocationConfig{{ID: "l1", Node: "n3", Score: "1", Sets: []Set{{Resources: []string{"a"}, Score: "4"}}}}
		}, []resources.Score{0, 0, 4}},
		{"a role that it may get", func(p *placing) {
			p.in.Locations = []LocationConfig{
				{ID: "l1", Resource: "a", Node: "n1", Score: "10", Role: "Started"},
				{ID: "l2", Resource: "a", Node: "n1", Score: "10", Role: "Promoted"},
			}
		}, []resources.Score{10, 0, 0}},
		{"exclusive discovery", func(p *placing) {
			p.in.Locations = []LocationConfig{{ID: "l1", Resource: "a", Node: "n2", Score: "0", Discovery: "exclusive"}}
		}, []resources.Score{-inf, 0, -inf}},
		{"health", func(p *placing) {
			p.opt.health, p.opt.red, p.opt.yellow, p.opt.healthBase = healthProgressive, -100, -10, 3
			p.nodes[0].attrs["#health-disk"], p.nodes[0].attrs["#health-cpu"] = "yellow", "7"
			p.nodes[1].attrs["#health-disk"] = "red"
			p.nodes[2].attrs["#health-disk"] = "what"
		}, []resources.Score{0, -97, 3}},
		{"immune to bad health", func(p *placing) {
			p.rscBy["a"].set(flagUnhealthyOK)
			p.opt.health, p.opt.red = healthMigrateOnRed, -inf
			p.nodes[0].attrs["#health-disk"] = "red"
			p.nodes[1].attrs["#health-disk"] = "7"
		}, []resources.Score{0, 7, 0}},
		{"stickiness of what is active once", func(p *placing) {
			p.on(p.rscBy["a"], 1).stickiness = 5
		}, []resources.Score{0, 5, 0}},
		{"shutdown lock", func(p *placing) {
			p.opt.shutdownLock = true
			p.on(p.rscBy["a"], 0)
			p.nodes[0].shutdown = true
		}, []resources.Score{0, -inf, -inf}},
		{"no ticket", func(p *placing) {
			p.in.TicketUses = []TicketConfig{{ID: "t", Ticket: "T", Resource: "a"}}
		}, []resources.Score{-inf, -inf, -inf}},
		{"a ticket", func(p *placing) {
			p.tickets = map[string]*ticket{"T": {id: "T", known: true, granted: true}}
			p.in.TicketUses = []TicketConfig{{ID: "t", Ticket: "T", Resource: "a"}}
		}, []resources.Score{0, 0, 0}},
		{"a ticket for promotion only", func(p *placing) {
			p.in.TicketUses = []TicketConfig{{ID: "t", Ticket: "T", Resource: "a", Role: "Promoted"}}
		}, []resources.Score{0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlacing(t, "n1", "n2", "n3")
			p.now = now
			p.rsc("a")
			tt.build(p)
			p.locate()
			for i, want := range tt.want {
				if got := p.rscBy["a"].allowed.score(p.nodes[i]); got != want {
					t.Errorf("%s: score %v, want %v", p.nodes[i].name, got, want)
				}
			}
		})
	}
}

func TestFrozenWithoutTicket(t *testing.T) {
	p := newPlacing(t, "n1")
	r := p.on(p.rsc("a"), 0)
	p.in.TicketUses = []TicketConfig{{ID: "t", Ticket: "T", Resource: "a", LossPolicy: "freeze"}}
	p.locate()
	if r.is(flagManaged) || !r.is(flagBlocked) {
		t.Error("a resource that is frozen must be left alone")
	}
}

func TestGroupLocationCountsOnce(t *testing.T) {
	p := newPlacing(t, "n1")
	m1, m2 := p.rsc("m1"), p.rsc("m2")
	p.group("g", m1, m2)
	p.in.Locations = []LocationConfig{{ID: "l", Resource: "g", Node: "n1", Score: "10"}}
	p.locate()
	if s1, s2 := m1.allowed[0].score, m2.allowed[0].score; s1 != 10 || s2 != 0 {
		t.Errorf("members got %v and %v, want 10 and 0", s1, s2)
	}
}

func TestReplaceGroups(t *testing.T) {
	match := []string{"db-7", "db", "7"}
	for text, want := range map[string]string{"x": "x", "score-%1-%2": "score-db-7", "%0": "db-7", "%9": "", "50%": "50%"} {
		if got := replaceGroups(text, match); got != want {
			t.Errorf("replaceGroups(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestColocationSets(t *testing.T) {
	no := false
	tests := []struct {
		name string
		c    ColocationConfig
		want []string
	}{
		{"chain", ColocationConfig{Score: "10", Sets: []Set{{Resources: []string{"a", "b", "c"}}}}, []string{"b-a", "c-b"}},
		{"apart", ColocationConfig{Score: "-10", Sets: []Set{{Resources: []string{"a", "b", "c"}}}}, []string{"b-a", "c-a", "c-b"}},
		{"two chains", ColocationConfig{Score: "10", Sets: []Set{{Resources: []string{"a", "b"}}, {Resources: []string{"c", "d"}}}},
			[]string{"b-a", "d-c", "a-d"}},
		{"two heaps", ColocationConfig{Score: "10", Sets: []Set{
			{Resources: []string{"a", "b"}, Sequential: &no}, {Resources: []string{"c", "d"}, Sequential: &no}}},
			[]string{"a-c", "a-d", "b-c", "b-d"}},
		{"a set without score", ColocationConfig{Sets: []Set{{Resources: []string{"a", "b"}}}}, nil},
		{"unknown members end a chain", ColocationConfig{Score: "10", Sets: []Set{{Resources: []string{"a", "b", "x", "c"}}}}, []string{"b-a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlacing(t, "n1")
			for _, id := range []string{"a", "b", "c", "d"} {
				p.rsc(id)
			}
			p.in.Colocations = []ColocationConfig{tt.c}
			p.unpackColocations()
			var got []string
			for _, c := range p.colocations {
				got = append(got, c.dependent.id+"-"+c.primary.id)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestNotes(t *testing.T) {
	p := newPlacing(t, "n1", "n2")
	p.notes = &scoreNotes{}
	a, b := p.rsc("a"), p.rsc("b", 0, 20)
	a.stickiness = 3
	p.on(a, 0)
	p.with(a, b, 50)
	p.run(map[string]string{"a": "n2", "b": "n2"})
	got := map[string]resources.Score{}
	for _, s := range p.scores() {
		var sum resources.Score
		for _, part := range s.Parts {
			sum = sum.Add(part.Value)
		}
		got[s.Resource+" "+s.Node] = sum
	}
	if got["a n1"] != 3 || got["a n2"] != 50 {
		t.Errorf("parts of a add up to %v", got)
	}
}
