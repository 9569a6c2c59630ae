package state

import (
	"cmp"
	"fmt"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// ByCluster signs what the cluster does by itself.
const ByCluster = "cluster"

// withdrawable reports whether a node's return ends the fencing. One that an
// operator asked for goes on once it runs, and so does one of a node that was
// alive all the time; the fencing of a lost node is pointless when the node is
// back, and if the power is cut all the same the node is lost and fenced anew.
func (f *Fencing) withdrawable() bool {
	return f.Phase != FencingRunning || (f.By == ByCluster && !f.Live)
}

// FenceRequested grants the right to fence a node. It is a committed entry, so
// two sides of a partition never both hold it.
type FenceRequested struct {
	Node     resources.NodeName      `json:"node"`
	Action   resources.FencingAction `json:"action"`
	Reason   string                  `json:"reason"`
	Evidence []Evidence              `json:"evidence,omitempty"`
	// Level makes it a test of that level alone: if it fails it is over. With it
	// the command is version 2.
	Level int `json:"level,omitempty"`
	// Premise is what the cluster asks for it for; nil from an operator. With it the
	// command is version 3.
	Premise *FencePremise `json:"premise,omitempty"`
}

func (c *FenceRequested) name() string {
	switch {
	case c.Premise != nil:
		return "fence.requested/3"
	case c.Level != 0:
		return "fence.requested/2"
	}
	return "fence.requested/1"
}

func (c *FenceRequested) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if f, open := t.s.Fencing[c.Node]; open {
		if c.Level != f.Level {
			return reject(Conflict, "node %s is being fenced already (%s)", c.Node, f.ID)
		}
		t.result.Fence = f.ID
		return nil
	}
	if c.Premise != nil {
		if err := t.mayFence(n, c.Premise); err != nil {
			return err
		}
	}
	evidence := c.Evidence
	if len(evidence) == 0 {
		evidence = n.Evidence
	}
	f := &Fencing{
		ID: fmt.Sprintf("f%d", t.s.Index), Node: c.Node, Action: c.Action, Reason: c.Reason, By: t.by, RequestedAt: t.at,
		Evidence: evidence[:min(len(evidence), MaxEvidence)], Phase: FencingRequested, Level: c.Level,
	}
	t.putFencing(f)
	t.result.Fence = f.ID
	t.event("fencing", c.Node, "", "%s asked for: %s", c.Action, c.Reason)
	return nil
}

// FenceStarted says which member is about to switch the power. An operator's
// fencing of a live node makes it lost first: from here on it may be dead.
type FenceStarted struct {
	Fence    string             `json:"fence"`
	Node     resources.NodeName `json:"node"`
	Executor resources.NodeName `json:"executor"`
}

func (*FenceStarted) name() string { return "fence.started/1" }

func (c *FenceStarted) apply(t *tx) error {
	f, err := t.openFencing(c.Node, c.Fence)
	if err != nil {
		return err
	}
	if f.Phase == FencingOff {
		return reject(Refused, "the power of %s is proven off already", c.Node)
	}
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Liveness != LivenessDead && n.Off == nil {
		f.Live = f.Live || n.Online()
		t.dropOperations(n)
		n.Liveness, n.Since = LivenessDead, t.at
		n.Evidence = []Evidence{{At: t.at, Observer: c.Executor, Source: "operator", Text: "is being fenced: " + f.Reason}}
	}
	t.cutOff(n)
	f.Phase, f.Executor, f.RetryAt, f.Refused = FencingRunning, c.Executor, time.Time{}, ""
	f.BootID = n.BootID
	f.Attempts++
	t.detail("fencing", c.Node, "", "attempt %d, by %s", f.Attempts, c.Executor)
	return nil
}

func (t *tx) openFencing(node resources.NodeName, id string) (*Fencing, error) {
	f, open := t.fencing(node)
	if !open || f.ID != id {
		return nil, reject(Conflict, "fencing %s of %s is not open", id, node)
	}
	return f, nil
}

// maxFenceSteps bounds the steps kept per fencing; the first and the newest
// matter.
const maxFenceSteps = 64

func (f *Fencing) addSteps(steps []FenceStep) {
	for _, step := range steps {
		if len(f.Steps) == maxFenceSteps {
			f.Steps = append(f.Steps[:maxFenceSteps/2], f.Steps[maxFenceSteps/2+1:]...)
		}
		f.Steps = append(f.Steps, step)
	}
}

// FenceReported records what an attempt came to. Only Proven, a power state
// read back as off, makes the node count as dead.
type FenceReported struct {
	Fence  string             `json:"fence"`
	Node   resources.NodeName `json:"node"`
	Proven bool               `json:"proven"`
	Steps  []FenceStep        `json:"steps"`
	Error  string             `json:"error,omitempty"`
	// RetryAt is when to try again after a failure.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Proof is OffProof.By: "" for power. With it the command is version 2.
	Proof string `json:"proof,omitempty"`
}

func (c *FenceReported) name() string {
	if c.Proof != "" {
		return "fence.reported/2"
	}
	return "fence.reported/1"
}

