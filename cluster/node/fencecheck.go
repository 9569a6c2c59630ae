package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// readTimeout bounds one look at a device: a member reads its power once or a
// few times, for no longer than the device says that one read takes.
const readTimeout = 45 * time.Second

// ReadFence reads a fence device from this member and changes nothing. The
// error says that this member could not try; what is wrong with the device is
// part of the result.
func (n *Node) ReadFence(ctx context.Context, order api.FenceCheckOrder) (state.FenceCheckResult, error) {
	ctx, cancel := context.WithTimeout(ctx, min(order.Timeout.Std(), readTimeout))
	defer cancel()
	s, err := n.stateAt(ctx, order.Index)
	if err != nil {
		return state.FenceCheckResult{}, err
	}
	i := slices.IndexFunc(s.Definition.Fences, func(f resources.FenceDevice) bool { return f.ID == order.Device })
	if i < 0 {
		return state.FenceCheckResult{}, &api.Error{Code: api.CodeNotFound, Text: fmt.Sprintf("fence device %q is not defined", order.Device)}
	}
	result := state.FenceCheckResult{By: n.config.Name, At: time.Now().UTC()}
	if spec, found := n.config.Fences.Find(s.Definition.Fences[i].Agent); found && spec.Watchdog {
		return checkWatchdog(s, order.Target, result), nil
	}
	device, told, err := n.openDevice(s, s.Definition.Fences[i], order.Target)
	if err != nil {
		result.Failure, result.Text = fencing.KindConfig.String(), fencing.Scrub(err.Error())
		return result, nil
	}
	began := time.Now()
	power, _, err := fencing.Read(ctx, device, fencing.Options{Timeout: device.Timeout()})
	result.Power, result.Took = power.String(), resources.Duration(time.Since(began))
	if err != nil {
		result.Failure, result.Text = fencing.KindOf(err).String(), fencing.Scrub(told.Text(err.Error()))
	}
	return result, nil
}

// checkWatchdog says whether a node feeds a watchdog: nobody else can reach it.
func checkWatchdog(s *state.State, target resources.NodeName, result state.FenceCheckResult) state.FenceCheckResult {
	node, member := s.Nodes[target]
	switch {
	case !member:
		result.Failure, result.Text = fencing.KindNotFound.String(), fmt.Sprintf("%s is no member", target)
	case node.Watchdog == nil && node.WatchdogRefused != "":
		result.Failure, result.Text = state.FailureUnproven, fmt.Sprintf("belayd on %s feeds no watchdog: %s", target, node.WatchdogRefused)
	case node.Watchdog == nil:
		result.Failure, result.Text = state.FailureUnfed, fmt.Sprintf("belayd on %s feeds no watchdog: see `journalctl -u belayd` there", target)
	default:
		result.Power = fencing.PowerUnknown.String()
	}
	return result
}

// stateAt returns this member's state once it has the index.
func (n *Node) stateAt(ctx context.Context, index uint64) (*state.State, error) {
	ctx, cancel := context.WithTimeout(ctx, fenceCatchUp)
	defer cancel()
	for {
		s, changed := n.machine.watch()
		if s.Index >= index {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &api.Error{Code: api.CodeUnavailable, Text: fmt.Sprintf("this member is at log index %d, the order is of %d", s.Index, index)}
		}
	}
}

// readByMember has a member read a device.
func (n *Node) readByMember(ctx context.Context, s *state.State, by resources.NodeName, device string, target resources.NodeName) (state.FenceCheckResult, error) {
	order := api.FenceCheckOrder{Index: s.Index, Device: device, Target: target, Timeout: resources.Duration(readTimeout)}
	ctx, cancel := context.WithTimeout(ctx, readTimeout+5*time.Second)
	defer cancel()
	var result state.FenceCheckResult
	var err error
	if by == n.config.Name {
		result, err = n.ReadFence(ctx, order)
	} else if member, found := s.Nodes[by]; found {
		result, err = n.client(by, member.Address).ReadFence(ctx, order)
	} else {
		err = fmt.Errorf("node %s is not a member", by)
	}
	result.By = by
	return result, err
}

