package leader

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// fenceReaders is how many members look at each target of a device.
const fenceReaders = 2

// Readers returns who looks at a fence device for one of its targets: the living
// members that follow the target in the order of names, so that each of n members
// looks at two others. The number of the device among the target's moves them on.
func Readers(s *state.State, device string, target resources.NodeName) []resources.NodeName {
	return readersOf(s, target, deviceTurn(s, device, target))
}

func readersOf(s *state.State, target resources.NodeName, turn int) []resources.NodeName {
	var before, after []resources.NodeName
	for _, name := range s.NodeNames() {
		switch {
		case name == target || s.Nodes[name].Witness || s.Nodes[name].Liveness != state.LivenessAlive:
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

// deviceTurn is the number of a device among those of its target.
func deviceTurn(s *state.State, device string, target resources.NodeName) int {
	return max(slices.IndexFunc(s.Definition.FencesOf(target), func(f resources.FenceDevice) bool { return f.ID == device }), 0)
}

// JudgeReading says whether what a device answered would do, between two states:
// the one before the read and the one after it. One that reads off although its
// target has been alive all the time switches something else.
func JudgeReading(before, after *state.State, device string, target resources.NodeName, result state.FenceCheckResult) state.FenceCheckResult {
	if result.Failure != "" || result.Power != fencing.PowerOff.String() || !aliveThroughout(before, after, target) {
		return result
	}
	if after.Definition.Cuts(device) {
		if before.UnfencingDue(target) != "" || after.UnfencingDue(target) != "" {
			return result // it is not let in yet
		}
		result.Failure = state.FailureCutOff
		result.Text = fmt.Sprintf("device %s reads off although it has let %s in: `belayctl fence unfence %s`", device, target, target)
		return result
	}
	result.Failure = state.FailureWrongHost
	result.Text = fmt.Sprintf("device %s reads off although %s is alive: it may switch another host, or a feed without current", device, target)
	return result
}

// aliveThroughout reports whether the node was alive in both states, as the same
// start of its host, and nobody was about to switch its power.
func aliveThroughout(before, after *state.State, name resources.NodeName) bool {
	a, b := before.Nodes[name], after.Nodes[name]
	return a != nil && b != nil && a.Liveness == state.LivenessAlive && b.Liveness == state.LivenessAlive &&
		a.BootID == b.BootID && a.Off == nil && b.Off == nil && before.Fencing[name] == nil && after.Fencing[name] == nil
}

// lasting reports whether a failure does not heal by itself.
func lasting(failure string) bool {
	for kind := fencing.KindAuth; kind <= fencing.KindUnsupported; kind++ {
		if kind.String() == failure {
			return true
		}
	}
	return false
}
