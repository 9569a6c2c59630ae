package scheduler

import (
	"cmp"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// defaultFenceLimit ends repeated fencing.
const defaultFenceLimit = 3

// holdRepeated leaves a node off that the cluster fences again and again: each
// return of it moves services there and takes them away again.
func (p *planner) holdRepeated(n int) {
	node := &p.nodes[n]
	limit := cmp.Or(p.def.Properties.FenceLimit, defaultFenceLimit)
	window := cmp.Or(p.def.Properties.FenceLimitWindow, state.DefaultFenceLimitWindow).Std()
	times := p.s.FencedWithin(node.name, window, p.now) + 1
	if times < limit || mutant.Is(mutant.NoHold) {
		return
	}
	fence := &p.acts[node.fence]
	fence.Hold = true
	fence.Reason = fmt.Sprintf("%s; the fencing number %d in %s: it is left off", fence.Reason, times, window)
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
