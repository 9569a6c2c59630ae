package leader

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// TestMaintenanceExpires: the leader records the end of each maintenance once,
// soon after its time, and not before.
func TestMaintenanceExpires(t *testing.T) {
	r := newRig(t)
	r.plans()
	r.run(5 * time.Second)
	until := r.now.Add(10 * time.Second)
	for _, scope := range []state.Scope{state.ScopeCluster, "node/b"} {
		r.apply(&state.MaintenanceSet{Scope: scope, Until: until})
	}
	r.apply(&state.MaintenanceSet{Scope: "agent/vip"})
	count := func() (n int) {
		for _, c := range r.proposed {
			if ended, is := c.(*state.MaintenanceEnded); is && ended.Expired {
				n++
			}
		}
		return n
	}
	r.run(9 * time.Second)
	if n := count(); n != 0 {
		t.Errorf("%d were recorded as expired a second too early", n)
	}
	r.run(2 * time.Second)
	if n := count(); n != 2 {
		t.Errorf("%d were recorded as expired, want 2", n)
	}
	r.run(time.Minute)
	if n := count(); n != 2 {
		t.Errorf("%d were recorded in the end, want 2", n)
	}
	for _, m := range r.s.Maintenances() {
		late := m.ExpiredAt.Sub(until)
		if m.Scope == "agent/vip" != m.ExpiredAt.IsZero() || !m.ExpiredAt.IsZero() && (late < 0 || late > time.Second) {
			t.Errorf("%s expired at %s, its time was %s", m.Scope, m.ExpiredAt, until)
		}
	}
	// A clock that is set back brings none to life again.
	if r.s.InMaintenance(until.Add(-time.Second)) || r.s.Nodes["b"].InMaintenance(until.Add(-time.Second)) {
		t.Error("in maintenance again, because a clock was set back")
	}
}
