package state

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// unfencing is a cluster of two whose storage lets in who is unfenced.
func unfencing(t *testing.T) *world {
	r := newWorld(t)
	r.do(&DefinitionSet{Base: r.s.Revision, Definition: storageDefinition("1")})
	return r
}

func storageDefinition(key string) *resources.Definition {
	return &resources.Definition{
		Nodes: []resources.Node{{Name: "a"}, {Name: "b"}},
		Fences: []resources.FenceDevice{
			{ID: "bmc-b", Agent: "redfish", Targets: []resources.NodeName{"b"}},
			{ID: "scsi", Agent: "fence_scsi", Targets: []resources.NodeName{"b"}, Provides: resources.ProvidesUnfencing, Params: resources.Params{"key": key}},
		},
	}
}

// unfence carries one unfencing of b out.
func (r *world) unfence() {
	r.t.Helper()
	id := r.do(&UnfenceStarted{Node: "b", Executor: "b", Reason: "why"}).Fence
	r.do(&UnfenceReported{ID: id, Node: "b", Done: true, Digest: r.s.UnfencingDigest("b")})
}

func TestUnfencingIsDueAgain(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*world)
		due  bool
	}{
		"at first":        {due: true, then: func(r *world) { r.s.Nodes["b"].Unfenced = nil }},
		"once it is done": {then: func(*world) {}},
		"its daemon restarts": {then: func(r *world) {
			r.do(&MemberBooted{Node: "b", Incarnation: "b2", BootID: "boot-1-b", Software: Version})
		}},
		"its host starts": {due: true, then: func(r *world) {
			r.do(&MemberBooted{Node: "b", Incarnation: "b2", BootID: "other", Software: Version})
		}},
		"its device is defined otherwise": {due: true, then: func(r *world) {
			r.do(&DefinitionSet{Base: r.s.Revision, Definition: storageDefinition("2")})
		}},
		"something else is defined otherwise": {then: func(r *world) {
			d := storageDefinition("1")
			d.Fences[0].Params = resources.Params{"endpoint": "other"}
			r.do(&DefinitionSet{Base: r.s.Revision, Definition: d})
		}},
		"it has no such device any more": {then: func(r *world) {
			d := storageDefinition("1")
			d.Fences = d.Fences[:1]
			r.do(&DefinitionSet{Base: r.s.Revision, Definition: d})
			if r.s.Nodes["b"].Unfenced != nil {
				r.t.Error("it counts as unfenced by nothing")
			}
		}},
		"it is about to be fenced": {due: true, then: func(r *world) {
			id := r.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "hangs"}).Fence
			r.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
		}},
		"an operator's word": {due: true, then: func(r *world) {
			r.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"})
			r.do(&FenceConfirmed{Node: "b", Reason: "unplugged"})
		}},
		"an operator's wish": {due: true, then: func(r *world) { r.do(&UnfenceRequested{Node: "b", Reason: "storage moved"}) }},
		"it was silent for a while": {then: func(r *world) {
			r.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"})
			r.do(&MemberVerdict{Node: "b", Liveness: LivenessAlive, Incarnation: "run-1-b"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := unfencing(t)
			r.unfence()
			c.then(r)
			if due := r.s.UnfencingDue("b"); (due != "") != c.due {
				t.Errorf("due: %q", due)
			}
			if due := r.s.UnfencingDue("a"); due != "" {
				t.Errorf("a has no such device: %q", due)
			}
		})
	}
}

