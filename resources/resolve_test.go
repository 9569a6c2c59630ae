package resources_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/belay-ha/belay/resources"
)

// TestMetaOver forgets no meta-attribute.
func TestMetaOver(t *testing.T) {
	var full Meta
	fields := reflect.ValueOf(&full).Elem()
	for i := range fields.NumField() {
		if fields.Field(i).Kind() == reflect.String {
			fields.Field(i).SetString("given")
			continue
		}
		fields.Field(i).Set(reflect.New(fields.Field(i).Type().Elem()))
	}
	if diff := cmp.Diff(full, Meta{}.Over(full)); diff != "" {
		t.Errorf("not taken over (-want +got):\n%s", diff)
	}
	own := Meta{Priority: ptr(Score(7))}
	if got := own.Over(full); *got.Priority != 7 {
		t.Errorf("its own priority became %s", got.Priority)
	}
}

// TestResolved writes out what a definition says in short.
func TestResolved(t *testing.T) {
	d := &Definition{
		Templates: []Resource{{ID: "unit", Agent: "systemd:u", Params: Params{"a": "1", "b": "1"}, Ops: []Operation{{Name: OpStart, Timeout: 1}, {Name: OpStop, Timeout: 1}}}},
		Resources: []Resource{{ID: "x", Template: "unit", Params: Params{"b": "2"}, Ops: []Operation{{Name: OpStop, Timeout: 2}}}, {ID: "y", Template: "unit"}, {ID: "z", Agent: "vip"}},
		Tags:      []Tag{{ID: "tag", Members: []ResourceID{"x", "z"}}},
		Orders: []Order{
			{ID: "sets", Sets: []ResourceSet{{Resources: []ResourceID{"x", "y"}}, {Resources: []ResourceID{"z"}}}},
			{ID: "any", Sets: []ResourceSet{{Resources: []ResourceID{"x", "y"}, RequireAll: ptr(false), Sequential: ptr(false)}, {Resources: []ResourceID{"z"}}}},
			{ID: "plain", First: "x", Then: "z"},
		},
		Colocations: []Colocation{{ID: "apart", Score: -5, Sets: []ResourceSet{{Resources: []ResourceID{"x", "y", "z"}}}}, {ID: "alias", Resource: "tag", With: "y", Score: 5}},
		Locations:   []Location{{ID: "where", Resource: "unit", Node: "n", Score: 3}},
		Tickets:     []TicketUse{{ID: "t", Ticket: "geo", Resource: "tag"}},
	}
	got := d.Resolved()
	want := Resource{ID: "x", Agent: "systemd:u", Params: Params{"a": "1", "b": "2"}, Ops: []Operation{{Name: OpStop, Timeout: 2}, {Name: OpStart, Timeout: 1}}}
	if diff := cmp.Diff(want, got.Resources[0]); diff != "" {
		t.Errorf("x (-want +got):\n%s", diff)
	}
	var lines []string
	for _, o := range got.Orders {
		if len(o.Sets) > 0 {
			lines = append(lines, o.ID+" any of "+string(o.Sets[0].Resources[0])+" "+string(o.Sets[0].Resources[1])+" then "+string(o.Sets[1].Resources[0]))
			continue
		}
		lines = append(lines, o.ID+" "+string(o.First)+" then "+string(o.Then))
	}
	for _, c := range got.Colocations {
		lines = append(lines, c.ID+" "+string(c.Resource)+" with "+string(c.With))
	}
	for _, l := range got.Locations {
		lines = append(lines, l.ID+" "+string(l.Resource))
	}
	for _, t := range got.Tickets {
		lines = append(lines, t.ID+" "+string(t.Resource))
	}
	if diff := cmp.Diff([]string{
		"sets x then y", "sets x then z", "sets y then z", "any any of x y then z", "plain x then z",
		"apart y with x", "apart z with x", "apart z with y", "alias x with y", "alias z with y",
		"where x", "where y", "t x", "t z",
	}, lines); diff != "" {
		t.Errorf("constraints (-want +got):\n%s", diff)
	}
	if again := got.Resolved(); again.Resources[0].Agent != "systemd:u" {
		t.Errorf("written out twice: %+v", again)
	}
	if plain := cluster(); plain.Resolved() != plain {
		t.Error("a definition with nothing to write out was copied")
	}
}