func (c *FenceReported) apply(t *tx) error {
	f, err := t.openFencing(c.Node, c.Fence)
	if err != nil {
		return err
	}
	if f.Phase == FencingOff {
		return nil
	}
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	f.addSteps(c.Steps)
	f.Executor = ""
	proven, reason, retry := c.Proven, c.Error, c.RetryAt
	if proven && f.BootID != n.BootID {
		// The power may have been read before the start that is on record now.
		proven, reason, retry = false, "the host has started again since the attempt began", t.at
	}
	if !proven && f.Level != 0 {
		t.endTest(n, f, reason)
		return nil
	}
	if !proven {
		f.Phase, f.Error, f.RetryAt = FencingFailed, reason, retry
		t.event("fencing", c.Node, "", "attempt %d failed: %s", f.Attempts, reason)
		return nil
	}
	t.dropOperations(n)
	t.forgetRunning(n)
	by := cmp.Or(c.Proof, ProofPower)
	n.Liveness, n.Off = LivenessDead, &OffProof{At: t.at, By: by, Fence: f.ID}
	f.Phase, f.Error, f.OffAt = FencingOff, "", t.at
	t.event("fencing", c.Node, "", "%s", proofWords[by])
	if f.Action != resources.FencingReboot {
		t.closeFencing(f, FencingDone)
	}
	return nil
}

// The proofs of a node's death, OffProof.By.
const (
	ProofPower   = "power"   // read back as off, twice
	ProofConfirm = "confirm" // an operator's word
	ProofKdump   = "kdump"   // the host said that its kernel has crashed
	// ProofWatchdog: it had no lease for so long that its own watchdog has reset it,
	// or that it has stopped everything.
	ProofWatchdog = "watchdog"
	ProofCut      = "cut"   // cut off from what its devices guard, read back twice; it may live: a definition said that it is enough
	ProofCycle    = "cycle" // a device took the request to cycle the power: no proof, but a definition said that it is enough
)

// proofWords says them in the history.
var proofWords = map[string]string{
	ProofPower:    "power is off, read back twice",
	ProofWatchdog: "its watchdog has reset it, or it has stopped everything: it had no lease for long enough",
	ProofKdump:    "its kernel has crashed and saves its memory",
	ProofCut:      "is cut off, read back twice, and may live (unsafe)",
	ProofCycle:    "a device took the request to cycle its power; nothing was read back (unsafe)",
}

// endTest closes the test of a level that has failed. A node that was alive
// before is only suspected: whoever hears it says that it is alive, and it is
// looked at anew; if it has gone off after all, it is lost as any other.
func (t *tx) endTest(n *Node, f *Fencing, reason string) {
	f.Error = reason
	if f.Live && n.Liveness == LivenessDead {
		t.unprobe(n)
		n.Liveness, n.Since = LivenessSuspect, t.at
		n.Evidence = []Evidence{{At: t.at, Observer: n.Name, Source: "operator", Text: fmt.Sprintf("the test of fence level %d failed", f.Level)}}
	}
	t.closeFencing(f, FencingWithdrawn)
	t.event("fencing", f.Node, "", "the test of level %d failed: %s", f.Level, reason)
}

// FencePoweredOn closes a reboot after its power-on was asked for. A failed
// power-on leaves the node off, with the error in the history.
type FencePoweredOn struct {
	Fence string             `json:"fence"`
	Node  resources.NodeName `json:"node"`
	Steps []FenceStep        `json:"steps"`
	Error string             `json:"error,omitempty"`
}

func (*FencePoweredOn) name() string { return "fence.powered_on/1" }

func (c *FencePoweredOn) apply(t *tx) error {
	f, err := t.openFencing(c.Node, c.Fence)
	if err != nil {
		return err
	}
	if f.Phase != FencingOff {
		return reject(Refused, "the power of %s is not proven off", c.Node)
	}
	f.addSteps(c.Steps)
	f.Error = c.Error
	t.closeFencing(f, FencingDone)
	if c.Error != "" {
		t.event("fencing", c.Node, "", "is off; power-on failed: %s", c.Error)
	} else {
		t.event("fencing", c.Node, "", "power is on again")
	}
	return nil
}

// FenceConfirmed is an operator's word that a node is off.
type FenceConfirmed struct {
	Node   resources.NodeName `json:"node"`
	Reason string             `json:"reason"`
}

func (*FenceConfirmed) name() string { return "fence.confirmed/1" }

func (c *FenceConfirmed) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Online() {
		return rejectFor(Refused, ReasonNodeNotLost, "node %s is %s: only a lost node can be confirmed as off", c.Node, n.Liveness)
	}
	f, open := t.fencing(c.Node)
	if !open {
		f = &Fencing{ID: fmt.Sprintf("f%d", t.s.Index), Node: c.Node, Action: resources.FencingOff, Reason: c.Reason, By: t.by, RequestedAt: t.at}
		t.putFencing(f)
	}
	t.dropOperations(n)
	t.forgetRunning(n)
	t.cutOff(n)
	n.Liveness, n.Off = LivenessDead, &OffProof{At: t.at, By: ProofConfirm, Fence: f.ID}
	f.OffAt = t.at
	if !mutant.Is(mutant.NamelessWord) {
		f.addSteps([]FenceStep{{At: t.at, Device: "operator", Step: "confirm", Answer: t.by + ": " + c.Reason, Power: "off"}})
	}
	t.closeFencing(f, FencingDone)
	t.event("fencing", c.Node, "", "confirmed as off by %s: %s", t.by, c.Reason)
	return nil
}
