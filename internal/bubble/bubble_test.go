package bubble

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestDueTimers fires timers that are due at once, from several goroutines.
// With the race detector on two processors that kills the process within a
// second.
func TestDueTimers(t *testing.T) {
	Test(t, func(*testing.T) {
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for range 5000 {
					fired := make(chan struct{})
					time.AfterFunc(0, func() { close(fired) })
					<-fired
					select {
					case <-time.NewTimer(0).C:
					default:
						t.Error("a timer of no time is not due")
					}
				}
			})
		}
		work.Wait()
	})
}

func TestOneProcessorWithTheRaceDetector(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	want := 2
	if raceDetector {
		want = 1
	}
	t.Run("bubbles", func(t *testing.T) {
		for _, name := range []string{"one", "another"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				Test(t, func(t *testing.T) {
					if got := runtime.GOMAXPROCS(0); got != want {
						t.Errorf("%d processors, want %d", got, want)
					}
				})
			})
		}
	})
	if got := runtime.GOMAXPROCS(0); got != 2 {
		t.Errorf("%d processors after the last bubble, want 2", got)
	}
}

// The processors come back when the last of several bubbles ends.
func TestLimitCounts(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	var l limit
	var seen []int
	look := func() { seen = append(seen, runtime.GOMAXPROCS(0)) }
	l.enter()
	look()
	l.enter()
	l.leave()
	look()
	l.leave()
	look()
	if seen[0] != 1 || seen[1] != 1 || seen[2] != 2 {
		t.Errorf("processors in the first, after the second, after the first: %v", seen)
	}
}
