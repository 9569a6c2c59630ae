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

// Defaults of the properties that bound fencing.
const (
	defaultStartupGrace   = 20 * time.Second
	defaultFencingTimeout = 60 * time.Second
)

// canFence reports whether the node's power can be switched at all.
func (p *planner) canFence(n int) bool {
	return p.fenceEnabled() && p.nodes[n].defined && len(p.def.FencesOf(p.nodes[n].name)) > 0
}

func (p *planner) fenceEnabled() bool { return resources.Or(p.def.Properties.FencingEnabled, true) }

// decideFencing decides which nodes are fenced, and what keeps the others from
// being proven dead. A node that is only suspected is never fenced.
func (p *planner) decideFencing() {
	p.tellTwoVoters()
	var wanted []int
	for n := range p.nodes {
		p.tellHeld(n)
		open := p.s.Fencing[p.nodes[n].name]
		switch {
		case open != nil:
			p.followFencing(n, open)
		case p.nodes[n].unclean || p.nodes[n].wish != "":
			if p.mustFence(n) {
				wanted = append(wanted, n)
			}
		}
	}
	// Whoever was lost first is fenced first when not all may be.
	slices.SortStableFunc(wanted, func(a, b int) int { return p.nodes[a].st.Since.Compare(p.nodes[b].st.Since) })
	budget, budgetEnds := p.s.FenceBudget(&p.def.Properties, p.now)
	share, cliff := p.s.FenceShare(p.def), p.cliff()
	if cliff != "" && len(wanted) > 0 {
		p.problem(transition.Problem{Code: "fence_cliff", Severity: transition.SeverityCritical, Text: cliff, Next: "belayctl status   # and the network between the members"})
	}
	for _, n := range wanted {
		wait, important := p.fenceWait(n), p.priorityWait(n)
		switch {
		case wait != "":
		case cliff != "":
			wait = "more than half of the members are silent at once"
		case important != "":
			wait = important
		case budget <= 0:
			wait = "fence budget spent: " + p.budgetText()
			p.recheck(budgetEnds)
		case share <= 0:
			wait = "half of the members are being fenced or lie fenced: the fault may be ours"
		default:
			budget--
			share--
		}
		p.addFence(n, p.fenceReason(n), wait, "")
		p.holdRepeated(n)
	}
}

// mustFence reports whether the node needs a fence action now, and marks it.
func (p *planner) mustFence(n int) bool {
	node := &p.nodes[n]
	node.unclean = true
	if node.st.Liveness == state.LivenessUnknown && node.wish == "" {
		grace := cmp.Or(p.def.Properties.StartupGrace.Std(), defaultStartupGrace)
		if at := node.st.Since.Add(grace); p.now.Before(at) {
			node.hold = fmt.Sprintf("node %s has not been seen yet: asked for at %s", node.name, at.UTC().Format(time.RFC3339))
			p.recheck(at)
			return false
		}
	}
	if !p.fenceEnabled() {
		p.problem(transition.Problem{
			Code: "node_lost", Severity: transition.SeverityWarning, Node: node.name,
			Text: "node " + string(node.name) + " is lost and fencing is disabled: what it ran is started elsewhere without proof that it is dead",
			Next: "belayctl property set fencing_enabled=true",
		})
		return false
	}
	if !node.defined {
		node.hold = fmt.Sprintf("node %s is lost and not in the definition", node.name)
		p.problem(transition.Problem{
			Code: "node_lost", Severity: transition.SeverityWarning, Node: node.name,
			Text: node.hold, Next: "belayctl fence confirm " + string(node.name) + " --reason WHY",
		})
		return false
	}
	return true
}

func (p *planner) fenceReason(n int) string {
	node := &p.nodes[n]
	switch {
	case node.wish != "":
		return node.wish
	case node.st.Liveness == state.LivenessUnknown:
		return "never seen since the cluster started"
	case len(node.st.Evidence) > 0:
		return "lost: " + node.st.Evidence[0].Text
	default:
		return "lost"
	}
}

// fenceWait says why a node cannot be fenced, whatever the budget.
func (p *planner) fenceWait(n int) string {
	switch {
	case len(p.def.FencesOf(p.nodes[n].name)) == 0:
		return "no fence device can switch its power"
	case p.nodes[n].maintenance:
		return "it is in maintenance"
	default:
		return ""
	}
}

func (p *planner) budgetText() string {
	fencings, window := state.BudgetOf(&p.def.Properties)
	return fmt.Sprintf("%d in %s", fencings, window)
}

