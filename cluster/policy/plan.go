package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Plan is what Compute decided.
type Plan struct {
	// Present is what the plan starts from.
	Present *Report
	// Steps are the actions to carry out, pseudo-actions included.
	Steps []Step
	// Summary is what a person is told, one entry for each change.
	Summary []Change
	// Warnings name what the configuration or the status says in vain.
	Warnings []Warning
	// Scores say why: for each instance and node the parts of its score. Filled
	// only where asked for.
	Scores []Score
}

// Step is one action. Steps are in no particular order; After gives it.
type Step struct {
	// Number of the step: its index in Plan.Steps.
	Number int
	// Pseudo steps do nothing; they only order others.
	Pseudo bool
	// Task is start, stop, promote, demote, monitor, cancel, reload-agent,
	// migrate_to, migrate_from, notify, delete, clear_failcount, fence,
	// do_shutdown, or a pseudo-action's.
	Task string
	// Resource is the instance; empty for actions on nodes.
	Resource string
	// Base is the resource's id without an instance number.
	Base string
	// Recorded is the name of the history on the node that the step goes on
	// with, if there is one; it can have another number than Resource.
	Recorded string
	Node     string
	Interval time.Duration
	Timeout  time.Duration
	// FenceAction is off, reboot or on.
	FenceAction string
	// Delay is how long a fencing waits, for the sake of what its target ran
	// (priority-fencing-delay).
	Delay time.Duration
	// CancelTask is the operation that a cancel ends.
	CancelTask string
	// Notify is the kind and operation of a notification: pre start.
	Notify [2]string
	// MigrateSource and MigrateTarget are nodes of a live migration.
	MigrateSource, MigrateTarget string
	// Expected is the return code that counts as success.
	Expected int
	// Role that a monitor expects to find.
	Role Role
	// Guest is the resource whose restart resets the guest node that a fence
	// step of a guest is about (such a step is a pseudo-action).
	Guest string
	// Digest of the parameters that the step brings into force, if known.
	Digest, RestartDigest string
	Reason                string
	// Stuck steps wait for something that cannot happen: they are never carried
	// out.
	Stuck bool
	// After holds the numbers of the steps that must come before.
	After []int
}

// Change is what happens to one instance or node, as a person is told.
type Change struct {
	// Task is start, stop, move, migrate, restart, recover, promote, demote,
	// reload or fence.
	Task           string
	Resource       string
	Node, From     string
	Role, NextRole Role
	FenceAction    string
	GuestOf        string
	Reason         string
	// Blocked changes are wanted and cannot happen.
	Blocked bool
}

// Warning names something that has no effect, or not the intended one.
type Warning struct {
	// Code is stable: "unknown_node", "colocation_loop".
	Code string
	// Subject is the id of what the warning is about.
	Subject string
	Text    string
}

// Report is what is known of a cluster.
type Report struct {
	Quorate   bool
	Nodes     []NodeReport
	Instances []InstanceReport
	// Anonymous are the ids whose instance numbers carry no meaning.
	Anonymous []string
}

// NodeReport is what is known of a node.
type NodeReport struct {
	ID, Name                       string
	Online, Standby, StandbyOnFail bool
	Maintenance, Pending, Unclean  bool
	Shutdown, DC                   bool
	Kind                           NodeKind
	// GuestOf is the resource that the node lives in.
	GuestOf string
	// Health is red, yellow or green where something reports it.
	Health string
}

// InstanceReport is what is known of one primitive instance: one entry for each
// node where it is active, or one entry without a node.
type InstanceReport struct {
	Resource string
	// In is the collection that it is part of, with the number of its copy:
	// "galera-clone", "redis-bundle/0".
	In                                                    string
	Node                                                  string
	Role                                                  Role
	Target                                                Role
	Managed                                               bool
	Failed, Blocked, Removed, Maintenance, FailureIgnored bool
	LockedTo                                              string
	Pending                                               string
}

// Score is how much a node suits an instance, and what gave it.
type Score struct {
	Resource string
	Node     string
	Role     Role
	Value    resources.Score
	// Placed says that the instance was put on this node.
	Placed bool
	Parts  []Part
}

// Part is one contribution to a score.
type Part struct {
	Source string
	Value  resources.Score
	// Promotion parts count for the instance's promotion, not for its place.
	Promotion bool
}
