package node

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/executor"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// leaderView is what the leader knows beyond the state.
type leaderView struct {
	transition transition.Transition
	dispatcher *executor.Dispatcher
	devices    *deviceWatch
	problems   []api.ProblemStatus
}

// tick is how often the leader looks at what no event announces.
const tick = 100 * time.Millisecond

// leadershipTick is how often leadership is looked at although Raft announced
// nothing.
const leadershipTick = 500 * time.Millisecond

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

// lead is the leader loop: take the newest state, record verdicts and advice,
// plan, dispatch what is ready, wait for the next change. It returns when its
// term is over; what it has dispatched goes on and is taken up by the next
// leader from the state.
func (n *Node) lead(ctx context.Context, term uint64) {
	for !n.readyToLead(ctx, term) {
		select {
		case <-time.After(leadRetry):
		case <-ctx.Done():
			return
		}
	}
	n.log.Info("leading", zap.String("node", string(n.config.Name)), zap.Uint64("term", term))
	dispatcher := executor.New(ctx, executor.Config{Self: n.config.Name, Term: term, Propose: n.propose, Order: n.orderMember, Fence: n.fenceByMember, Log: n.log.Named("executor")})
	defer dispatcher.Wait()
	defer n.live.Store(nil)
	judge := newJudge(n, time.Now())
	defer judge.looks.Wait()
	advisors := newAdvisors()
	brakes := newBrakes()
	canceller := newCanceller(n)
	devices := newDeviceWatch(n)
	defer devices.work.Wait()
	defer canceller.work.Wait()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var plan transition.Transition
	var planned *state.State // what plan was made from
	var plannedAt time.Time
	for ctx.Err() == nil {
		s, changed := n.machine.watch()
		gossip := n.gossip.Changed()
		now := time.Now()
		dispatcher.Sync(s) // first: what follows may start over again and again
		judge.step(ctx, s, now)
		n.admitVoters(ctx, s)
		n.raiseVersion(ctx, s)
		if s != planned || now.Sub(plannedAt) >= replanAfter || (!plan.RecheckAt.IsZero() && !now.Before(plan.RecheckAt)) {
			if n.advise(ctx, s, advisors) {
				continue
			}
			plan, planned, plannedAt = scheduler.Plan(s, now, n.options), s, now
		}
		n.live.Store(&leaderView{transition: plan, dispatcher: dispatcher, devices: devices, problems: judge.problems(s)})
		canceller.step(ctx, s, &plan)
		if n.dispatch(ctx, s, &plan, brakes, now) {
			continue
		}
		devices.step(ctx, s, now)
		select {
		case <-changed:
		case <-gossip:
		case <-judge.wake:
		case <-devices.wake:
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// replanAfter is how long a plan is kept while its state does not change.
const replanAfter = time.Second

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

// dispatch records the intents that are ready, and reports whether anything was
// recorded: then there is a newer state to plan from.
func (n *Node) dispatch(ctx context.Context, s *state.State, plan *transition.Transition, brakes *brakes, now time.Time) bool {
	recorded := n.startFencing(ctx, s, now)
	var intents []state.Intent
	for _, action := range transition.Ready(plan) {
		op, isOperation := action.Kind.Op()
		switch {
		case !isOperation:
			recorded = n.requestFencing(ctx, s, action) || recorded
		case !brakes.release(action.Key, now):
			// The same action again and again: slower each time.
		default:
			intents = append(intents, state.Intent{
				Node: action.Node, Instance: action.Instance, Op: op, Incarnation: s.Nodes[action.Node].Incarnation,
				Timeout: action.Timeout, Digest: action.Digest, Reason: action.Reason, Notify: action.Notify, Notice: action.Notice,
			})
		}
	}
	for len(intents) > 0 && ctx.Err() == nil {
		batch := intents[:min(len(intents), maxIntents)]
		intents = intents[len(batch):]
		if _, err := n.propose(ctx, &state.OperationsStarted{Operations: batch}); err != nil {
			n.log.Warn("record intents", zap.Error(err))
			return recorded
		}
		recorded = true
	}
	return recorded
}

// maxIntents bounds one log entry.
const maxIntents = 256

// startFencing makes an executor begin with each fencing whose right is granted
// or whose retry is due.
func (n *Node) startFencing(ctx context.Context, s *state.State, now time.Time) bool {
	started := false
	for _, name := range s.NodeNames() {
		f, open := s.Fencing[name]
		if !open {
			continue
		}
		due := f.Phase == state.FencingRequested || executor.RetryDue(s, f, now)
		// This member is at it itself, whatever the others say of it.
		orphaned := f.Phase == state.FencingRunning && f.Executor != n.config.Name && !online(s, f.Executor)
		if !due && !orphaned {
			continue
		}
		command := &state.FenceStarted{Fence: f.ID, Node: name, Executor: executor.Executor(s, n.config.Name, f)}
		if _, err := n.propose(ctx, command); err != nil {
			n.log.Warn("start fencing", zap.String("node", string(name)), zap.Error(err))
			continue
		}
		started = true
	}
	return started
}

func online(s *state.State, name resources.NodeName) bool {
	n, found := s.Nodes[name]
	return found && n.Online()
}

// requestFencing grants the right to fence a node that the plan wants fenced.
func (n *Node) requestFencing(ctx context.Context, s *state.State, action transition.Action) bool {
	if _, open := s.Fencing[action.Node]; open || action.Kind != transition.KindFence {
		return false
	}
	how := s.Definition.Properties.FencingAction
	if how == "" {
		how = resources.FencingReboot
	}
	if action.Hold {
		how = resources.FencingHold
	}
	_, err := n.propose(ctx, &state.FenceRequested{Node: action.Node, Action: how, Reason: action.Reason})
	if err != nil {
		n.log.Warn("request fencing", zap.String("node", string(action.Node)), zap.Error(err))
	}
	return err == nil
}
