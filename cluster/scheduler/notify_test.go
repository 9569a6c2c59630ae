package scheduler_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// hear keeps account of who was told what.
func (w *world) hear(op *state.Operation) {
	to := state.Place{Node: op.Node, Instance: op.Instance}
	if op.Notice == nil {
		return
	}
	for _, about := range op.Notice.Peers {
		if op.Notice.Before {
			w.told[fmt.Sprintf("%s %s to %s", op.Notice.Op, about, to)] = true
		}
	}
}

// checkTold: nothing is done to a copy of a clone with notify before all running
// copies that can be reached know of it.
func (w *world) checkTold(a transition.Action) {
	r, found := w.s.Definition.Resource(a.Instance.Resource())
	if !found {
		return
	}
	clone, announced := w.c.cloneOf(r), a.Kind == transition.KindStart || a.Kind == transition.KindStop || a.Kind == transition.KindPromote || a.Kind == transition.KindDemote
	if wanted := announced && clone != nil && clone.Notify; wanted != a.Notify {
		w.fail("%s is announced: %v, wanted: %v", a.Key, a.Notify, wanted)
	}
	if !a.Notify {
		return
	}
	for _, name := range w.s.NodeNames() {
		n := w.s.Nodes[name]
		for id, i := range n.Instances {
			op := w.s.Operations[i.Action]
			leaving := op != nil && op.Op == resources.OpStop
			if n.Liveness != state.LivenessAlive || w.s.Fencing[name] != nil || id.Resource() != a.Instance.Resource() || !i.Role.Active() || !i.Probed || leaving {
				continue
			}
			if key := a.Key + " to " + string(id) + "@" + string(name); !w.told[key] {
				w.fail("%s is dispatched, and %s@%s was not told", a.Key, id, name)
			}
		}
	}
	maps.DeleteFunc(w.told, func(key string, _ bool) bool { return strings.HasPrefix(key, a.Key+" to ") })
}

// checkHeard: at rest nobody is still to be told of anything.
func (w *world) checkHeard() {
	for _, r := range w.s.Notices {
		if !r.Before {
			w.fail("at rest, and %v are still to be told of %s %s", r.Peers, r.Op, r.Place)
		}
	}
}

// TestOlderMembersAreSpared: no notices are planned until every member
// understands them.
func TestOlderMembersAreSpared(t *testing.T) {
	c := cluster3().parse("clone a agent=told notify\nis a@n1 started")
	c.s.Version = state.VersionNotices - 1
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	for _, a := range plan.Actions {
		if a.Kind == transition.KindNotify || a.Notify {
			t.Errorf("%s in a cluster of an older version", a.Key)
		}
	}
}

// TestNoticesSayWhatElseIsPlanned: a notice names the other operations on the
// clone's copies too.
func TestNoticesSayWhatElseIsPlanned(t *testing.T) {
	c := cluster3().parse("clone a agent=told notify max=2\nis a@n1 started\nis a@n2 started\nnode n1 standby")
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	for _, a := range plan.Actions {
		if a.Notice == nil {
			continue
		}
		if also := fmt.Sprint(a.Notice.Also); also != "map[start:[a@n3]]" {
			t.Errorf("%s says of the rest of the plan: %s", a.Key, also)
		}
	}
}
