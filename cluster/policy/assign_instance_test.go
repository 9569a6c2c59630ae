package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
)

// clone makes an unassigned clone with instances that may go anywhere, the
// first of them active on the nodes given.
func (b *bench) clone(id string, instances int, info cloneInfo, active ...int) *resource {
	var members []*resource
	for i := range instances {
		m := b.primitive(fmt.Sprintf("%s:%d", id, i), 0)
		m.base = id
		if i < len(active) {
			m.runningOn, m.role = []*node{b.nodes[active[i]]}, RoleStarted
		}
		members = append(members, m)
	}
	r := b.collection(id+"-clone", Clone, members...)
	r.clone = &info
	for _, m := range append(members, r) {
		m.set(flagUnassigned)
		m.nextRole = RoleUnknown
		for i := range m.allowed {
			m.allowed[i].in = true
		}
	}
	return r
}

// placement lists instances and their nodes, in the order of numbers.
func placement(r *resource) string {
	members := slices.Clone(r.members)
	sortByNumber(members)
	var words []string
	for _, m := range members {
		at := "-"
		if m.assigned != nil {
			at = m.assigned.name
		}
		words = append(words, at)
	}
	return strings.Join(words, " ")
}

func TestAssignInstances(t *testing.T) {
	cases := []struct {
		name      string
		instances int
		info      cloneInfo
		active    []int
		change    func(*resource)
		want      string
	}{
		{"one on each node", 3, cloneInfo{max: 3, nodeMax: 1}, nil, nil, "n1 n2 n3"},
		{"no more than there may be", 3, cloneInfo{max: 2, nodeMax: 1}, nil, nil, "n1 n2 -"},
		{"no more than there are nodes", 4, cloneInfo{max: 4, nodeMax: 1}, nil, nil, "n1 n2 n3 -"},
		{"several on a node", 6, cloneInfo{max: 6, nodeMax: 2}, nil, nil, "n1 n2 n3 n1 n2 n3"},
		{"active ones stay", 2, cloneInfo{max: 2, nodeMax: 1}, []int{2, 1}, nil, "n3 n2"},
		{"one gives way to a node that is preferred", 2, cloneInfo{max: 2, nodeMax: 1}, []int{2, 1}, func(r *resource) {
			for _, m := range r.members {
				m.allowed[0].score = 10
			}
		}, "n3 n1"},
		{"a node that the clone shuns", 3, cloneInfo{max: 3, nodeMax: 1}, nil, func(r *resource) {
			r.allowed[1].score = -resources.Infinity
		}, "n1 n3 -"},
		{"removed instances", 2, cloneInfo{max: 2, nodeMax: 1}, nil, func(r *resource) {
			r.members[0].set(flagRemoved)
		}, "- n1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "n1", "n2", "n3")
			r := b.clone("web", c.instances, c.info, c.active...)
			if c.change != nil {
				c.change(r)
			}
			b.assignClone(r, nil, false)
			if got := placement(r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if r.is(flagUnassigned | flagAssigning) {
				t.Error("the clone is still being assigned")
			}
		})
	}
}

func TestSortInstances(t *testing.T) {
	b := newBench(t, "n1", "n2", "n3")
	r := b.clone("web", 5, cloneInfo{max: 5, nodeMax: 1}, 0, 1, 2)
	r.members[0].set(flagFailed)
	r.members[1].allowed[1].score = -resources.Infinity
	// A promotion score that is no higher than the priority changes nothing.
	r.clone.scoresMerged = true
	for _, m := range r.members {
		m.priority = 2
	}
	r.members[3].promotion, r.members[4].promotion = 5, 2
	b.sortInstances(r.members)
	var got []string
	for _, m := range r.members {
		got = append(got, m.id)
	}
	if want := "web:3 web:2 web:0 web:4 web:1"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

func TestInstanceNumber(t *testing.T) {
	for id, want := range map[string]int{
		"web:0": 0, "web:12": 12, "redis-bundle-podman-2": 2, "web": 0, "web:": 0, "a-1:3": 3,
		"web:99999999999999999999": 9999999999,
	} {
		if got := instanceNumber(id); got != want {
			t.Errorf("%s: got %d, want %d", id, got, want)
		}
	}
}

func TestMergeSortIsStable(t *testing.T) {
	list := []int{31, 10, 32, 11, 20, 33, 12}
	mergeSort(list, func(a, b int) int { return a/10 - b/10 })
	if want := []int{10, 11, 12, 20, 31, 32, 33}; !slices.Equal(list, want) {
		t.Errorf("got %v, want %v", list, want)
	}
}

func TestAssignBundle(t *testing.T) {
	b := newBench(t, "n1", "n2", "web-0", "web-1")
	r := b.primitive("web", flagUnassigned)
	r.variant = Bundle
	r.bndl = &bundleInfo{perHost: 1, max: 2}
	child := b.clone("httpd", 2, cloneInfo{max: 2, nodeMax: 1})
	b.top = b.top[:1]
	child.parent = r
	for i := range 2 {
		guest := b.nodes[2+i]
		guest.kind = KindRemote
		part := &replica{number: i, node: guest, child: child.members[i]}
		part.container = b.primitive(fmt.Sprintf("web-podman-%d", i), flagUnassigned|flagReplicaPart)
		part.ip = b.primitive(fmt.Sprintf("web-ip-%d", i), flagUnassigned|flagReplicaPart)
		part.connection = b.primitive(guest.name, flagUnassigned|flagReplicaPart|flagConnection)
		part.connection.container, part.connection.remoteNode = part.container, guest
		guest.connection = part.connection
		for _, p := range []*resource{part.container, part.ip, part.connection} {
			p.parent, p.nextRole = r, RoleUnknown
			for n := range 2 {
				p.allowed[n].in = true
			}
		}
		b.colocate(colocation{id: "ip", dependent: part.ip, primary: part.container, score: resources.Infinity, implicit: true})
		b.colocate(colocation{id: "conn", dependent: part.connection, primary: part.container, score: 10000, implicit: true})
		r.members = append(r.members, part.container, part.ip, part.connection)
		r.bndl.replicas = append(r.bndl.replicas, part)
	}
	r.bndl.child, r.members = child, append(r.members, child)
	for n := range 2 {
		r.allowed[n].in = true
	}
	b.assignBundle(r, nil, false)
	for i, part := range r.bndl.replicas {
		host := b.nodes[i]
		for _, p := range []*resource{part.container, part.ip, part.connection} {
			if p.assigned != host {
				t.Errorf("%s is on %v, want %s", p.id, p.assigned, host.name)
			}
		}
		if part.child.assigned != part.node {
			t.Errorf("%s is on %v, want %s", part.child.id, part.child.assigned, part.node.name)
		}
	}
}
