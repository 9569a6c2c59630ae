package policy

import "strings"

// A complete live migration is a migrate_to on the source, a migrate_from on
// the target and a stop on the source. Any history may have been cleaned up in
// between, and each step may be the last one that happened.

// migration returns the nodes' names of a migration, if they fit.
func (p *past) migration(op *HistoryOp) (source, target string, ok bool) {
	source, target = op.MigrateSource, op.MigrateTarget
	here := source
	if op.Op == taskMigrateFrom {
		here = target
	}
	return source, target, source != "" && target != "" && strings.EqualFold(here, p.n.name)
}

// migratedTo applies a migrate_to that succeeded.
func (p *past) migratedTo(op *HistoryOp) {
	e, r := p.e, p.r
	source, target, ok := p.migration(op)
	if !ok {
		return
	}
	sourceNewer := e.actedAfter(r, source, op)
	arrival := e.arrival(r, target, source)
	if arrival != nil && sourceNewer {
		return
	}
	targetNewer := e.newerAfterMigration(r, target, op, arrival)
	if sourceNewer && targetNewer {
		return
	}
	if arrival != nil && arrival.RC == rcOK && arrival.Status == ExecDone {
		// Only the stop on the source is missing.
		r.role = RoleStopped
		r.dangling = append([]*node{p.n}, r.dangling...)
		return
	}
	r.role = RoleStarted
	at := e.nodeBy[target]
	onTarget := !targetNewer && at != nil && at.online
	if arrival != nil && arrival.Status != ExecPending {
		if onTarget {
			e.addRunning(r, at, true)
		} else {
			p.failMigration()
		}
		return
	}
	if at != nil && at.online && e.unknownOn(r, target) {
		return // cleaned up: it will be probed
	}
	switch {
	case onTarget:
		e.addRunning(r, at, false)
		if from := e.nodeBy[source]; from != nil && from.online {
			r.migrateFrom, r.migrateTo = from, at
		}
	case !sourceNewer:
		p.failMigration()
	}
}

// failMigration makes the resource be recovered without another migration.
func (p *past) failMigration() {
	p.r.set(flagFailed | flagStopIfFailed)
	p.r.unset(flagMigratable)
}

// migrateToFailed applies a migrate_to that failed: the resource may be on both
// nodes.
func (p *past) migrateToFailed(op *HistoryOp) {
	e, r := p.e, p.r
	source, target, ok := p.migration(op)
	if !ok {
		return
	}
	r.role = RoleStarted
	arrival := e.arrival(r, target, source)
	if arrival != nil && (arrival.RC != rcOK || arrival.Status != ExecDone) {
		arrival = nil
	}
	if !e.unknownOn(r, target) && !e.newerAfterMigration(r, target, op, arrival) {
		if at := e.nodeBy[target]; at != nil && at.online {
			e.addRunning(r, at, false)
		}
	} else if !e.actedAfter(r, source, op) {
		r.dangling = append([]*node{p.n}, r.dangling...)
	}
}

// migrateFromFailed applies a migrate_from that failed: the resource may still
// be on the source.
func (p *past) migrateFromFailed(op *HistoryOp) {
	e, r := p.e, p.r
	source, target, ok := p.migration(op)
	if !ok {
		return
	}
	r.role = RoleStarted
	departure := e.onlyOp(r, source, func(o *HistoryOp) bool {
		return o.Op == taskMigrateTo && o.MigrateTarget == target
	})
	if departure != nil && (departure.RC != rcOK || departure.Status != ExecDone) {
		departure = nil
	}
	if e.unknownOn(r, source) || e.newerAfterMigration(r, source, departure, op) {
		return
	}
	if from := e.nodeBy[source]; from != nil && from.online {
		e.addRunning(r, from, true)
	}
}

// onlyOp is the one recorded operation of the resource on the node that fits,
// or nil if there is none or several.
func (e *engine) onlyOp(r *resource, node string, fits func(*HistoryOp) bool) *HistoryOp {
	h := e.recordedOn(node, r.id)
	if h == nil {
		return nil
	}
	var found *HistoryOp
	for i := range h.Ops {
		if op := &h.Ops[i]; fits(op) {
			if found != nil {
				return nil
			}
			found = op
		}
	}
	return found
}

// arrival is the migrate_from on the target that belongs to the source.
func (e *engine) arrival(r *resource, target, source string) *HistoryOp {
	return e.onlyOp(r, target, func(op *HistoryOp) bool {
		return op.Op == taskMigrateFrom && op.MigrateSource == source
	})
}

// unknownOn reports whether nothing was found out of the resource on the node.
func (e *engine) unknownOn(r *resource, node string) bool {
	h := e.recordedOn(node, r.id)
	if h == nil {
		return true
	}
	for i := range h.Ops {
		if h.Ops[i].RC != rcUnknown {
			return false
		}
	}
	return true
}

// migratedAt reports whether the half of a migration ran on the node.
func migratedAt(op *HistoryOp, node string) bool {
	if op.Op == taskMigrateTo {
		return strings.EqualFold(node, op.MigrateSource)
	}
	return strings.EqualFold(node, op.MigrateTarget)
}

// actedAfter reports whether something happened to the resource on the node
// after the operation.
func (e *engine) actedAfter(r *resource, node string, op *HistoryOp) bool {
	h := e.recordedOn(node, r.id)
	if h == nil {
		return false
	}
	for i := range h.Ops {
		later := &h.Ops[i]
		switch later.Op {
		case taskStart, taskStop, taskMigrateTo, taskMigrateFrom:
			if compareWhere(later, op, migratedAt(op, node)) > 0 {
				return true
			}
		}
	}
	return false
}

// newerAfterMigration reports whether the node's history has news that make
// the migration irrelevant to it. Either half may be missing.
func (e *engine) newerAfterMigration(r *resource, node string, to, from *HistoryOp) bool {
	op := from
	if op == nil || to != nil && strings.EqualFold(node, op.MigrateSource) {
		op = to
	}
	if op == nil {
		return false
	}
	if e.actedAfter(r, node, op) {
		return true
	}
	gone := e.onlyOp(r, node, func(o *HistoryOp) bool { return o.Op == taskMonitor })
	return gone != nil && gone.RC == rcNotRunning && gone.Status == ExecDone && compareWhere(gone, op, migratedAt(op, node)) > 0
}
