package definition

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ha/belay/resources"
)

func TestDiff(t *testing.T) {
	parse := func(text string) *resources.Definition {
		d := Read(File{"f", []byte(text)}).read
		if len(d.problems) > 0 {
			t.Fatal(d.problems)
		}
		return d.def
	}
	old := parse("[cluster]\nname = \"x\"\n[[resource]]\nid = \"a\"\nagent = \"vip\"\nparams = { address = \"1\" }\n[[resource]]\nid = \"b\"\nagent = \"vip\"\n[[order]]\nfirst = \"a\"\nthen = \"b\"\n")
	new := parse("[[resource]]\nid = \"c\"\nagent = \"vip\"\n[[resource]]\nid = \"a\"\nagent = \"vip\"\nparams = { address = \"2\" }\n[cluster]\nname = \"x\"\n")
	want := []Change{
		{"resource[b]", Removed, []string{"-[[resource]]", `-id = "b"`, `-agent = "vip"`}},
		{"order[order-a-b]", Removed, []string{"-[[order]]", `-first = "a"`, `-then = "b"`}},
		{"resource[c]", Added, []string{"+[[resource]]", `+id = "c"`, `+agent = "vip"`}},
		{"resource[a]", Changed, []string{" [[resource]]", ` id = "a"`, ` agent = "vip"`, `-params = { address = 1 }`, `+params = { address = 2 }`}},
	}
	if diff := cmp.Diff(want, Diff(old, new)); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"resource[b]"}, Losses(old, new)); diff != "" {
		t.Errorf("losses: want(-) got(+):\n%s", diff)
	}
}

func TestDiffWithItselfIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		def := drawDefinition(t)
		again := *def
		again.Locations = slices.Clone(def.Locations)
		if changes := Diff(def, &again); len(changes) > 0 {
			t.Fatalf("%v", changes)
		}
	})
}
