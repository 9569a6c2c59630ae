package resources

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// plant fills a value so that it holds one of everything, and a parameter of its own
// in every table of parameters; it returns how many those are.
func plant(v reflect.Value, count int) int {
	if !v.CanSet() {
		return count
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return plant(v.Elem(), count)
	case reflect.Struct:
		for i := range v.NumField() {
			count = plant(v.Field(i), count)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			count = plant(v.Index(i), count)
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[Params]() {
			v.Set(reflect.ValueOf(Params{fmt.Sprint("p", count): "x"}))
			count++
		}
	}
	return count
}

// TestEachParamsFindsAll: no table of parameters can be added to a definition that a
// search for secrets does not know of.
func TestEachParamsFindsAll(t *testing.T) {
	var d Definition
	planted := plant(reflect.ValueOf(&d).Elem(), 0)
	if planted < 20 {
		t.Fatalf("only %d tables were planted", planted)
	}
	found := map[string]string{}
	d.EachParams(func(g GivenParams) {
		for name := range g.Params {
			if before, twice := found[name]; twice {
				t.Errorf("%s is found twice: at %s and %s", name, before, g.Path)
			}
			found[name] = g.Path
		}
	})
	for n := range planted {
		if _, is := found[fmt.Sprint("p", n)]; !is {
			t.Errorf("table %d of %d is not found", n, planted)
		}
	}
}

func TestEachParamsSaysWhere(t *testing.T) {
	p := func(name string) Params { return Params{name: "x"} }
	d := &Definition{
		Fences:    []FenceDevice{{ID: "bmc", Agent: "redfish", Params: p("a")}, {ID: "bare"}},
		Templates: []Resource{{ID: "base", Agent: "galera", Params: p("b")}},
		Resources: []Resource{{
			ID: "db", Agent: "galera", Params: p("c"), Ops: []Operation{{Name: OpMonitor, Params: p("d")}, {Name: OpMonitor, Params: p("e")}, {Name: OpStart}},
			When: []When{{Params: p("f")}, {Ops: []Operation{{Name: OpStart, Params: p("g")}}}},
		}},
	}
	var got []string
	d.EachParams(func(g GivenParams) {
		for name := range g.Params {
			got = append(got, fmt.Sprintf("%s.%s %s %v", g.Path, name, g.Agent, g.Fence))
		}
	})
	want := []string{
		"fence[bmc].a redfish true", "template[base].b galera false", "resource[db].c galera false", "resource[db].op.monitor.d galera false",
		"resource[db].op.monitor#2.e galera false", "resource[db].when.f galera false", "resource[db].when#2.op.start.g galera false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