// manyTargets bounds how many targets of one device are read at once.
const manyTargets = 4

// CheckFences has members read the devices now. Devices are read side by side;
// the members that read one target take turns, and a refused login is not
// repeated: it locks accounts.
func (n *Node) CheckFences(ctx context.Context, request api.FenceCheckRequest) (api.FenceCheckAnswer, error) {
	view := n.live.Load()
	if view == nil {
		return api.FenceCheckAnswer{}, &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
	}
	s := n.machine.current.Load()
	results := make([][]api.FenceCheckResult, len(request.Devices))
	var work sync.WaitGroup
	for i, id := range request.Devices {
		k := slices.IndexFunc(s.Definition.Fences, func(f resources.FenceDevice) bool { return f.ID == id })
		if k < 0 {
			return api.FenceCheckAnswer{}, noDevice(s, id)
		}
		work.Go(func() { results[i] = n.checkDevice(ctx, s, view.hands, s.Definition.Fences[k]) })
	}
	work.Wait()
	return api.FenceCheckAnswer{Checks: slices.Concat(results...)}, nil
}

// checkDevice reads the first target alone: when the login is refused there it
// is tried nowhere else.
func (n *Node) checkDevice(ctx context.Context, s *state.State, hands *hands, device resources.FenceDevice) []api.FenceCheckResult {
	results := make([][]api.FenceCheckResult, len(device.Targets))
	var refused bool
	for first := 0; first < len(device.Targets) && !refused; {
		most := manyTargets
		if first == 0 {
			most = 1
		}
		last := min(first+most, len(device.Targets))
		var work sync.WaitGroup
		for i := first; i < last; i++ {
			work.Go(func() { results[i] = n.checkTarget(ctx, s, hands, device, device.Targets[i]) })
		}
		work.Wait()
		for _, r := range slices.Concat(results[first:last]...) {
			refused = refused || r.Failure == state.FailureLogin
		}
		first = last
	}
	return slices.Concat(results...)
}

func (n *Node) checkTarget(ctx context.Context, s *state.State, hands *hands, device resources.FenceDevice, target resources.NodeName) []api.FenceCheckResult {
	var results []api.FenceCheckResult
	readers := leader.Readers(s, device.ID, target)
	if len(readers) == 0 {
		return []api.FenceCheckResult{{Device: device.ID, Target: target, Unasked: true, FenceCheckResult: state.FenceCheckResult{At: time.Now().UTC(), Text: "no other member is alive"}}}
	}
	for _, by := range readers {
		result, err := n.readByMember(ctx, s, by, device.ID, target)
		if err != nil {
			var wire *api.Error
			text := fmt.Sprintf("%s was not asked: %v", by, err)
			if errors.As(err, &wire) {
				text = fmt.Sprintf("%s: %s", by, wire.Text)
			}
			results = append(results, api.FenceCheckResult{Device: device.ID, Target: target, Unasked: true, FenceCheckResult: state.FenceCheckResult{By: by, At: time.Now().UTC(), Text: text}})
			continue
		}
		result = leader.JudgeReading(s, n.machine.current.Load(), device.ID, target, result)
		hands.give(func(in *leader.Input) {
			in.Readings = append(in.Readings, leader.Reading{Device: device.ID, Target: target, Digest: s.FenceDigest(device), Result: result})
		})
		results = append(results, api.FenceCheckResult{Device: device.ID, Target: target, FenceCheckResult: result})
		if result.Failure == state.FailureLogin {
			break
		}
	}
	return results
}

// noDevice says that a device is not defined, and which was likely meant.
func noDevice(s *state.State, id string) error {
	var ids []string
	for _, f := range s.Definition.Fences {
		ids = append(ids, f.ID)
	}
	hint := "see `belayctl fence list`"
	if best, near := resources.Nearest(id, ids); near {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	return &api.Error{Code: api.CodeNotFound, Text: fmt.Sprintf("fence device %q is not defined: %s", id, hint)}
}
