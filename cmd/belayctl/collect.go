package main

import (
	"runtime"
	"runtime/debug"
)

// lateCollection is how much memory a command that reads a CIB may take before
// garbage is collected for the first time, in bytes. It is what a simulation of 100
// nodes with 5,000 resources takes.
const lateCollection = 512 << 20

// collectLate puts the garbage collector off until the process has limit bytes of
// memory; from then on it works as usual. Such a command lives for a tenth of a
// second, and nearly all that it allocates it needs until its end: with collections
// it takes as much memory and a quarter more of the processor. It is called once in
// a process, since it ends by itself.
func collectLate(limit int64) {
	percent, before := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, before))
	// The mark is garbage already, so the first collection is over when it is gone.
	// Without its end the collector would never stop at that limit.
	mark := new(struct{ next *int })
	runtime.AddCleanup(mark, func(percent int) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(before)
	}, percent)
}
