// Package bubble runs tests in the bubbles of testing/synctest, where time is
// virtual. All tests use it in place of that package, because with the race
// detector a bubble is safe on one processor only. It starts no goroutine.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Test runs f in a bubble.
//
// With the race detector it has the process use one processor until f has
// ended. The runtime (Go 1.26) runs the timers of a bubble in one context of the
// race detector, which the bubble's timers share: the scheduler of the bubble
// fires those that come due, and any goroutine those that are due when it makes,
// resets or reads them. Two at once, on two processors, lose entries of that
// context's call stack, and sooner or later the process dies in the race
// detector. On one processor there are never two at once, since timers fire
// without being preempted. TestDueTimers shows it; golang/go#78156 is open.
//
// Races are still found: what the detector compares is the order that
// synchronization gives, not the time of two accesses, and with it the runtime
// runs goroutines in a random order.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if raceDetector {
		oneProcessor.enter()
		defer oneProcessor.leave()
	}
	synctest.Test(t, f)
}

// Wait waits until every other goroutine of the bubble is durably blocked.
func Wait() { synctest.Wait() }

// oneProcessor is one for the process, as GOMAXPROCS is.
var oneProcessor limit

// limit holds GOMAXPROCS at one while any bubble is inside: tests may run in
// parallel.
type limit struct {
	mu     sync.Mutex
	inside int
	before int // GOMAXPROCS when the first came
}

func (l *limit) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside == 0 {
		l.before = runtime.GOMAXPROCS(1)
	}
	l.inside++
}

func (l *limit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside--
	if l.inside == 0 {
		runtime.GOMAXPROCS(l.before)
	}
}
