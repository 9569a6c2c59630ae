package leader

import "time"

// brakes slow down an action that the plan wants again and again, such as a
// probe that never says anything: the first two times at once, then after 1, 2,
// 4 … 30 seconds.
type brakes struct{ seen map[string]braked }

type braked struct {
	times int
	last  time.Time
}

const (
	freeTimes   = 2
	longestWait = 30 * time.Second
	// forgetAfter must exceed longestWait, or an action would be free again.
	forgetAfter = 2 * time.Minute
	maxBraked   = 10_000
)

func newBrakes() *brakes { return &brakes{seen: map[string]braked{}} }

// release reports whether the action may be dispatched now, and counts it if
// so. If not, at is when it may.
func (b *brakes) release(key string, now time.Time) (ok bool, at time.Time) {
	before := b.seen[key]
	if now.Sub(before.last) > forgetAfter {
		before = braked{}
	}
	if before.times >= freeTimes {
		wait := min(time.Second<<min(before.times-freeTimes, 5), longestWait)
		if at = before.last.Add(wait); now.Before(at) {
			return false, at
		}
	}
	if len(b.seen) >= maxBraked {
		clear(b.seen)
	}
	b.seen[key] = braked{times: before.times + 1, last: now}
	return true, time.Time{}
}
