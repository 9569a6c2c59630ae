package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Sources of scores, as an explanation names them. Configured constraints are
// named by their ids.
const (
	sourceHealth     = "node-health"
	sourceStickiness = "stickiness"
	sourceThreshold  = "migration-threshold"
	sourceDiscovery  = "resource-discovery"
	sourceLock       = "shutdown-lock"
	sourceTicketLost = "ticket lost"
	sourceNoTicket   = "no ticket"
	sourceStandby    = "ticket standby"
	sourceTarget     = "target-role"
	sourcePromotion  = "promotion score"
	sourceUnmanaged  = "unmanaged: stays"
	sourceRemote     = "remote node"
	sourceContainer  = "container"
	sourceCapacity   = "utilization"
)

// locate collects what is needed before anything is placed: scores and
// colocations, then the orderings that resources have by their nature, and the
// check for parameters that changed.
func (e *engine) locate() {
	e.locateScores()
	e.orderings = slices.Grow(e.orderings, 4*len(e.all)) // about as many follow from resources
	for _, r := range e.top {
		if r.variant == Primitive {
			e.orderPrimitive(r)
		} else {
			e.orderWithin(r)
		}
	}
	e.checkDigests()
}

// locateScores collects what the configuration and the status say about where
// resources should run: scores in their tables, and colocations.
func (e *engine) locateScores() {
	for _, r := range e.all {
		if r != nil {
			r.set(flagUnassigned)
			e.tableOf(r)
		}
	}
	all := e.unpackHealth()
	all = append(all, e.unpackLocations()...)
	e.unpackColocations()
	e.bindTickets()

	if e.opt.shutdownLock {
		for _, r := range e.top {
			e.lockForShutdown(r)
		}
	}
	for _, l := range all {
		e.applyLocation(l.r, l.location, false)
	}
	for _, r := range e.top {
		e.stick(r)
	}
	e.applyThresholds()
	e.applyDiscovery()

	for _, r := range e.top {
		e.colocateImplicitly(r)
	}
}

// placed is a location and the resource that it is for.
type placed struct {
	r *resource
	*location
}

// unpackHealth makes a location for every resource on every node whose health
// attributes add up to something.
func (e *engine) unpackHealth() []placed {
	if e.opt.health == healthNone {
		return nil
	}
	var made []placed
	for _, n := range e.nodes {
		n.health = e.healthScore(n)
		if n.health == 0 {
			continue
		}
		for _, r := range e.top {
			if n.health < 0 && r.is(flagUnhealthyOK) {
				continue
			}
			l := &location{id: sourceHealth, node: n, score: n.health}
			r.locations = append(r.locations, l)
			made = append(made, placed{r, l})
		}
	}
	return made
}

// healthScore sums up what a node's health attributes say.
func (e *engine) healthScore(n *node) resources.Score {
	var names []string
	for name := range n.attrs {
		if strings.HasPrefix(name, "#health") {
			names = append(names, name)
		}
	}
	slices.Sort(names) // clamped sums depend on their order
	var sum resources.Score
	if e.opt.health == healthProgressive {
		sum = e.opt.healthBase
	}
	for _, name := range names {
		if score, ok := e.readScore(n.attrs[name]); ok {
			sum = sum.Add(score)
		}
	}
	return sum
}

// applyLocation adds a location to the table of a resource and of what is in
// it. Of a group whose members stay together only the first member counts it:
// the others follow, and it would count once for each of them.
func (e *engine) applyLocation(r *resource, l *location, zero bool) {
	e.applyLocationTo(r, r.allowed, l, zero)
	if r.bndl != nil {
		e.applyToReplicas(r, l)
		return
	}
	for i, m := range r.members {
		e.applyLocation(m, l, zero || i > 0 && r.group != nil && r.group.colocated)
	}
}

// applyToReplicas adds a location of a bundle to what its hosts decide for: the
// containers and their addresses. What is inside has its own node and follows;
// its role alone can be located.
func (e *engine) applyToReplicas(r *resource, l *location) {
	for _, rep := range r.bndl.replicas {
		if rep.container != nil {
			e.applyLocation(rep.container, l, false)
		}
		if rep.ip != nil {
			e.applyLocation(rep.ip, l, false)
		}
	}
	if child := r.bndl.child; child != nil && l.role >= RoleUnpromoted {
		e.applyLocation(child, l, false)
		child.locations = append(child.locations, l)
	}
}

