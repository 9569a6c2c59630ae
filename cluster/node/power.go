package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/redact"
	"github.com/belay-ha/belay/resources"
)

// fence works through the levels of a node's devices.
func (n *Node) fence(ctx context.Context, s *state.State, order api.FenceOrder) (api.FenceAnswer, error) {
	f := s.Fencing[order.Node] // open: see fencingOf
	walk := leader.NewWalk(s.Definition.FencesOf(order.Node), f.Level, n.able(order.On), n.cuts)
	switch {
	case len(walk.Left()) == 0 && order.On:
		return api.FenceAnswer{Proven: true, Steps: []state.FenceStep{{At: time.Now().UTC(), Executor: n.config.Name, Step: fencing.StepNote, Answer: "no device switches power on: nothing was asked"}}}, nil
	case len(walk.Left()) == 0 && f.Level != 0:
		return api.FenceAnswer{Error: fmt.Sprintf("no fence device of level %d is defined for %s", f.Level, order.Node)}, nil
	case len(walk.Left()) == 0:
		return api.FenceAnswer{Error: fmt.Sprintf("no fence device is defined for %s: add a [[fence]] with it as a target, or run `belayctl fence confirm %s` when it is certainly off", order.Node, order.Node)}, nil
	}
	var answer api.FenceAnswer
	for device, more := walk.Next(); more; device, more = walk.Next() {
		left, others := len(walk.Left()), n.doBetter(walk.Left()[1:])
		inTime, cancel := n.levelContext(ctx, s, walk.Left(), order)
		// The devices of one level share its time.
		for more && len(walk.Left()) == left {
			proof, steps, err := n.useDevice(inTime, s, device, order, others)
			answer.Steps = append(answer.Steps, steps...)
			if walk.Took(proof, err); len(walk.Left()) == left {
				device, more = walk.Next()
			}
		}
		cancel()
	}
	if answer.Proof, answer.Proven = walk.Proven(); !answer.Proven {
		answer.Error, answer.Refused = walk.Failure()
	}
	return answer, nil
}

// levelContext ends the first of the levels in time for the others.
func (n *Node) levelContext(ctx context.Context, s *state.State, levels [][]resources.FenceDevice, order api.FenceOrder) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded || len(levels) == 1 {
		return context.WithCancel(ctx)
	}
	limit := n.levelTime(s, levels, order.Node, time.Until(deadline))
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("the next level gets what is left of the time after %s", limit.Round(time.Millisecond)))
}

// doBetter reports whether one of the levels may do better than a device that does not
// answer: more than to ask a person.
func (n *Node) doBetter(levels [][]resources.FenceDevice) bool {
	return slices.ContainsFunc(levels, func(devices []resources.FenceDevice) bool {
		return !slices.ContainsFunc(devices, func(f resources.FenceDevice) bool {
			spec, _ := n.config.Fences.Find(f.Agent)
			return spec.Person
		})
	})
}

// personTime is what a level is left that only says what a person has to do.
const personTime = time.Second

// watchdogSpare is what a watchdog's level is left beyond its own time.
const watchdogSpare = time.Second

// levelTime returns how long the first of the levels may take of what is left: what
// the later ones are known to need is left for them, and the rest is shared by those
// of which nothing is known. One that is known to need some time bounds itself.
func (n *Node) levelTime(s *state.State, levels [][]resources.FenceDevice, node resources.NodeName, left time.Duration) time.Duration {
	need := func(devices []resources.FenceDevice) time.Duration {
		most := time.Duration(0)
		for _, f := range devices {
			spec, _ := n.config.Fences.Find(f.Agent)
			if target := s.Nodes[node]; spec.Watchdog && target != nil && target.Watchdog != nil {
				most = max(most, target.Watchdog.Bound()+watchdogSpare)
			}
			if spec.Person {
				most = max(most, personTime)
			}
			most = max(most, f.Timeout.Std())
		}
		return most
	}
	if need(levels[0]) > 0 {
		return left
	}
	reserved, sharing := time.Duration(0), 1
	for _, later := range levels[1:] {
		if d := need(later); d > 0 {
			reserved += d
		} else {
			sharing++
		}
	}
	if left <= reserved {
		return left / time.Duration(len(levels))
	}
	return (left - reserved) / time.Duration(sharing)
}

// able returns whether a device has a part in switching off, or on: what only
// listens switches nothing on, and what cuts a node off lets it in when it is back.
func (n *Node) able(on bool) func(resources.FenceDevice) bool {
	return func(f resources.FenceDevice) bool {
		spec, found := n.config.Fences.Find(f.Agent)
		return !on || f.Provides == "" && (!found || !spec.Passive)
	}
}

