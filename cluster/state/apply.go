package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Result is what a command came to, the same on every member.
type Result struct {
	Index uint64
	// Err rejects the command; nothing was changed. It is a *Rejection.
	Err error
	// Actions are the ids of OperationsStarted's intents, "" for those that were
	// refused.
	Actions []resources.ActionID
	// Fence is the id of the fencing that FenceRequested opened or joined.
	Fence string
}

// RejectionCode is why a command was rejected, for callers that act on it.
type RejectionCode string

// The reasons for a rejection.
const (
	Conflict RejectionCode = "conflict"  // something changed in between: read again
	NotFound RejectionCode = "not_found" // a name that the state does not hold
	Refused  RejectionCode = "refused"   // the state forbids it
	Invalid  RejectionCode = "invalid"   // what it says can never be
)

// RejectionReason says more of why a command was rejected than its code does, for
// people: callers act on the code.
type RejectionReason string

// The reasons that have a name.
const (
	ReasonDefinitionChanged RejectionReason = "definition_changed"
	ReasonUnknownNode       RejectionReason = "node_unknown"
	ReasonUnknownResource   RejectionReason = "resource_unknown"
	ReasonUnknownSecret     RejectionReason = "secret_unknown"
	ReasonTokenUnusable     RejectionReason = "token_unusable"
	ReasonNothingRuns       RejectionReason = "nothing_runs"
	ReasonNodeInUse         RejectionReason = "node_in_use"
	ReasonNodeNotOff        RejectionReason = "node_not_off"
	ReasonNodeNotLost       RejectionReason = "node_not_lost"
	ReasonAlreadyMember     RejectionReason = "already_member"
	ReasonLimitReached      RejectionReason = "limit_reached"
)

// Rejection is a command's rejection.
type Rejection struct {
	Code RejectionCode `json:"code"`
	// Reason is empty where the code says all.
	Reason RejectionReason `json:"reason,omitempty"`
	Text   string          `json:"text"`
}

// Error returns the rejection's text.
func (r *Rejection) Error() string { return r.Text }

func reject(code RejectionCode, format string, args ...any) error {
	return &Rejection{Code: code, Text: fmt.Sprintf(format, args...)}
}

func rejectFor(code RejectionCode, reason RejectionReason, format string, args ...any) error {
	return &Rejection{Code: code, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// Apply returns the state after a log entry. It is pure: the same state and
// entry give the same result everywhere. It panics on an entry that this build
// cannot read, because skipping it would let members differ; the leader checks
// Version before it proposes.
func Apply(s *State, index, term uint64, entry []byte) (*State, Result) {
	envelope, command, err := Decode(entry)
	if err != nil {
		panic(fmt.Sprintf("state: index %d: %v", index, err))
	}
	return apply(s, index, term, envelope, command)
}

// ApplyCommand is Apply for a command that is already decoded, for simulations.
func ApplyCommand(s *State, index, term uint64, at time.Time, by string, command Command) (*State, Result) {
	return apply(s, index, term, Envelope{At: at, By: by}, command)
}

func apply(s *State, index, term uint64, envelope Envelope, command Command) (*State, Result) {
	next, at := *s, envelope.At
	t := &tx{s: &next, at: at, by: envelope.By, from: envelope.From, result: Result{Index: index}}
	t.s.Index, t.s.Term, t.s.At = index, term, at
	if err := command.apply(t); err != nil {
		var rejection *Rejection
		if !errors.As(err, &rejection) {
			panic(fmt.Sprintf("state: %s returned an untyped error: %v", command.name(), err))
		}
		rejected := *s
		rejected.Index, rejected.Term, rejected.At = index, term, at
		return &rejected, Result{Index: index, Err: rejection}
	}
	t.settleMigrations()
	t.settleNotices()
	t.audit(command, envelope.Data)
	return t.s, t.result
}

// tx is one command's copy of the state: what it changes is copied first, once.
type tx struct {
	s      *State
	at     time.Time
	by     string
	from   string
	result Result
	// lines is what the command has recorded for people.
	lines []string
	// withheld is what tx.ungranted found; nil before it was asked.
	withheld []resources.TicketUse

	ownNodes      bool
	ownNode       map[resources.NodeName]bool
	ownInstance   map[*Instance]bool
	ownOperations bool
	ownFencing    bool
	ownUnfenced   bool
}

// node returns a copy of the node that the command may change.
func (t *tx) node(name resources.NodeName) (*Node, error) {
	old, found := t.s.Nodes[name]
	if !found {
		return nil, t.noNode(name)
	}
	if t.ownNode[name] {
		return old, nil
	}
	fresh := *old
	fresh.Instances = maps.Clone(old.Instances)
	t.putNode(&fresh)
	return &fresh, nil
}

func (t *tx) putNode(n *Node) {
	if !t.ownNodes {
		t.s.Nodes = maps.Clone(t.s.Nodes)
		t.ownNodes, t.ownNode = true, map[resources.NodeName]bool{}
	}
	t.s.Nodes[n.Name] = n
	t.ownNode[n.Name] = true
}

// instance returns a copy of the instance that the command may change, and
// makes one if the node has none. n must come from t.node.
func (t *tx) instance(n *Node, id resources.InstanceID) *Instance {
	old, found := n.Instances[id]
	switch {
	case found && (t.ownInstance[old] || mutant.Is(mutant.SharedState)):
		return old
	case found:
		fresh := *old
		fresh.Failures = maps.Clone(old.Failures)
		old = &fresh
	default:
		old = &Instance{ID: id}
	}
	if n.Instances == nil {
		n.Instances = map[resources.InstanceID]*Instance{}
	}
	if t.ownInstance == nil {
		t.ownInstance = map[*Instance]bool{}
	}
	n.Instances[id] = old
	t.ownInstance[old] = true
	return old
}

func (t *tx) operations() map[resources.ActionID]*Operation {
	if !t.ownOperations {
		t.s.Operations = maps.Clone(t.s.Operations)
		t.ownOperations = true
	}
	return t.s.Operations
}

// fencing returns a copy of the node's open fencing, if there is one.
func (t *tx) fencing(name resources.NodeName) (*Fencing, bool) {
	old, found := t.s.Fencing[name]
	if !found {
		return nil, false
	}
	fresh := *old
	fresh.Steps = slices.Clone(old.Steps)
	t.putFencing(&fresh)
	return &fresh, true
}

func (t *tx) putFencing(f *Fencing) {
	if !t.ownFencing {
		t.s.Fencing = maps.Clone(t.s.Fencing)
		t.ownFencing = true
	}
	t.s.Fencing[f.Node] = f
}

// closeFencing moves an open fencing into the history.
func (t *tx) closeFencing(f *Fencing, phase FencingPhase) {
	f.Phase, f.EndedAt, f.Executor = phase, t.at, ""
	delete(t.s.Fencing, f.Node)
	if phase == FencingWithdrawn && f.Level == 0 {
		t.detail("fencing", f.Node, "", "withdrawn: it is not needed any more")
	}
	t.s.FenceHistory = appendBounded(t.s.FenceHistory, f, MaxFenceHistory)
}

// appendBounded returns a new slice with the item at its end and at most limit
// items; the old slice stays as it was.
func appendBounded[T any](items []T, item T, limit int) []T {
	drop := max(len(items)+1-limit, 0)
	fresh := make([]T, 0, len(items)-drop+1)
	return append(append(fresh, items[drop:]...), item)
}
