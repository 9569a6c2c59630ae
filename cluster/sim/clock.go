package sim

import "time"

// clock is virtual time with what is still to happen. Events of one instant
// happen in the order in which they were made.
type clock struct {
	now   time.Duration // since the world began
	queue []event       // a heap by (at, seq)
	made  uint64
	steps uint64
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (e *event) before(f *event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// maxQueue bounds what waits to happen: a world that makes more than it does is
// broken.
const maxQueue = 100_000

// at makes something happen at a time, now at the earliest.
func (c *clock) at(when time.Duration, do func()) {
	if len(c.queue) >= maxQueue {
		panic("sim: the event queue is full")
	}
	c.made++
	c.queue = append(c.queue, event{max(when, c.now), c.made, do})
	for i := len(c.queue) - 1; i > 0; {
		above := (i - 1) / 2
		if !c.queue[i].before(&c.queue[above]) {
			break
		}
		c.queue[i], c.queue[above] = c.queue[above], c.queue[i]
		i = above
	}
}

// after makes something happen after a while.
func (c *clock) after(wait time.Duration, do func()) { c.at(c.now+wait, do) }

// next lets the next event happen, unless it is later than until. Then, or when
// there is none, the clock stands at until.
func (c *clock) next(until time.Duration) bool {
	if len(c.queue) == 0 || c.queue[0].at > until {
		c.now = max(c.now, until)
		return false
	}
	first := c.queue[0]
	last := len(c.queue) - 1
	c.queue[0] = c.queue[last]
	c.queue[last] = event{}
	c.queue = c.queue[:last]
	c.sink()
	c.now = first.at
	c.steps++
	first.do()
	return true
}

// sink brings the heap's top to its place.
func (c *clock) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.queue); child++ {
			if c.queue[child].before(&c.queue[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		c.queue[i], c.queue[least] = c.queue[least], c.queue[i]
		i = least
	}
}
