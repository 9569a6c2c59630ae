package node

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestMaintenanceLasts: whatever its scope, a maintenance holds over restarts of every
// daemon, and monitors report meanwhile what they find. Nothing is mended, but for what
// has ended on a node in maintenance: that is started elsewhere. When its time is over
// everything is mended, without that anything else happens.
func TestMaintenanceLasts(t *testing.T) {
	const lasts = 90 * time.Second
	for _, scope := range []state.Scope{state.ScopeCluster, "node/a", "node/b", "node/c", "resource/vip", "agent/simulated", "agent/simul*"} {
		t.Run(string(scope), func(outer *testing.T) {
			inWorld(outer, 1, 3, func(w *world) {
				t := w.t
				w.until("members know the command", func() bool { return w.boxes[0].run().Local().Version >= state.VersionAdmin })
				on := w.runs("vip")[0]
				kind, name := scope.Parts()
				if kind == "node" && name != on.name {
					return // another of the cases is about the node on which it runs
				}
				until := time.Now().Add(lasts)
				who := api.Identity{Name: "alice", From: "socket of a"}
				if _, err := w.leader().run().Propose(w.t.Context(), who, &state.MaintenanceSet{Scope: scope, Owner: "storage", Reason: "new disks", Until: until}); err != nil {
					t.Fatal(err)
				}
				instance := func() *state.Instance {
					i, _ := w.leader().run().Local().Instance(resources.NodeName(on.name), "vip")
					return i
				}
				before := w.leader().run().Local().Index
				for _, b := range w.boxes {
					b.stop(ErrPowerCut)
				}
				for _, b := range w.boxes {
					b.start()
				}
				w.until("all are back, and it was looked at", func() bool { return w.whole() && instance().Probed && instance().Changed > before })
				on.services.Kill("vip")
				w.until("the monitor reports it", func() bool { return len(instance().Failures) > 0 })
				m := api.BuildStatus(w.leader().run().Local(), api.Live{}, "a", false, time.Now()).Maintenance
				if len(m) != 1 || m[0].Scope != scope || m[0].By != "alice" || m[0].Owner != "storage" || m[0].Reason != "new disks" || !m[0].Until.Equal(until) || m[0].Expired {
					t.Errorf("the status says %+v", m)
				}
				if kind == "node" {
					w.until("it is started elsewhere", func() bool { return len(w.runs("vip")) == 1 })
				}
				for ; time.Until(until) > 2*time.Second; time.Sleep(time.Second) {
					if runs := w.runs("vip"); len(runs) > 0 && (kind != "node" || runs[0] == on) {
						t.Fatalf("it was started %s before the end", time.Until(until))
					}
				}
				took := w.until("it is managed again", func() bool { return len(w.runs("vip")) == 1 })
				if took > 10*time.Second {
					t.Errorf("it took %s, with 2 s to go", took)
				}
				w.until("that it has expired is on record", func() bool {
					m := api.BuildStatus(w.leader().run().Local(), api.Live{}, "a", false, time.Now()).Maintenance
					return len(m) == 1 && m[0].Expired
				})
			})
		})
	}
}
