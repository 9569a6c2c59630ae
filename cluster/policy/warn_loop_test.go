package policy

import (
	"strings"
	"testing"
)

// TestLoopsAreTold: a cluster whose constraints go round in a circle is planned, and
// the members of the circle are told; what only looks like one is not.
func TestLoopsAreTold(t *testing.T) {
	primitive := func(id string) ResourceConfig {
		return ResourceConfig{ID: id, Variant: Primitive, Class: "ocf", Provider: "pacemaker", Type: "Dummy"}
	}
	group := ResourceConfig{ID: "g", Variant: Group, Members: []ResourceConfig{primitive("m1"), primitive("m2")}}
	order := func(first, then, kind string) OrderConfig {
		return OrderConfig{ID: first + "-" + then, First: first, Then: then, Kind: kind}
	}
	colocation := func(a, b string) ColocationConfig {
		return ColocationConfig{ID: a + "-" + b, Dependent: a, Primary: b, Score: "INFINITY"}
	}
	no := false
	for name, tc := range map[string]struct {
		orders      []OrderConfig
		colocations []ColocationConfig
		code, want  string
	}{
		"a chain":         {orders: []OrderConfig{order("a", "b", ""), order("b", "g", "")}, colocations: []ColocationConfig{colocation("a", "b"), colocation("b", "g")}},
		"each other":      {colocations: []ColocationConfig{colocation("a", "b"), colocation("b", "a")}, code: "colocation_loop", want: "a with b (a-b), b with a (b-a)"},
		"through a group": {colocations: []ColocationConfig{colocation("a", "m2"), colocation("m1", "a")}, code: "colocation_loop", want: "a with g (a-m2), g with a (m1-a)"},
		"orders":          {orders: []OrderConfig{order("a", "b", ""), order("b", "a", "Optional")}, code: "order_loop", want: "start b after start a (a-b), start a after start b (b-a)"},
		"between members": {orders: []OrderConfig{order("m1", "a", ""), order("a", "m2", "")}},
		"against a group": {orders: []OrderConfig{order("g", "a", ""), order("a", "m1", "")}, code: "order_loop",
			want: "start a after start all of g (g-a), start all of g after start m2 (g), start m2 after start m1 (g), start m1 after start a (a-m1)"},
		"serialized":  {orders: []OrderConfig{order("a", "b", "Serialize"), order("b", "a", "Serialize")}},
		"up and down": {orders: []OrderConfig{{ID: "up", First: "a", Then: "b", Symmetrical: &no}, {ID: "down", First: "a", FirstAction: "stop", Then: "b", Symmetrical: &no}}},
	} {
		in := &Input{Quorum: true, Orders: tc.orders, Colocations: tc.colocations, Resources: []ResourceConfig{primitive("a"), primitive("b"), group}}
		in.Options = []AttributeSet{{Pairs: []Pair{{Name: "fencing-enabled", Value: "false"}}}}
		in.Nodes = []NodeConfig{{ID: "1", Name: "n1"}}
		in.Status = []NodeStatus{{ID: "1", Name: "n1", InMembership: "true", Peer: "online", Join: "member", Expected: "member"}}
		plan := Compute(in)
		var told []string
		for _, w := range plan.Warnings {
			if w.Code == tc.code && strings.HasSuffix(w.Text, tc.want) {
				told = append(told, w.Text)
			} else if strings.HasSuffix(w.Code, "_loop") && !strings.Contains(w.Text, "contradict") {
				t.Errorf("%s: told besides: %+v", name, w)
			}
		}
		if want := min(1, len(tc.code)); len(told) != want {
			t.Errorf("%s: told %d times, want %d: %+v", name, len(told), want, plan.Warnings)
		}
		if len(plan.Steps) == 0 {
			t.Errorf("%s: nothing is planned", name)
		}
	}
}
