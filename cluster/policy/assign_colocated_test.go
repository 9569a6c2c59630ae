package policy

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
)

// usableNodes names the nodes that a resource may use.
func usableNodes(b *bench, r *resource) string {
	var words []string
	for i, n := range b.nodes {
		if r.allowed[i].in && r.allowed[i].score >= 0 {
			words = append(words, n.name)
		}
	}
	return strings.Join(words, " ")
}

func TestColocateWithClone(t *testing.T) {
	const must = resources.Infinity
	cases := []struct {
		name       string
		c          colocation
		interleave bool
		change     func(web, dependent *resource)
		want       string
	}{
		{"where the clone is", colocation{score: must}, false, nil, "n1 n2"},
		{"not where it is blocked", colocation{score: must}, false, func(web, _ *resource) {
			web.members[0].set(flagBlocked)
		}, "n2"},
		{"not yet", colocation{score: must}, false, func(web, _ *resource) { web.set(flagUnassigned) }, "n1 n2 n3"},
		{"away from it", colocation{score: -must}, false, nil, "n3"},
		{"where it is promoted", colocation{score: must, primaryRole: RolePromoted}, false, nil, "n2"},
		{"promoted where it is promoted", colocation{score: must, primaryRole: RolePromoted, dependentRole: RolePromoted}, false, nil, "n1 n2 n3"},
		{"with its partner", colocation{score: must}, true, func(_, dependent *resource) { dependent.allowed[1].score = 5 }, "n2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "n1", "n2", "n3")
			web := b.clone("web", 2, cloneInfo{max: 2, nodeMax: 1})
			web.set(flagPromotable)
			web.unset(flagUnassigned)
			for i, m := range web.members {
				m.unset(flagUnassigned)
				m.assigned, m.nextRole = b.nodes[i], RoleUnpromoted
			}
			web.members[1].nextRole = RolePromoted
			other := b.clone("app", 1, cloneInfo{max: 1, nodeMax: 1})
			dependent := other.members[0]
			constraint := c.c
			constraint.primary, constraint.dependent = web, dependent
			if c.interleave {
				other.meta = map[string]string{"interleave": "true"}
				constraint.dependent = other
			}
			if c.change != nil {
				c.change(web, dependent)
			}
			b.colocateWithClone(&constraint, dependent, web)
			if got := usableNodes(b, dependent); got != c.want {
				t.Errorf("may use %s, want %s", got, c.want)
			}
		})
	}
}

func TestInterleavedWithoutPartner(t *testing.T) {
	b := newBench(t, "n1")
	web := b.clone("web", 1, cloneInfo{max: 1, nodeMax: 1})
	web.unset(flagUnassigned)
	app := b.clone("app", 1, cloneInfo{max: 1, nodeMax: 1})
	app.meta = map[string]string{"interleave": "true"}
	c := colocation{primary: web, dependent: app, score: resources.Infinity}
	b.colocateWithClone(&c, app.members[0], web)
	if m := app.members[0]; m.nextRole != RoleStopped || m.is(flagUnassigned) {
		t.Errorf("an instance without a partner becomes %v", m.nextRole)
	}
}

func TestBundleColocationsReach(t *testing.T) {
	b := newBench(t, "n1", "g")
	r := b.primitive("bundle", 0)
	r.variant = Bundle
	child := b.clone("db", 1, cloneInfo{max: 1, nodeMax: 1})
	child.parent = r
	part := &replica{container: b.primitive("c", 0), ip: b.primitive("ip", 0), child: child.members[0], node: b.nodes[1]}
	part.container.parent, part.ip.parent = r, r
	r.bndl = &bundleInfo{child: child, replicas: []*replica{part}}

	check := func(when string, of *resource, want bool) {
		t.Helper()
		if got := b.bundleColocationsReach(r, of); got != want {
			t.Errorf("%s: reach %s: %v, want %v", when, of.id, got, want)
		}
	}
	check("always", part.container, true)
	check("always", part.ip, false)
	check("without promotion", child, false)
	check("without promotion", part.child, false)
	child.set(flagPromotable)
	check("before assignment", part.child, false)
	part.child.unset(flagUnassigned)
	check("while roles are chosen", part.child, true)
	check("before sorting", child, false)
	child.clone.rolesSorted = true
	check("while sorting", child, true)
}
