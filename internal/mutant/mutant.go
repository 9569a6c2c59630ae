// Package mutant breaks safety rules on purpose, to show that the simulation
// notices. Built with the tag "mutant", each rule below can be broken in turn;
// built without it, as everything that is shipped, Is is a constant false and
// the compiler drops what it guards.
//
// It is imported by the packages that it breaks, and does nothing by itself.
package mutant

// Name names one way to break the product.
type Name string

// The mutants. The comment says which rule each breaks.
const (
	StartBeforeStop   Name = "start-before-stop"   // 1: what moves is started before it is stopped
	RecoverUnproven   Name = "recover-unproven"    // 2: a lost node's services are started before it is proven off
	OneRead           Name = "one-read"            // 2: one read of "off" proves a node off
	OlderTerm         Name = "older-term"          // 3: orders of an older term are obeyed
	RunTwice          Name = "run-twice"           // 3: the same order twice runs twice
	UnknownIsNotDone  Name = "unknown-is-not-done" // 4: an operation whose end is unknown counts as not done
	NoLease           Name = "no-lease"            // 5: a member without a leader goes on
	FenceWithoutRight Name = "fence-without-right" // 6: a member fences whatever the log says
	NoBudget          Name = "no-budget"           // 6: any number of nodes is fenced in a window
	NoShare           Name = "no-share"            // 6: more than half of the members are fenced at once
	DeafToWitnesses   Name = "deaf-to-witnesses"   // 6: a node is fenced that another member reaches
	SuspectIsDead     Name = "suspect-is-dead"     // 6: a node that is only suspected is fenced
	LostUpdate        Name = "lost-update"         // 7: a change overwrites one that its author has not seen
	PartialSnapshot   Name = "partial-snapshot"    // 7: a snapshot leaves something out
	WallClock         Name = "wall-clock"          // 8: the leader measures time by the wall clock
	LooksAtOnce       Name = "looks-at-once"       // 4: both nodes of a live migration that was given up are looked at at once
	OneDevice         Name = "one-device"          // 2: one device of a fence level is enough
	ShortBound        Name = "short-bound"         // 2: a watchdog is taken to have fired when the lease is over
	LeaseForAll       Name = "lease-for-all"       // 2: a node that is being fenced may feed its watchdog
	WitnessWorks      Name = "witness-works"       // a witness runs resources
	BackUnasked       Name = "back-unasked"        // 2: a host that counted as off and runs comes back without having stopped anything
	RestartIsDeath    Name = "restart-is-death"    // 9: a daemon that restarts gets its node fenced

	PromoteBeforeDemote Name = "promote-before-demote" // 1: another copy is promoted before one too many is demoted
	NamelessWord        Name = "nameless-word"         // 2: nobody can know who confirmed a node as off
	PremiseElsewhere    Name = "premise-elsewhere"     // 1: a late plan starts what has begun elsewhere since
	PremiseUnlooked     Name = "premise-unlooked"      // 4: a late plan starts what nobody knows the state of any more
	KeepsRunning        Name = "keeps-running"         // 5: a member without a leader refuses orders and stops nothing
	NoQuarantine        Name = "no-quarantine"         // 6: a node that was fenced again is given services at once
	NoBackOff           Name = "no-back-off"           // 6: its quarantine is never longer than the first time
	NoHold              Name = "no-hold"               // 6: a node is fenced and rebooted again and again
	NoTickets           Name = "no-tickets"            // something runs without its ticket
	PremiseTicket       Name = "premise-ticket"        // a late plan starts what has lost its ticket since
	PremiseFence        Name = "premise-fence"         // 6: a late plan fences who has come back since, or beyond the brakes
	StartsUnfenced      Name = "starts-unfenced"       // something starts before its storage has let the node in
	StaysUnfenced       Name = "stays-unfenced"        // a node that starts again counts as let in
	SharedState         Name = "shared-state"          // members differ: a command changes the state that it was given
	NoRetry             Name = "no-retry"              // what has failed to fence a node is not tried again
)

// All lists every mutant.
var All = []Name{
	StartBeforeStop, RecoverUnproven, OneRead, OlderTerm, RunTwice, UnknownIsNotDone, NoLease, FenceWithoutRight, NoBudget, NoShare,
	DeafToWitnesses, SuspectIsDead, LostUpdate, PartialSnapshot, WallClock, LooksAtOnce, OneDevice, ShortBound, LeaseForAll, WitnessWorks,
	BackUnasked, RestartIsDeath, PromoteBeforeDemote, NamelessWord, PremiseElsewhere, PremiseUnlooked, KeepsRunning, NoQuarantine, NoBackOff, NoHold,
	NoTickets, PremiseTicket, PremiseFence, StartsUnfenced, StaysUnfenced, SharedState, NoRetry,
}