// cuts reports whether a device cuts nodes off from something other than power.
func (n *Node) cuts(f resources.FenceDevice) bool {
	spec, _ := n.config.Fences.Find(f.Agent)
	return spec.Cuts || f.Provides != ""
}

// useDevice uses one device. proof is "" for a power state that was read back. With
// others there is a level left that may do better than a silent device.
func (n *Node) useDevice(ctx context.Context, s *state.State, defined resources.FenceDevice, order api.FenceOrder, others bool) (proof string, steps []state.FenceStep, err error) {
	spec, _ := n.config.Fences.Find(defined.Agent)
	var device fencing.Device
	var told *redact.Redactor
	if !spec.Watchdog {
		if device, told, err = n.openDevice(s, defined, order.Node); err != nil {
			return "", nil, err
		}
	}
	if delay := drawDelay(defined); !order.On && delay > 0 {
		step, err := n.wait(ctx, defined, delay)
		steps = append(steps, step)
		if err != nil {
			return "", steps, err
		}
	}
	if spec.Watchdog {
		step, err := n.outwait(ctx, s, defined, order.Node)
		return state.ProofWatchdog, append(steps, step), err
	}
	if person, asks := device.(fencing.Person); asks {
		what := person.Asks(string(order.Node))
		return "", append(steps, state.FenceStep{At: time.Now().UTC(), Executor: n.config.Name, Device: defined.ID, Step: "ask", Answer: what}), errors.New(what)
	}
	options := fencing.Options{Timeout: defined.Timeout.Std(), ConfirmInterval: confirmInterval, Others: others}
	act, proof := fencing.Off, ""
	_, dumper := device.(fencing.Dumper)
	switch {
	case order.On:
		act = fencing.On
	case dumper:
		act, proof = fencing.Crashed, state.ProofKdump
	case defined.UnsafeCycle:
		if power, seen, err := fencing.Read(ctx, device, options); err != nil || power != fencing.PowerOff {
			steps = append(steps, n.steps(seen, told)...)
			act, proof = fencing.Cycle, state.ProofCycle
		}
	}
	outcome, seen, err := act(ctx, device, options)
	err = told.Error(err)
	n.log.Info("power", zap.String("node", string(order.Node)), zap.String("device", defined.ID), zap.Bool("on", order.On), zap.Stringer("outcome", outcome), zap.Error(err))
	if err == nil && outcome != fencing.OutcomeConfirmed {
		err = errors.New("the power state was not read back")
	}
	return proof, append(steps, n.steps(seen, told)...), err
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
// one of its targets. It also returns what takes these secrets out of what the device
// says: devices hide what they know to be one, and any parameter may be.
func (n *Node) openDevice(s *state.State, defined resources.FenceDevice, target resources.NodeName) (fencing.Device, *redact.Redactor, error) {
	spec, found := n.config.Fences.Find(defined.Agent)
	if !found {
		return nil, nil, fmt.Errorf("fence agent %q is not part of this belayd", defined.Agent)
	}
	params, marks := fencing.Params{}, map[string]string{}
	for key, value := range defined.ParamsFor(target, spec.Host) {
		if name, isSecret := strings.CutPrefix(value, fencing.SecretPrefix); isSecret {
			opened, err := n.openSecret(s, name)
			if err != nil {
				return nil, nil, fmt.Errorf("parameter %s: secret %s: %w", key, name, err)
			}
			value, marks[opened] = opened, "[secret "+name+"]"
		}
		params[key] = value
	}
	told := redact.New(marks)
	device, err := spec.Make(defined.ID, params)
	return device, told, told.Error(err)
}

// steps is evidence for the record, without what the device was told.
func (n *Node) steps(seen []fencing.Evidence, told *redact.Redactor) []state.FenceStep {
	steps := make([]state.FenceStep, 0, len(seen))
	for _, e := range seen {
		answer := told.Text(e.Detail)
		if e.HTTPStatus != 0 {
			answer = fmt.Sprintf("HTTP %d: %s", e.HTTPStatus, answer)
		}
		steps = append(steps, state.FenceStep{
			At: e.At.UTC(), Executor: n.config.Name, Device: told.Text(e.Device), Step: e.Step, Answer: answer, Power: e.Power.String(), Took: resources.Duration(e.Took), Error: told.Text(e.Err),
		})
	}
	return steps
}
