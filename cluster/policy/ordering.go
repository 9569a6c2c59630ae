package policy

import "time"

// orderFlags say what an ordering "first, then then" means. 0 is no ordering.
// Where nothing below says otherwise, first comes before then if both happen.
//
// Required means not optional; runnable and migratable are the action's flags.
// Effects that reach a collection's actions reach its instances as well.
type orderFlags uint32

const (
	// orderPlain: if both happen, first happens first. Other flags imply it; it
	// only matters where there is no other flag.
	orderPlain orderFlags = 1 << iota
	// firstImpliesThen: when first is required, then becomes required. When
	// first is a stop that is needed and that its resource's block forbids, then
	// cannot run.
	firstImpliesThen
	// thenImpliesFirst: when then is required, first becomes required, and cannot
	// migrate if then cannot. When first is a stop that its resource's block
	// forbids, then cannot run.
	thenImpliesFirst
	// firstBlocksThen: when first cannot run, then cannot either (nor migrate).
	firstBlocksThen
	// promotedImpliesFirst: like thenImpliesFirst, but only where then is an
	// action of an instance that is promoted now (demote, then stop).
	promotedImpliesFirst
	// firstImpliesSameNodeThen: like firstImpliesThen, but of a cloned then only
	// the instances on first's node become required (unfencing).
	firstImpliesSameNodeThen
	// thenImpliesFirstGraphed: when then is required, first is kept in the graph
	// even where it is optional.
	thenImpliesFirstGraphed
	// firstImpliesThenGraphed: when first is required and can run, then is kept
	// in the graph even where it is optional.
	firstImpliesThenGraphed
	// asymmetric: configured to hold upwards only. When first cannot run, then
	// (an action of a resource) cannot either, unless it is a stop or start that
	// is not needed.
	asymmetric
	// ifSameNode: the ordering exists only where both are on the same node. Use
	// with others.
	ifSameNode
	// ifSameNodeOrTarget: exists only if both are on the same node, or if then's
	// resource migrates to first's node. It never changes either action (load,
	// anti-colocation). Use alone.
	ifSameNodeOrTarget
	// ifRequired: exists only if first is required and runnable and both are on
	// the same node. Use alone.
	ifRequired
	// serialize: never at the same time, in either order. It never changes
	// either action.
	serialize
	// oneOrMore: first is one of the actions of which then (actMinRunnable) needs
	// a number (action.required) that can run.
	oneOrMore
	// unmigratableFirst: the ordering exists only if first cannot be part of a
	// live migration. Use with others.
	unmigratableFirst
	// intermediateStop: first is a stop on the way of then (restart of a
	// primitive; stop of the later member, then the earlier). When first's
	// resource is blocked, then cannot run. When then is required, so is first,
	// and then cannot run if first cannot. When then cannot run and both are of
	// one resource, first becomes required if it can run.
	intermediateStop
	// unmigratableThen: first can run only if then can run and migrate, and
	// becomes required if then is (migrate_to before start).
	unmigratableThen
	// probeOrder: a container's start before the probe of the connection in it.
	// The ordering disappears if first cannot run and its resource is active;
	// otherwise it is like firstBlocksThen.
	probeOrder
	// guestOrder: exists even if first runs on the guest node that then's
	// resource makes (otherwise such an ordering is left out of the graph).
	guestOrder
	// firstElseThen: when first cannot run, then becomes a real action that does
	// not migrate (a stop that turns out not to be implied by a fencing).
	firstElseThen
	// thenCancelsFirst: when then is required, first becomes optional (cancelling
	// a monitor on a resource that stops anyway).
	thenCancelsFirst
)

// ordering is an ordering as it was asked for: each side is an action, or all
// actions of a resource with a task and an interval (-1: any). It becomes
// relations in the order phase. A resource that has no such action has no
// ordering, but for the start or the role of a configured first (see
// order_expand.go). A first of a collection means the point where all its
// instances are done: "start" of a clone is looked up as its "running".
type ordering struct {
	id                          int
	first, then                 *action
	firstRsc, thenRsc           *resource
	firstTask, thenTask         string
	firstInterval, thenInterval time.Duration
	flags                       orderFlags
}
