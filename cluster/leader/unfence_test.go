package leader

import (
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// storage gives b a device that cuts it off from its storage.
func (r *rig) storage(key string) {
	r.t.Helper()
	r.define(func(d *resources.Definition) {
		d.Resources = nil
		off := resources.Duration(0)
		d.Properties.FenceCheckInterval = &off
		d.Fences = append(d.Fences, resources.FenceDevice{
			ID: "scsi", Agent: "plug", Targets: []resources.NodeName{"b"}, Provides: resources.ProvidesUnfencing, Params: resources.Params{"key": key},
		})
	})
}

func TestNodeIsUnfencedOnceItIsDue(t *testing.T) {
	r := newRig(t)
	r.storage("1")
	r.plans()
	r.run(2 * time.Second)
	if want := []string{"unfence b attempt 1 by b"}; !slices.Equal(r.attempts, want) {
		t.Fatalf("got %q, want %q", r.attempts, want)
	}
	if r.s.Nodes["b"].Unfenced == nil || r.s.UnfencingDue("b") != "" || len(r.s.Unfencing) != 0 {
		t.Errorf("on record: %+v, open %v", r.s.Nodes["b"].Unfenced, r.s.Unfencing)
	}
	r.run(time.Minute)
	r.storage("2") // its parameters change
	r.run(2 * time.Second)
	if len(r.attempts) != 2 {
		t.Errorf("after the device has changed: %q", r.attempts)
	}
	r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2", Software: state.Version})
	r.run(2 * time.Second)
	if len(r.attempts) != 3 {
		t.Errorf("after its host has started again: %q", r.attempts)
	}
}

// What only another member can reach is found by turns; pauses grow.
func TestUnfencingIsTriedByOthers(t *testing.T) {
	r := newRig(t)
	r.storage("1")
	r.plans()
	r.fence = func(n int, _ Attempt) Fenced {
		switch n {
		case 1:
			return Fenced{Proven: true, Unanswered: "connection reset"}
		case 2:
			return Fenced{Error: "no such disk"}
		}
		return Fenced{Proven: true}
	}
	r.run(900 * time.Millisecond)
	if f := r.s.Unfencing["b"]; f == nil || f.Phase != state.FencingFailed || f.RetryAt.Sub(epoch) < time.Second || r.s.Nodes["b"].Unfenced != nil {
		t.Fatalf("after an answer that was lost: %+v", f)
	}
	r.run(10 * time.Second)
	want := []string{"unfence b attempt 1 by b", "unfence b attempt 2 by a", "unfence b attempt 3 by b"}
	if !slices.Equal(r.attempts, want) || r.s.Nodes["b"].Unfenced == nil {
		t.Errorf("got %q, want %q", r.attempts, want)
	}
}

// A fencing that begins meanwhile ends it, and a late answer counts for nothing.
func TestUnfencingIsDroppedByFencing(t *testing.T) {
	r := newRig(t)
	r.storage("1")
	r.plans()
	r.takes = 5 * time.Second
	r.run(100 * time.Millisecond)
	if len(r.attempts) != 1 {
		t.Fatalf("%q", r.attempts)
	}
	r.lose(resources.FencingOff)
	r.run(100 * time.Millisecond)
	if len(r.s.Unfencing) != 0 || !slices.ContainsFunc(r.seen, func(o Output) bool { return len(o.Drop) > 0 }) {
		t.Errorf("open: %v", r.s.Unfencing)
	}
	r.run(20 * time.Second)
	if r.s.Nodes["b"].Unfenced != nil || r.s.Nodes["b"].Off == nil {
		t.Errorf("%+v", r.s.Nodes["b"])
	}
}
