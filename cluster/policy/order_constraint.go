package policy

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// orderKind is what a configured order is worth.
type orderKind uint8

const (
	kindMandatory orderKind = iota
	kindOptional
	kindSerialize
)

// orderDirection is which of the two orderings of a constraint is meant.
type orderDirection uint8

const (
	upwards   orderDirection = iota // as configured; the inverse holds as well
	onlyUp                          // as configured; there is no inverse
	backwards                       // the inverse
)

// configuredOrders turns the order constraints into orderings.
func (e *engine) configuredOrders() {
	asked := map[string][]ordering{}
	defer func() { e.warnOrderLoops(asked) }()
	for i := range e.in.Orders {
		c := &e.in.Orders[i]
		if !e.holds(c.Lifetime, ruleContext{}) {
			continue
		}
		before := len(e.orderings)
		if len(c.Sets) > 0 {
			e.orderSets(c)
		} else {
			e.orderPair(c)
		}
		asked[c.ID] = append(asked[c.ID], e.orderings[before:]...)
	}
}

// orderPair orders two resources.
func (e *engine) orderPair(c *OrderConfig) {
	first, then := e.orderedResource(c.ID, c.First), e.orderedResource(c.ID, c.Then)
	if first == nil || then == nil {
		return
	}
	firstTask := taskOr(c.FirstAction, taskStart)
	thenTask := taskOr(c.ThenAction, firstTask)
	kind := parseOrderKind(c.Kind, c.Score)
	direction := symmetry(kind, c.Symmetrical)
	flags := orderKindFlags(kind, firstTask, direction)

	if least := neededInstances(first, c); least > 0 {
		e.orderEnough(c.ID, first, firstTask, then, thenTask, flags, least)
	} else {
		e.orderTasks(first, firstTask, then, thenTask, flags)
	}
	if direction != upwards {
		return
	}
	firstTask, thenTask = inverseTask(firstTask), inverseTask(thenTask)
	if firstTask == "" || thenTask == "" {
		e.warnOrder("order_without_inverse", c.ID, "the order cannot be reversed: give the reverse by hand")
		return
	}
	e.orderTasks(then, thenTask, first, firstTask, orderKindFlags(kind, firstTask, backwards))
}

// orderEnough puts then after a number of first's instances instead of all.
func (e *engine) orderEnough(id string, first *resource, firstTask string, then *resource, thenTask string, flags orderFlags, least int) {
	enough := e.newPseudo(nil, "clone-"+taskOneOrMore+":"+id, true, true)
	enough.required = least
	enough.set(actMinRunnable)
	for _, m := range first.members {
		e.orderBefore(m, firstTask, enough)
	}
	e.addOrdering(ordering{first: enough, thenRsc: then, thenTask: thenTask, flags: flags | firstBlocksThen})
}

// orderBefore counts a task of r among those of which enough needs some.
func (e *engine) orderBefore(r *resource, task string, enough *action) {
	e.addOrdering(ordering{firstRsc: r, firstTask: task, then: enough, flags: oneOrMore | firstImpliesThenGraphed})
}

// neededInstances is how many of a clone's instances a dependent waits for; 0
// for all of them.
func neededInstances(first *resource, c *OrderConfig) int {
	if first.variant != Clone {
		return 0
	}
	if _, ok := first.meta["clone-min"]; ok && first.clone != nil {
		return first.clone.min
	}
	if c.RequireAll != nil && !*c.RequireAll {
		return 1
	}
	return 0
}

// orderedResource finds what a constraint names. The id of what is cloned, or
// of one of its instances, means the clone.
func (e *engine) orderedResource(constraint, id string) *resource {
	if r := e.constrained(id); r != nil {
		return r
	}
	e.warnOrder("unknown_resource", constraint, "the order names "+id+", which does not exist")
	return nil
}

// constrained returns what a constraint means by an id: what is cloned means the
// clone. What copies without numbers of their own are of is known by its id only
// once a node has recorded something under it.
func (e *engine) constrained(id string) *resource {
	r := e.find(id)
	if clone := e.anonymous[id]; r == nil && clone != nil {
		if !e.in.Own && !clone.hasHistory(id) {
			return nil
		}
		r = clone
	}
	if r == nil {
		r = e.find(id + ":0")
	}
	if r != nil && r.id != id {
		return r.outermost()
	}
	return r
}

// hasHistory reports whether a node's history is of the resource, or of something
// in it, by that id.
func (r *resource) hasHistory(id string) bool {
	if r.historyID == id {
		return true
	}
	return slices.ContainsFunc(r.members, func(m *resource) bool { return m.hasHistory(id) })
}

// outermost is the clone or group that the resource is part of; for what is
// inside a bundle, the part of the bundle that holds it.
func (r *resource) outermost() *resource {
	for r.parent != nil && r.parent.variant != Bundle {
		r = r.parent
	}
	return r
}

// parseOrderKind reads the kind of an order; in old configurations a score of 0
// makes it optional.
func parseOrderKind(kind, score string) orderKind {
	switch kind {
	case "Optional":
		return kindOptional
	case "Serialize":
		return kindSerialize
	case "":
		if score == "" {
			return kindMandatory
		}
		if n, err := resources.ParseScore(strings.TrimSpace(score)); err != nil || n == 0 {
			return kindOptional
		}
	}
	return kindMandatory
}

// symmetry says whether an order holds backwards too, which is the default for
// all but Serialize.
func symmetry(kind orderKind, asked *bool) orderDirection {
	if kind == kindSerialize || asked != nil && !*asked {
		return onlyUp
	}
	return upwards
}

// orderKindFlags are the flags of one of a constraint's orderings, with the task
// that comes first in it.
func orderKindFlags(kind orderKind, firstTask string, direction orderDirection) orderFlags {
	switch {
	case kind == kindOptional:
		return orderPlain
	case kind == kindSerialize:
		return serialize
	case direction == onlyUp:
		return orderPlain | asymmetric
	case direction == backwards:
		return orderPlain | thenImpliesFirst
	case firstTask == taskStart || firstTask == taskPromote:
		return orderPlain | firstImpliesThen | firstBlocksThen
	default:
		return orderPlain | firstImpliesThen
	}
}

func taskOr(task, otherwise string) string {
	if task == "" {
		return otherwise
	}
	return task
}

// inverseTask undoes a task; empty where nothing does.
func inverseTask(task string) string {
	switch task {
	case taskStart:
		return taskStop
	case taskStop:
		return taskStart
	case taskPromote:
		return taskDemote
	case taskDemote:
		return taskPromote
	case taskStarted:
		return taskStopped
	case taskStopped:
		return taskStarted
	case taskPromoted:
		return taskDemoted
	case taskDemoted:
		return taskPromoted
	default:
		return ""
	}
}

func (e *engine) warnOrder(code, subject, text string) {
	e.warnings = append(e.warnings, Warning{Code: code, Subject: subject, Text: text})
}