// wishFenced has a node fenced that lives, for one of its instances; ticket is the
// one that this lacks, or empty.
func (p *planner) wishFenced(i *inst, ticket resources.TicketName, why string) {
	node := &p.nodes[i.node]
	node.wish, node.cause = why, state.FencePremise{Instance: i.id, Ticket: ticket}
	if i.st != nil {
		node.cause.Changed = i.st.Changed
	}
}

// premise is what a node is fenced for, by the state that is planned from.
func (p *planner) premise(node *node) *state.FencePremise {
	premise := node.cause
	if node.wish == "" {
		premise.Since = node.st.Since
	}
	premise.Revision = p.s.Revision
	return &premise
}

// addFence adds the action; with a wait it is only announced. trouble is what is
// wrong with one that is under way.
func (p *planner) addFence(n int, reason, wait, trouble string) {
	node := &p.nodes[n]
	node.fence = p.addAction(transition.Action{
		Key: "fence " + string(node.name), Kind: transition.KindFence, Node: node.name, Reason: reason, Wait: wait,
		Timeout: cmp.Or(p.def.Properties.FencingTimeout, resources.Duration(defaultFencingTimeout)), Premise: p.premise(node),
	})
	severity, text, next := transition.SeverityWarning, "is being fenced: "+reason, ""
	confirm := "belayctl fence confirm " + string(node.name) + " --reason WHY"
	switch {
	case wait != "":
		severity, next = transition.SeverityCritical, confirm
		text = fmt.Sprintf("is not fenced (%s), and nothing of it is recovered: %s", wait, reason)
	case trouble != "":
		severity, next = transition.SeverityCritical, confirm
		text = fmt.Sprintf("is still being fenced, and nothing of it is recovered yet: %s; %s", reason, trouble)
	}
	p.problem(transition.Problem{Code: "fence", Severity: severity, Node: node.name, Text: "node " + string(node.name) + " " + text, Next: next})
}

// followFencing plans by an open fencing: wait for it, repeat it, or switch the
// node on again.
func (p *planner) followFencing(n int, f *state.Fencing) {
	node := &p.nodes[n]
	if f.Phase == state.FencingOff {
		if f.Action == resources.FencingReboot || f.Action == resources.FencingRelease {
			p.addPowerOn(n, f)
		}
		return
	}
	node.unclean = true
	wait := ""
	if f.Phase == state.FencingFailed {
		switch {
		case f.RetryAt.IsZero():
			wait = "failed: " + f.Error
		case p.now.Before(f.RetryAt):
			wait = fmt.Sprintf("failed, tried again at %s: %s", f.RetryAt.UTC().Format(time.RFC3339), f.Error)
			p.recheck(f.RetryAt)
		}
	}
	p.addFence(n, f.Reason, wait, p.fenceTrouble(f))
	if f.Phase == state.FencingRequested || f.Phase == state.FencingRunning {
		p.acts[node.fence].InFlight = resources.ActionID(f.ID)
	}
}

// slowFencing is how long a first attempt may take before an operator is told: a
// power controller that answers needs a second or two.
const slowFencing = 10 * time.Second

// fenceTrouble says what is wrong with a fencing that is under way: its last
// attempt failed, or its first one takes long.
func (p *planner) fenceTrouble(f *state.Fencing) string {
	slow := f.RequestedAt.Add(slowFencing)
	switch {
	case f.Phase != state.FencingRunning:
		return ""
	case f.Attempts > 1:
		return "before: " + f.Error
	case p.now.Before(slow):
		p.recheck(slow)
		return ""
	default:
		return "the power controller has been asked since " + f.RequestedAt.UTC().Format(time.RFC3339)
	}
}

// addPowerOn switches a fenced node on; nothing waits for it.
func (p *planner) addPowerOn(n int, f *state.Fencing) {
	node := &p.nodes[n]
	reason := "fencing action is reboot"
	if f.Action == resources.FencingRelease {
		reason = "released by " + f.By
	}
	i := p.addAction(transition.Action{
		Key: "power_on " + string(node.name), Kind: transition.KindPowerOn, Node: node.name, Reason: reason,
		Timeout: cmp.Or(p.def.Properties.FencingTimeout, resources.Duration(defaultFencingTimeout)),
	})
	switch {
	case f.Executor != "":
		p.acts[i].InFlight = resources.ActionID(f.ID)
	case p.now.Before(f.RetryAt):
		p.acts[i].Wait = "tried again at " + f.RetryAt.UTC().Format(time.RFC3339)
		p.recheck(f.RetryAt)
	}
}
