package node

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// cancelTimeout bounds one request to end an operation early.
const cancelTimeout = 2 * time.Second

// canceller asks members to end operations that the newest plan no longer
// wants, each once. Only the leader loop uses it.
type canceller struct {
	n     *Node
	asked map[resources.ActionID]bool
	work  sync.WaitGroup // requests under way
}

func newCanceller(n *Node) *canceller {
	return &canceller{n: n, asked: map[resources.ActionID]bool{}}
}

// step asks for the end of every start or promotion in flight whose instance is
// to be lowered as soon as it ends. The agent may go on all the same; its result
// is awaited in any case. The requests run beside the loop.
func (c *canceller) step(ctx context.Context, s *state.State, plan *transition.Transition) {
	for id := range c.asked {
		if _, inFlight := s.Operations[id]; !inFlight {
			delete(c.asked, id)
		}
	}
	for _, op := range unwanted(s, plan) {
		if c.asked[op.ID] {
			continue
		}
		c.asked[op.ID] = true
		c.n.log.Info("no longer wanted", zap.String("node", string(op.Node)), zap.String("resource", string(op.Instance)), zap.String("op", string(op.Op)), zap.String("action", string(op.ID)))
		c.work.Go(func() { c.n.cancelMember(ctx, s, op) })
	}
}

// unwanted lists the operations in flight that raise an instance which the plan
// lowers next.
func unwanted(s *state.State, plan *transition.Transition) []*state.Operation {
	var list []*state.Operation
	for _, a := range plan.Actions {
		if a.Kind != transition.KindStop && a.Kind != transition.KindDemote || a.InFlight != "" || a.Wait != "" {
			continue
		}
		for _, before := range a.After {
			first := plan.Actions[before]
			op, inFlight := s.Operations[first.InFlight]
			if inFlight && first.Instance == a.Instance && first.Node == a.Node && (op.Op == resources.OpStart || op.Op == resources.OpPromote) {
				list = append(list, op)
			}
		}
	}
	return list
}

func (n *Node) cancelMember(ctx context.Context, s *state.State, op *state.Operation) {
	if op.Node == n.config.Name {
		n.exec.Cancel(op.ID)
		return
	}
	member, found := s.Nodes[op.Node]
	if !found {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	if err := n.client(op.Node, member.Address).Cancel(ctx, op.ID); err != nil {
		n.log.Debug("cancel", zap.String("action", string(op.ID)), zap.Error(err))
	}
}
