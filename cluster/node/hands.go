package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
)

// hands does what the leader's core says, beside the leader loop, and collects
// the answers for its next step. Everything that it starts is bounded by a
// deadline of its own and ends with the term.
type hands struct {
	n    *Node
	ctx  context.Context // of the term
	work sync.WaitGroup
	// wake is signalled when there are answers; capacity 1.
	wake chan struct{}

	mu sync.Mutex
	// The fields below are guarded by mu.
	answers leader.Input
	asking  map[string]context.CancelFunc // by action's id or attempt's key
}

func newHands(ctx context.Context, n *Node) *hands {
	return &hands{n: n, ctx: ctx, wake: make(chan struct{}, 1), asking: map[string]context.CancelFunc{}}
}

// take returns the answers since the last call.
func (h *hands) take() leader.Input {
	h.mu.Lock()
	defer h.mu.Unlock()
	answers := h.answers
	h.answers = leader.Input{}
	return answers
}

// give adds an answer and wakes the loop.
func (h *hands) give(add func(*leader.Input)) {
	h.mu.Lock()
	add(&h.answers)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// do begins with everything that the core asks for, in the core's order, and
// waits for nothing.
func (h *hands) do(s *state.State, out *leader.Output) {
	for _, key := range out.Drop {
		h.drop(key)
	}
	for _, order := range out.Orders {
		h.ask(string(order.ID), func(ctx context.Context) func(*leader.Input) { return h.order(ctx, order) })
	}
	for _, attempt := range out.Attempts {
		h.ask(attempt.Key, func(ctx context.Context) func(*leader.Input) { return h.attempt(ctx, attempt) })
	}
	for _, record := range out.Records {
		h.work.Go(func() { h.commit(record) })
	}
	if len(out.Decisions) > 0 {
		h.work.Go(func() {
			for _, decision := range out.Decisions {
				h.commit(decision)
			}
		})
	}
	if out.Voters != nil {
		h.work.Go(func() { h.changeVoters(*out.Voters) })
	}
	for _, look := range out.Looks {
		h.work.Go(func() {
			found := h.n.look(h.ctx, look)
			h.give(func(in *leader.Input) { in.Looked = append(in.Looked, found) })
		})
	}
	for _, op := range out.Cancels {
		h.n.log.Info("no longer wanted", zap.String("node", string(op.Node)), zap.String("resource", string(op.Instance)), zap.String("op", string(op.Op)), zap.String("action", string(op.ID)))
		h.work.Go(func() { h.n.cancelMember(h.ctx, s, op) })
	}
	for _, read := range out.Reads {
		h.work.Go(func() { h.read(s, read) })
	}
	for _, note := range out.Notes {
		log := h.n.log.Info
		if note.Error {
			log = h.n.log.Error
		}
		log(note.Text, zap.String("node", string(note.Node)), zap.String("resource", string(note.Resource)))
	}
}

// ask makes a request that the core may drop. Its answer is the core's to take
// only after the key is free: the core may ask the same again at once.
func (h *hands) ask(key string, request func(context.Context) func(*leader.Input)) {
	ctx, cancel := context.WithCancel(h.ctx)
	h.mu.Lock()
	h.asking[key] = cancel
	h.mu.Unlock()
	h.work.Go(func() {
		answer := request(ctx)
		h.drop(key)
		h.give(answer)
	})
}

func (h *hands) drop(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cancel, asking := h.asking[key]; asking {
		cancel()
		delete(h.asking, key)
	}
}

// order gives a member an order, or asks how far it is with it.
func (h *hands) order(ctx context.Context, order state.Order) func(*leader.Input) {
	answer := h.n.orderMember(ctx, order)
	if answer.Reply == leader.Lost {
		h.n.log.Debug("order", zap.String("action", string(order.ID)), zap.String("node", string(order.Node)), zap.String("error", answer.Reason))
	}
	return func(in *leader.Input) { in.Ordered = append(in.Ordered, answer) }
}

// attempt has an executor switch a node's power.
func (h *hands) attempt(ctx context.Context, attempt leader.Attempt) func(*leader.Input) {
	began := time.Now()
	answer := h.n.fenceByMember(ctx, attempt)
	f := attempt.Fencing
	h.n.log.Info("fencing", zap.String("node", string(f.Node)), zap.String("fence", f.ID), zap.String("executor", string(attempt.Executor)), zap.Bool("on", attempt.On),
		zap.Bool("proven", answer.Proven), zap.Int("attempt", f.Attempts), zap.String("error", answer.Error), zap.String("unanswered", answer.Unanswered), zap.Duration("took", time.Since(began)))
	return func(in *leader.Input) { in.Fenced = append(in.Fenced, answer) }
}

// commit proposes a command of the core.
func (h *hands) commit(p leader.Proposal) {
	_, err := h.n.propose(h.ctx, p.Command)
	outcome := leader.Committed
	var rejection *state.Rejection
	switch {
	case err == nil:
		h.logDecision(p.Command)
	case errors.As(err, &rejection): // the log knew better
		outcome = leader.Rejected
		h.n.log.Debug("rejected", zap.String("command", fmt.Sprintf("%T", p.Command)), zap.Error(err))
	default:
		outcome = leader.Uncertain
		if h.ctx.Err() == nil {
			h.n.log.Warn("commit", zap.String("command", fmt.Sprintf("%T", p.Command)), zap.Error(err))
		}
	}
	h.give(func(in *leader.Input) { in.Proposed = append(in.Proposed, leader.Proposed{ID: p.ID, Outcome: outcome}) })
}

// logDecision tells of decisions that people look for.
func (h *hands) logDecision(command state.Command) {
	switch c := command.(type) {
	case *state.MemberVerdict:
		h.n.log.Info("verdict", zap.String("node", string(c.Node)), zap.Stringer("verdict", c.Liveness), zap.Any("evidence", c.Evidence))
	case *state.ResourceAdvised:
		h.n.log.Info("advice", zap.String("resource", string(c.Resource)), zap.String("reason", c.Advice.Reason), zap.Any("table", c.Advice.Table), zap.Bool("blocked", c.Advice.Blocked))
	case *state.VersionRaised:
		h.n.log.Info("command set of the cluster", zap.Int("version", c.Version))
	}
}

// changeTimeout bounds one change of the log's configuration.
const changeTimeout = 2 * time.Second

func (h *hands) changeVoters(change leader.VoterChange) {
	ctx, cancel := context.WithTimeout(h.ctx, changeTimeout)
	defer cancel()
	var err error
	switch id := string(change.Node); change.Kind {
	case leader.AddNonvoter:
		_, err = h.n.raft.AddNonvoter(ctx, id, change.Address, change.Index)
	case leader.AddVoter:
		_, err = h.n.raft.AddVoter(ctx, id, change.Address, change.Index)
	case leader.Demote:
		_, err = h.n.raft.Demote(ctx, id, change.Index)
	case leader.Remove:
		_, err = h.n.raft.Remove(ctx, id, change.Index)
	}
	h.n.log.Info("configuration of the log", zap.String("node", string(change.Node)), zap.Stringer("change", change.Kind), zap.Error(err))
	h.give(func(in *leader.Input) { in.Voted = true })
}

// read has a member read a fence device.
func (h *hands) read(s *state.State, read leader.Read) {
	result, err := h.n.readByMember(h.ctx, s, read.By, read.Device, read.Target)
	reading := leader.Reading{ID: read.ID, Result: result}
	if err != nil {
		reading.Error = err.Error()
	}
	h.give(func(in *leader.Input) { in.Readings = append(in.Readings, reading) })
}
