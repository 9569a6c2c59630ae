package state

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Unfenced says that a node was given back what its cutting devices guard, and
// that nothing has happened since that takes it away.
type Unfenced struct {
	At time.Time `json:"at"`
	// Digest of the devices that were used (State.UnfencingDigest).
	Digest string `json:"digest"`
	// ID of the unfencing in the history.
	ID string `json:"id"`
}

// UnfencingDigest names the devices that have to let a node back in before what
// requires unfencing may start there, and how they are used; "" when there are none.
func (s *State) UnfencingDigest(node resources.NodeName) string {
	devices := s.Definition.UnfencedBy(node)
	if len(devices) == 0 {
		return ""
	}
	return s.fenceDigest(devices)
}

// UnfencingDue says why a node has to be unfenced before what requires that
// starts there, "" when it has not.
func (s *State) UnfencingDue(node resources.NodeName) string {
	digest, n := s.UnfencingDigest(node), s.Nodes[node]
	switch {
	case digest == "" || n == nil:
		return ""
	case n.Unfenced == nil:
		return "not unfenced since it started or was fenced"
	case n.Unfenced.Digest != digest:
		return "the devices that unfence it are defined otherwise since"
	default:
		return ""
	}
}

// MayUnfence reports whether the log lets a member unfence a node now. Whoever
// finds it otherwise is asked too late: the node may have been cut off since.
func (s *State) MayUnfence(by, node resources.NodeName, id string) bool {
	f, open := s.Unfencing[node]
	return open && f.ID == id && f.Phase == FencingRunning && f.Executor == by
}

// UnfenceRequested is an operator's wish that a node is unfenced again.
type UnfenceRequested struct {
	Node   resources.NodeName `json:"node"`
	Reason string             `json:"reason"`
}

func (*UnfenceRequested) name() string { return "unfence.requested/1" }

func (c *UnfenceRequested) apply(t *tx) error {
	n, err := t.unfenceable(c.Node)
	if err != nil {
		return err
	}
	n.Unfenced = nil
	f, open := t.unfencing(c.Node)
	switch {
	case !open:
		f = t.openUnfencing(c.Node, c.Reason)
	case f.Phase == FencingFailed:
		f.RetryAt = t.at
	}
	t.result.Fence = f.ID
	t.event("fencing", c.Node, "", "unfencing asked for: %s", c.Reason)
	return nil
}

// UnfenceStarted says which member is about to unfence a node. Without an open
// unfencing it opens one: the cluster does so by itself.
type UnfenceStarted struct {
	Node     resources.NodeName `json:"node"`
	Executor resources.NodeName `json:"executor"`
	Reason   string             `json:"reason"`
}

func (*UnfenceStarted) name() string { return "unfence.started/1" }

func (c *UnfenceStarted) apply(t *tx) error {
	n, err := t.unfenceable(c.Node)
	if err != nil {
		return err
	}
	f, open := t.unfencing(c.Node)
	if !open {
		f = t.openUnfencing(c.Node, c.Reason)
	}
	f.Phase, f.Executor, f.RetryAt = FencingRunning, c.Executor, time.Time{}
	f.BootID = n.BootID
	f.Attempts++
	t.result.Fence = f.ID
	return nil
}

