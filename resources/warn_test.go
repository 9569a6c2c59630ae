package resources

import (
	"strings"
	"testing"
)

// TestColocationLoops: what is placed by each other is told with the members of the
// loop, and nothing else is.
func TestColocationLoops(t *testing.T) {
	def := func(change func(*Definition)) *Definition {
		d := &Definition{
			Resources: []Resource{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "m1"}, {ID: "m2"}},
			Groups:    []Group{{ID: "g", Members: []ResourceID{"m1", "m2"}}},
		}
		change(d)
		return d
	}
	with := func(pairs ...string) func(*Definition) {
		return func(d *Definition) {
			for _, pair := range pairs {
				from, to, _ := strings.Cut(pair, " ")
				d.Colocations = append(d.Colocations, Colocation{ID: from + "-" + to, Resource: ResourceID(from), With: ResourceID(to), Score: -5})
			}
		}
	}
	for name, tc := range map[string]struct {
		change func(*Definition)
		want   string
	}{
		"a chain":         {with("a b", "b c", "a c"), ""},
		"each other":      {with("a b", "b a"), "a with b (a-b), b with a (b-a)"},
		"three":           {with("a b", "b c", "c a"), "a with b (a-b), b with c (b-c), c with a (c-a)"},
		"through a group": {with("a m2", "m1 a"), "a with g (a-m2), g with a (m1-a)"},
		"within a group":  {with("m2 m1"), ""},
		"twice the same":  {with("a b", "a b"), ""},
		"one set and a tie": {func(d *Definition) {
			d.Colocations = []Colocation{{ID: "s", Score: 1, Sets: []ResourceSet{{Resources: []ResourceID{"a", "b"}}}}, {ID: "t", Resource: "a", With: "b", Score: 1}}
		}, "b with a (s), a with b (t)"},
	} {
		got := Warnings(def(tc.change))
		switch {
		case tc.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case tc.want != "" && (len(got) != 1 || !strings.HasSuffix(got[0].Text, tc.want) || got[0].Code != ProblemColocationLoop):
			t.Errorf("%s: got %v, want %s", name, got, tc.want)
		}
	}
}
