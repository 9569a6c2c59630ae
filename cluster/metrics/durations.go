package metrics

import "time"

// bounds are those of every histogram, in seconds: from a commit on a fast disk to
// the start of a large database.
var bounds = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// Durations counts how long things took. The zero value is ready for use; it is not
// safe for concurrent use.
type Durations struct {
	counts [len(bounds)]uint64 // by the first bound that is not below
	n      uint64
	sum    float64
}

// Add counts one; a negative one, of clocks that differ, as 0.
func (d *Durations) Add(took time.Duration) {
	seconds := max(took, 0).Seconds()
	d.n++
	d.sum += seconds
	for i, bound := range bounds {
		if seconds <= bound {
			d.counts[i]++
			return
		}
	}
}
