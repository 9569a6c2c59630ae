package state

import (
	"cmp"
	"math"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Defaults of the properties that bound how many nodes are fenced in a window.
const (
	DefaultFenceBudget = 3
	DefaultFenceWindow = 10 * time.Minute
)

// BudgetOf returns how many automatic fencings the properties allow in which window.
func BudgetOf(p *resources.Properties) (fencings int, window time.Duration) {
	return cmp.Or(p.FenceBudget, DefaultFenceBudget), cmp.Or(p.FenceWindow.Std(), DefaultFenceWindow)
}

// FenceBudget returns how many more automatic fencings may begin now by properties
// as they are then, and when that grows; zero for never. A fencing that was withdrawn
// before any attempt cost nothing.
func (s *State) FenceBudget(p *resources.Properties, now time.Time) (left int, grows time.Time) {
	left, window := BudgetOf(p)
	count := func(f *Fencing) {
		end := f.RequestedAt.Add(window)
		withdrawn := f.Phase == FencingWithdrawn && f.Attempts == 0
		if f.By != ByCluster || f.Action == resources.FencingUnfence || withdrawn || !end.After(now) {
			return
		}
		left--
		if grows.IsZero() || end.Before(grows) {
			grows = end
		}
	}
	for _, f := range s.FenceHistory {
		count(f)
	}
	for _, f := range s.Fencing {
		count(f)
	}
	if mutant.Is(mutant.NoBudget) {
		left = math.MaxInt
	}
	return left, grows
}

// FenceShare returns how many more nodes may be fenced so that never more than half
// of the members (at least one) are being fenced or lie fenced at once. A witness is
// none of those members; one that somebody has fenced counts.
func (s *State) FenceShare(d *resources.Definition) int {
	members, fenced := 0, 0
	for name, n := range s.Nodes {
		if _, defined := d.Node(name); defined && !n.Witness {
			members++
		}
		if s.Fencing[name] != nil || n.liesFenced() {
			fenced++
		}
	}
	if mutant.Is(mutant.NoShare) {
		return math.MaxInt
	}
	return max(members/2, 1) - fenced
}

// liesFenced reports whether a proof has the node off or starting, and not an
// operator's word about one that has long been gone.
func (n *Node) liesFenced() bool { return n.Off != nil && n.Off.By != ProofConfirm }

// Silent returns how many members are lost or suspected, of all that are defined and
// neither witnesses nor known to be gone.
func (s *State) Silent(d *resources.Definition) (silent, members int) {
	for name, n := range s.Nodes {
		if _, defined := d.Node(name); !defined || n.Witness || !n.Online() && !n.Lost() {
			continue
		}
		members++
		if n.Liveness == LivenessSuspect || n.Lost() {
			silent++
		}
	}
	return silent, members
}

// cliffLeast is the fewest silent nodes that are called a cliff: of two members one
// is half.
const cliffLeast = 2

// Cliff reports whether so many are silent at once that a network's fault is likelier
// than so many dead hosts.
func Cliff(silent, members int) bool { return silent*2 > members && silent >= cliffLeast }