// Whoever is asked late must find that the right to unfence is gone: what it let
// in would be what was cut off.
func TestUnfencingEndsWithFencing(t *testing.T) {
	for name, end := range map[string]func(*world){
		"fencing begins": func(r *world) {
			id := r.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "hangs"}).Fence
			r.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
		},
		"it is lost":      func(r *world) { r.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"}) },
		"it has left":     func(r *world) { r.do(&MemberVerdict{Node: "b", Liveness: LivenessLeft, Incarnation: "run-1-b"}) },
		"its host starts": func(r *world) { r.do(&MemberBooted{Node: "b", Incarnation: "b2", BootID: "other"}) },
		"it is removed":   func(r *world) { r.do(&MemberRemoved{Node: "b", Force: true}) },
		"its device is gone": func(r *world) {
			d := storageDefinition("1")
			d.Fences = d.Fences[:1]
			r.do(&DefinitionSet{Base: r.s.Revision, Definition: d})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := unfencing(t)
			id := r.do(&UnfenceStarted{Node: "b", Executor: "b", Reason: "why"}).Fence
			if !r.s.MayUnfence("b", "b", id) || r.s.MayUnfence("a", "b", id) || r.s.MayUnfence("b", "b", "u0") {
				t.Error("the right to unfence is its executor's alone")
			}
			end(r)
			if r.s.MayUnfence("b", "b", id) || len(r.s.Unfencing) != 0 {
				t.Errorf("still open: %+v", r.s.Unfencing)
			}
			late := r.try(&UnfenceReported{ID: id, Node: "b", Done: true, Digest: "d"})
			var rejection *Rejection
			if !errors.As(late.Err, &rejection) {
				t.Errorf("a late report is taken: %v", late.Err)
			}
			if last := r.s.FenceHistory[len(r.s.FenceHistory)-1]; name != "fencing begins" && (last.Action != resources.FencingUnfence || last.Phase != FencingWithdrawn) {
				t.Errorf("the history says %+v", last)
			}
		})
	}
}

func TestUnfencingFailsAndIsRepeated(t *testing.T) {
	r := unfencing(t)
	id := r.do(&UnfenceStarted{Node: "b", Executor: "b", Reason: "why"}).Fence
	r.do(&UnfenceReported{ID: id, Node: "b", Error: "no such disk", RetryAt: r.s.At.Add(time.Minute)})
	if f := r.s.Unfencing["b"]; f.Phase != FencingFailed || f.Error != "no such disk" || r.s.UnfencingDue("b") == "" {
		t.Fatalf("%+v", f)
	}
	// An operator who mended it need not wait.
	if got := r.do(&UnfenceRequested{Node: "b", Reason: "mended"}).Fence; got != id || r.s.Unfencing["b"].RetryAt.After(r.s.At) {
		t.Errorf("asked again: %s, %+v", got, r.s.Unfencing["b"])
	}
	r.do(&UnfenceStarted{Node: "b", Executor: "a", Reason: "why"})
	r.do(&UnfenceReported{ID: id, Node: "b", Done: true, Digest: r.s.UnfencingDigest("b")})
	if last := r.s.FenceHistory[len(r.s.FenceHistory)-1]; last.ID != id || last.Attempts != 2 || last.Phase != FencingDone || last.Error != "" || r.s.UnfencingDue("b") != "" {
		t.Errorf("the history says %+v", last)
	}
}

func TestUnfencingIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		node   resources.NodeName
		before func(*world)
		says   string
	}{
		"no such device": {node: "a", says: "nothing to unfence"},
		"no such node":   {node: "z", says: "not a member"},
		"lost": {node: "b", says: "when it is back", before: func(r *world) {
			r.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"})
		}},
		"being fenced": {node: "b", says: "being fenced", before: func(r *world) {
			r.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "hangs"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := unfencing(t)
			if c.before != nil {
				c.before(r)
			}
			for _, command := range []Command{&UnfenceRequested{Node: c.node, Reason: "why"}, &UnfenceStarted{Node: c.node, Executor: "a", Reason: "why"}} {
				if got := r.try(command); got.Err == nil || !strings.Contains(got.Err.Error(), c.says) {
					t.Errorf("%s: %v", command.name(), got.Err)
				}
			}
		})
	}
}

// An unfencing is no fencing: it neither ends a hold nor counts as one.
func TestUnfencingIsNoFencing(t *testing.T) {
	r := unfencing(t)
	id := r.do(&FenceRequested{Node: "b", Action: resources.FencingHold, Reason: "again"}).Fence
	r.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
	r.do(&FenceReported{Fence: id, Node: "b", Proven: true})
	r.do(&MemberBooted{Node: "b", Incarnation: "b2", BootID: "other", Software: Version})
	r.unfence()
	if held := r.s.HeldOff("b"); held == nil || held.ID != id {
		t.Errorf("the hold is %+v", held)
	}
}
