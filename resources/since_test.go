package resources_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

// TestNeedsNameTheirPlaces: who has to wait for an upgrade is told for what, where.
func TestNeedsNameTheirPlaces(t *testing.T) {
	unfencing, no := resources.RequiresUnfencing, false
	def := &resources.Definition{
		Properties: resources.Properties{StopRemovedResources: &no},
		Cluster:    resources.ClusterRules{When: []resources.PropertiesWhen{{Rule: "date < 2030-01-01"}}},
		Nodes:      []resources.Node{{Name: "a"}, {Name: "far", Kind: resources.NodeRemote}},
		Fences:     []resources.FenceDevice{{ID: "pdu", LeaveOff: true, DelayMax: 1}},
		Defaults:   resources.Defaults{Resource: resources.Meta{Requires: &unfencing}},
		Templates:  []resources.Resource{{ID: "t", Meta: resources.Meta{AllowMigrate: &no}}},
		Resources: []resources.Resource{
			{ID: "plain", Agent: "vip", Ops: []resources.Operation{{Name: resources.OpMonitor, Interval: 1}}},
			{ID: "db", Agent: "galera", When: []resources.When{{Rule: "date < 2030-01-01"}}, Ops: []resources.Operation{
				{Name: resources.OpMonitor, Interval: 1},
				{Name: resources.OpMonitor, Interval: 2, Role: resources.RoleStopped, Params: resources.Params{"a": "b"}},
				{Name: resources.OpStart, StartDelay: 1},
			}},
		},
		Bundles: []resources.Bundle{{ID: "web", Image: "i", Meta: resources.Meta{AllowMigrate: &no}}},
		Locations: []resources.Location{
			{ID: "l", Rule: "rack == 3"}, {ID: "m", Rule: "#is_dc == true"}, {ID: "n", Rule: "rack == param rack"}, {ID: "o", Resource: "far", Node: "a"},
		},
		Orders: []resources.Order{{ID: "o", Sets: []resources.ResourceSet{{}, {}}}},
	}
	want := []string{
		"cluster.properties.stop_removed_resources needs command set 5", "cluster.when needs command set 5",
		"node[far].kind needs command set 3",
		"fence[pdu].delay_max needs command set 3", "fence[pdu].leave_off needs command set 5",
		"defaults.resource.requires needs command set 4", "template[t] needs command set 3",
		"resource[db].op.monitor#2.role needs command set 4", "resource[db].op.monitor#2.params needs command set 4",
		"resource[db].op.start.start_delay needs command set 5", "resource[db].when needs command set 5",
		"bundle[web] needs command set 5",
		"location[m].rule needs command set 4", "location[n].rule needs command set 5",
		"order[o].sets needs command set 3",
		"location[o].resource needs command set 4",
	}
	if diff := cmp.Diff(want, lines(def.Needs(1))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := def.Since(); got != 5 {
		t.Errorf("the definition needs command set %d", got)
	}
	if got := def.Needs(5); len(got) > 0 {
		t.Errorf("command set 5 understands all of it, but for %v", got)
	}
	want = []string{"template[t].meta.requires needs command set 4"}
	inner := &resources.Definition{Templates: []resources.Resource{{ID: "t", Meta: resources.Meta{Requires: &unfencing}}}}
	if diff := cmp.Diff(want, lines(inner.Needs(3))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := inner.Since(); got != 4 {
		t.Errorf("what a template says needs command set %d", got)
	}
}

// TestPlainDefinitionsNeedNothing: an empty value is not given.
func TestPlainDefinitionsNeedNothing(t *testing.T) {
	for _, d := range []*resources.Definition{nil, {}, {
		Tags: []resources.Tag{}, Resources: []resources.Resource{{ID: "a", When: []resources.When{}}},
		Fences: []resources.FenceDevice{{ID: "f", HostMap: map[resources.NodeName]string{}}},
	}} {
		if needs := d.Needs(1); len(needs) > 0 || d.Since() != 1 {
			t.Errorf("%+v needs %v, %d", d, needs, d.Since())
		}
	}
}

// TestWhatIsWrittenIsSaid: a key that stands in JSON stops who does not know it,
// whether or not it means anything.
func TestWhatIsWrittenIsSaid(t *testing.T) {
	d := &resources.Definition{Cluster: resources.ClusterRules{When: []resources.PropertiesWhen{}}}
	if text, err := json.Marshal(d); err != nil || !strings.Contains(string(text), `"cluster"`) {
		t.Fatalf("%s, %v", text, err)
	}
	if d.Since() != 5 {
		t.Error("it needs nothing")
	}
}

func lines(needs []resources.Need) []string {
	var lines []string
	for _, n := range needs {
		lines = append(lines, n.String())
	}
	return lines
}
