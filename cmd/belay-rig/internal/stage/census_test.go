package stage

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/internal/bubble"
)

func TestCensusFollowsAMove(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		began := time.Now()
		var holder atomic.Int32
		holder.Store(1)
		c := Count(t.Context(), 100*time.Millisecond, func(h rig.Host) bool { return h == rig.Host(holder.Load()) })
		time.Sleep(time.Second + time.Millisecond)
		bubble.Wait()
		if now := c.Now(); !slices.Equal(now, []rig.Host{1}) {
			t.Errorf("it is on %v, want host 1", now)
		}
		if _, moved := c.FirstElsewhere(1, began); moved {
			t.Error("seen elsewhere before it moved")
		}
		holder.Store(2)
		time.Sleep(time.Second)
		bubble.Wait()
		at, moved := c.FirstElsewhere(1, began)
		if !moved || at.Sub(began) != 1100*time.Millisecond {
			t.Errorf("seen elsewhere after %s, %v", at.Sub(began), moved)
		}
		if _, again := c.FirstElsewhere(1, began.Add(1200*time.Millisecond)); again {
			t.Error("a change from before the moment counts")
		}
		if err := c.Stop("it"); err != nil {
			t.Error(err)
		}
	})
}

func TestCensusSeesTwoAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := Count(t.Context(), 100*time.Millisecond, func(h rig.Host) bool { return h > 0 })
		bubble.Wait()
		if err := c.Stop("the door"); err == nil || !strings.Contains(err.Error(), "the door was on [controller-1 controller-2] at once") {
			t.Errorf("got %v", err)
		}
	})
}

// A move between the looks at two hosts is no double.
func TestCensusLooksTwiceBeforeItAccuses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		asked := 0
		c := Count(t.Context(), time.Hour, func(h rig.Host) bool {
			asked++
			return h == 0 && asked == 1 || h == 1
		})
		bubble.Wait()
		if err := c.Stop("it"); err != nil {
			t.Error(err)
		}
	})
}
