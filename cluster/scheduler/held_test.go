package scheduler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
)

// TestHeldBack: what is not done because somebody has it left alone is told, with
// who, why, until when, and the next command; nothing else is.
func TestHeldBack(t *testing.T) {
	other := "digest=other"
	for _, c := range []struct {
		name, in, want string
		scope          state.Scope
	}{
		{"nothing is left alone", "rsc a\nis a@n1 started " + other, "", ""},
		{"changed parameters", "rsc a\nis a@n1 started " + other,
			"a on n1 is not restarted: the cluster is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end cluster", "cluster"},
		{"of its node", "rsc a\nis a@n1 started " + other,
			"a on n1 is not restarted: node n1 is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end node/n1", "node/n1"},
		{"of another node", "rsc a\nis a@n1 started", "", "node/n2"},
		{"of itself", "rsc a\nis a@n1 started " + other,
			"a on n1 is not restarted: a is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/a", "resource/a"},
		{"of its agent", "rsc a\nis a@n1 started " + other,
			"a on n1 is not restarted: agent sim is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end agent/sim", "agent/sim"},
		{"of its group", "group g a b\nis a@n1 started\nis b@n1 started " + other,
			"b on n1 is not restarted: g is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/g", "resource/g"},
		{"a start", "rsc a", "a on n1 is not started: a is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/a", "resource/a"},
		{"a stop", "rsc a target=stopped\nis a@n1 started",
			"a on n1 is not stopped: a is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/a", "resource/a"},
		{"what follows it", "rsc a\nrsc b\norder a b",
			"a on n1 is not started: a is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/a\n" +
				"b on n2 is not started: it waits for a: a is in maintenance by ops (disks) until 2026-01-01T00:01:00Z; belayctl maintenance end resource/a", "resource/a"},
		{"what is as it should be", "rsc a\nis a@n1 started", "", "resource/a"},
		{"a node that would take more", "clone a\nis a@n2 started\nis a@n3 started", "", "node/n1"},
		{"a restart that was asked for is told by the plan", "rsc a\nis a@n1 started digest=" + state.RestartDigest, "", "resource/a"},
		{"unmanaged", "rsc a managed=false\nis a@n1 started " + other, "a on n1 is not restarted: a has managed = false; belayctl resource manage a", ""},
		{"unmanaged by its group", "group g a managed=false\nis a@n1 started " + other, "a on n1 is not restarted: group g has managed = false; belayctl resource manage g", ""},
		{"unmanaged by default", "defaults managed=false\nrsc a", "a on n1 is not started: what it takes by default has managed = false; belayctl resource manage a", ""},
		{"in maintenance by the definition", "property maintenance_mode=true\nrsc a", "a on n1 is not started: maintenance_mode is set; belayctl property set maintenance_mode=false", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := cluster3().parse(c.in)
			s := w.build()
			if c.scope != "" {
				var result state.Result
				set := &state.MaintenanceSet{Scope: c.scope, Owner: "ops", Reason: "disks", Until: at("1m")}
				if s, result = state.ApplyCommand(s, s.Index+1, 3, epoch, "alice", set); result.Err != nil {
					t.Fatal(result.Err)
				}
			}
			var got []string
			for _, held := range scheduler.HeldBack(s, epoch, w.opts) {
				p := held.Problem()
				got = append(got, fmt.Sprintf("%s; %s", p.Text, p.Next))
				if held.Defined != (c.scope == "") || p.Resource != held.Instance.Resource() || p.Node == "" {
					t.Errorf("told wrongly: %+v", held)
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("held back (-want +got):\n%s", diff)
			}
			w.opts.Quorum = false
			if held := scheduler.HeldBack(s, epoch, w.opts); held != nil {
				t.Errorf("without quorum: %+v", held)
			}
		})
	}
}
