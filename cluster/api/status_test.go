package api

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestStatusSaysWhatIsInForce: of a resource's own, of its group's, of the defaults,
// and by a rule; and who has it stopped.
func TestStatusSaysWhatIsInForce(t *testing.T) {
	no, yes, stopped, started := false, true, resources.RoleStopped, resources.RoleStarted
	night := `date in "hours=0-5"`
	s := state.New()
	s.Definition = &resources.Definition{
		Resources: []resources.Resource{
			{ID: "plain", Agent: "x"},
			{ID: "own", Agent: "x", Meta: resources.Meta{TargetRole: &stopped, Managed: &no}},
			{ID: "ruled", Agent: "x", When: []resources.When{{Rule: night, Meta: resources.Meta{TargetRole: &stopped, Managed: &no}}}},
			{ID: "member", Agent: "x"},
			{ID: "willed", Agent: "x", Meta: resources.Meta{TargetRole: &started}},
		},
		Groups:  []resources.Group{{ID: "all", Members: []resources.ResourceID{"member", "willed"}, Meta: resources.Meta{TargetRole: &stopped, Maintenance: &yes}}},
		Bundles: []resources.Bundle{{ID: "box", Image: "i", Meta: resources.Meta{TargetRole: &stopped}}},
		Cluster: resources.ClusterRules{When: []resources.PropertiesWhen{{Rule: night, MaintenanceMode: &yes}}},
	}
	type says struct {
		managed  bool
		role     resources.Role
		disabled resources.ResourceID
	}
	at := func(hour int, want map[resources.ResourceID]says) {
		t.Helper()
		status := BuildStatus(s, Live{}, "a", false, time.Date(2026, 3, 4, hour, 30, 0, 0, time.UTC))
		for _, d := range status.Defined {
			if got := (says{d.Managed, d.TargetRole, d.Disabled}); got != want[d.ID] {
				t.Errorf("at %d: %s is %+v, want %+v", hour, d.ID, got, want[d.ID])
			}
		}
		if len(status.Defined) != len(want) || status.MaintenanceMode != (hour < 6) {
			t.Errorf("at %d: %d resources, maintenance mode %v", hour, len(status.Defined), status.MaintenanceMode)
		}
	}
	want := map[resources.ResourceID]says{
		"plain": {true, 0, ""}, "own": {false, stopped, "own"}, "ruled": {true, 0, ""}, "member": {false, stopped, "all"}, "willed": {false, started, ""},
		"box-podman-0": {true, stopped, "box"},
	}
	at(12, want)
	want["ruled"] = says{false, stopped, ""}
	at(3, want)
}
