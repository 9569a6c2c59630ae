package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Defaults of the properties that bound repeated fencing.
const (
	DefaultFenceLimitWindow = resources.Duration(time.Hour)
	DefaultFenceQuarantine  = resources.Duration(time.Minute)
)

// FencedWithin counts how often the cluster itself has fenced the node in the
// window that ends at a time, since it was last released.
func (s *State) FencedWithin(node resources.NodeName, window time.Duration, at time.Time) int {
	times := 0
	for _, f := range slices.Backward(s.FenceHistory) {
		switch {
		case f.Node != node || f.Action == resources.FencingUnfence:
		case f.Action == resources.FencingRelease:
			return times
		case f.counts() && f.RequestedAt.Add(window).After(at):
			times++
		}
	}
	return times
}

// counts reports whether a fencing is one that the cluster itself asked for and
// carried through.
func (f *Fencing) counts() bool {
	return f.By == ByCluster && f.Phase == FencingDone && f.Action != resources.FencingUnfence && f.Action != resources.FencingRelease
}

// Quarantine is the wait of a node that has come back after it was fenced again.
type Quarantine struct {
	// Times is how often it was fenced in the Window before its return.
	Times  int
	Window time.Duration
	Until  time.Time
}

// QuarantineOf returns the node's quarantine at now, nil for none. It begins when
// its host starts (or, without a new start, when the node counted as off), lasts
// Properties.FenceQuarantine after the second fencing in FenceLimitWindow, doubles
// with each further one, and is never longer than FenceLimitWindow. It ends with
// its time or a release; where not every member understands such a release, there
// is none.
func (s *State) QuarantineOf(node resources.NodeName, now time.Time) *Quarantine {
	n, found := s.Nodes[node]
	if !found || s.Version < VersionQuarantine || n.Witness || n.Off != nil || !n.Online() {
		return nil
	}
	from := n.BootedAt
	if last := s.lastCounted(node); last != nil && last.OffAt.After(from) {
		from = last.OffAt
	}
	p := &s.Definition.Properties
	window := cmp.Or(p.FenceLimitWindow, DefaultFenceLimitWindow).Std()
	q := &Quarantine{Window: window, Times: s.FencedWithin(node, window, from)}
	wait := resources.Or(p.FenceQuarantine, DefaultFenceQuarantine).Std()
	if q.Times < 2 || wait <= 0 || mutant.Is(mutant.NoQuarantine) {
		return nil
	}
	for range q.Times - 2 {
		if wait >= window || mutant.Is(mutant.NoBackOff) {
			break
		}
		wait *= 2
	}
	if q.Until = from.Add(min(wait, window)); !now.Before(q.Until) {
		return nil
	}
	return q
}

// lastCounted returns the newest fencing of the node that counts, nil for none.
func (s *State) lastCounted(node resources.NodeName) *Fencing {
	for _, f := range slices.Backward(s.FenceHistory) {
		if f.Node == node && f.counts() {
			return f
		}
	}
	return nil
}
