package policy

import "strings"

// Return codes that a history's results are judged by; others are in act_rc.go.
const (
	rcInvalidParameter = 2
	rcNotImplemented   = 3
	rcNoPrivilege      = 4
	rcNotInstalled     = 5
	rcNotConfigured    = 6
	rcFailedPromoted   = 9
	rcDegraded         = 190
	rcDegradedPromoted = 191
	rcUnknown          = 193
	rcMost             = 255
)

// past is a resource's history on a node while it is read.
type past struct {
	e   *engine
	r   *resource
	n   *node
	h   *ResourceHistory
	ops []HistoryOp
	// respond is what must follow from the failures so far, lastFailure the last
	// of them.
	respond     response
	lastFailure *HistoryOp
	changed     bool // ops is a copy with something changed
}

// result is one operation's result while it is judged.
type result struct {
	op     *HistoryOp
	status ExecStatus
	rc     int
}

func (op *HistoryOp) probe() bool { return op.Op == taskMonitor && op.Interval == 0 }

// maskedProbe reports whether the operation is a probe that could not look:
// where an agent is not installed, nothing of it runs.
func (op *HistoryOp) maskedProbe() bool {
	return op.probe() && (op.RC == rcNotInstalled || op.RC == rcInvalidParameter || op.Status == ExecNotInstalled)
}

// tellsState reports whether the operation's result says what a resource does.
func (op *HistoryOp) tellsState() bool {
	switch op.Op {
	case taskMonitor, taskStart, taskStop, taskPromote, taskDemote, taskMigrateTo, taskMigrateFrom, "asyncmon":
	default:
		return false
	}
	if op.Status < ExecPending || op.Status > ExecNoSecrets || op.Status == ExecCancelled {
		return false
	}
	return op.ID != "" && op.RC >= 0 && op.RC <= rcMost
}

// unpackOp lets one operation of the history change what is known of the
// resource.
func (p *past) unpackOp(i int) {
	op := &p.ops[i]
	if !op.tellsState() {
		return
	}
	h := &result{op: op, status: op.Status, rc: op.RC}
	expired := p.checkExpiry(h)
	p.remap(h, expired)
	if expired && p.forgetExpired(h, i) {
		return
	}
	masked := !p.r.bundled() && op.maskedProbe()
	if masked {
		p.apply(h, op.Expected)
		p.e.addScore(p.anyInstance(), p.n, minusInfinity, "masked-probe-failure")
		return
	}
	switch h.status {
	case ExecPending:
		p.applyPending(op)
	case ExecDone:
		p.apply(h, h.rc)
	default:
		p.applyFailure(h)
	}
}

// anyInstance is what a result is held against: instances of an anonymous clone
// stand for each other.
func (p *past) anyInstance() *resource {
	if p.r.is(flagUnique) {
		return p.r
	}
	return p.r.collection()
}

// remap judges a result: the executor knows what happened, but not what was
// expected.
func (p *past) remap(h *result, expired bool) {
	switch h.rc {
	case rcDegraded:
		h.rc = rcOK
	case rcDegradedPromoted:
		h.rc = rcPromoted
	}
	if !p.r.bundled() && h.op.maskedProbe() {
		h.status, h.rc = ExecDone, rcNotRunning
	}
	switch h.status {
	case ExecNoFenceDev, ExecNoSecrets:
		h.status = ExecErrorHard
		return
	case ExecDone, ExecError:
	default:
		return
	}
	if h.op.Expected >= 0 && h.rc == h.op.Expected {
		h.status = ExecDone
	} else {
		h.status = ExecError
	}
	p.remapByCode(h, expired)
}

// remapByCode applies what return codes mean.
func (p *past) remapByCode(h *result, expired bool) {
	r, probe := p.r, h.op.probe()
	asExpected := h.rc == h.op.Expected
	switch h.rc {
	case rcOK:
		if probe && h.op.Expected == rcNotRunning {
			h.status = ExecDone
		}
	case rcNotRunning:
		if probe || asExpected || !r.is(flagManaged) {
			h.status = ExecDone
			r.role = RoleStopped
			p.respond = respondIgnore
			r.nextRole = RoleUnknown
		}
	case rcPromoted:
		if probe && !asExpected {
			h.status = ExecDone
		}
		if !expired || asExpected {
			r.role = RolePromoted
		}
	case rcFailedPromoted:
		if !expired {
			r.role = RolePromoted
		}
		h.status = ExecError
	case rcNotConfigured:
		h.status = ExecErrorFatal
	case rcNotImplemented, rcNotInstalled, rcInvalidParameter, rcNoPrivilege:
		if h.rc == rcNotImplemented && h.op.Interval != 0 {
			h.status = ExecNotSupported
			return
		}
		if !expired {
			p.blockFailedStop(h)
		}
		h.status = ExecErrorHard
	default:
		if h.status == ExecDone {
			h.status = ExecError
		}
	}
}

// blockFailedStop gives up a resource whose stop failed for good on a node that
// cannot be fenced.
func (p *past) blockFailedStop(h *result) {
	if h.op.Op == taskStop && !p.e.canFence(p.n) {
		p.r.unset(flagManaged)
		p.r.set(flagBlocked)
	}
}

