package sim

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// The agents of the simulated clusters.
const (
	agentAddress = "address" // a virtual address: lapses when nobody renews it
	agentService = "service"
	agentStore   = "store" // promotable
	agentGuest   = "guest" // moves live
)

// mood is how the agents of one host behave. Each field counts the calls that it
// still spoils.
type mood struct {
	hang     int // a start, stop or monitor does not return for hangFor
	fail     int // a start or promotion fails, and leaves nothing
	leave    int // a start fails and leaves processes behind
	stubborn int // a stop fails, and what it was to end goes on
	late     int // an operation succeeds after its timeout
	lie      int // a monitor says that a healthy instance has failed, or that a broken one is well
	silent   int // a monitor gives no result
	slow     int // an operation takes most of its timeout
}

const hangFor = 45 * time.Second

// task is one agent call under way on a host.
type task struct {
	h       *host
	boot    int
	op      resources.Op
	id      resources.InstanceID
	agent   string
	timeout time.Duration
	peer    *host               // of a migration: the other host
	done    func(agents.Result) // called once, unless the daemon has ended
	cut     bool                // its context has ended
	over    bool
}

// launch begins an agent call. timeout is in the host's time; the caller ends the
// task's context (cut) when it is over.
func (h *host) launch(t *task) {
	t.h, t.boot = h, h.boot
	h.tasks = append(slices.DeleteFunc(h.tasks, func(old *task) bool { return old.over }), t)
	c := h.w.chance
	var takes time.Duration
	switch t.op {
	case resources.OpProbe, resources.OpMonitor, resources.OpNotify, resources.OpReload:
		takes = c.long(5*time.Millisecond, 150*time.Millisecond)
	case resources.OpStop, resources.OpDemote:
		takes = c.long(20*time.Millisecond, 1500*time.Millisecond)
	default:
		takes = c.long(50*time.Millisecond, 3*time.Second)
	}
	if h.spend(&h.mood.slow) {
		takes = t.timeout * 3 / 4
	}
	switch t.op {
	case resources.OpProbe, resources.OpMonitor:
		t.look(takes)
	case resources.OpStart, resources.OpPromote:
		t.raise(takes)
	case resources.OpMigrateTo:
		t.leave(takes)
	case resources.OpMigrateFrom:
		t.until(takes, func() {
			if h.procs[t.id] == nil {
				t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "it has not arrived"})
				return
			}
			t.finish(agents.Result{Outcome: agents.OutcomeOK})
		})
	case resources.OpStop, resources.OpDemote:
		t.lower(takes)
	default:
		t.in(takes, func() { t.finish(agents.Result{Outcome: agents.OutcomeOK}) })
	}
}

// spend uses up one spoiled call, if there is one.
func (h *host) spend(count *int) bool {
	if *count == 0 {
		return false
	}
	*count--
	h.w.meet(h.mood.effect(count))
	h.moodyAt = h.w.now
	return true
}

// in goes on after a while of the host's running time: services, and calls of agents
// until the next daemon ends them, go on without the daemon, but not without power.
func (t *task) in(wait time.Duration, do func()) {
	t.h.w.after(wait, func() {
		switch {
		case t.over || t.boot != t.h.boot || !t.h.powered:
		case t.h.hostFrozen && t.h.frozen():
			t.in(t.h.frozenUntil-t.h.w.now, do)
		default:
			do()
		}
	})
}

func (t *task) finish(result agents.Result) {
	if t.over {
		return
	}
	t.over = true
	t.done(result)
}

// cancel ends the task's context: soon the agent returns, unless it hangs.
func (t *task) cancel() {
	if t.cut || t.over {
		return
	}
	t.cut = true
}

// ended reports whether the agent gives up because its context has ended.
func (t *task) ended() bool {
	if !t.cut {
		return false
	}
	t.finish(agents.Result{Outcome: agents.OutcomeUnknown, Reason: string(t.op) + " was cut short"})
	return true
}

// until waits in small steps, so that a cancelled call returns soon, and then
// goes on.
func (t *task) until(wait time.Duration, do func()) {
	const step = 250 * time.Millisecond
	if wait <= step {
		t.in(wait, func() {
			if !t.ended() {
				do()
			}
		})
		return
	}
	t.in(step, func() {
		if !t.ended() {
			t.until(wait-step, do)
		}
	})
}

// look is a monitor or probe.
func (t *task) look(takes time.Duration) {
	h := t.h
	switch {
	case h.spend(&h.mood.hang):
		t.in(hangFor, func() { t.finish(agents.Result{Reason: "hung"}) })
		return
	case h.spend(&h.mood.silent):
		t.until(takes, func() { t.finish(agents.Result{Reason: "no answer"}) })
		return
	}
	t.until(takes, func() { t.finish(t.seen()) })
}

