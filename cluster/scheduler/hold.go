package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Defaults of the properties that end repeated fencing.
const (
	defaultFenceLimit       = 3
	defaultFenceLimitWindow = time.Hour
)

// holdRepeated leaves a node off that the cluster fences again and again: each
// return of it moves services there and takes them away again.
func (p *planner) holdRepeated(n int) {
	node := &p.nodes[n]
	limit := cmp.Or(p.def.Properties.FenceLimit, defaultFenceLimit)
	window := cmp.Or(p.def.Properties.FenceLimitWindow.Std(), defaultFenceLimitWindow)
	times := p.fencedWithin(node.name, window) + 1
	if times < limit {
		return
	}
	fence := &p.acts[node.fence]
	fence.Hold = true
	fence.Reason = fmt.Sprintf("%s; the fencing number %d in %s: it is left off", fence.Reason, times, window)
}

// fencedWithin counts how often the cluster itself has fenced the node in the
// window, since it was last released.
func (p *planner) fencedWithin(name resources.NodeName, window time.Duration) int {
	times := 0
	for _, f := range slices.Backward(p.s.FenceHistory) {
		switch {
		case f.Node != name || f.Action == resources.FencingUnfence:
		case f.Action == resources.FencingRelease:
			return times
		case f.By == ByCluster && f.Phase == state.FencingDone && f.RequestedAt.Add(window).After(p.now):
			times++
		}
	}
	return times
}

// tellHeld says that a node is left off, and the way out.
func (p *planner) tellHeld(n int) {
	node := &p.nodes[n]
	held := p.s.HeldOff(node.name)
	if held == nil || node.st == nil || node.st.Off == nil || p.s.Fencing[node.name] != nil {
		return
	}
	text := fmt.Sprintf("node %s was fenced too often and is left off since %s: %s", node.name, node.st.Off.At.UTC().Format(time.RFC3339), held.Reason)
	if held.Action == resources.FencingRelease {
		text = fmt.Sprintf("node %s was released and could not be switched on: %s", node.name, held.Error)
	}
	p.problem(transition.Problem{
		Code: "fence_limit", Severity: transition.SeverityCritical, Node: node.name, Text: text,
		Next: "belayctl fence release " + string(node.name),
	})
}
