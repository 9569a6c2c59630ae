package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// fenceReaders is how many members look at each target of a device.
const fenceReaders = 2

// readTimeout bounds one look at a device: a member reads its power once or a
// few times, for no longer than the device says that one read takes.
const readTimeout = 45 * time.Second

// readersOf returns who looks at a target's devices: the living members that
// follow it in the order of names, so that each of n members looks at two
// others. turn, the number of the device among the target's, moves them on.
func readersOf(s *state.State, target resources.NodeName, turn int) []resources.NodeName {
	var before, after []resources.NodeName
	for _, name := range s.NodeNames() {
		switch {
		case name == target || s.Nodes[name].Liveness != state.LivenessAlive:
		case name < target:
			before = append(before, name)
		default:
			after = append(after, name)
		}
	}
	ring := append(after, before...)
	if len(ring) <= fenceReaders {
		return ring
	}
	readers := make([]resources.NodeName, 0, fenceReaders)
	for i := range fenceReaders {
		readers = append(readers, ring[(turn*fenceReaders+i)%len(ring)])
	}
	return readers
}

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
	device, err := n.openDevice(s, s.Definition.Fences[i], order.Target)
	if err != nil {
		result.Failure, result.Text = fencing.KindConfig.String(), fencing.Scrub(err.Error())
		return result, nil
	}
	began := time.Now()
	power, _, err := fencing.Read(ctx, device, fencing.Options{Timeout: device.Timeout()})
	result.Power, result.Took = power.String(), resources.Duration(time.Since(began))
	if err != nil {
		result.Failure, result.Text = fencing.KindOf(err).String(), fencing.Scrub(err.Error())
	}
	return result, nil
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

// judgeRead says whether what a device answered would do. One that reads off
// although its target has been alive all the time switches something else.
func judgeRead(before, now *state.State, device string, target resources.NodeName, result state.FenceCheckResult) state.FenceCheckResult {
	if result.Failure != "" || result.Power != fencing.PowerOff.String() || !aliveThroughout(before, now, target) {
		return result
	}
	result.Failure = state.FailureWrongHost
	result.Text = fmt.Sprintf("device %s reads off although %s is alive: it may switch another host, or a feed without current", device, target)
	return result
}

// aliveThroughout reports whether the node was alive in both states, as the same
// start of its host, and nobody was about to switch its power.
func aliveThroughout(before, now *state.State, name resources.NodeName) bool {
	a, b := before.Nodes[name], now.Nodes[name]
	return a != nil && b != nil && a.Liveness == state.LivenessAlive && b.Liveness == state.LivenessAlive &&
		a.BootID == b.BootID && a.Off == nil && b.Off == nil && before.Fencing[name] == nil && now.Fencing[name] == nil
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
			return api.FenceCheckAnswer{}, &api.Error{Code: api.CodeNotFound, Text: fmt.Sprintf("fence device %q is not defined: see `belayctl fence list`", id)}
		}
		work.Go(func() { results[i] = n.checkDevice(ctx, s, view.devices, s.Definition.Fences[k]) })
	}
	work.Wait()
	return api.FenceCheckAnswer{Checks: slices.Concat(results...)}, nil
}

// checkDevice reads the first target alone: when the login is refused there it
// is tried nowhere else.
func (n *Node) checkDevice(ctx context.Context, s *state.State, watch *deviceWatch, device resources.FenceDevice) []api.FenceCheckResult {
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
			work.Go(func() { results[i] = n.checkTarget(ctx, s, watch, device, device.Targets[i]) })
		}
		work.Wait()
		for _, r := range slices.Concat(results[first:last]...) {
			refused = refused || r.Failure == state.FailureLogin
		}
		first = last
	}
	return slices.Concat(results...)
}

func (n *Node) checkTarget(ctx context.Context, s *state.State, watch *deviceWatch, device resources.FenceDevice, target resources.NodeName) []api.FenceCheckResult {
	var results []api.FenceCheckResult
	readers := readersOf(s, target, deviceTurn(s, device.ID, target))
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
		result = judgeRead(s, n.machine.current.Load(), device.ID, target, result)
		watch.report(read{device: device.ID, target: target, digest: s.FenceDigest(device), result: result, asked: true})
		results = append(results, api.FenceCheckResult{Device: device.ID, Target: target, FenceCheckResult: result})
		if result.Failure == state.FailureLogin {
			break
		}
	}
	return results
}

// deviceTurn is the number of a device among those of its target.
func deviceTurn(s *state.State, device string, target resources.NodeName) int {
	return max(slices.IndexFunc(s.Definition.FencesOf(target), func(f resources.FenceDevice) bool { return f.ID == device }), 0)
}
