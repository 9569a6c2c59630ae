//go:build mutant

package sim

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/belay-ha/belay/internal/mutant"
)

var mutantFlag = flag.String("mutant", "", "only this mutant")

// killWithin is how many seeds a mutant may survive.
const killWithin = 1000

// killers are seeds within those, found by a run that tried one after the other:
// they are tried first, which saves time. What a fault or a draw more has made of
// them is no matter: who kills nothing any more is passed over.
var killers = map[mutant.Name]uint64{
	mutant.StartBeforeStop:     157,
	mutant.OneRead:             11,
	mutant.OlderTerm:           9,
	mutant.NoLease:             15,
	mutant.FenceWithoutRight:   13,
	mutant.NoShare:             9,
	mutant.DeafToWitnesses:     48,
	mutant.SuspectIsDead:       8,
	mutant.LostUpdate:          7,
	mutant.WallClock:           48,
	mutant.LooksAtOnce:         124,
	mutant.OneDevice:           20,
	mutant.ShortBound:          177,
	mutant.LeaseForAll:         319,
	mutant.RestartIsDeath:      32,
	mutant.PromoteBeforeDemote: 41,
	mutant.PremiseElsewhere:    659,
	mutant.PremiseUnlooked:     791,
	mutant.KeepsRunning:        27,
	mutant.NoQuarantine:        10,
	mutant.NoBackOff:           763,
	mutant.NoHold:              39,
	mutant.NoTickets:           7,
	mutant.NoRetry:             9,
	mutant.PremiseFence:        10,
}

// Each way to break the product is noticed within a thousand seeds; broken in no
// way, the same build passes.
func TestMutantsAreKilled(t *testing.T) {
	for _, name := range mutant.All {
		if *mutantFlag != "" && mutant.Name(*mutantFlag) != name {
			continue
		}
		t.Run(string(name), func(t *testing.T) {
			mutant.Choose(name)
			defer mutant.Choose("")
			if seed, known := killers[name]; known && *seedFlag == 1 {
				if r := Run(seed); r.Violation != nil {
					t.Logf("killed by seed %d, as before: %v", seed, r.Violation)
					return
				}
			}
			seeds, r := firstFailure(*seedFlag, killWithin)
			if r == nil {
				t.Fatalf("it survives %d seeds", killWithin)
			}
			t.Logf("killed by seed %d, the %d. tried: %v", r.Seed, seeds, r.Violation)
		})
	}
}

// firstFailure runs seeds until one fails, and returns how many it took.
func firstFailure(first uint64, most int64) (int64, *Report) {
	var next atomic.Int64
	var found atomic.Pointer[Report]
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for found.Load() == nil {
				n := next.Add(1) - 1
				if n >= most {
					return
				}
				if r := Run(first + uint64(n)); r.Violation != nil {
					found.CompareAndSwap(nil, &r)
				}
			}
		})
	}
	work.Wait()
	return next.Load(), found.Load()
}
