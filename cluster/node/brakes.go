package node

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
// so.
func (b *brakes) release(key string, now time.Time) bool {
	before := b.seen[key]
	age := now.Sub(before.last)
	if age > forgetAfter {
		before = braked{}
	}
	if before.times >= freeTimes {
		wait := min(time.Second<<min(before.times-freeTimes, 5), longestWait)
		if age < wait {
			return false
		}
	}
	if len(b.seen) >= maxBraked {
		clear(b.seen)
	}
	b.seen[key] = braked{times: before.times + 1, last: now}
	return true
}
