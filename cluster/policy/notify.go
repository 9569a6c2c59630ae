package policy

import "github.com/belay-ha/belay/resources"

// notice is what a clone with notify=true says to its instances about one kind
// of operation: points before and after (pseudo-actions), between which stand
// the notifications themselves, made when it is known what happens.
type notice struct {
	task                             string
	pre, preDone, post, postDone     *action
	starts, stops, promotes, demotes bool
}

// noticeClone makes the points of notifications of starts and stops.
func (e *engine) noticeClone(r *resource, start, started, stop, stopped *action) {
	if !r.is(flagNotify) || r.clone == nil {
		return
	}
	if r.clone.startNotice == nil {
		r.clone.startNotice = e.newNotice(r, taskStart, start, started)
	}
	if r.clone.stopNotice == nil {
		r.clone.stopNotice = e.newNotice(r, taskStop, stop, stopped)
		e.orderActions(r.clone.stopNotice.postDone, r.clone.startNotice.pre, orderPlain)
	}
}

// noticePromotable makes those of promotions and demotions.
func (e *engine) noticePromotable(r *resource, promote, promoted, demote, demoted *action) {
	if !r.is(flagNotify) || r.clone == nil || r.clone.demoteNotice != nil {
		return
	}
	c := r.clone
	c.promoteNotice = e.newNotice(r, taskPromote, promote, promoted)
	c.demoteNotice = e.newNotice(r, taskDemote, demote, demoted)
	e.orderActions(c.stopNotice.postDone, c.promoteNotice.pre, orderPlain)
	e.orderActions(c.startNotice.postDone, c.promoteNotice.pre, orderPlain)
	e.orderActions(c.demoteNotice.postDone, c.promoteNotice.pre, orderPlain)
	e.orderActions(c.demoteNotice.postDone, c.startNotice.pre, orderPlain)
	e.orderActions(c.demoteNotice.postDone, c.stopNotice.pre, orderPlain)
}

// newNotice makes points before an action, after another, or both.
func (e *engine) newNotice(r *resource, task string, before, after *action) *notice {
	n := &notice{task: task}
	if before != nil {
		n.pre = e.newNoticePoint(r, before, taskNotify, "pre", task)
		n.preDone = e.newNoticePoint(r, before, taskNotified, "confirmed-pre", task)
		n.pre.set(actRunnable)
		n.preDone.set(actRunnable)
		e.orderActions(n.pre, n.preDone, orderPlain)
		e.orderActions(n.preDone, before, orderPlain)
	}
	if after != nil {
		n.post = e.newNoticePoint(r, after, taskNotify, "post", task)
		n.postDone = e.newNoticePoint(r, after, taskNotified, "confirmed-post", task)
		for _, a := range []*action{n.post, n.postDone} {
			a.priority = int(resources.Infinity)
			if !after.is(actRunnable) {
				a.unset(actRunnable)
			}
		}
		e.orderActions(after, n.post, firstImpliesThen)
		e.orderActions(n.post, n.postDone, firstImpliesThen)
	}
	if before != nil && after != nil {
		e.orderActions(n.preDone, n.post, orderPlain)
	}
	return n
}

func (e *engine) newNoticePoint(r *resource, about *action, task, kind, operation string) *action {
	a := e.newKeyedPseudo(r, kind+"_notify_"+about.task, task, about.is(actOptional), true)
	phase := "post"
	if kind == "pre" || kind == "confirmed-pre" {
		phase = "pre"
	}
	a.notify = &notifyInfo{kind: phase, operation: operation}
	return a
}
