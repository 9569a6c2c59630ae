package leader

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Walk is the way through a node's fence devices: level by level, the lowest first;
// all devices of a level have to succeed, else the next level is tried. Whoever
// drives one uses the device that Next returns and says by Took what came of it. It
// is not safe for concurrent use.
type Walk struct {
	levels [][]resources.FenceDevice
	cuts   func(resources.FenceDevice) bool

	level, device int
	proof         string // of this level
	power         bool   // something of this level proves more than that the node was cut off
	proven        bool
	failures      []string
	refused       bool // each level so far failed for a login that was refused
}

// NewWalk returns the way through the devices that able accepts; with only, of that
// level alone. cuts says which devices cut a node off from something other than
// power: they have to succeed, and prove nothing beside another.
func NewWalk(devices []resources.FenceDevice, only int, able, cuts func(resources.FenceDevice) bool) *Walk {
	w := &Walk{cuts: cuts, refused: true}
	last := 0
	for _, f := range devices {
		level := max(f.Level, 1) // 0 is the default, which is 1
		if only != 0 && level != only || !able(f) {
			continue
		}
		if level != last {
			w.levels, last = append(w.levels, nil), level
		}
		w.levels[len(w.levels)-1] = append(w.levels[len(w.levels)-1], f)
	}
	return w
}

// Left returns the levels that have not failed, the one that is under way first.
func (w *Walk) Left() [][]resources.FenceDevice { return w.levels[w.level:] }

// Next returns the device that is to be used; false when the walk is over.
func (w *Walk) Next() (resources.FenceDevice, bool) {
	for !w.proven && w.level < len(w.levels) {
		devices := w.levels[w.level]
		if w.device > 0 || w.mayProve(devices) {
			return devices[w.device], true
		}
		w.refused = false
		w.fail(fmt.Sprintf("%s: it only cuts the node off, which may live: give its level a device that switches the power, or a watchdog", devices[0].ID))
	}
	return resources.FenceDevice{}, false
}

func (w *Walk) mayProve(devices []resources.FenceDevice) bool {
	for _, f := range devices {
		if f.UnsafeCut || !w.cuts(f) {
			return true
		}
	}
	return false
}

// Took says what came of the device that Next returned: its proof (OffProof.By, ""
// for a power state that was read back), or why it failed.
func (w *Walk) Took(proof string, err error) {
	f := w.levels[w.level][w.device]
	if err != nil {
		w.refused = w.refused && fencing.KindOf(err) == fencing.KindAuth
		w.fail(fmt.Sprintf("%s: %v", f.ID, err))
		return
	}
	if !w.cuts(f) {
		w.proof, w.power = cmp.Or(w.proof, proof), true
	}
	w.device++
	w.proven = w.device == len(w.levels[w.level]) || mutant.Is(mutant.OneDevice)
}

func (w *Walk) fail(why string) {
	w.failures = append(w.failures, why)
	w.level, w.device, w.proof, w.power = w.level+1, 0, "", false
}

// Proven returns whether every device of one level has succeeded, and the proof: ""
// when each of them read the power, else that of the one that did not.
func (w *Walk) Proven() (proof string, proven bool) {
	if w.proven && !w.power {
		return state.ProofCut, true
	}
	return w.proof, w.proven
}

// Failure returns why each level failed, and whether each was refused the login.
func (w *Walk) Failure() (text string, refused bool) {
	return strings.Join(w.failures, "; "), w.refused && len(w.failures) > 0
}
