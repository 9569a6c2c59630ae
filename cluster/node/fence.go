package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// confirmInterval is the time between the two reads that prove a node off.
const confirmInterval = 200 * time.Millisecond

// fenceByMember has an executor switch a node's power.
func (n *Node) fenceByMember(ctx context.Context, attempt leader.Attempt) leader.Fenced {
	order := api.FenceOrder{
		LeaderTerm: attempt.Term, Index: attempt.Index, Fence: attempt.Fencing.ID, Node: attempt.Fencing.Node, On: attempt.On, Timeout: resources.Duration(attempt.Timeout),
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
	return leader.Fenced{Key: attempt.Key, Proven: answer.Proven, Steps: answer.Steps, Error: answer.Error, Refused: answer.Refused}
}

// Fence switches another node's power from this member, level by level: every
// device of one level must succeed, else the next level is tried. Off counts
// only when it was read back.
//
// The right to do it is in the log: an order that this member does not find
// there is a late one, for a fencing that was withdrawn or is over. It ends when
// the fencing does.
func (n *Node) Fence(ctx context.Context, order api.FenceOrder) (api.FenceAnswer, error) {
	if order.Node == n.config.Name {
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
// to switch the node off, or on again after its power was proven off.
func fencingOpen(s *state.State, order api.FenceOrder, self resources.NodeName) bool {
	f, open := s.Fencing[order.Node]
	if !open || f.ID != order.Fence {
		return false
	}
	if order.On {
		return f.Phase == state.FencingOff
	}
	return f.Phase == state.FencingRunning && f.Executor == self
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

func (n *Node) fence(ctx context.Context, s *state.State, order api.FenceOrder) (api.FenceAnswer, error) {
	devices := s.Definition.FencesOf(order.Node)
	if len(devices) == 0 {
		return api.FenceAnswer{Error: fmt.Sprintf("no fence device is defined for %s: add a [[fence]] with it as a target, or run `belayctl fence confirm %s` when it is certainly off", order.Node, order.Node)}, nil
	}
	var answer api.FenceAnswer
	var failures []string
	refused := true
	for len(devices) > 0 {
		level := max(devices[0].Level, 1) // 0 is the default, which is 1
		proven, login := true, false
		for len(devices) > 0 && max(devices[0].Level, 1) == level {
			if proven {
				steps, err := n.switchPower(ctx, s, devices[0], order)
				answer.Steps = append(answer.Steps, steps...)
				if err != nil {
					proven, login = false, fencing.KindOf(err) == fencing.KindAuth
					failures = append(failures, fmt.Sprintf("%s: %v", devices[0].ID, err))
				}
			}
			devices = devices[1:]
		}
		if proven {
			answer.Proven = true
			return answer, nil
		}
		refused = refused && login
	}
	answer.Error, answer.Refused = strings.Join(failures, "; "), refused
	return answer, nil
}

// switchPower uses one device.
func (n *Node) switchPower(ctx context.Context, s *state.State, defined resources.FenceDevice, order api.FenceOrder) ([]state.FenceStep, error) {
	device, err := n.openDevice(s, defined, order.Node)
	if err != nil {
		return nil, err
	}
	var waited []state.FenceStep
	if delay := drawDelay(defined); !order.On && delay > 0 {
		step, err := n.wait(ctx, defined, delay)
		waited = append(waited, step)
		if err != nil {
			return waited, err
		}
	}
	options := fencing.Options{Timeout: defined.Timeout.Std(), ConfirmInterval: confirmInterval}
	act := fencing.Off
	if order.On {
		act = fencing.On
	}
	outcome, seen, err := act(ctx, device, options)
	n.log.Info("power", zap.String("node", string(order.Node)), zap.String("device", defined.ID), zap.Bool("on", order.On), zap.Stringer("outcome", outcome), zap.Error(err))
	if err == nil && outcome != fencing.OutcomeConfirmed {
		err = errors.New("the power state was not read back")
	}
	return append(waited, n.steps(seen)...), err
}

// drawDelay returns how long to wait before a device is used: its delay and,
// with delay_max, a random time more, so that two who are about to shoot each
// other do not do so at once.
func drawDelay(defined resources.FenceDevice) time.Duration {
	base, most := defined.Delay.Std(), defined.DelayMax.Std()
	if most <= base {
		return base
	}
	return base + rand.N(most-base+1)
}

// wait is the delay of a device, with a step for the record.
func (n *Node) wait(ctx context.Context, defined resources.FenceDevice, delay time.Duration) (state.FenceStep, error) {
	began := time.Now()
	text := fmt.Sprintf("delay %s", delay.Round(time.Millisecond))
	if defined.DelayMax > defined.Delay {
		text += fmt.Sprintf(", drawn from %s to %s", defined.Delay, defined.DelayMax)
	}
	var err error
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		err = context.Cause(ctx)
		text += fmt.Sprintf(", cut short: %v", err)
	}
	return state.FenceStep{
		At: began.UTC(), Executor: n.config.Name, Device: defined.ID, Step: "wait", Answer: text, Took: resources.Duration(time.Since(began)),
	}, err
}

// openDevice builds a device from its definition, with its secrets opened, for
// one of its targets.
func (n *Node) openDevice(s *state.State, defined resources.FenceDevice, target resources.NodeName) (fencing.Device, error) {
	spec, found := n.config.Fences.Find(defined.Agent)
	if !found {
		return nil, fmt.Errorf("fence agent %q is not part of this belayd", defined.Agent)
	}
	params := fencing.Params{}
	for key, value := range defined.ParamsFor(target, spec.Host) {
		if name, isSecret := strings.CutPrefix(value, fencing.SecretPrefix); isSecret {
			opened, err := n.openSecret(s, name)
			if err != nil {
				return nil, fmt.Errorf("parameter %s: secret %s: %w", key, name, err)
			}
			value = opened
		}
		params[key] = value
	}
	return spec.Make(defined.ID, params)
}

func (n *Node) steps(seen []fencing.Evidence) []state.FenceStep {
	steps := make([]state.FenceStep, 0, len(seen))
	for _, e := range seen {
		answer := e.Detail
		if e.HTTPStatus != 0 {
			answer = fmt.Sprintf("HTTP %d: %s", e.HTTPStatus, e.Detail)
		}
		steps = append(steps, state.FenceStep{
			At: e.At.UTC(), Executor: n.config.Name, Device: e.Device, Step: e.Step, Answer: answer, Power: e.Power.String(), Took: resources.Duration(e.Took), Error: e.Err,
		})
	}
	return steps
}
