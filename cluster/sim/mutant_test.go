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
