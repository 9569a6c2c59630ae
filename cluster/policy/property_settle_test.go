package policy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

// settle plans and carries out until nothing is left to do, in at most so many
// transitions. It returns the input that is reached, and what is still to do.
func settle(in *policy.Input, most int) (*policy.Input, []string) {
	for range most {
		r := simulate.Run(in, simulate.Options{})
		if len(r.Executed) == 0 {
			return in, nil
		}
		in = r.Reached
	}
	var rest []string
	r := simulate.Run(in, simulate.Options{})
	for _, number := range r.Executed {
		s := r.Plan.Steps[number]
		// What ends a monitor of something unmanaged does not end its failure, so it
		// is ended again each time.
		if !s.Pseudo && s.Task != "cancel" {
			rest = append(rest, fmt.Sprintf("%s %s %s", s.Task, s.Resource, s.Node))
		}
	}
	return in, rest
}

// TestPlansSettle: where every node is well and nothing failed, what a plan
// reaches needs no further plan. Two exceptions are Pacemaker's own. A guest that
// came up is looked at for the first time only then, as nodes that are not there
// yet are not probed. And what moves takes its stickiness with it, and so can draw
// after it what is placed with it; what stops takes it away.
func TestPlansSettle(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := invent(t, wild{})
		plans := 1
		if strings.Contains(c.text, "\nbundle ") {
			plans++
		}
		if strings.Contains(c.text, "\nwith ") || strings.Contains(c.text, "\ngroup ") {
			plans += 2
		}
		if _, rest := settle(c.in, plans); len(rest) > 0 {
			t.Errorf("still to do: %v\n%s", rest, c.text)
		}
	})
}

// TestFailuresSettle: whatever failed, a few plans lead to rest. One is not
// enough: a failure is forgotten, a fenced node is gone, and only then is it seen
// what follows. (Copies of a clone that cannot start, on a node that is still
// joining or in standby, are left out: what must come after that clone is
// restarted again and again, with Pacemaker too.)
func TestFailuresSettle(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := invent(t, wild{failures: true})
		c.in.Own = true // Pacemaker's copies may change places for ever
		if _, rest := settle(c.in, 5); len(rest) > 0 {
			t.Errorf("still to do: %v\n%s", rest, c.text)
		}
	})
}

// TestUnrelatedMovesNothing: a new resource that nothing is said about leaves
// all that runs where it is.
func TestUnrelatedMovesNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := invent(t, wild{nodes: true})
		at, rest := settle(c.in, 4)
		if len(rest) > 0 {
			t.Skip("not at rest")
		}
		more := *at
		more.Resources = append(slices.Clone(at.Resources), policy.ResourceConfig{ID: "extra", Class: "ocf", Provider: "pacemaker", Type: "Dummy"})
		// What waits for ever does so before, too.
		wanted := policy.Compute(at).Summary
		for _, change := range policy.Compute(&more).Summary {
			if change.Resource != "extra" && !change.Blocked && !slices.Contains(wanted, change) {
				t.Errorf("%s %s on %s, for a resource that has nothing to do with it\n%s", change.Task, change.Resource, change.Node, c.text)
			}
		}
	})
}

// TestDeathDisturbsOnlyDependents: when a node dies, what runs well elsewhere
// and has nothing to do with what ran there goes on.
func TestDeathDisturbsOnlyDependents(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := invent(t, wild{least: 2})
		at, rest := settle(c.in, 2)
		if len(rest) > 0 {
			t.Skip("not at rest")
		}
		dead := at.Nodes[len(at.Nodes)-1].Name
		before := policy.Inspect(at)
		lost, err := simulate.Apply(at, simulate.Changes{Failed: []string{dead}})
		if err != nil {
			t.Fatal(err)
		}
		touched := map[string]bool{}
		for _, i := range before.Instances {
			if i.Node == dead || strings.HasPrefix(i.Node, "b") { // a guest may be gone too
				touched[family(i)] = true
			}
		}
		for grown := -1; grown != len(touched); {
			grown = len(touched)
			for _, l := range c.links {
				if touched[l[0]] || touched[l[1]] {
					touched[l[0]], touched[l[1]] = true, true
				}
			}
		}
		for _, s := range policy.Compute(lost).Steps {
			if s.Pseudo || s.Node == dead || s.Task != "stop" && s.Task != "demote" {
				continue
			}
			for _, i := range before.Instances {
				if i.Node == s.Node && base(i.Resource) == base(s.Resource) && !touched[family(i)] {
					t.Errorf("%s of %s on %s, as %s died with %v\n%s", s.Task, s.Resource, s.Node, dead, slices.Sorted(maps.Keys(touched)), c.text)
				}
			}
		}
	})
}

// family is what an instance is linked by: its bundle, or its own id.
func family(i policy.InstanceReport) string {
	if name, _, is := strings.Cut(i.In, "/"); is {
		return name
	}
	return base(i.Resource)
}

// TestCopiesKeepTheirPlaces: copies that are told apart, of which one is wished
// for on a node that all of them wish for, change places with each of Pacemaker's
// transitions; in a cluster of our own they come to rest.
func TestCopiesKeepTheirPlaces(t *testing.T) {
	for name, copied := range map[string]string{
		"primitive": "rsc r0\nclone c0 globally-unique=true clone-max=4 clone-node-max=2 : r0",
		"group":     "rsc r0\nrsc r2\ngroup g : r0 r2\nclone c0 globally-unique=true clone-max=4 clone-node-max=2 : g",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseScenario(`nodes n1 n2 n3 n4
option fencing-enabled=false
defaults resource-stickiness=100
` + copied + `
rsc r1
on r1 n1
location c0 n1 50
location c0 n2 INFINITY
with r1 c0 INFINITY
`)
			if err != nil {
				t.Fatal(err)
			}
			for _, own := range []bool{false, true} {
				in, err := cib.Read(strings.NewReader(s.xml()), "copies.xml")
				if err != nil {
					t.Fatal(err)
				}
				in.Now, in.Own = s.now, own
				if _, rest := settle(in, 4); (len(rest) == 0) != own {
					t.Errorf("own %v: still to do: %v", own, rest)
				}
			}
		})
	}
}
