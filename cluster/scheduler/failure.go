package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// judgeFailures decides what each failure means: nothing, a ban, a recovery,
// or the end of a node (Pacemaker Explained, "Failure Handling").
func (p *planner) judgeFailures() {
	for k := range p.insts {
		i := &p.insts[k]
		if i.st == nil || p.nodes[i.node].unclean {
			continue
		}
		q := &p.prims[i.prim]
		p.countFailures(i, q)
		if i.probed && q.unit >= 0 {
			p.judgeOutcome(i, i.st.Outcome, "its probe")
		}
		if i.st.Failed && (i.probed || i.now == resources.RoleStopped) {
			p.judgeFailed(i, q)
		}
	}
}

// judgeOutcome bans what a hard or fatal outcome makes useless to try.
func (p *planner) judgeOutcome(i *inst, outcome agents.Outcome, what string) {
	switch {
	case outcome.Fatal():
		for n := range p.nodes {
			p.ban(i.prim, n, fmt.Sprintf("%s said %s on %s", what, outcome, p.nodes[i.node].name))
		}
	case outcome.Hard():
		p.ban(i.prim, i.node, fmt.Sprintf("%s said %s", what, outcome))
	default:
		return
	}
	q := &p.prims[i.prim]
	p.problem(transition.Problem{
		Code: "banned", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
		Text: fmt.Sprintf("%s cannot run here: %s said %s%s", i.id, what, outcome, because(i.st.Reason)),
		Next: "belayctl resource retry " + string(q.id),
	})
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// countFailures sums what has not expired and bans the node where it is too
// much.
func (p *planner) countFailures(i *inst, q *prim) {
	if q.unit < 0 {
		return
	}
	total, fatalStart := 0, resources.Or(p.def.Properties.StartFailureIsFatal, true)
	for _, op := range slices.Sorted(maps.Keys(i.st.Failures)) {
		f := i.st.Failures[op]
		onFail := p.onFail(q, op, i.now)
		if op == resources.OpProbe || p.expired(q, f, onFail) || onFail == resources.OnFailIgnore {
			continue
		}
		p.judgeOutcome(i, f.Outcome, string(op))
		total += f.Count
		switch {
		case op == resources.OpStart && fatalStart && !f.Outcome.Fatal() && !f.Outcome.Hard() && (f.Outcome != agents.OutcomeUnknown || !p.runsAfterAll(i)):
			p.ban(i.prim, i.node, "failed start")
			p.problem(transition.Problem{
				Code: "start_failed", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
				Text: fmt.Sprintf("%s failed to start and is not tried again here%s", i.id, because(f.Reason)),
				Next: "belayctl resource retry " + string(q.id),
			})
		case onFail == resources.OnFailStop:
			q.stopped, q.stopWhy = true, fmt.Sprintf("%s failed on %s and on_fail is stop", op, p.nodes[i.node].name)
		case onFail == resources.OnFailStandby:
			p.nodes[i.node].standby = true
			p.problem(transition.Problem{
				Code: "standby_on_fail", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
				Text: fmt.Sprintf("%s of %s failed: the node runs nothing until that is cleaned up%s", op, i.id, because(f.Reason)),
				Next: "belayctl resource retry " + string(q.id),
			})
		}
	}
	if q.threshold > 0 && total >= q.threshold {
		p.ban(i.prim, i.node, fmt.Sprintf("%d failures, migration_threshold %d", total, q.threshold))
		p.problem(transition.Problem{
			Code: "migration_threshold", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
			Text: fmt.Sprintf("%s has failed %d times and may not run here", i.id, total),
			Next: "belayctl resource retry " + string(q.id),
		})
	}
}

// runsAfterAll reports whether a start whose result nobody knew has worked, or
// whether that is still to be looked at.
func (p *planner) runsAfterAll(i *inst) bool {
	return !i.probed || (i.now.Active() && !i.st.Failed)
}

// expired reports whether a failure no longer counts. Blocked ones stay.
func (p *planner) expired(q *prim, f *state.Failure, onFail resources.OnFail) bool {
	if q.failureTimeout == 0 || onFail == resources.OnFailBlock {
		return false
	}
	end := f.Last.Add(q.failureTimeout)
	if p.now.After(end) {
		return true
	}
	p.recheck(end.Add(time.Nanosecond))
	return false
}

// onFail returns what the definition says about a failed operation, with the
// defaults filled in but for stop's, which depends on the node.
func (p *planner) onFail(q *prim, op resources.Op, role resources.Role) resources.OnFail {
	chosen := resources.OnFailDefault
	for _, o := range q.res.Ops {
		if o.Name == op && o.OnFail != "" && (chosen == "" || o.Role == role) {
			chosen = o.OnFail
		}
	}
	if chosen == "" {
		chosen = p.defaultOnFail(q, op, role)
	}
	if chosen == "" && op != resources.OpStop {
		chosen = resources.OnFailRestart
	}
	return chosen
}

// defaultOnFail is what the defaults say; by rules, they may do so of one of several
// monitors only.
func (p *planner) defaultOnFail(q *prim, op resources.Op, role resources.Role) resources.OnFail {
	chosen := p.def.OpDefaults(q.res.Agent, op, 0, p.now).OnFail
	for _, o := range q.res.Ops {
		if given := p.def.OpDefaults(q.res.Agent, op, o.Interval, p.now).OnFail; o.Name == op && given != "" && (chosen == "" || o.Role == role) {
			chosen = given
		}
	}
	return chosen
}

// judgeFailed decides how an instance whose last operation failed recovers.
func (p *planner) judgeFailed(i *inst, q *prim) {
	op := i.st.FailedOp
	onFail := p.onFail(q, op, i.now)
	why := fmt.Sprintf("%s failed%s", op, because(i.st.Reason))
	if i.pinned { // unmanaged, in maintenance or suspected: told, and left alone
		if onFail != resources.OnFailIgnore {
			p.failed(i, q, why+" ("+i.pinWhy+")")
		}
		return
	}
	if op == resources.OpStop && i.now.Active() && onFail != resources.OnFailIgnore {
		p.judgeFailedStop(i, onFail, why)
		return
	}
	if f := i.st.Failures[op]; f != nil && i.now.Active() && p.expired(q, f, onFail) {
		onFail = resources.OnFailIgnore
	}
	switch onFail {
	case resources.OnFailIgnore:
		return
	case resources.OnFailBlock:
		p.block(i, why)
		return
	case resources.OnFailFence:
		if p.canFence(i.node) {
			p.wishFenced(i, "", fmt.Sprintf("%s of %s failed and on_fail is fence%s", op, i.id, because(i.st.Reason)))
			return
		}
	}
	i.failed = true
	if !i.now.Active() {
		return // found stopped: starting it is enough
	}
	if onFail == resources.OnFailDemote && i.now == resources.RolePromoted {
		i.repromote = true
	} else {
		i.restart = true
	}
	i.why = why
	p.failed(i, q, why)
}

func (p *planner) failed(i *inst, q *prim, why string) {
	p.problem(transition.Problem{
		Code: "failed", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
		Text: fmt.Sprintf("%s: %s", i.id, why),
	})
}

// judgeFailedStop: what cannot be stopped can only be fenced; without fencing
// it is left alone, because starting it elsewhere would run it twice.
func (p *planner) judgeFailedStop(i *inst, onFail resources.OnFail, why string) {
	fence := onFail == resources.OnFailDefault || onFail == resources.OnFailFence
	if fence && p.canFence(i.node) {
		p.wishFenced(i, "", fmt.Sprintf("%s could not be stopped%s", i.id, because(i.st.Reason)))
		return
	}
	p.block(i, why)
}

// block leaves an instance as it is until an operator has cleaned up.
func (p *planner) block(i *inst, why string) {
	i.pinned, i.alone, i.pinWhy = true, false, "blocked: "+why
	q := &p.prims[i.prim]
	p.problem(transition.Problem{
		Code: "blocked", Severity: transition.SeverityCritical, Node: p.nodes[i.node].name, Resource: q.id,
		Text: fmt.Sprintf("%s is left as it is: %s", i.id, why),
		Next: "belayctl resource retry " + string(q.id),
	})
}

// retryWait says until when an operation that failed again and again is not
// repeated: doubling from one second, at most maxRetryWait.
func (p *planner) retryWait(i *inst, op resources.Op) string {
	if i.st == nil || i.st.Failures[op] == nil {
		return ""
	}
	f := i.st.Failures[op]
	times := f.Count - 2
	if op == resources.OpProbe {
		times++
	}
	if times < 0 {
		return ""
	}
	at := f.Last.Add(min(time.Second<<min(times, 10), maxRetryWait))
	if !p.now.Before(at) {
		return ""
	}
	p.recheck(at)
	return fmt.Sprintf("failed %d times: tried again at %s", f.Count, at.UTC().Format(time.RFC3339))
}

// maxRetryWait bounds the pause between repeated failing operations.
const maxRetryWait = time.Minute
