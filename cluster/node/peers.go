package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// peerClient is a cached client of one member.
type peerClient struct {
	*api.Client
	address string
}

// client returns the client of a member at its present address.
func (n *Node) client(name resources.NodeName, address string) *api.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cached, found := n.clients[name]; found && cached.address == address {
		return cached.Client
	}
	fresh := &peerClient{Client: api.NewClient(address, n.config.RoundTripper(name)), address: address}
	n.clients[name] = fresh
	return fresh.Client
}

// tellLeader proposes a member's own report, here or at the leader.
func (n *Node) tellLeader(ctx context.Context, command state.Command) error {
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	name, address, self := n.Leader()
	if self {
		_, err := n.propose(ctx, command)
		return err
	}
	if name == "" || address == "" {
		return &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
	}
	_, err := n.client(name, address).PeerPropose(ctx, command)
	return err
}

// report proposes a monitor's news.
func (n *Node) report(ctx context.Context, reported state.InstanceReported) error {
	return n.tellLeader(ctx, &reported)
}

// Execute obeys an order of the leader on this member.
func (n *Node) Execute(ctx context.Context, order state.Order) (api.OrderAnswer, error) {
	status, err := n.exec.Execute(ctx, order)
	switch {
	case errors.Is(err, member.ErrStaleTerm):
		return api.OrderAnswer{}, &api.Error{Code: api.CodeConflict, Text: err.Error()}
	case errors.Is(err, member.ErrNoLease):
		return api.OrderAnswer{}, &api.Error{Code: api.CodeRefused, Text: err.Error()}
	case err != nil:
		return api.OrderAnswer{}, &api.Error{Code: api.CodeUnavailable, Text: err.Error()}
	}
	return api.OrderAnswer{Done: status.Done, Result: status.Result, Progress: status.Progress}, nil
}

// Cancel asks this member's operation to end early.
func (n *Node) Cancel(id resources.ActionID) { n.exec.Cancel(id) }

// orderTimeout bounds one order request, which the member answers within 5 s.
const orderTimeout = 8 * time.Second

// orderMember gives a member an order, or asks how far it is with it.
func (n *Node) orderMember(ctx context.Context, order state.Order) leader.Ordered {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	answer, err := n.sendOrder(ctx, order)
	ordered := leader.Ordered{Action: order.ID, Reply: leader.Running, Result: answer.Result, Progress: answer.Progress}
	var wire *api.Error
	switch {
	case errors.As(err, &wire) && wire.Code == api.CodeConflict:
		ordered.Reply = leader.Superseded
	case errors.As(err, &wire) && wire.Code == api.CodeRefused:
		ordered.Reply, ordered.Reason = leader.Refused, "the member refused the order: "+wire.Text
	case err != nil:
		ordered.Reply, ordered.Reason = leader.Lost, err.Error()
	case answer.Done:
		ordered.Reply = leader.Done
	}
	return ordered
}

// cancelTimeout bounds one request to end an operation early.
const cancelTimeout = 2 * time.Second

// cancelMember asks a member to end an operation early.
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

func (n *Node) sendOrder(ctx context.Context, order state.Order) (api.OrderAnswer, error) {
	if order.Node == n.config.Name {
		local, cancel := context.WithTimeout(ctx, orderTimeout/2)
		defer cancel()
		return n.Execute(local, order)
	}
	member, found := n.machine.current.Load().Nodes[order.Node]
	if !found {
		return api.OrderAnswer{}, fmt.Errorf("node %s is not a member any more", order.Node)
	}
	return n.client(order.Node, member.Address).Order(ctx, order)
}

// Forward sends someone's request on to the leader.
func (n *Node) Forward(ctx context.Context, leader string, r *http.Request, body []byte, by api.Identity) (*http.Response, error) {
	name, _, _ := n.Leader()
	return n.client(name, leader).Relay(ctx, r, body, by)
}
