package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxShrinks bounds the runs that it takes to make a failing run small.
const maxShrinks = 300

// shrink leaves out faults, many at first and then one by one, as long as the
// same rule is still broken, and returns what is left with its trace.
func shrink(s *scenario, p *plan, rule string) (*plan, Report) {
	runs := 0
	fails := func(faults []Fault) bool {
		runs++
		r := run(s, p.with(faults), false)
		return r.Violation != nil && r.Violation.Rule == rule
	}
	faults := p.Faults
	for size := (len(faults) + 1) / 2; size > 0 && runs < maxShrinks; {
		smaller := false
		for at := 0; at < len(faults) && runs < maxShrinks; {
			left := slices.Delete(slices.Clone(faults), at, min(at+size, len(faults)))
			if fails(left) {
				faults, smaller = left, true
			} else {
				at += size
			}
		}
		switch {
		case size > 1:
			size /= 2
		case !smaller:
			size = 0
		}
	}
	small := p.with(faults)
	return small, run(s, small, true)
}

// with returns the plan with other faults.
func (p *plan) with(faults []Fault) *plan {
	other := *p
	other.Faults = faults
	return &other
}

// lastEvents is how many lines of a trace are printed.
const lastEvents = 60

// Explain returns a failed run for people: the seed, the faults that are needed
// for it, and what happened last.
func Explain(r Report) string {
	s := newScenario(r.Seed, r.Edition)
	small, again := shrink(s, &plan{Seed: r.Seed, Edition: r.Edition, Calm: r.Calm, Faults: r.Faults, Until: r.until}, r.Violation.Rule)
	var text strings.Builder
	fmt.Fprintf(&text, "seed %d breaks %v\n", r.Seed, r.Violation)
	fmt.Fprintf(&text, "%d of its %d faults are enough (%v):\n", len(small.Faults), len(r.Faults), again.Violation)
	for _, f := range small.Faults {
		fmt.Fprintf(&text, "  %s\n", f)
	}
	trace := again.Trace
	if len(trace) > lastEvents {
		trace = trace[len(trace)-lastEvents:]
	}
	fmt.Fprintf(&text, "what happened last:\n  %s\n", strings.Join(trace, "\n  "))
	file, err := json.Marshal(small)
	if err != nil {
		panic("sim: plain data: " + err.Error())
	}
	fmt.Fprintf(&text, "as a file of testdata: %s\n", file)
	fmt.Fprintf(&text, "again: make test-sim SEED=%d RUNS=1\n", r.Seed)
	return text.String()
}
