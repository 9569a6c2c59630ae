package leader

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Input is what has happened since the last Step. Step keeps pointers from it;
// none of what they point to may change afterwards.
type Input struct {
	// Now is this member's monotonic clock: only differences count, and it never
	// goes back. Wall is its wall clock, which may jump: it dates what is recorded
	// and ages what has a term. In the daemon both are time.Now().
	Now, Wall time.Time
	// State is the newest that this member has applied; never nil.
	State *state.State
	// Incarnation is that of this member's own daemon.
	Incarnation string
	// Members is what is known of the other members now. One that is missing was
	// never heard of by this process.
	Members map[resources.NodeName]Member
	// Log is the log's configuration; without members nothing of it is changed.
	Log Configuration

	// The answers since the last Step, in any order.
	Proposed []Proposed
	Looked   []Looked
	Ordered  []Ordered
	Fenced   []Fenced
	Readings []Reading
	// Voted says that the VoterChange has ended, one way or the other.
	Voted bool
}

// Verdict is what the failure detector believes of a member. The values are
// those of membership.Verdict.
type Verdict uint8

// The verdicts of the detector.
const (
	Unknown Verdict = iota // never heard since this process started
	Alive
	Suspect
	Dead
	Left // it said goodbye
)

// Member is what this process knows of another member now.
type Member struct {
	Verdict Verdict
	// Since is the wall clock's time at which the verdict began.
	Since time.Time
	// Returning says that a suspect or dead member answers again, but has not yet
	// done so for long enough.
	Returning bool
	// Instance changes with each start of the member's daemon; 0 is not known.
	Instance uint64
	// Silence is how long there has been no proof of life, from anybody.
	Silence time.Duration
	// Source and Text are the detector's grounds: "ping", "no answer for 2s".
	Source, Text string
	// Unanswered is how long the oldest unanswered heartbeat of the log has been
	// waiting; 0 while all are answered.
	Unanswered time.Duration
	// Answered is how long ago the last heartbeat of the log was answered, in this
	// term; negative if none was.
	Answered time.Duration
}

// Configuration is who takes part in the log.
type Configuration struct {
	Index   uint64
	Members []LogMember
}

// LogMember is one member of the log.
type LogMember struct {
	Name  resources.NodeName
	Voter bool
}

// Output is what is to be done now. The fields' order says what comes first.
type Output struct {
	// Drop lists the keys of orders (their action's id) and attempts whose answer
	// is not awaited any more: requests under way may end.
	Drop []string
	// Orders are to be given to their nodes, who wait a few seconds for the result;
	// giving one again asks how far it is.
	Orders []state.Order
	// Attempts to switch a node's power.
	Attempts []Attempt
	// Records are commands that report what was done: to be committed side by
	// side. Decisions are to be committed one after the other, in this order; one
	// that fails does not hold up the next.
	Records, Decisions []Proposal
	// Voters changes the log's configuration; nil for no change.
	Voters *VoterChange
	// Looks at members that may be lost.
	Looks []Look
	// Cancels are operations that are not wanted any more: their nodes are asked
	// once to end them. Their result is awaited all the same.
	Cancels []*state.Operation
	// Reads of fence devices.
	Reads []Read
	// Notes are for the daemon's log.
	Notes []Note
	// WakeAt is when Step must be called although nothing has happened, by
	// Input.Now's clock; it is never zero and always later than Now.
	WakeAt time.Time
}

// Outcome is what became of a Proposal.
type Outcome int

// The outcomes. The zero value is Uncertain: it may or may not be committed, or
// become so.
const (
	Uncertain Outcome = iota
	Committed
	Rejected // committed, and refused by every member alike (state.Rejection)
)

// Proposal is a command to be committed in the cluster's name.
type Proposal struct {
	ID      uint64
	Command state.Command
}

// Proposed answers a Proposal, after this member has applied the command.
type Proposed struct {
	ID      uint64
	Outcome Outcome
}

// Look asks everybody about a member at once: this member's detector, by a look
// of its own; its host, by TCP; and each witness's detector. It ends within
// LookTimeout.
type Look struct {
	ID        uint64
	Node      resources.NodeName
	Address   string
	Witnesses []Witness
}

// Witness is a member that is asked about another one.
type Witness struct {
	Name    resources.NodeName
	Address string
}

// Looked answers a Look.
type Looked struct {
	ID uint64
	// Reachable says that somebody's detector reached the member just now, or that
	// its daemon answered.
	Reachable bool
	// HostAlive says that its host refuses connections: the host lives, and its
	// daemon does not.
	HostAlive bool
	Evidence  []state.Evidence
}

// Reply is how a member takes an order.
type Reply int

// The replies. The zero value is Lost: no answer, or one that says nothing. The
// member may or may not have the order.
const (
	Lost       Reply = iota
	Running          // it has begun, or waits for its instance
	Done             // Result is what it came to
	Refused          // it did nothing and will not
	Superseded       // it has seen a newer term than this one
)

// Ordered answers a state.Order.
type Ordered struct {
	Action   resources.ActionID
	Reply    Reply
	Result   agents.Result   // of Done
	Progress agents.Progress // of Running
	Reason   string          // of Refused: one line for people
}

// Attempt asks Executor to switch a node's power off and to prove it, to switch it
// on, or to unfence the node. The executor obeys only when it finds the fencing open in its own
// state at Index or later, and ends when it is not open any more.
type Attempt struct {
	// Key names the attempt; Fenced repeats it.
	Key      string
	Fencing  *state.Fencing
	Executor resources.NodeName
	On       bool
	Unfence  bool
	Term     uint64
	Index    uint64
	Timeout  time.Duration
}

// Fenced answers an Attempt.
type Fenced struct {
	Key string
	// Proven says that the node is certainly dead, as Proof says
	// (state.FenceReported.Proof), or that it is unfenced.
	Proven bool
	Proof  string
	Steps  []state.FenceStep
	Error  string
	// Refused says that each level failed because a device refused the login: the
	// same again locks accounts and does not heal.
	Refused bool
	// Unanswered says why there is no answer of the executor; the rest is empty
	// then, and the power may or may not have been switched.
	Unanswered string
}

// Read has a member read a fence device and change nothing.
type Read struct {
	ID     uint64
	Device string
	Target resources.NodeName
	By     resources.NodeName
	// Index that the reader's state must have.
	Index uint64
}

// Reading answers a Read, or tells of one that somebody else asked for.
type Reading struct {
	ID uint64 // of the Read; 0 if this core did not ask
	// Error says that nobody looked.
	Error  string
	Result state.FenceCheckResult
	// Of a read that this core did not ask for: what was read, with which
	// parameters (State.FenceDigest).
	Device string
	Target resources.NodeName
	Digest string
}

// VoterChange is one change of the log's configuration. It fails when the
// configuration is not the one of Index any more.
type VoterChange struct {
	Kind    VoterChangeKind
	Node    resources.NodeName
	Address string
	Index   uint64
}

// VoterChangeKind is what a VoterChange does.
type VoterChangeKind int

// String returns the change in words.
func (k VoterChangeKind) String() string {
	switch k {
	case AddNonvoter:
		return "add without a vote"
	case AddVoter:
		return "give a vote"
	case Demote:
		return "take the vote"
	case Remove:
		return "remove"
	}
	return "invalid"
}

// The changes.
const (
	AddNonvoter VoterChangeKind = iota + 1 // it follows the log without a vote
	AddVoter
	Demote // it keeps following, without its vote
	Remove
)

// Note is something for the daemon's log.
type Note struct {
	Error    bool // else for information
	Text     string
	Node     resources.NodeName
	Resource resources.ResourceID
}
