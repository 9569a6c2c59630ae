package policy

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
)

// promotable makes a promotable clone with an active instance on each node.
func (b *bench) promotable(id string, promoted int) *resource {
	active := make([]int, len(b.nodes))
	for i, n := range b.nodes {
		active[i] = i
		n.attrs = map[string]string{"#uname": n.name}
	}
	r := b.clone(id, len(b.nodes), cloneInfo{
		max: len(b.nodes), nodeMax: 1, promotable: true, promotedMax: promoted, promotedNodeMax: 1,
	}, active...)
	for _, m := range append(r.members, r) {
		m.set(flagPromotable)
	}
	return r
}

// promotions names the nodes of promoted instances.
func promotions(b *bench, r *resource) string {
	var words []string
	for _, n := range b.nodes {
		for _, m := range r.members {
			if m.assigned == n && m.nextRole == RolePromoted {
				words = append(words, n.name)
			}
		}
	}
	return strings.Join(words, " ")
}

func TestPromotion(t *testing.T) {
	score := func(b *bench, node int, value string) { b.nodes[node].attrs["master-db"] = value }
	cases := []struct {
		name   string
		max    int
		change func(*bench, *resource)
		want   string
	}{
		{"nobody asks for it", 1, func(*bench, *resource) {}, ""},
		{"the highest score", 1, func(b *bench, _ *resource) { score(b, 0, "5"); score(b, 2, "10") }, "n3"},
		{"two", 2, func(b *bench, _ *resource) { score(b, 0, "5"); score(b, 1, "1"); score(b, 2, "10") }, "n1 n3"},
		{"zero is enough, less is not", 3, func(b *bench, _ *resource) { score(b, 0, "0"); score(b, 1, "-1") }, "n1"},
		{"who is promoted stays so", 1, func(b *bench, r *resource) {
			score(b, 0, "10")
			score(b, 1, "10")
			r.members[1].role = RolePromoted
		}, "n2"},
		{"a location for the role", 1, func(b *bench, r *resource) {
			r.locations = append(r.locations, &location{role: RolePromoted, node: b.nodes[1], score: 50})
		}, "n2"},
		{"a location against it", 1, func(b *bench, r *resource) {
			score(b, 0, "10")
			r.locations = append(r.locations, &location{role: RolePromoted, node: b.nodes[0], score: -resources.Infinity})
		}, ""},
		{"target-role", 1, func(b *bench, r *resource) {
			score(b, 0, "10")
			for _, m := range r.members {
				m.nextRole = RoleUnpromoted
			}
		}, ""},
		{"no ticket", 1, func(b *bench, r *resource) {
			score(b, 0, "10")
			r.tickets = append(r.tickets, &ticketUse{role: RolePromoted, ticket: &ticket{}})
		}, ""},
		{"frozen without quorum", 1, func(b *bench, _ *resource) {
			score(b, 0, "10")
			b.in.Quorum, b.opt.noQuorum = false, quorumFreeze
		}, ""},
		{"with something that is elsewhere", 1, func(b *bench, r *resource) {
			score(b, 0, "10")
			score(b, 1, "1")
			ip := b.primitive("ip", 0)
			ip.assigned = b.nodes[1]
			for i := range ip.allowed {
				ip.allowed[i].in = true
			}
			b.colocate(colocation{id: "c", dependent: r, dependentRole: RolePromoted, primary: ip, score: resources.Infinity})
		}, "n2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "n1", "n2", "n3")
			r := b.promotable("db", c.max)
			c.change(b, r)
			b.assignClone(r, nil, false)
			if got := promotions(b, r); got != c.want {
				t.Errorf("promoted on %q, want %q", got, c.want)
			}
			for _, m := range r.members {
				if m.nextRole != RolePromoted && m.nextRole != RoleUnpromoted {
					t.Errorf("%s becomes %v", m.id, m.nextRole)
				}
			}
		})
	}
}

func TestPromotionScoreCounts(t *testing.T) {
	b := newBench(t, "n1", "n2", "n3")
	r := b.promotable("db", 1)
	for _, m := range r.members {
		m.knownOn = make(nodeSet, 1)
	}
	r.members[2].runningOn = nil
	r.members[2].knownOn.add(b.nodes[2])
	view := b.newPromotionView(r)
	for i, want := range []string{"n1 n3", "n2 n3", "n3"} {
		var got []string
		for _, n := range b.nodes {
			if promotionCounts(r.members[i], n, view) {
				got = append(got, n.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("scores for %s count on %v, want %s", r.members[i].id, got, want)
		}
	}
}
