package state

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// migrant is a cluster in which vip runs on a and was looked for on b.
func migrant(t *testing.T) *world {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("b", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	return w
}

// migrate records an intent of a migration; "" means that it was refused.
func (w *world) migrate(op resources.Op, node, peer resources.NodeName) resources.ActionID {
	w.t.Helper()
	return w.do(&OperationsStarted{Operations: []Intent{{
		Node: node, Instance: "vip", Op: op, Incarnation: w.s.Nodes[node].Incarnation, Timeout: resources.Duration(time.Minute), Digest: "d", Peer: peer,
	}}}).Actions[0]
}

func (w *world) end(id resources.ActionID, r agents.Result) {
	w.t.Helper()
	if id == "" {
		w.t.Fatal("the operation was refused")
	}
	w.do(&OperationFinished{Action: id, Result: r})
}

// leaves, lands and moves bring a migration from a to b that far.
func (w *world) leaves() resources.ActionID { return w.migrate(resources.OpMigrateTo, "a", "b") }
func (w *world) lands()                     { w.end(w.leaves(), ok) }
func (w *world) moves()                     { w.lands(); w.end(w.migrate(resources.OpMigrateFrom, "b", "a"), ok) }

// believes is what is known of vip on a node.
type believes struct {
	role   resources.Role
	probed bool
}

func (w *world) known(node resources.NodeName) believes {
	i := w.vip(node)
	return believes{i.Role, i.Probed}
}

func TestMigration(t *testing.T) {
	const started, stopped = resources.RoleStarted, resources.RoleStopped
	here, nowhere, doubt := believes{started, true}, believes{stopped, true}, believes{started, false}
	for name, tc := range map[string]struct {
		happens func(*world)
		a, b    believes
		phase   MigrationPhase
		failed  resources.Op
	}{
		"under way":                       {func(w *world) { w.leaves() }, here, here, MigrationLeaving, ""},
		"half done":                       {(*world).lands, here, here, MigrationLanding, ""},
		"arrived":                         {(*world).moves, here, here, MigrationMoved, ""},
		"over":                            {func(w *world) { w.moves(); w.run("a", resources.OpStop, ok) }, nowhere, here, "", ""},
		"leaving fails":                   {func(w *world) { w.end(w.leaves(), failed) }, doubt, doubt, "", resources.OpMigrateTo},
		"leaving ends unknown":            {func(w *world) { w.end(w.leaves(), silent) }, doubt, doubt, "", resources.OpMigrateTo},
		"leaving is cancelled":            {func(w *world) { w.end(w.leaves(), agents.Result{Outcome: agents.OutcomeCancelled}) }, doubt, doubt, "", ""},
		"landing fails":                   {func(w *world) { w.lands(); w.end(w.migrate(resources.OpMigrateFrom, "b", "a"), failed) }, doubt, doubt, "", resources.OpMigrateFrom},
		"the target is lost":              {func(w *world) { w.leaves(); w.dies("b") }, doubt, here, "", ""},
		"the target is lost, and yet":     {func(w *world) { id := w.leaves(); w.dies("b"); w.end(id, ok) }, doubt, here, "", ""},
		"the target starts anew, and yet": {func(w *world) { id := w.leaves(); w.boots("b", "boot-2"); w.end(id, ok) }, doubt, doubt, "", ""},
		"the source is lost":              {func(w *world) { w.lands(); w.dies("a") }, here, doubt, "", ""},
		"the source's daemon starts":      {func(w *world) { w.leaves(); w.boots("a", "boot-1-a") }, doubt, doubt, "", ""},
		"the source's host starts":        {func(w *world) { w.lands(); w.boots("a", "boot-2") }, believes{stopped, false}, doubt, "", ""},
		"the target's daemon starts":      {func(w *world) { w.lands(); w.boots("b", "boot-1-b") }, doubt, doubt, "", ""},
		"the source is stopped":           {func(w *world) { w.lands(); w.run("a", resources.OpStop, ok) }, nowhere, doubt, "", ""},
		"the target is stopped":           {func(w *world) { w.lands(); w.run("b", resources.OpStop, ok) }, doubt, nowhere, "", ""},
		"the stop on the source fails":    {func(w *world) { w.moves(); w.run("a", resources.OpStop, failed) }, here, here, MigrationMoved, resources.OpStop},
	} {
		t.Run(name, func(t *testing.T) {
			w := migrant(t)
			tc.happens(w)
			if got := w.known("a"); got != tc.a {
				t.Errorf("source: got %v, want %v", got, tc.a)
			}
			if got := w.known("b"); got != tc.b {
				t.Errorf("target: got %v, want %v", got, tc.b)
			}
			phase := MigrationPhase("")
			if m := w.s.Migration("vip"); m != nil {
				phase = m.Phase
			}
			if phase != tc.phase {
				t.Errorf("phase %q, want %q", phase, tc.phase)
			}
			if tc.failed != "" && w.vip("a").Failures[tc.failed] == nil && w.vip("b").Failures[tc.failed] == nil {
				t.Errorf("no failure of %s was counted", tc.failed)
			}
			for _, node := range []resources.NodeName{"a", "b"} {
				if i := w.vip(node); i.Role.Active() && i.Config == nil {
					t.Errorf("nobody knows how to stop what may run on %s", node)
				}
			}
		})
	}
}

func (w *world) dies(node resources.NodeName) {
	w.do(&MemberVerdict{Node: node, Liveness: LivenessDead, Incarnation: w.s.Nodes[node].Incarnation})
}

func (w *world) boots(node resources.NodeName, boot string) {
	w.do(&MemberBooted{Node: node, Incarnation: "run-2", BootID: boot, Software: Version})
}

func TestMigrationIsRefused(t *testing.T) {
	for name, w := range map[string]func() *world{
		"to itself":                       func() *world { w := migrant(t); w.run("b", resources.OpStart, ok); return w },
		"to where nobody has looked":      func() *world { w := migrant(t); w.boots("b", "boot-1-b"); return w },
		"to a node that is lost":          func() *world { w := migrant(t); w.dies("b"); return w },
		"of what is busy there":           func() *world { w := migrant(t); w.order("b", resources.OpProbe); return w },
		"while it leaves":                 func() *world { w := migrant(t); w.leaves(); return w },
		"before the source is cleaned up": func() *world { w := migrant(t); w.moves(); return w },
		"of what is promoted":             func() *world { w := migrant(t); w.run("a", resources.OpPromote, ok); return w },
	} {
		if id := w().leaves(); id != "" {
			t.Errorf("%s: taken", name)
		}
	}
	if id := migrant(t).migrate(resources.OpMigrateFrom, "b", "a"); id != "" {
		t.Error("something arrived that never left")
	}
}

// TestMigrationAndMonitors: what a monitor sees of either side means nothing
// until the instance has arrived.
func TestMigrationAndMonitors(t *testing.T) {
	w := migrant(t)
	w.leaves()
	for _, node := range []resources.NodeName{"a", "b"} {
		w.rejected(&InstanceReported{Node: node, Incarnation: "run-1-" + string(node), Instance: "vip", Result: absent, Seen: w.s.Index}, Conflict, "out of date")
	}
	w = migrant(t)
	w.moves()
	w.rejected(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: absent, Seen: w.s.Index}, Conflict, "out of date")
	w.do(&InstanceReported{Node: "b", Incarnation: "run-1-b", Instance: "vip", Result: failed, Seen: w.s.Index})
	if !w.vip("b").Failed {
		t.Error("a failure after the arrival was not taken")
	}
}

func TestMigrationInSnapshot(t *testing.T) {
	w := migrant(t)
	w.lands()
	var stream bytes.Buffer
	if err := w.s.WriteSnapshot(&stream); err != nil {
		t.Fatal(err)
	}
	read, err := ReadSnapshot(&stream)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.s, read); diff != "" {
		t.Errorf("the snapshot lost something:\n%s", diff)
	}
}