// applyLocationTo adds a location to a table of r; zero adds only its nodes.
func (e *engine) applyLocationTo(r *resource, t table, l *location, zero bool) {
	if l.role != RoleUnknown && l.role != r.nextRole {
		return
	}
	if l.node != nil {
		e.applyLocationOn(r, t, l, l.node, l.score, zero)
		return
	}
	for _, n := range e.nodes {
		if score, says := l.at(n); says {
			e.applyLocationOn(r, t, l, n, score, zero)
		}
	}
}

func (e *engine) applyLocationOn(r *resource, t table, l *location, n *node, score resources.Score, zero bool) {
	if zero {
		score = 0
	}
	w := &t[n.index]
	if w.in {
		w.score = w.score.Add(score)
	} else {
		w.in, w.score = true, score
	}
	e.note(r, n, l.id, score)
	if w.discovery < l.discovery {
		w.discovery = l.discovery
		if l.discovery == discoverExclusive {
			r.set(flagExclusive)
		}
	}
}

// stick makes what runs prefer to stay where it is.
func (e *engine) stick(r *resource) {
	if len(r.members) > 0 {
		for _, m := range r.members {
			e.stick(m)
		}
		return
	}
	if !r.is(flagManaged) || r.stickiness < 1 || len(r.runningOn) != 1 {
		return
	}
	n := r.runningOn[0]
	if !e.opt.symmetric && !r.allowed[n.index].in {
		return // nothing lets it run there any more
	}
	e.addScore(r, n, r.stickiness, sourceStickiness)
}

// applyThresholds bans what failed too often on a node from it.
func (e *engine) applyThresholds() {
	for _, n := range e.nodes {
		if !hasFailures(n) {
			continue
		}
		for _, r := range e.top {
			e.applyThreshold(r, n)
		}
	}
}

func (e *engine) applyThreshold(r *resource, n *node) {
	if len(r.members) > 0 {
		for _, m := range r.members {
			e.applyThreshold(m, n)
		}
		return
	}
	// Failures that are about to be forgotten ban nothing.
	if len(r.actions) > 0 && len(e.findActions(r, taskClearFailures, 0, n)) > 0 {
		return
	}
	if banned := e.thresholdReached(r, n); banned != nil {
		e.addScore(banned, n, -resources.Infinity, sourceThreshold)
	}
}

// hasFailures reports whether anything failed on the node. Most nodes of most
// clusters have no failures, and asking each resource is dear.
func hasFailures(n *node) bool {
	for name := range n.attrs {
		if strings.HasPrefix(name, "fail-count-") {
			return true
		}
	}
	return false
}

// applyDiscovery keeps resources that are looked for on some nodes only off the
// others. It goes down only where the resource itself, or the outermost one, is
// exclusive: a member's own discovery does not count.
func (e *engine) applyDiscovery() {
	for _, r := range e.top {
		e.applyExclusive(r)
	}
}

func (e *engine) applyExclusive(r *resource) {
	if !r.is(flagExclusive) && !r.outermost().is(flagExclusive) {
		return
	}
	for _, m := range r.members {
		e.applyExclusive(m)
	}
	for _, n := range e.nodes {
		if w := &r.allowed[n.index]; w.in && w.discovery != discoverExclusive {
			e.ban(r, n, sourceDiscovery)
		}
	}
}

// lockForShutdown keeps what runs on a node that stops cleanly from starting
// elsewhere meanwhile.
func (e *engine) lockForShutdown(r *resource) {
	switch {
	case r.variant == Group:
		for _, m := range r.members {
			e.lockForShutdown(m)
		}
		return
	case r.variant != Primitive, r.is(flagFenceDevice), r.is(flagConnection):
		return
	}
	switch {
	case r.lockNode != nil && len(r.runningOn) > 0:
		// It was started elsewhere all the same: forget the lock.
		e.newAction(r, taskClearLock, 0, r.lockNode, false)
		r.lockNode, r.lockTime = nil, time.Time{}
		r.unset(flagLocked)
	case r.lockNode == nil && len(r.runningOn) == 1:
		if n := r.runningOn[0]; n.shutdown && !n.unclean {
			r.lockNode, r.lockTime = n, e.shutdownTime(n)
		}
	}
	if r.lockNode == nil {
		return
	}
	r.set(flagLocked)
	for _, n := range e.nodes {
		if n != r.lockNode {
			e.addScore(r, n, -resources.Infinity, sourceLock)
		}
	}
}

// shutdownTime returns when the node was asked to stop; now if that is unknown.
func (e *engine) shutdownTime(n *node) time.Time {
	if s, err := strconv.ParseInt(n.attrs["shutdown"], 10, 64); err == nil && s > 0 {
		return time.Unix(s, 0)
	}
	return e.now
}
