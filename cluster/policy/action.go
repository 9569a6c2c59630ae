package policy

import "time"

// Tasks: what an action does. Those with a suffix of ed or pre/post are
// pseudo-actions that mark a point in the order.
const (
	taskStart         = "start"
	taskStarted       = "running"
	taskStop          = "stop"
	taskStopped       = "stopped"
	taskPromote       = "promote"
	taskPromoted      = "promoted"
	taskDemote        = "demote"
	taskDemoted       = "demoted"
	taskMonitor       = "monitor"
	taskCancel        = "cancel"
	taskReload        = "reload-agent"
	taskMigrateTo     = "migrate_to"
	taskMigrateFrom   = "migrate_from"
	taskNotify        = "notify"
	taskNotified      = "notified"
	taskDelete        = "delete"
	taskClearFailures = "clear_failcount"
	taskFence         = "stonith"
	taskShutdown      = "do_shutdown"
	taskClearLock     = "lrm_delete"   // of a history that holds a shutdown lock
	taskOneOrMore     = "one-or-more"  // enough of a set are up
	taskLoadGone      = "load_stopped" // what leaves a node has left it
)

// actionFlags are what is decided about an action.
type actionFlags uint32

const (
	actPseudo actionFlags = 1 << iota
	actRunnable
	actOptional       // not needed unless an ordering makes it so
	actPrintAlways    // kept in the graph although optional
	actReload         // a restart that became a reload
	actMigratable     // its migration is still possible
	actOnDC           // carried out by the DC
	actRescheduled    // a recurring monitor whose parameters changed
	actMinRunnable    // needs a number of predecessors, not all
	actDetectLoop     // is being followed
	actInGraph        // was numbered
	actInput          // its inputs were followed
	actIfSameNode     // reserved for orderings
	actFenceRemote    // resets a guest
	actFailureStop    // a stop because of a failure
	actPriorityDelay  // a fencing for which the priority delay counts
	actMigrationAbort // the stop of a migration that is given up: its start is not implied
	actQueued         // waits for being looked at again (order phase)
)

// action is something to do, or that would be done if it became necessary.
type action struct {
	id   int
	task string
	// key is the name under which the action is found again: the task, but for
	// a cancel (the operation that it ends), notifications and node actions.
	key      string
	interval time.Duration
	rsc      *resource // nil for node actions
	node     *node     // nil: not bound, or by the resource later
	flags    actionFlags
	reason   string
	// role is what a monitor is for; next the role that the action leads to.
	role Role
	// fenceOp is off, reboot or on; cancelOp the name that a cancel ends.
	fenceOp, cancelOp string
	needs             requirement
	delay             time.Duration
	// notify describes notifications that this action carries.
	notify *notifyInfo
	// migrateSource and migrateTarget are the nodes of a live migration's halves.
	migrateSource, migrateTarget *node
	// expected is the return code that counts as success.
	expected int
	// Counts for actMinRunnable.
	required, runnable int
	// before and after are what it waits for and what waits for it.
	before, after []relation
	number        int // in the graph
	// outline sums up a collection's action over its instances: order_outline.go.
	outline  *outline
	priority int
}

// relation is one ordering between two actions, seen from one of them.
type relation struct {
	action *action
	flags  orderFlags
	// dropped relations turned out not to matter for the graph.
	dropped bool
}

// notifyInfo says what a notification is about.
type notifyInfo struct {
	kind, operation string // pre or post; start, stop, …
}

func (a *action) is(f actionFlags) bool { return a.flags&f != 0 }
func (a *action) set(f actionFlags)     { a.flags |= f }
func (a *action) unset(f actionFlags)   { a.flags &^= f }
