package policy

import "time"

// orderFlags say what an ordering "first, then then" means. 0 is no ordering.
type orderFlags uint32

const (
	// orderPlain: if both happen, first happens first. Part of every ordering.
	orderPlain orderFlags = 1 << iota
	// firstImpliesThen: when first is required, so is then.
	firstImpliesThen
	// thenImpliesFirst: when then is required, so is first.
	thenImpliesFirst
	// firstBlocksThen: when first cannot run, then cannot either.
	firstBlocksThen
	// promotedFirst: like thenImpliesFirst, for a demotion's first.
	promotedImpliesFirst
	// firstImpliesSameNodeThen: only for actions on the same node.
	firstImpliesSameNodeThen
	// thenImpliesFirstGraphed: first is kept in the graph when then is required.
	thenImpliesFirstGraphed
	// firstImpliesThenGraphed: then is kept in the graph when first is required.
	firstImpliesThenGraphed
	// asymmetric: an ordering that holds in one direction only.
	asymmetric
	// ifSameNode: only where both are on the same node.
	ifSameNode
	// ifSameNodeOrTarget: likewise, or both migrate.
	ifSameNodeOrTarget
	// ifRequired: only when first is required for its own sake.
	ifRequired
	// serialize: never at the same time, in either order.
	serialize
	// oneOrMore: a predecessor of an action that needs a number of them.
	oneOrMore
	// unmigratableFirst: then cannot migrate when first is required.
	unmigratableFirst
	// intermediateStop: the stop of a restart.
	intermediateStop
	// unmigratableThen: a start that is no part of a migration.
	unmigratableThen
	// probeOrder: added for probes; never makes a loop.
	probeOrder
	// guestOrder: between a guest and what it holds.
	guestOrder
)

// ordering is an ordering as it was asked for: each side is an action, or all
// actions of a resource with a task. It becomes relations in the order phase.
type ordering struct {
	id                          int
	first, then                 *action
	firstRsc, thenRsc           *resource
	firstTask, thenTask         string
	firstInterval, thenInterval time.Duration
	flags                       orderFlags
}
