package policy

import "time"

// NodeStatus is what is known of one node.
type NodeStatus struct {
	// ID of a member, or the name of a remote node.
	ID, Name string
	Remote   bool
	// InMembership (in_ccm) and Peer (crmd) as in a CIB: booleans, online or
	// offline, or Unix times of joining (0: not). Join and Expected are words.
	InMembership, Peer, Join, Expected string
	// RemoteMaintenance is the node_in_maintenance of a remote node.
	RemoteMaintenance bool
	// RemoteFenced is the node_fenced of a remote node.
	RemoteFenced bool
	// Attributes are transient.
	Attributes  []AttributeSet
	Utilization []AttributeSet
	History     []ResourceHistory
}

// ResourceHistory is what ran of one resource on a node.
type ResourceHistory struct {
	// Resource is the instance's id as it was recorded.
	Resource              string
	Class, Provider, Type string
	// Container of the resource when it ran in one.
	Container string
	// ShutdownLock is when the resource was locked to the node as that was shut
	// down; zero if it was not.
	ShutdownLock time.Time
	// Held instances are left as they are on this node, whatever their
	// configuration says. Blocked ones are, too, and something is wrong with them:
	// nothing is placed by them.
	Held, Blocked bool
	// Ops in no particular order.
	Ops []HistoryOp
}

// HistoryOp is one recorded operation: the last of its kind.
type HistoryOp struct {
	// ID as recorded; those that end in _last_failure_0 remember a failure.
	ID       string
	Op       string
	Interval time.Duration
	// RC that was had, and RC that was expected (from the transition key; -1
	// when unknown).
	RC, Expected int
	// Status as Pacemaker's pcmk_exec_status: -1 pending, 0 done, …
	Status ExecStatus
	// CallID orders what one executor ran; -1 is pending. (It and what is above
	// is all that most entries are asked for: they stand side by side.)
	CallID int
	// Transition is the number of the transition that the operation was part of,
	// Controller the engine that planned it; "" where they are unknown.
	Transition int
	Controller string
	// Changed is when the result was first had; zero if unknown.
	Changed time.Time
	// OnNode is where a pending or migrating operation was recorded for.
	OnNode string
	// Digests of parameters: see act_digest.go.
	Digest, RestartDigest, SecureDigest string
	RestartParams, SecureParams         string
	// MigrateSource and MigrateTarget are node names.
	MigrateSource, MigrateTarget string
}

// ExecStatus is how an operation's execution ended.
type ExecStatus int8

// The execution statuses, numbered as in Pacemaker's results.h.
const (
	ExecUnknown      ExecStatus = -2
	ExecPending      ExecStatus = -1
	ExecDone         ExecStatus = 0
	ExecCancelled    ExecStatus = 1
	ExecTimeout      ExecStatus = 2
	ExecNotSupported ExecStatus = 3
	ExecError        ExecStatus = 4
	ExecErrorHard    ExecStatus = 5
	ExecErrorFatal   ExecStatus = 6
	ExecNotInstalled ExecStatus = 7
	ExecNotConnected ExecStatus = 8
	ExecInvalid      ExecStatus = 9
	ExecNoFenceDev   ExecStatus = 10
	ExecNoSecrets    ExecStatus = 11
)
