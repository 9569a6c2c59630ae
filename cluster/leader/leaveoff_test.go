package leader

import (
	"testing"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// TestLeaveOff: a node with a device that leaves it off is not switched on again, and
// one that is to be held stays held.
func TestLeaveOff(t *testing.T) {
	for name, tc := range map[string]struct {
		leave, hold bool
		want        resources.FencingAction
	}{
		"as usual": {false, false, resources.FencingReboot}, "left off": {true, false, resources.FencingOff}, "held": {true, true, resources.FencingHold},
	} {
		c := Core{s: &state.State{Definition: &resources.Definition{Fences: []resources.FenceDevice{{ID: "bmc", Targets: []resources.NodeName{"b"}, LeaveOff: tc.leave}}}}}
		if got := c.fencingAction(transition.Action{Node: "b", Hold: tc.hold}); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
