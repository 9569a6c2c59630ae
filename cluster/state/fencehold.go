package state

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// HeldOff returns the fencing after which the node is left off because it was
// fenced too often, or the release of it that could not switch it on; nil when
// neither is the newest of its fencings.
func (s *State) HeldOff(node resources.NodeName) *Fencing {
	for _, f := range slices.Backward(s.FenceHistory) {
		if f.Node != node || f.Phase != FencingDone || f.Action == resources.FencingUnfence {
			continue
		}
		if f.Action == resources.FencingHold || f.Action == resources.FencingRelease && f.Error != "" {
			return f
		}
		return nil
	}
	return nil
}

// FenceReleased lets a node come back that was left off, because it was fenced too
// often or because somebody wanted it so: it is switched on if it is off, its
// quarantine is over, and what happened before counts no more.
type FenceReleased struct {
	Node   resources.NodeName `json:"node"`
	Reason string             `json:"reason,omitempty"`
}

func (*FenceReleased) name() string { return "fence.released/1" }

func (c *FenceReleased) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if f, open := t.s.Fencing[c.Node]; open {
		return reject(Refused, "node %s is being fenced now (%s)", c.Node, f.ID)
	}
	off := n.Off != nil && t.s.Version >= VersionPremise // before, only one that was fenced too often
	if !off && t.s.HeldOff(c.Node) == nil && t.s.QuarantineOf(c.Node, t.at) == nil {
		return reject(Refused, "node %s was not left off, and is in no quarantine: see `belayctl fence history %s`", c.Node, c.Node)
	}
	f := &Fencing{
		ID: fmt.Sprintf("f%d", t.s.Index), Node: c.Node, Action: resources.FencingRelease, Reason: c.Reason, By: t.by, RequestedAt: t.at, Phase: FencingOff,
	}
	t.result.Fence = f.ID
	t.putFencing(f)
	if n.Off == nil {
		t.closeFencing(f, FencingDone) // somebody has switched it on already
	} else {
		f.OffAt = n.Off.At
	}
	t.event("fencing", c.Node, "", "released by %s: %s", t.by, c.Reason)
	return nil
}
