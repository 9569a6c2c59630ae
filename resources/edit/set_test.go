package edit_test

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources/edit"
)

// TestDeleteFromSets takes a resource out of sets and tags with the rest of what
// names it; what is then about nothing goes.
func TestDeleteFromSets(t *testing.T) {
	def := decode(t, base+`
[[order]]
id = "many"
sets = [ { resources = ["api", "vip"] }, { resources = ["galera"] } ]
[[colocation]]
id = "alone"
sets = [ { resources = ["vip", "edge"], sequential = false } ]
[[ticket]]
id = "t"
ticket = "geo"
resource = "edge"
[[tag]]
id = "edge"
members = ["vip"]
`)
	if _, err := edit.DeleteResource(def, "vip", false); err == nil || !strings.Contains(err.Error(), "order many") || !strings.Contains(err.Error(), "tag edge") {
		t.Errorf("without cascade: %v", err)
	}
	got, err := edit.DeleteResource(def, "vip", true)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(changes(def, got), "\n")
	for _, want := range []string{`-  { resources = ["api", "vip"] },`, `+  { resources = ["api"] },`, `-id = "alone"`, `-[[tag]]`, `-[[ticket]]`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
