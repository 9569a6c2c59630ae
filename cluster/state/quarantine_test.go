package state

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// fenceOften lets node a be lost, fenced and come back, so many times; each takes
// five entries, of a second each.
func (w *world) fenceOften(times int) {
	w.t.Helper()
	for range times {
		w.by = ByCluster
		a := w.s.Nodes["a"]
		w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: a.Incarnation})
		id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
		w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
		w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
		w.by = "a"
		w.do(&MemberBooted{Node: "a", Incarnation: "run-" + id, BootID: "boot-" + id, Software: Version})
	}
	w.by = "root"
}

func TestQuarantineGrowsWithTheFencings(t *testing.T) {
	quarter, never := resources.Duration(15*time.Minute), resources.Duration(0)
	for name, tc := range map[string]struct {
		times      int
		quarantine *resources.Duration
		want       time.Duration
	}{
		"the first":                  {1, nil, 0},
		"the second":                 {2, nil, time.Minute},
		"the third":                  {3, nil, 2 * time.Minute},
		"the fifth":                  {5, nil, 8 * time.Minute},
		"no longer than the window":  {20, nil, time.Hour},
		"as the definition says":     {3, &quarter, 30 * time.Minute},
		"the definition says, bound": {6, &quarter, time.Hour},
		"the definition wants none":  {5, &never, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.s.Version = VersionQuarantine
			w.s.Definition.Properties.FenceQuarantine = tc.quarantine
			w.fenceOften(tc.times)
			booted := w.s.Nodes["a"].BootedAt
			q := w.s.QuarantineOf("a", booted)
			if tc.want == 0 {
				if q != nil {
					t.Fatalf("got %+v", q)
				}
				return
			}
			if q == nil || q.Times != tc.times || q.Until.Sub(booted) != tc.want {
				t.Fatalf("got %+v, booted %s, want %s", q, booted, tc.want)
			}
			if w.s.QuarantineOf("a", q.Until.Add(-1)) == nil || w.s.QuarantineOf("a", q.Until) != nil {
				t.Error("it does not end at its end")
			}
			if w.s.QuarantineOf("b", booted) != nil || w.s.QuarantineOf("unknown", booted) != nil {
				t.Error("another node is in quarantine")
			}
		})
	}
}

// A restart of the daemon, or a suspicion, neither ends nor prolongs it.
func TestQuarantineCountsFromTheStartOfTheHost(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionQuarantine
	w.fenceOften(2)
	before := w.s.QuarantineOf("a", w.s.Nodes["a"].BootedAt)
	w.do(&MemberBooted{Node: "a", Incarnation: "again", BootID: w.s.Nodes["a"].BootID, Software: Version})
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessSuspect, Incarnation: "again"})
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "again"})
	after := w.s.QuarantineOf("a", w.s.Nodes["a"].Since)
	if before == nil || after == nil || *before != *after {
		t.Errorf("before %+v, after %+v", before, after)
	}
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "again"})
	if q := w.s.QuarantineOf("a", w.s.Nodes["a"].Since); q != nil {
		t.Errorf("a lost node is in quarantine: %+v", q)
	}
}

func TestReleaseEndsQuarantine(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionQuarantine
	w.fenceOften(2)
	last := w.s.Events[len(w.s.Events)-1]
	if last.Node != "a" || !strings.HasPrefix(last.Text, "in quarantine until ") || !strings.HasSuffix(last.Text, ": fenced 2 times in 1h0m0s") {
		t.Errorf("history ends with %+v", last)
	}
	w.rejected(&FenceReleased{Node: "b"}, Refused, "is in no quarantine")
	w.do(&FenceReleased{Node: "a", Reason: "mended"})
	if q := w.s.QuarantineOf("a", w.s.Nodes["a"].BootedAt); q != nil || len(w.s.Fencing) != 0 || !w.s.Nodes["a"].Online() {
		t.Errorf("quarantine %+v, open %v", q, w.s.Fencing)
	}
	w.rejected(&FenceReleased{Node: "a"}, Refused, "is in no quarantine")
	w.fenceOften(1)
	if q := w.s.QuarantineOf("a", w.s.Nodes["a"].BootedAt); q != nil {
		t.Errorf("it does not count anew: %+v", q)
	}
}

// Members of an earlier command set know neither it nor its release.
func TestQuarantineIsOfANewerCommandSet(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionQuarantine - 1
	w.fenceOften(2)
	events := len(w.s.Events)
	if q := w.s.QuarantineOf("a", w.s.Nodes["a"].BootedAt); q != nil {
		t.Errorf("got %+v", q)
	}
	w.rejected(&FenceReleased{Node: "a"}, Refused, "was not left off")
	if last := w.s.Events[events-1]; strings.Contains(last.Text, "quarantine") {
		t.Errorf("an earlier member does not keep %+v", last)
	}
}