// seen is what a look finds.
func (t *task) seen() agents.Result {
	p := t.h.procs[t.id]
	switch {
	case p == nil:
		return agents.Result{Outcome: agents.OutcomeNotRunning}
	case t.op == resources.OpMonitor && t.h.spend(&t.h.mood.lie):
		if p.broken {
			return agents.Result{Outcome: agents.OutcomeOK, Role: p.role}
		}
		return agents.Result{Outcome: agents.OutcomeFailed, Role: p.role, Reason: "a lie"}
	case p.broken:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: p.role, Reason: "does not serve"}
	default:
		t.h.renew(t.id, t.agent)
		return agents.Result{Outcome: agents.OutcomeOK, Role: p.role}
	}
}

// raise is a start or a promotion. What it brings up counts as running from the
// beginning.
func (t *task) raise(takes time.Duration) {
	h := t.h
	fail, leave := h.spend(&h.mood.fail), t.op == resources.OpStart && h.spend(&h.mood.leave)
	was := resources.RoleStopped
	if p := h.procs[t.id]; p != nil {
		was = p.role
	}
	p := h.bringUp(t.id, t.agent)
	if t.op == resources.OpPromote {
		h.setRole(t.id, resources.RolePromoted)
	}
	back := func() {
		switch {
		case h.procs[t.id] != p:
		case was == resources.RoleStopped:
			h.takeDown(t.id)
		default:
			h.setRole(t.id, was)
		}
	}
	switch {
	case h.spend(&h.mood.late):
		t.in(t.timeout+h.w.chance.between(0, 8*time.Second), func() { t.finish(agents.Result{Outcome: agents.OutcomeOK}) })
	case h.spend(&h.mood.hang):
		t.in(hangFor, func() { back(); t.finish(agents.Result{Reason: "hung"}) })
	case leave:
		t.until(takes, func() {
			if h.procs[t.id] == p {
				p.broken = true
			}
			t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "left something behind"})
		})
	case fail:
		t.until(takes, func() { back(); t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "did not start"}) })
	default:
		t.until(takes, func() {
			if h.procs[t.id] != p {
				t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "died at once"})
				return
			}
			if was == resources.RoleStopped {
				p.broken = false
			}
			h.renew(t.id, t.agent)
			t.finish(agents.Result{Outcome: agents.OutcomeOK})
		})
	}
}

// lower is a stop or a demotion.
func (t *task) lower(takes time.Duration) {
	h := t.h
	end := func() {
		if t.op == resources.OpStop {
			h.takeDown(t.id)
		} else {
			h.setRole(t.id, resources.RoleStarted)
		}
	}
	p := h.procs[t.id]
	if p != nil && t.op == resources.OpStop && h.spend(&h.mood.stubborn) {
		p.stubborn = true
	}
	switch {
	case p != nil && p.stubborn && t.op == resources.OpStop:
		t.until(takes, func() {
			t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "it does not die"})
		})
	case h.spend(&h.mood.late):
		t.in(t.timeout+h.w.chance.between(0, 8*time.Second), func() { end(); t.finish(agents.Result{Outcome: agents.OutcomeOK}) })
	case h.spend(&h.mood.hang):
		t.in(hangFor, func() { t.finish(agents.Result{Reason: "hung"}) })
	default:
		t.until(takes, func() { end(); t.finish(agents.Result{Outcome: agents.OutcomeOK}) })
	}
}

// leave moves a guest to the other host in one instant: it runs on one of them at
// any time, whatever becomes of the call.
func (t *task) leave(takes time.Duration) {
	h := t.h
	move := func() agents.Result {
		p := h.procs[t.id]
		if p == nil || t.peer == nil || !t.peer.powered || !h.w.net.open(h, t.peer) || t.peer.procs[t.id] != nil {
			return agents.Result{Outcome: agents.OutcomeFailed, Reason: "the other host does not take it"}
		}
		h.takeDown(t.id)
		t.peer.bringUp(t.id, t.agent).broken = p.broken
		return agents.Result{Outcome: agents.OutcomeOK}
	}
	switch {
	case h.spend(&h.mood.late):
		// It moves after its time is up, when it was given up as unknown.
		t.in(t.timeout+h.w.chance.between(0, 8*time.Second), func() { t.finish(move()) })
	case h.spend(&h.mood.hang):
		t.in(hangFor, func() { t.finish(agents.Result{Reason: "hung"}) })
	case h.spend(&h.mood.fail):
		t.until(takes, func() { t.finish(agents.Result{Outcome: agents.OutcomeFailed, Reason: "does not move"}) })
	default:
		t.until(takes, func() { t.finish(move()) })
	}
}
