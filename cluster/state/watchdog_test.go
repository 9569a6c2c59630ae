package state

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// What others may be counting on is not changed any more.
func TestWatchdogStaysAsAnnouncedDuringAFencing(t *testing.T) {
	w := newWorld(t)
	fact := &Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(10 * time.Second), Lease: resources.Duration(5 * time.Second)}
	announce := func(fact *Watchdog) *MemberWatchdog {
		return &MemberWatchdog{Node: "b", Incarnation: w.s.Nodes["b"].Incarnation, Watchdog: fact}
	}
	w.do(announce(fact))
	w.rejected(&MemberWatchdog{Node: "b", Incarnation: "an earlier run"}, Conflict, "restarted")
	id := w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "asked for"}).Fence
	w.rejected(announce(nil), Refused, "stays as it was announced")
	w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
	w.rejected(announce(nil), Refused, "stays as it was announced")
	w.do(&FenceReported{Fence: id, Node: "b", Proven: true, Proof: ProofWatchdog})
	w.rejected(announce(nil), Refused, "stays as it was announced")
	if got := w.s.Nodes["b"].Watchdog; got == nil || *got != *fact {
		t.Errorf("on record: %+v", got)
	}
	w.do(&MemberBooted{Node: "b", Incarnation: "run-2", BootID: "boot-2", Software: Version})
	if w.s.Nodes["b"].Watchdog != nil {
		t.Error("a new start of the host is believed to feed what the last one fed")
	}
}

// A daemon that restarts leaves its timer armed.
func TestWatchdogOutlivesTheDaemon(t *testing.T) {
	w := newWorld(t)
	w.do(&MemberWatchdog{Node: "b", Incarnation: w.s.Nodes["b"].Incarnation, Watchdog: &Watchdog{Device: "d"}})
	w.do(&MemberBooted{Node: "b", Incarnation: "run-2", BootID: w.s.Nodes["b"].BootID, Software: Version})
	if w.s.Nodes["b"].Watchdog == nil {
		t.Error("forgotten at the daemon's restart")
	}
}

func TestBoundCountsTheTimerTwice(t *testing.T) {
	w := &Watchdog{Timeout: resources.Duration(10 * time.Second), Lease: resources.Duration(5 * time.Second)}
	if got, least := w.Bound(), 25*time.Second; got <= least {
		t.Errorf("%s is not more than %s", got, least)
	}
}

// A living node that is fenced by its own watchdog starts again in the middle of
// the attempt: that is what the attempt was for.
func TestStartOfAFencedHostEndsItsFencing(t *testing.T) {
	for name, c := range map[string]struct {
		version int
		action  resources.FencingAction
		watched bool
		ended   bool
	}{
		"reboot":                   {VersionMore, resources.FencingReboot, false, true},
		"off, by its watchdog":     {VersionMore, resources.FencingOff, true, true},
		"off, by a BMC":            {VersionMore, resources.FencingOff, false, false},
		"among members of old":     {VersionNotices, resources.FencingReboot, false, false},
		"off for good, a watchdog": {VersionMore, resources.FencingHold, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.s.Version = c.version
			if c.watched {
				w.do(&MemberWatchdog{Node: "b", Incarnation: "run-1-b", Watchdog: &Watchdog{Device: "d"}})
			}
			id := w.do(&FenceRequested{Node: "b", Action: c.action, Reason: "asked for"}).Fence
			w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
			w.do(&MemberBooted{Node: "b", Incarnation: "run-2", BootID: "boot-2", Software: Version})
			_, open := w.s.Fencing["b"]
			if open == c.ended || c.ended && (len(w.s.FenceHistory) != 1 || w.s.FenceHistory[0].Phase != FencingDone) {
				t.Errorf("open %v, history %+v", open, w.s.FenceHistory)
			}
		})
	}
}
