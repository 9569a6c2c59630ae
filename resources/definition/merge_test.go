package definition

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/resources"
)

func none(string) bool { return false }

func TestMerge(t *testing.T) {
	parse := func(text string) *resources.Definition {
		d := Read(File{"f", []byte(text)}).read
		if len(d.problems) > 0 {
			t.Fatal(d.problems)
		}
		return d.def
	}
	current := parse("[cluster]\nname = \"x\"\n[cluster.properties]\nlease = \"9s\"\n[[resource]]\nid = \"a\"\nagent = \"vip\"\n[[resource]]\nid = \"b\"\nagent = \"vip\"\n[[order]]\nfirst = \"a\"\nthen = \"b\"\n")
	files := parse("[[resource]]\nid = \"b\"\nagent = \"haproxy\"\n[[resource]]\nid = \"c\"\nagent = \"vip\"\n")
	changes := func(def *resources.Definition) string {
		var all []string
		for _, c := range Diff(current, def) {
			all = append(all, c.Path+" "+string(c.Kind))
		}
		return strings.Join(all, ", ")
	}
	if got := changes(Merge(current, files, none)); got != "resource[b] changed, resource[c] added" {
		t.Errorf("merged: %s", got)
	}
	if got := changes(Merge(current, files, func(path string) bool { return path != "order[order-a-b]" })); got != "resource[a] removed, resource[b] changed, resource[c] added" {
		t.Errorf("pruned: %s", got)
	}
	properties := parse("[cluster.properties]\nfence_budget = 7\n")
	if merged := Merge(current, properties, none); merged.Properties.FenceBudget != 7 || merged.Properties.Lease != 0 || merged.Name != "x" {
		t.Errorf("properties: %+v", merged.Properties)
	}
}

// numbered gives the things of each list names of their own.
func numbered(def *resources.Definition) *resources.Definition {
	value := reflect.ValueOf(def).Elem()
	for n := range value.NumField() {
		if list := value.Field(n); list.Kind() == reflect.Slice {
			for i := range list.Len() {
				nameField(list.Index(i)).SetString(fmt.Sprint("x", i))
			}
		}
	}
	return def
}

func nameField(thing reflect.Value) reflect.Value {
	if id := thing.FieldByName("ID"); id.IsValid() {
		return id
	}
	return thing.FieldByName("Name")
}

// TestMergeKeepsAndTakesAll: with itself nothing changes, into nothing everything
// comes, and with everything dropped only the files stay.
func TestMergeKeepsAndTakesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbered(drawDefinition(t)), numbered(drawDefinition(t))
		if changes := Diff(a, Merge(a, a, none)); len(changes) > 0 {
			t.Fatalf("with itself: %v", changes)
		}
		if changes := Diff(a, Merge(&resources.Definition{}, a, none)); len(changes) > 0 {
			t.Fatalf("into nothing: %v", changes)
		}
		only := Merge(b, a, func(string) bool { return true })
		only.Name, only.Properties, only.Defaults = a.Name, a.Properties, a.Defaults
		if changes := Diff(a, only); len(changes) > 0 {
			t.Fatalf("everything else dropped: %v", changes)
		}
	})
}

// TestThingPaths: paths are those of Diff, for every list that there is.
func TestThingPaths(t *testing.T) {
	def := &resources.Definition{}
	value := reflect.ValueOf(def).Elem()
	for n := range value.NumField() {
		if list := value.Field(n); list.Kind() == reflect.Slice {
			thing := reflect.New(list.Type().Elem()).Elem()
			nameField(thing).SetString("x")
			list.Set(reflect.Append(list, thing))
		}
	}
	var want []string
	for _, c := range Diff(&resources.Definition{}, def) {
		want = append(want, c.Path)
	}
	got := ThingPaths(def)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("differences name %v, paths are %v", want, got)
	}
}