// UnfenceReported records what an attempt to unfence a node came to.
type UnfenceReported struct {
	ID   string             `json:"id"`
	Node resources.NodeName `json:"node"`
	// Done says that every device read the node as let in again; Digest is of the
	// devices that were used (State.UnfencingDigest).
	Done   bool        `json:"done"`
	Digest string      `json:"digest"`
	Steps  []FenceStep `json:"steps"`
	Error  string      `json:"error,omitempty"`
	// RetryAt is when to try again after a failure.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

func (*UnfenceReported) name() string { return "unfence.reported/1" }

func (c *UnfenceReported) apply(t *tx) error {
	f, open := t.unfencing(c.Node)
	if !open || f.ID != c.ID || f.Phase != FencingRunning {
		return reject(Conflict, "no attempt of unfencing %s of %s is running", c.ID, c.Node)
	}
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	f.addSteps(c.Steps)
	f.Executor = ""
	if !c.Done {
		f.Phase, f.Error, f.RetryAt, f.Refused = FencingFailed, c.Error, c.RetryAt, c.Digest
		t.event("fencing", c.Node, "", "attempt %d to unfence it failed: %s", f.Attempts, c.Error)
		return nil
	}
	f.Error, f.Refused = "", ""
	n.Unfenced = &Unfenced{At: t.at, Digest: c.Digest, ID: f.ID}
	t.closeUnfencing(f, FencingDone)
	t.event("fencing", c.Node, "", "unfenced")
	return nil
}

// unfenceable returns a node that may be unfenced now: it lives, nobody is about
// to cut it off, and a device is there to do it.
func (t *tx) unfenceable(name resources.NodeName) (*Node, error) {
	n, err := t.node(name)
	if err != nil {
		return nil, err
	}
	f, open := t.s.Fencing[name]
	switch {
	case open:
		return nil, reject(Refused, "node %s is being fenced (%s): it is unfenced when it is back", name, f.ID)
	case !n.Online() || n.Off != nil:
		return nil, reject(Refused, "node %s is %s: it is unfenced when it is back", name, n.Liveness)
	case len(t.s.Definition.UnfencedBy(name)) == 0:
		return nil, reject(Refused, "no fence device of %s says provides = %q: there is nothing to unfence", name, resources.ProvidesUnfencing)
	}
	return n, nil
}

// unfencing returns a copy of the node's open unfencing, if there is one.
func (t *tx) unfencing(name resources.NodeName) (*Fencing, bool) {
	old, found := t.s.Unfencing[name]
	if !found {
		return nil, false
	}
	fresh := *old
	fresh.Steps = append([]FenceStep(nil), old.Steps...)
	t.putUnfencing(&fresh)
	return &fresh, true
}

func (t *tx) openUnfencing(name resources.NodeName, reason string) *Fencing {
	f := &Fencing{
		ID: fmt.Sprintf("u%d", t.s.Index), Node: name, Action: resources.FencingUnfence, Reason: reason, By: t.by, RequestedAt: t.at, Phase: FencingRequested,
	}
	t.putUnfencing(f)
	return f
}

func (t *tx) putUnfencing(f *Fencing) {
	t.ownUnfencing()
	t.s.Unfencing[f.Node] = f
}

// ownUnfencing makes the map one that the command may change.
func (t *tx) ownUnfencing() {
	if t.ownUnfenced {
		return
	}
	fresh := make(map[resources.NodeName]*Fencing, len(t.s.Unfencing)+1)
	for name, f := range t.s.Unfencing {
		fresh[name] = f
	}
	t.s.Unfencing, t.ownUnfenced = fresh, true
}

// closeUnfencing moves an open unfencing into the history.
func (t *tx) closeUnfencing(f *Fencing, phase FencingPhase) {
	t.ownUnfencing()
	f.Phase, f.EndedAt, f.Executor, f.RetryAt = phase, t.at, "", time.Time{}
	delete(t.s.Unfencing, f.Node)
	if len(t.s.Unfencing) == 0 {
		t.s.Unfencing = nil
		t.ownUnfenced = false
	}
	t.s.FenceHistory = appendBounded(t.s.FenceHistory, f, MaxFenceHistory)
}

// cutOff forgets that a node was unfenced: it is about to be cut off, or was, or
// its host has started anew.
func (t *tx) cutOff(n *Node) {
	if !mutant.Is(mutant.StaysUnfenced) {
		n.Unfenced = nil
	}
	t.withdrawUnfencing(n.Name)
}

// forgetUnfencing ends what is not due any more by a new definition.
func (t *tx) forgetUnfencing() {
	for _, name := range t.s.NodeNames() {
		if t.s.UnfencingDue(name) == "" {
			t.withdrawUnfencing(name)
		}
		if t.s.Nodes[name].Unfenced == nil || len(t.s.Definition.UnfencedBy(name)) > 0 {
			continue
		}
		if n, err := t.node(name); err == nil {
			n.Unfenced = nil
		}
	}
}

// withdrawUnfencing ends an unfencing that is under way: from here on no member
// finds the right to it.
func (t *tx) withdrawUnfencing(name resources.NodeName) {
	if f, open := t.unfencing(name); open {
		t.closeUnfencing(f, FencingWithdrawn)
	}
}
