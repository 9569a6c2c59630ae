package member

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Input is what has happened since the last Step. Nothing that it points to may
// change afterwards.
type Input struct {
	// Now is this member's monotonic clock: only differences count, and it never
	// goes back.
	Now time.Time
	// State is the newest that this member has applied; never nil, and no older than
	// one that Order was given. Left is what an
	// earlier run of the daemon, since the host has started, knew of this member;
	// nil if nothing.
	State, Left *state.State
	// Heard is when this member last heard its leader, by Now's clock; a member
	// that leads hears itself. At first it is the daemon's start.
	Heard time.Time
	// InTouch says that gossip hears another member that the state calls online,
	// or that there is none.
	InTouch bool

	Ended    []Ended
	Free     []uint64 // tasks whose agent's method has returned
	Progress []Progressed
	Reported []Reported
	// Announced says that the announcement was made, or could not be.
	Announced bool
}

// Ended is what a task came to.
type Ended struct {
	Task   uint64
	Result agents.Result
	// Unbuilt says why the agent was not even called: its request could not be
	// built. Result is empty then.
	Unbuilt string
}

// Progressed is how far a task is.
type Progressed struct {
	Task     uint64
	Progress agents.Progress
}

// Reported answers a Report.
type Reported struct {
	ID uint64
	// OK says that the leader has recorded it; else it may or may not arrive yet.
	OK bool
}

// Output is what is to be done now. The fields' order says what comes first.
type Output struct {
	// Die says why this host has to end at once; empty: it has not to.
	Die string
	// Begin lists the tasks to begin with.
	Begin []Task
	// Cut lists tasks, perhaps just begun, that are to end early.
	Cut []uint64
	// Done lists the orders that have come to a result since the last Step.
	Done []resources.ActionID
	// Reports of monitors, for the leader. Each is to be given up after
	// ReportTimeout.
	Reports []Report
	// Announce tells the leader of this run of the daemon; nil if there is nothing
	// to tell.
	Announce *state.MemberBooted
	// Notes are for the daemon's log.
	Notes []Note
	// WakeAt is when Step must be called although nothing has happened, by
	// Input.Now's clock; it is never zero and always later than Now.
	WakeAt time.Time
}

// Kind is why a task runs.
type Kind string

// The kinds.
const (
	KindOrder   Kind = "order"   // the leader's
	KindMonitor Kind = "monitor" // a recurring look
	KindRefresh Kind = "refresh" // what a running instance depends on has changed
	KindPolicy  Kind = "policy"  // the no-quorum policy stops it
)

// Task is one call of an agent.
type Task struct {
	ID       uint64
	Kind     Kind
	Instance resources.InstanceID
	Op       resources.Op
	Timeout  time.Duration
	// State that the request is built from.
	State *state.State
	// Params of the operation itself, over those of the resource; of an order they
	// follow from State.
	Params resources.Params
	// Operation of an order; nil for others.
	Operation *state.Operation
	// Remember says that what State holds of this member must be kept for the next
	// run of the daemon before the agent is called.
	Remember bool
}

// Report is a monitor's news.
type Report struct {
	ID     uint64
	Report state.InstanceReported
}

// Status is how far an order is.
type Status struct {
	Done     bool            `json:"done"`
	Result   agents.Result   `json:"result,omitzero"`
	Progress agents.Progress `json:"progress,omitzero"`
}

// Note is something for the daemon's log.
type Note struct {
	Error    bool // else a warning
	Text     string
	Instance resources.InstanceID
}

// Bounds that whoever drives a Core keeps to.
const (
	// ReturnGrace is how long an agent may take to return after its deadline before
	// its call is abandoned.
	ReturnGrace = 5 * time.Second
	// ReportTimeout bounds one report to the leader.
	ReportTimeout = 5 * time.Second
)