// apply sets the role that a result with the return code leads to.
func (p *past) apply(h *result, rc int) {
	r, clears := p.r, false
	task := h.op.Op
	switch {
	case rc == rcNotInstalled || !r.bundled() && h.op.maskedProbe():
		r.role = RoleStopped
	case rc == rcNotRunning:
		clears = true
	case task == taskMonitor:
		clears = p.lastFailure != nil && sameOperation(h.op, p.lastFailure)
		p.r.activate()
	case task == taskStart, task == taskMigrateFrom:
		r.role, clears = RoleStarted, true
	case task == taskStop:
		r.role, clears = RoleStopped, true
	case task == taskPromote:
		r.role, clears = RolePromoted, true
	case task == taskDemote:
		clears = p.respond == respondDemote
		r.role = RoleUnpromoted
	case task == taskMigrateTo:
		p.migratedTo(h.op)
	default:
		p.r.activate()
	}
	if clears {
		p.clearFailures()
	}
}

// sameOperation reports whether the results are of the same operation.
func sameOperation(a, b *HistoryOp) bool { return a.Op == b.Op && a.Interval == b.Interval }

// activate makes the resource active if nothing says in which role.
func (r *resource) activate() {
	if r.role >= RoleStarted {
		return
	}
	r.role = RoleStarted
	if r.collection().is(flagPromotable) {
		r.role = RoleUnpromoted
	}
}

// clearFailures forgets what followed from earlier failures, if success undoes
// that.
func (p *past) clearFailures() {
	switch p.respond {
	case respondStop, respondBan, respondStandby, respondFence:
		return
	case respondResetRemote:
		// With a pause before connecting again, it must be over first.
		if p.r.reconnect > 0 {
			return
		}
	}
	p.respond = respondIgnore
	p.r.nextRole = RoleUnknown
}

// applyPending sets the role that an unfinished operation leads to, unless it
// is known to have failed since.
func (p *past) applyPending(op *HistoryOp) {
	if last := p.lastFailure; last != nil && sameOperation(op, last) &&
		!op.Changed.IsZero() && !last.Changed.IsZero() && !last.Changed.Before(op.Changed) {
		return
	}
	r := p.r
	switch {
	case op.Op == taskStart:
		r.set(flagStartPending)
		r.role = RoleUnknown
		r.activate()
	case op.Op == taskPromote:
		r.role = RolePromoted
	case op.Op == taskMigrateTo && p.n.unclean:
		if target := p.e.nodeBy[op.MigrateTarget]; target != nil {
			p.e.stopAction(r, target, false)
		}
	}
	if r.pendingOp == "" && !op.probe() {
		r.pendingOp, r.pendingNode = op.Op, p.n
	}
}

// applyFailure handles a failed operation.
func (p *past) applyFailure(h *result) {
	e, r, op := p.e, p.r, h.op
	config := e.opConfig(r, op.Op, op.Interval)
	respond := e.failureResponse(r, op.Op, op.Interval, e.opMeta(r, config, op.Op, op.Interval))
	if h.status == ExecNotInstalled {
		if respond == respondIgnore {
			p.respond = respondBan
		}
		e.addScore(p.anyInstance(), p.n, minusInfinity, "hard-error")
		p.fail(h, respond)
		return
	}
	if h.status == ExecNotConnected && p.n.remote() && p.n.connection != nil && p.n.connection.is(flagManaged) {
		p.n.connection.set(flagFailed | flagStopIfFailed)
	}
	if respond == respondIgnore || respond == respondRestartContainer && op.Op == taskStop {
		p.apply(h, op.Expected)
		r.set(flagIgnoreFailure)
		if respond == respondRestartContainer && p.respond <= respondRestart {
			p.respond = respond
		}
		return
	}
	p.fail(h, respond)
	switch h.status {
	case ExecErrorHard:
		e.addScore(p.anyInstance(), p.n, minusInfinity, "hard-error")
	case ExecErrorFatal:
		e.addScore(p.anyInstance(), nil, minusInfinity, "fatal-error")
	}
}

// fail notes a failure and the role that the resource is left in.
func (p *past) fail(h *result, respond response) {
	e, r := p.e, p.r
	p.lastFailure = h.op
	p.respond = max(p.respond, respond)
	switch h.op.Op {
	case taskStop:
		e.addScore(r, p.n, minusInfinity, "__stop_fail__")
	case taskMigrateTo:
		p.migrateToFailed(h.op)
	case taskMigrateFrom:
		p.migrateFromFailed(h.op)
	case taskPromote:
		r.role = RolePromoted
	case taskDemote:
		p.failDemote(h, respond)
	}
	if h.op.probe() && h.rc == rcNotInstalled {
		r.role = RoleStopped
	} else {
		r.activate()
	}
	left := r.roleAfterFailure(h.op.Op, respond)
	if left != RoleStarted && r.nextRole < left {
		r.nextRole = left
	}
	if left == RoleStopped {
		// A failure that stops one anonymous instance stops all.
		banned := r
		if outer := r.collection(); outer.variant == Clone && !outer.is(flagUnique) {
			banned = outer
		}
		e.banEverywhere(banned, "failure")
	}
}

// failDemote keeps the promoted role only where nothing more will be tried:
// otherwise recovery stops the resource, and promotions come after that.
func (p *past) failDemote(h *result, respond response) {
	switch {
	case respond == respondBlock:
		p.r.role = RolePromoted
		p.r.nextRole = RoleStopped
	case h.rc == rcNotRunning:
		p.r.role = RoleStopped
	default:
		p.r.role = RoleUnpromoted
	}
}

// lastFailureEntry reports whether the entry remembers a failure beyond later
// results.
func (op *HistoryOp) lastFailureEntry() bool { return strings.HasSuffix(op.ID, lastFailureSuffix) }
