// Package state is the replicated truth of a Belay cluster: what its members
// and instances are, what is under way, and what should be. It changes only by
// commands (see Command), each applied by a pure function that gives the same
// result on every member.
//
// The package has no clock, no randomness, no I/O and no goroutine. A State and
// everything that it points to is never changed after Apply has returned it:
// reading needs no lock, and a snapshot is a pointer.
package state

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// State is the cluster after the log entry at Index.
type State struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	// At is the proposer's clock in the newest entry: for people, and as the
	// base of ages; never for safety.
	At time.Time `json:"at"`
	// Version is the newest command set that every member understands.
	Version int     `json:"version"`
	Cluster Cluster `json:"cluster"`
	// Definition is never nil; Revision is the index of the entry that set it.
	Definition *resources.Definition `json:"definition"`
	Revision   uint64                `json:"revision"`
	// Revisions are the definitions until now, oldest first, the present one last;
	// see MaxRevisions. Owners says which set of files keeps what.
	Revisions []Revision `json:"revisions,omitempty"`
	Owners    Owners     `json:"owners,omitempty"`
	// Nodes holds every member that has joined and was not removed.
	Nodes map[resources.NodeName]*Node `json:"nodes"`
	// Operations are in flight: recorded before they are dispatched, removed by
	// their result.
	Operations map[resources.ActionID]*Operation `json:"operations"`
	// Notices remember who was told of an operation that is about to happen, and
	// who is still to be told of one that has happened (clone option notify).
	Notices []*NoticeRecord `json:"notices,omitempty"`
	// Migrations are the live migrations under way, at most one an instance.
	Migrations []*Migration `json:"migrations,omitempty"`
	// Fencing holds the open fencing of each node; History the closed ones,
	// oldest first, at most MaxFenceHistory.
	Fencing      map[resources.NodeName]*Fencing `json:"fencing"`
	FenceHistory []*Fencing                      `json:"fence_history"`
	// Unfencing holds the open unfencing of each node; closed ones are in the
	// history with the fencings.
	Unfencing map[resources.NodeName]*Fencing `json:"unfencing,omitempty"`
	// FenceChecks is whether each fence device would do its work, by
	// FenceCheckKey: one for each target of each defined device, at most.
	FenceChecks map[string]*FenceCheck `json:"fence_checks,omitempty"`
	// Moves are operators' temporary wishes about places.
	Moves map[resources.ResourceID]*Move `json:"moves"`
	// Advice is what each advised resource's agent decided; Overrides are
	// operators' recorded words to it.
	Advice    map[resources.ResourceID]*Advice           `json:"advice"`
	Overrides map[resources.ResourceID]map[string]string `json:"overrides"`
	// Tickets say what this site may run; at most MaxTickets.
	Tickets map[resources.TicketName]*Ticket `json:"tickets,omitempty"`
	// TakeOvers are the resources whose units systemd is not to start by itself.
	TakeOvers map[resources.ResourceID]*TakeOver `json:"take_overs,omitempty"`
	// Roles are what people may do, where it was bound.
	Roles map[Subject]RoleBinding `json:"roles,omitempty"`
	// Maintenance is what is left alone, by scope; a node's own is with the node.
	Maintenance map[Scope]*Maintenance `json:"maintenance,omitempty"`
	Tokens      map[string]*Token      `json:"tokens"`
	Secrets     map[string]string      `json:"secrets"`
	// DataKey is the id of the key that seals secrets and join tokens, once it was
	// replaced; "" for a cluster's first.
	DataKey string `json:"data_key,omitempty"`
	// SecretInfo is who set which secret, and when.
	SecretInfo map[string]SecretInfo `json:"secret_info,omitempty"`
	// Revoked certificates of removed members, by serial number.
	Revoked map[string]resources.NodeName `json:"revoked"`
	// Events is the recent history for people, oldest first, at most MaxHistory
	// (MaxEvents before VersionHistory). From VersionHistory on, Performed holds the
	// plans and operations, at most MaxPerformed.
	Events []Event `json:"events"`
	// Audit is who changed what, chained; nil before the first record.
	Audit     *Audit  `json:"audit,omitempty"`
	Performed []Event `json:"performed,omitempty"`
}

// Bounds of what the state keeps.
const (
	MaxFenceHistory = 200
	MaxEvents       = 256
	MaxEvidence     = 16
	MaxVoters       = 7
)

// Cluster identifies the cluster.
type Cluster struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Liveness is the leader's recorded verdict about a member.
type Liveness int

// The verdicts. The zero value is a member that has joined but was never seen
// since the cluster started.
const (
	LivenessUnknown Liveness = iota
	LivenessAlive
	LivenessSuspect // traffic moves away; nothing is fenced or recovered
	LivenessDead    // lost: fenced, then recovered
	LivenessLeft    // stopped in order, with nothing left running
)

var livenessNames = []string{"unknown", "alive", "suspect", "dead", "left"}

// Evidence is one observation behind a verdict.
type Evidence struct {
	At time.Time `json:"at"`
	// Observer is the member that saw it.
	Observer resources.NodeName `json:"observer"`
	// Source is gossip, ping, raft, tcp, bmc or operator.
	Source string `json:"source"`
	Text   string `json:"text"`
}

