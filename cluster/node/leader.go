package node

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// leaderView is what the leader knows beyond the state.
type leaderView struct {
	transition transition.Transition
	progress   map[resources.ActionID]agents.Progress
	problems   []api.ProblemStatus
	hands      *hands
}

// leadershipTick is how often leadership is looked at although the log announced
// nothing.
const leadershipTick = 2 * time.Second

// leadWhenElected runs the leader loop during each term that this member leads.
func (n *Node) leadWhenElected(ctx context.Context) error {
	changed, stop := n.raft.Watch()
	defer stop()
	var term uint64
	var end func()
	for {
		status := n.raft.Status()
		leads := status.State == raftlog.Leader
		if end != nil && (!leads || status.Term != term) {
			end()
			end = nil
			n.log.Info("leadership ended", zap.Uint64("term", term))
		}
		if end == nil && leads && ctx.Err() == nil {
			term = status.Term
			end = n.startTerm(ctx, term)
		}
		select {
		case <-changed:
		case <-time.After(leadershipTick):
		case <-ctx.Done():
			if end != nil {
				end()
			}
			return nil
		}
	}
}

// startTerm begins to lead and returns what ends it and waits for it.
func (n *Node) startTerm(ctx context.Context, term uint64) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.lead(ctx, term)
	}()
	return func() {
		cancel()
		<-done
	}
}

// leadRetry is the pause before a leader that could not write tries again. Its
// term goes on: nobody else would lead in its place.
const leadRetry = 250 * time.Millisecond

// readyToLead reports whether this member has applied everything that was
// committed before its term, and whether the cluster exists.
func (n *Node) readyToLead(ctx context.Context, term uint64) bool {
	if err := n.raft.Barrier(ctx); err != nil {
		n.log.Warn("leader cannot write", zap.Uint64("term", term), zap.Error(err))
		return false
	}
	if err := n.found(ctx); err != nil {
		n.log.Error("create the cluster", zap.Error(err))
		return false
	}
	return true
}

// lead is the leader loop: hand the newest state, what is known of the members
// and all answers to the core, do what it says beside the loop, and wait for the
// next change. It returns when its term is over; what it has dispatched goes on
// and is taken up by the next leader from the state.
func (n *Node) lead(ctx context.Context, term uint64) {
	for !n.readyToLead(ctx, term) {
		select {
		case <-time.After(leadRetry):
		case <-ctx.Done():
			return
		}
	}
	n.log.Info("leading", zap.String("node", string(n.config.Name)), zap.Uint64("term", term))
	core := leader.New(leader.Config{Self: n.config.Name, Term: term, Agents: n.config.Agents, Options: n.options, Jitter: rand.N[time.Duration]})
	hands := newHands(ctx, n)
	defer hands.work.Wait()
	defer n.live.Store(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		in := hands.take() // before the state: it holds what the answers say is committed
		s, changed := n.machine.watch()
		gossip := n.gossip.Changed()
		n.observeMembers(&in, s)
		began := time.Now()
		out := core.Step(in)
		n.measures.decided(time.Since(began))
		if core.Plan().Index > 0 { // until there is a plan, nobody is told that there is nothing to do
			n.live.Store(&leaderView{transition: core.Plan(), progress: core.Progress(), problems: problemsOf(core), hands: hands})
		}
		hands.do(s, &out)
		timer.Reset(out.WakeAt.Sub(in.Now))
		select {
		case <-changed:
		case <-gossip:
		case <-hands.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// observeMembers fills in what this process knows now of the members and of the log.
func (n *Node) observeMembers(in *leader.Input, s *state.State) {
	now := time.Now()
	in.Now, in.Wall, in.State, in.Incarnation = now, now, s, n.exec.Incarnation()
	in.Members = make(map[resources.NodeName]leader.Member, len(s.Nodes))
	for name := range s.Nodes {
		seen, known := n.gossip.Observe(string(name))
		if !known {
			continue
		}
		in.Members[name] = leader.Member{
			Verdict: leader.Verdict(seen.Verdict), Since: seen.Since, Returning: !seen.Returning.IsZero(), Instance: seen.Instance,
			Silence: now.Sub(seen.Evidence.LastHeard), Source: string(seen.Evidence.Source), Text: seen.Evidence.Text, Answered: -1,
		}
	}
	for _, contact := range n.raft.Contacts() {
		name := resources.NodeName(contact.Peer)
		member, known := in.Members[name]
		if !known {
			member.Answered = -1
		}
		member.Unanswered = contact.SilentFor
		if !contact.LastContact.IsZero() {
			member.Answered = max(now.Sub(contact.LastContact), 0)
		}
		in.Members[name] = member
	}
	configuration := n.raft.Configuration()
	in.Log.Index = configuration.Index
	for _, member := range configuration.Members {
		in.Log.Members = append(in.Log.Members, leader.LogMember{Name: resources.NodeName(member.ID), Voter: member.Voter})
	}
}

func problemsOf(core *leader.Core) []api.ProblemStatus {
	var list []api.ProblemStatus
	for _, p := range core.Problems() {
		list = append(list, api.ProblemOf(p))
	}
	return list
}
