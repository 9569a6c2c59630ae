package node

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// unfence has every device that cuts a node off let it in again: all of them have
// to, whatever their level.
func (n *Node) unfence(ctx context.Context, s *state.State, order api.FenceOrder) api.FenceAnswer {
	devices := s.Definition.UnfencedBy(order.Node)
	if len(devices) == 0 {
		return api.FenceAnswer{Error: fmt.Sprintf("no fence device lets %s in", order.Node)}
	}
	var answer api.FenceAnswer
	for _, defined := range devices {
		steps, err := n.letIn(ctx, s, defined, order.Node)
		answer.Steps = append(answer.Steps, steps...)
		if err != nil {
			answer.Error = fmt.Sprintf("%s: %v", defined.ID, err)
			answer.Refused = fencing.KindOf(err) == fencing.KindAuth
			return answer
		}
	}
	answer.Proven = true
	return answer
}

// letIn has one device let the node in.
func (n *Node) letIn(ctx context.Context, s *state.State, defined resources.FenceDevice, node resources.NodeName) ([]state.FenceStep, error) {
	device, told, err := n.openDevice(s, defined, node)
	if err != nil {
		return []state.FenceStep{{At: time.Now().UTC(), Executor: n.config.Name, Device: defined.ID, Step: fencing.StepOn, Error: fencing.Scrub(err.Error())}}, err
	}
	if local, knows := device.(fencing.Local); knows && node != n.config.Name {
		only, err := local.OnTarget(ctx)
		if err == nil && only {
			err = fencing.NewError(fencing.KindUnsupported, defined.ID, fencing.StepOn, fmt.Sprintf("only %s itself can do it: this device lets in who asks", node), nil)
		}
		if err = told.Error(err); err != nil {
			return []state.FenceStep{{At: time.Now().UTC(), Executor: n.config.Name, Device: defined.ID, Step: fencing.StepOn, Error: err.Error()}}, err
		}
	}
	outcome, seen, err := fencing.LetIn(ctx, device, fencing.Options{Timeout: defined.Timeout.Std()})
	err = told.Error(err)
	n.log.Info("unfence", zap.String("node", string(node)), zap.String("device", defined.ID), zap.Stringer("outcome", outcome), zap.Error(err))
	return n.steps(seen, told), err
}
