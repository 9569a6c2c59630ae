package state

import (
	"testing"

	"github.com/belay-ha/belay/resources"
)

// TestNeeds: what an older member could not read asks for a newer command set,
// and nothing else does.
func TestNeeds(t *testing.T) {
	no := false
	plain := &resources.Definition{Resources: []resources.Resource{{ID: "a"}}, Groups: []resources.Group{{ID: "g"}}}
	for name, tc := range map[string]struct {
		change func(*resources.Definition)
		want   int
	}{
		"nothing new":           {func(*resources.Definition) {}, 1},
		"of a resource":         {func(d *resources.Definition) { d.Resources[0].Meta.AllowMigrate = &no }, VersionMore},
		"of a group":            {func(d *resources.Definition) { d.Groups[0].Meta.AllowMigrate = &no }, VersionMore},
		"by default":            {func(d *resources.Definition) { d.Defaults.Resource.AllowMigrate = &no }, VersionMore},
		"it requires unfencing": {func(d *resources.Definition) { d.Resources[0].Meta.Requires = new(resources.RequiresUnfencing) }, VersionUnfencing},
		"by default, unfencing": {func(d *resources.Definition) { d.Defaults.Resource.Requires = new(resources.RequiresUnfencing) }, VersionUnfencing},
		"a monitor of what is stopped": {func(d *resources.Definition) {
			d.Resources[0].Ops = []resources.Operation{{Name: resources.OpMonitor, Role: resources.RoleStopped}}
		}, VersionUnfencing},
		"a monitor of what runs": {func(d *resources.Definition) {
			d.Resources[0].Ops = []resources.Operation{{Name: resources.OpMonitor, Role: resources.RoleStarted}}
		}, 1},
		"of a template": {func(d *resources.Definition) {
			d.Templates = []resources.Resource{{ID: "t", Meta: resources.Meta{Requires: new(resources.RequiresUnfencing)}}}
		}, VersionUnfencing},
		"it requires fencing": {func(d *resources.Definition) { d.Resources[0].Meta.Requires = new(resources.RequiresFencing) }, 1},
		"a device provides it": {func(d *resources.Definition) {
			d.Fences = []resources.FenceDevice{{Provides: resources.ProvidesUnfencing}}
		}, VersionUnfencing},
		"a cut is enough": {func(d *resources.Definition) { d.Fences = []resources.FenceDevice{{UnsafeCut: true}} }, VersionUnfencing},
		"a plain rule":    {func(d *resources.Definition) { d.Locations = []resources.Location{{ID: "l", Rule: "rack == 3"}} }, 1},
		"a calendar": {func(d *resources.Definition) {
			d.Locations = []resources.Location{{ID: "l", Rule: `rack == 3 or not date in "hours=9-16"`}}
		}, VersionUnfencing},
		"a date": {func(d *resources.Definition) {
			d.Locations = []resources.Location{{ID: "l", Rule: "date < 2030-01-01"}}
		}, VersionUnfencing},
		"the leader":   {func(d *resources.Definition) { d.Locations = []resources.Location{{ID: "l", Rule: "#is_dc == true"}} }, VersionUnfencing},
		"a bundle":     {func(d *resources.Definition) { d.Bundles = []resources.Bundle{{ID: "b", Image: "i"}} }, VersionWhen},
		"a quarantine": {func(d *resources.Definition) { d.Properties.FenceQuarantine = new(resources.Duration) }, VersionQuarantine},
		"values by rule": {func(d *resources.Definition) {
			d.Resources[0].When = []resources.When{{Rule: "rack == 1", Params: resources.Params{"a": "b"}}}
		}, VersionWhen},
		"properties by rule": {func(d *resources.Definition) {
			d.Cluster.When = []resources.PropertiesWhen{{Rule: "date < 2030-01-01"}}
		}, VersionWhen},
		"defaults by rule": {func(d *resources.Definition) { d.Defaults.When = []resources.DefaultsWhen{{Rule: "date < 2030-01-01"}} }, VersionWhen},
		"a node by rule": {func(d *resources.Definition) {
			d.Nodes = []resources.Node{{Name: "a", When: []resources.NodeWhen{{Rule: "date < 2030-01-01"}}}}
		}, VersionWhen},
		"an unordered group": {func(d *resources.Definition) { d.Groups[0].Ordered = &no }, VersionWhen},
		"a loose group":      {func(d *resources.Definition) { d.Groups[0].Collocated = &no }, VersionWhen},
		"removed resources":  {func(d *resources.Definition) { d.Properties.StopRemovedResources = &no }, VersionWhen},
		"left off":           {func(d *resources.Definition) { d.Fences = []resources.FenceDevice{{LeaveOff: true}} }, VersionWhen},
		"a delayed start": {func(d *resources.Definition) {
			d.Resources[0].Ops = []resources.Operation{{Name: resources.OpStart, StartDelay: 1}}
		}, VersionWhen},
		"a delayed monitor": {func(d *resources.Definition) {
			d.Resources[0].Ops = []resources.Operation{{Name: resources.OpMonitor, StartDelay: 1}}
		}, VersionMore},
		"a parameter in a rule": {func(d *resources.Definition) {
			d.Locations = []resources.Location{{ID: "l", Rule: "rack == param rack"}}
		}, VersionWhen},
		"the site": {func(d *resources.Definition) { d.Locations = []resources.Location{{ID: "l", Rule: "#site-name == x"}} }, VersionWhen},
		"what is not promoted": {func(d *resources.Definition) {
			d.Resources[0].Clone = &resources.Clone{Promotable: true}
			d.Colocations = []resources.Colocation{{ID: "c", Resource: "b", With: "a", WithRole: resources.RoleStarted, Score: 1}}
		}, VersionWhen},
		"started, of what is never promoted": {func(d *resources.Definition) {
			d.Colocations = []resources.Colocation{{ID: "c", Resource: "b", With: "a", WithRole: resources.RoleStarted, Score: 1}}
		}, 1},
		"a quoted date": {func(d *resources.Definition) { d.Locations = []resources.Location{{ID: "l", Rule: `"date" == 3`}} }, 1},
		"a remote node's place": {func(d *resources.Definition) {
			d.Nodes = []resources.Node{{Name: "far", Kind: resources.NodeRemote}}
			d.Locations = []resources.Location{{ID: "l", Resource: "far", Node: "a", Score: 1}}
		}, VersionUnfencing},
		"parameters of an operation": {func(d *resources.Definition) {
			d.Resources[0].Ops = []resources.Operation{{Name: resources.OpMonitor, Params: resources.Params{"a": "b"}}}
		}, VersionUnfencing},
		"and of a template": {func(d *resources.Definition) {
			d.Templates = []resources.Resource{{ID: "t", Ops: []resources.Operation{{Name: resources.OpMonitor, Params: resources.Params{"a": "b"}}}}}
		}, VersionUnfencing},
	} {
		d := plain.Clone()
		tc.change(d)
		if got := Needs(&DefinitionSet{Definition: d}); got != tc.want {
			t.Errorf("%s: needs command set %d, want %d", name, got, tc.want)
		}
	}
	for name, command := range registry {
		if needs := Needs(command()); needs < 1 || needs > Version {
			t.Errorf("%s needs command set %d of %d", name, needs, Version)
		}
	}
}
