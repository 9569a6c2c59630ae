package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Self returns this member's name.
func (n *Node) Self() resources.NodeName { return n.config.Name }

// Local returns what this member has applied.
func (n *Node) Local() *state.State { return n.machine.current.Load() }

// Leader returns who leads, as far as this member knows, its address, and
// whether it is this member.
func (n *Node) Leader() (resources.NodeName, string, bool) {
	status := n.raft.Status()
	if status.LeaderID == "" {
		return "", "", false
	}
	name := resources.NodeName(status.LeaderID)
	address := status.LeaderAddr
	if member, found := n.machine.current.Load().Nodes[name]; found {
		address = member.Address
	}
	return name, address, status.State == raftlog.Leader
}

// Read returns the newest committed state, proven by a majority.
func (n *Node) Read(ctx context.Context) (*state.State, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := n.raft.ReadIndex(ctx); err != nil {
		return nil, &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
	}
	return n.machine.current.Load(), nil
}

// Live returns what the leader loop knows now.
func (n *Node) Live() api.Live {
	view := n.live.Load()
	if view == nil {
		return api.Live{}
	}
	return api.Live{Transition: view.transition, Progress: view.progress, Problems: view.problems}
}

// Plan plans from a state, with the scores and reasons.
func (n *Node) Plan(s *state.State) transition.Transition {
	options := n.options
	options.Explain = true
	return scheduler.Plan(s, time.Now(), options)
}

// Electing reports whether no leader is known although gossip hears a majority of
// the voters.
func (n *Node) Electing() bool {
	reached, silent := n.voters()
	return n.raft.Status().LeaderID == "" && len(reached) > len(silent)
}

// voters returns the log's voters: those that gossip hears, with this member,
// and the others.
func (n *Node) voters() (reached, silent []string) {
	for _, member := range n.raft.Configuration().Voters() {
		if member.ID == string(n.config.Name) {
			reached = append(reached, member.ID)
			continue
		}
		if seen, known := n.gossip.Observe(member.ID); known && seen.Verdict.String() == "alive" {
			reached = append(reached, member.ID)
		} else {
			silent = append(silent, member.ID)
		}
	}
	return reached, silent
}

// NoQuorum says what this member knows when there is no leader to ask.
func (n *Node) NoQuorum() string {
	status := n.raft.Status()
	reached, silent := n.voters()
	text := fmt.Sprintf("no quorum: %s is %s and knows no leader; nothing was changed", n.config.Name, strings.ToLower(status.State.String()))
	if all := len(reached) + len(silent); all > 0 {
		text += fmt.Sprintf("; it reaches %d of %d voters (%s)", len(reached), all, strings.Join(reached, ", "))
	}
	if len(silent) > 0 {
		text += "; silent: " + strings.Join(silent, ", ")
	}
	if !status.LastContact.IsZero() {
		text += fmt.Sprintf("; last word from a leader %s ago", time.Since(status.LastContact).Round(100*time.Millisecond))
	}
	return text + "; see this member's own copy with `belayctl status --stale`"
}

// waitTick is how often a waiting request looks although nothing was committed.
const waitTick = 100 * time.Millisecond

// Wait answers when the cluster has settled after an index, or at the timeout.
func (n *Node) Wait(ctx context.Context, request api.WaitRequest) (api.WaitAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, request.Timeout.Std())
	defer cancel()
	for {
		s, changed := n.machine.watch()
		view := n.live.Load()
		if view == nil {
			return api.WaitAnswer{}, &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
		}
		asked := request
		asked.Resources = withMembers(s.Definition, request.Resources)
		answer := judgeWait(&view.transition, n.Live(), asked)
		if answer.Settled {
			n.tellHeld(&answer, s, asked)
			return answer, nil
		}
		select {
		case <-changed:
		case <-time.After(waitTick):
		case <-ctx.Done():
			return answer, nil
		}
	}
}

// tellHeld adds to the answer what is not done because somebody has it left alone.
// Who waits for everything has asked for what the definition says, also that it has
// something left alone; who waits for a change that leaves things alone, for that.
func (n *Node) tellHeld(answer *api.WaitAnswer, s *state.State, request api.WaitRequest) {
	if request.Holding {
		return
	}
	for _, held := range scheduler.HeldBack(s, time.Now(), n.options) {
		if len(request.Resources) == 0 && held.Defined || len(request.Resources) > 0 && !slices.Contains(request.Resources, held.Instance.Resource()) {
			continue
		}
		answer.Problems = append(answer.Problems, api.ProblemOf(held.Problem()))
		answer.AsAsked = false
	}
}

// withMembers adds to names of groups and bundles those of what they consist of.
func withMembers(def *resources.Definition, names []resources.ResourceID) []resources.ResourceID {
	all := slices.Clone(names)
	for _, name := range names {
		if g, isGroup := def.Group(name); isGroup {
			all = append(all, g.Members...)
		}
		if b, isBundle := def.Bundle(name); isBundle {
			all = append(all, b.PartIDs()...)
		}
	}
	return all
}

// standing are the codes of problems that say how safe a cluster is, or that a node is
// left off or waits: no matter of what was asked for.
var standing = []string{"fence_limit", "fence_quarantine", "two_voters", "witness_lost"}

// judgeWait says whether what a request waits for is true. Problems that are about no
// resource, such as a lost node, count where everything is waited for.
func judgeWait(plan *transition.Transition, live api.Live, request api.WaitRequest) api.WaitAnswer {
	answer := api.WaitAnswer{Index: plan.Index}
	if plan.Index < request.Index {
		return answer
	}
	concerns := func(resource resources.ResourceID) bool {
		return len(request.Resources) == 0 || slices.Contains(request.Resources, resource)
	}
	actions := api.Actions(live)
	for n, action := range plan.Actions {
		if concerns(action.Instance.Resource()) && n < len(actions) {
			answer.Actions = append(answer.Actions, actions[n])
		}
	}
	var general []api.ProblemStatus // about no resource
	for _, p := range plan.Problems {
		switch {
		case p.Severity < transition.SeverityWarning || slices.Contains(standing, p.Code):
		case p.Resource == "" && p.Code != "no_quorum":
			general = append(general, api.ProblemOf(p))
		case p.Resource == "" || concerns(p.Resource):
			answer.Problems = append(answer.Problems, api.ProblemOf(p))
		}
	}
	answer.Settled = len(answer.Actions) == 0 || transition.Settled(plan)
	answer.AsAsked = len(answer.Actions) == 0 && len(answer.Problems) == 0 && (len(request.Resources) > 0 || len(general) == 0)
	if !answer.AsAsked {
		answer.Problems = append(answer.Problems, general...) // one of them may be why
	}
	return answer
}
