package sim

import (
	"math/rand/v2"
	"time"
)

// chance is the seed's randomness. Each stream of a seed is independent of the
// others, so that a fault that is left out moves no other fault.
type chance struct{ *rand.Rand }

// The streams.
const (
	streamScenario uint64 = iota + 1
	streamFaults
	streamWorld
	streamDevices
	streamLater
)

func newChance(seed, stream uint64) chance { return chance{rand.New(rand.NewPCG(seed, stream))} }

// of reports true in so many of a thousand cases.
func (c chance) of(perMille int) bool { return perMille > 0 && c.IntN(1000) < perMille }

// between draws a time, both ends included.
func (c chance) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(c.Int64N(int64(most-least)+1))
}

// long draws a time that is mostly near the least and now and then near the
// most, as waiting times are.
func (c chance) long(least, most time.Duration) time.Duration {
	f := c.Float64()
	return least + time.Duration(f*f*f*float64(most-least))
}

// pick draws one of several.
func pick[T any](c chance, of []T) T { return of[c.IntN(len(of))] }
