package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// confirmInterval is the time between the two reads that prove a node off.
const confirmInterval = 200 * time.Millisecond

// fenceByMember has an executor switch a node's power.
func (n *Node) fenceByMember(ctx context.Context, attempt leader.Attempt) leader.Fenced {
	order := api.FenceOrder{
		LeaderTerm: attempt.Term, Index: attempt.Index, Fence: attempt.Fencing.ID, Node: attempt.Fencing.Node, On: attempt.On, Unfence: attempt.Unfence, Timeout: resources.Duration(attempt.Timeout),
	}
	ctx, cancel := context.WithTimeout(ctx, attempt.Timeout+5*time.Second)
	defer cancel()
	var answer api.FenceAnswer
	var err error
	if by := attempt.Executor; by == n.config.Name {
		answer, err = n.Fence(ctx, order)
	} else if member, found := n.machine.current.Load().Nodes[by]; found {
		answer, err = n.client(by, member.Address).Fence(ctx, order)
	} else {
		err = fmt.Errorf("node %s is not a member", by)
	}
	if err != nil {
		return leader.Fenced{Key: attempt.Key, Unanswered: err.Error()}
	}
	return leader.Fenced{Key: attempt.Key, Proven: answer.Proven, Proof: answer.Proof, Steps: answer.Steps, Error: answer.Error, Refused: answer.Refused}
}

// Fence switches another node's power from this member, level by level: every
// device of one level must succeed, else the next level is tried. Off counts
// only when it was read back.
//
// The right to do it is in the log: an order that this member does not find
// there is a late one, for a fencing that was withdrawn or is over. It ends when
// the fencing does.
func (n *Node) Fence(ctx context.Context, order api.FenceOrder) (api.FenceAnswer, error) {
	if order.Node == n.config.Name && !order.Unfence {
		return api.FenceAnswer{}, &api.Error{Code: api.CodeRefused, Text: "a node does not fence itself by its own power controller"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, order.Timeout.Std(), fmt.Errorf("the fencing took longer than %s", order.Timeout))
	defer cancel()
	s, err := n.fencingOf(ctx, order)
	if err != nil {
		return api.FenceAnswer{}, err
	}
	ctx, withdraw := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer withdraw(nil)
	watch.Go(func() { n.endWithFencing(ctx, order, withdraw) })
	if order.Unfence {
		return n.unfence(ctx, s, order), nil
	}
	return n.fence(ctx, s, order)
}

// fencingOf returns this member's state once it has the order's index, if the
// order is of the newest term and its fencing is open in it.
func (n *Node) fencingOf(ctx context.Context, order api.FenceOrder) (*state.State, error) {
	ctx, cancel := context.WithTimeout(ctx, fenceCatchUp)
	defer cancel()
	for {
		s, changed := n.machine.watch()
		switch {
		case order.LeaderTerm < s.Term:
			return nil, &api.Error{Code: api.CodeConflict, Text: fmt.Sprintf("fencing order of term %d, this member has seen term %d", order.LeaderTerm, s.Term)}
		case s.Index >= order.Index && fencingOpen(s, order, n.config.Name):
			return s, nil
		case s.Index >= order.Index:
			return nil, &api.Error{Code: api.CodeRefused, Text: fmt.Sprintf("fencing %s of %s is not open for %s at log index %d", order.Fence, order.Node, n.config.Name, s.Index)}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &api.Error{Code: api.CodeUnavailable, Text: fmt.Sprintf("this member is at log index %d, the fencing order is of %d", s.Index, order.Index)}
		}
	}
}

// fenceCatchUp bounds how long a member waits for the log to tell of a fencing.
const fenceCatchUp = 5 * time.Second

// fencingOpen reports whether the state grants this member what the order asks:
// to switch the node off, or on again after its power was proven off, or to unfence
// it.
func fencingOpen(s *state.State, order api.FenceOrder, self resources.NodeName) bool {
	if order.Unfence {
		return s.MayUnfence(self, order.Node, order.Fence)
	}
	return s.MaySwitch(self, order.Node, order.Fence, order.On)
}

// endWithFencing cancels the work of an order whose fencing is not open any
// more: the node came back, or another member has taken over.
func (n *Node) endWithFencing(ctx context.Context, order api.FenceOrder, withdraw context.CancelCauseFunc) {
	for {
		s, changed := n.machine.watch()
		if s.Index >= order.Index && !fencingOpen(s, order, n.config.Name) {
			withdraw(fmt.Errorf("fencing %s of %s is over", order.Fence, order.Node))
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
