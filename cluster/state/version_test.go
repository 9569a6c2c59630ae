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
		"nothing new":   {func(*resources.Definition) {}, 1},
		"of a resource": {func(d *resources.Definition) { d.Resources[0].Meta.AllowMigrate = &no }, VersionMore},
		"of a group":    {func(d *resources.Definition) { d.Groups[0].Meta.AllowMigrate = &no }, VersionMore},
		"by default":    {func(d *resources.Definition) { d.Defaults.Resource.AllowMigrate = &no }, VersionMore},
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
