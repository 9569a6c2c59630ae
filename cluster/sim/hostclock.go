package sim

import "time"

// hostClock is one host's clocks: a monotonic one that is a little fast or slow,
// and a wall clock that may be wrong and may jump.
type hostClock struct {
	drift  float64       // of the monotonic clock: 0.001 gains a millisecond a second
	offset time.Duration // of the wall clock
}

// maxDrift is the drift that the members' leases have to bear.
const maxDrift = 0.002

// worldBegan is the wall clock's reading at the world's beginning, where it is
// right. Monotonic clocks read the same then; nothing may compare the two.
var worldBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// mono is the host's monotonic clock.
func (c *hostClock) mono(since time.Duration) time.Duration {
	return since + time.Duration(float64(since)*c.drift)
}

// now is mono as a time, of which only differences mean something.
func (c *hostClock) now(since time.Duration) time.Time { return worldBegan.Add(c.mono(since)) }

// wall is the host's wall clock.
func (c *hostClock) wall(since time.Duration) time.Time {
	return worldBegan.Add(c.mono(since) + c.offset)
}

// real returns how long a wait of the host's monotonic clock really takes.
func (c *hostClock) real(wait time.Duration) time.Duration {
	return time.Duration(float64(wait) / (1 + c.drift))
}
