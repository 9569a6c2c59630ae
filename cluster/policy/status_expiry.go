package policy

import "slices"

// checkExpiry reports whether the result is too old to count, and has failures
// forgotten that are, or whose cause may be gone because parameters changed.
func (p *past) checkExpiry(h *result) (expired bool) {
	e, r, op := p.e, p.r, h.op
	if h.status == ExecNotInstalled {
		return false
	}
	live := failCount{}
	if r.failureTimeout > 0 && !op.Changed.IsZero() {
		old := e.now.Unix() >= op.Changed.Unix()+wholeSeconds(r.failureTimeout)
		expired = old && !p.waitsForFencing(op)
		live = e.liveFailures(r, p.n, op)
	}
	reason := ""
	if expired {
		switch {
		case e.allFailures(r, p.n, op).count > 0 && live.count == 0:
			reason = "it expired"
		case live.count > 0:
			expired = false
		case op.lastFailureEntry() && r.reconnect > 0:
			reason = "reconnect interval is set"
		}
	}
	if !expired && op.lastFailureEntry() && p.paramsChanged(op) {
		reason = "resource parameters have changed"
	}
	if reason != "" {
		p.clearCount(reason)
	}
	if expired && op.probe() {
		switch h.rc {
		case rcOK, rcNotRunning, rcPromoted, rcDegraded, rcDegradedPromoted:
			expired = false
		}
	}
	return expired
}

// waitsForFencing reports whether the failure is of a connection that is tried
// again only once its node was fenced.
func (p *past) waitsForFencing(op *HistoryOp) bool {
	if p.r.reconnect <= 0 || !p.e.opt.fencing || op.Interval == 0 || op.Op != taskMonitor {
		return false
	}
	n := p.e.nodeBy[p.r.id]
	return n != nil && !n.wasFenced
}

// paramsChanged reports whether the operation would run with other parameters
// now. Where they depend on what is not decided yet, that is found out later.
func (p *past) paramsChanged(op *HistoryOp) bool {
	if op.Op != taskStart && op.Op != taskMonitor {
		return false
	}
	if p.e.addressIsHost(p.r) {
		p.e.deferCheck(p.r, p.n, op, true)
		return false
	}
	switch p.e.paramChange(p.r, p.n, op) {
	case changeMild, changeRestart, changePrivate:
		return true
	default:
		return false
	}
}

// clearCount forgets the resource's failures on the node. A connection with a
// pause between attempts waits for the fencing of its node.
func (p *past) clearCount(reason string) {
	e := p.e
	clear := e.clearFailures(p.r, p.n, reason)
	if !e.opt.fencing || p.r.reconnect <= 0 {
		return
	}
	if n := e.nodeBy[p.r.id]; n != nil {
		e.orderActions(e.fenceAction(n, "", true, "", false), clear, firstImpliesThen)
	}
}

// forgetExpired handles a result that is too old. It reports whether that is
// all there is to do about it.
func (p *past) forgetExpired(h *result, i int) (done bool) {
	op := h.op
	if !p.r.bundled() && op.maskedProbe() && op.RC != op.Expected {
		if p.r.role <= RoleStopped {
			p.r.role = RoleUnknown
		}
		return true
	}
	if h.rc == op.Expected {
		return false // only failures expire
	}
	if op.Interval == 0 {
		return true
	}
	if p.n.online && !p.n.unclean {
		p.reschedule(i)
		return true
	}
	return false
}

// reschedule makes a recurring operation start anew: its recorded parameters
// are spoiled, so that they will be found changed.
func (p *past) reschedule(i int) {
	if !p.changed {
		p.ops, p.changed = slices.Clone(p.ops), true
	}
	p.ops[i].RestartDigest = spoiledDigest
}

// spoiledDigest equals no digest.
const spoiledDigest = "calculated-failure-timeout"