// Node is a member and what it runs.
type Node struct {
	Name     resources.NodeName `json:"name"`
	Address  string             `json:"address"`
	Voter    bool               `json:"voter"`
	JoinedAt time.Time          `json:"joined_at"`
	// Serial of its certificate, to revoke it on removal.
	Serial string `json:"serial,omitempty"`
	// Earlier are the serials of the certificates that it had before, oldest first,
	// at most maxEarlier.
	Earlier []string `json:"earlier_serials,omitempty"`
	// Witness votes and keeps the log, and does nothing else: it runs nothing, is
	// never fenced and fences nobody, whatever the definition says.
	Witness bool `json:"witness,omitempty"`

	Liveness Liveness   `json:"liveness"`
	Since    time.Time  `json:"since"` // of the verdict
	Evidence []Evidence `json:"evidence,omitempty"`

	// Incarnation changes with each run of the member's daemon, BootID with
	// each start of its host.
	Incarnation string    `json:"incarnation,omitempty"`
	BootID      string    `json:"boot_id,omitempty"`
	BootedAt    time.Time `json:"booted_at,omitzero"`
	// Watchdog is what the member's daemon feeds; nil for none.
	Watchdog *Watchdog `json:"watchdog,omitempty"`
	// WatchdogRefused is why it feeds none that the definition wants.
	WatchdogRefused string `json:"watchdog_refused,omitempty"`
	// Unfenced says that the node was let in by the devices that cut it off from
	// something, since its host started and since it was last fenced.
	Unfenced *Unfenced `json:"unfenced,omitempty"`
	// Software is the newest command set that its daemon understands.
	Software int `json:"software,omitempty"`

	Standby     bool         `json:"standby,omitempty"`
	Maintenance *Maintenance `json:"maintenance,omitempty"`
	// Off is the proof that the node's power was read back as off (or another
	// accepted proof of death) since it was last alive; nil without one.
	Off *OffProof `json:"off,omitempty"`

	Instances map[resources.InstanceID]*Instance `json:"instances"`
	// Units are those that the member has taken over, or is about to.
	Units map[string]HeldUnit `json:"units,omitempty"`
	// Attributes are transient: they vanish when the node is lost or restarts.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// OffProof is why a node counts as dead for certain.
type OffProof struct {
	At time.Time `json:"at"`
	// By is power (read back as off), confirm (an operator's word), kdump (the
	// host said that its kernel has crashed), watchdog (its own must have reset it),
	// cycle (a device's unproven word), or cut (it may live, cut off).
	By    string `json:"by"`
	Fence string `json:"fence,omitempty"` // id of the fencing
}

// Instance is what is known of one instance on one node.
type Instance struct {
	ID   resources.InstanceID `json:"id"`
	Role resources.Role       `json:"role"`
	// Probed says that somebody has looked since the node's daemon started, or
	// since an operation on it ended unknown. Until then Role is only a belief.
	Probed bool      `json:"probed"`
	Since  time.Time `json:"since,omitzero"` // of Role
	// Changed is the index of the newest entry that said what is there: a
	// monitor that began before it is out of date.
	Changed uint64 `json:"changed,omitempty"`
	// Failed says that the last operation or monitor failed and the instance
	// awaits recovery; FailedOp says which.
	Failed   bool           `json:"failed,omitempty"`
	FailedOp resources.Op   `json:"failed_op,omitempty"`
	Outcome  agents.Outcome `json:"outcome,omitempty"` // of the last operation
	Reason   string         `json:"reason,omitempty"`
	// Failures counts failures by operation until they expire or are cleared.
	Failures map[resources.Op]*Failure `json:"failures,omitempty"`
	// Digest of the definition that it was started with (resources.Digest).
	Digest string `json:"digest,omitempty"`
	// Config is the resource as it was defined when the instance was last
	// started: stopping and looking use it, even after the definition has
	// changed or dropped the resource. nil when nothing may be running.
	Config *resources.Resource `json:"config,omitempty"`
	// Attributes are the agent's last report, such as a database position.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Action is the operation in flight, if any.
	Action resources.ActionID `json:"action,omitempty"`
}

// Failure counts one operation's failures on one instance.
type Failure struct {
	Count   int            `json:"count"`
	Outcome agents.Outcome `json:"outcome"` // of the last
	First   time.Time      `json:"first"`
	Last    time.Time      `json:"last"`
	Reason  string         `json:"reason,omitempty"`
	Output  string         `json:"output,omitempty"`
}

// Operation is an action in flight.
type Operation struct {
	ID       resources.ActionID   `json:"id"`
	Node     resources.NodeName   `json:"node"`
	Instance resources.InstanceID `json:"instance"`
	Op       resources.Op         `json:"op"`
	// Term and Incarnation that the order is valid for: a member obeys no older
	// term, and no order that was meant for an earlier run of its daemon.
	Term        uint64             `json:"term"`
	Incarnation string             `json:"incarnation"`
	StartedAt   time.Time          `json:"started_at"`
	Timeout     resources.Duration `json:"timeout"`
	Digest      string             `json:"digest,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	// Peer is the other node of a migration: where migrate_to goes, or where
	// migrate_from comes from.
	Peer resources.NodeName `json:"peer,omitempty"`
	// Notify says that peers are told when it has ended well.
	Notify bool `json:"notify,omitempty"`
	// Notice is what a notify tells; nil for other operations.
	Notice *Notice `json:"notice,omitempty"`
}

// Order is what the leader sends to a member: an operation in flight, with the
// leader's present term. A member obeys no term older than the newest it has
// seen, and reads the rest from its own state at Index or later.
type Order struct {
	Operation
	LeaderTerm uint64 `json:"leader_term"`
	Index      uint64 `json:"index"`
}

// Fencing is one fencing of one node, open or closed.
type Fencing struct {
	ID     string                  `json:"id"`
	Node   resources.NodeName      `json:"node"`
	Action resources.FencingAction `json:"action"`
	Reason string                  `json:"reason"`
	// By is "cluster" or who asked.
	By          string       `json:"by"`
	RequestedAt time.Time    `json:"requested_at"`
	Evidence    []Evidence   `json:"evidence,omitempty"`
	Phase       FencingPhase `json:"phase"`
	// Executor is the member that is switching the power now.
	Executor resources.NodeName `json:"executor,omitempty"`
	Attempts int                `json:"attempts"`
	// Level is the only one that may be used: a test of it. 0 for all, in turn.
	Level int `json:"level,omitempty"`
	// Live says that the node was alive when it began: it is fenced for what it
	// does, so that being heard does not end it.
	Live bool `json:"live,omitempty"`
	// BootID of the node when the present attempt began: an older proof says
	// nothing of a later start of the host.
	BootID string `json:"boot_id,omitempty"`
	// Refused is the digest of the node's devices with which the newest attempt
	// was refused the login (FencingDigest), else empty. Of an unfencing it is that
	// of those with which the newest attempt failed (UnfencingDigest).
	Refused string `json:"refused,omitempty"`
	// RetryAt is when a failed attempt may be repeated.
	RetryAt time.Time   `json:"retry_at,omitzero"`
	Steps   []FenceStep `json:"steps,omitempty"`
	OffAt   time.Time   `json:"off_at,omitzero"`
	EndedAt time.Time   `json:"ended_at,omitzero"`
	Error   string      `json:"error,omitempty"`
}

// FencingPhase is how far a fencing is.
type FencingPhase int

// The phases. A fencing leaves Fencing for FenceHistory in FencingDone and
// FencingWithdrawn.
const (
	FencingRequested FencingPhase = iota + 1 // the right to fence is granted
	FencingRunning                           // an executor is at it
	FencingFailed                            // waits for RetryAt or an operator
	FencingOff                               // off is proven; power-on is still due
	FencingDone
	FencingWithdrawn // the node proved itself alive or dead otherwise
)

var fencingPhaseNames = []string{"", "requested", "running", "failed", "off", "done", "withdrawn"}

// FenceStep is one request to a power controller and its answer.
type FenceStep struct {
	At       time.Time          `json:"at"`
	Executor resources.NodeName `json:"executor"`
	Device   string             `json:"device"`
	Step     string             `json:"step"`
	Answer   string             `json:"answer"`
	Power    string             `json:"power,omitempty"`
	Took     resources.Duration `json:"took"`
	Error    string             `json:"error,omitempty"`
}

// Move is an operator's temporary wish that a resource runs on a node, or not.
type Move struct {
	Resource resources.ResourceID `json:"resource"`
	To       resources.NodeName   `json:"to,omitempty"`
	From     resources.NodeName   `json:"from,omitempty"`
	By       string               `json:"by"`
	Until    time.Time            `json:"until"`
}

// Advice is an advisor's recorded decision.
type Advice struct {
	agents.Advice
	Index uint64    `json:"index"`
	At    time.Time `json:"at"`
}

// Token lets one node join.
type Token struct {
	ID string `json:"id"`
	// Verifier checks a joiner's proof without holding the secret itself.
	Verifier  string             `json:"verifier"`
	ExpiresAt time.Time          `json:"expires_at"`
	By        string             `json:"by"`
	UsedBy    resources.NodeName `json:"used_by,omitempty"`
	// Digest of the request that used it, so that the same request, whose answer
	// was lost, may be repeated.
	Digest string `json:"digest,omitempty"`
}

// New returns the state before the first command.
func New() *State {
	return &State{
		Version:    firstVersion,
		Definition: &resources.Definition{},
		Nodes:      map[resources.NodeName]*Node{},
		Operations: map[resources.ActionID]*Operation{},
		Fencing:    map[resources.NodeName]*Fencing{},
		Moves:      map[resources.ResourceID]*Move{},
		Advice:     map[resources.ResourceID]*Advice{},
		Overrides:  map[resources.ResourceID]map[string]string{},
		Tokens:     map[string]*Token{},
		Secrets:    map[string]string{},
		Revoked:    map[string]resources.NodeName{},
	}
}
