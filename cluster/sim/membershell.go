package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// memberShell drives cluster/member in one daemon, as cluster/localexec and
// cluster/node do in production.
type memberShell struct {
	d       *daemon
	core    *member.Core
	in      member.Input // what has happened since the last Step
	due     time.Duration
	soon    bool
	calls   map[uint64]*call
	waiting []*waitingOrder
	// heard is when this member last heard a leader, by its monotonic clock.
	heard time.Duration
	runs  int
}

// call is one call of an agent.
type call struct {
	of    member.Task
	task  *task
	cut   member.Cut
	ended bool
}

// waitingOrder is an order that this member has not come to yet, or whose result
// is not known yet.
type waitingOrder struct {
	order  state.Order
	answer func(leader.Ordered)
	over   bool
}

// runDir is what a daemon leaves for the next one: it outlives the daemon, and
// not the host's start.
type runDir struct {
	left   *state.State
	keptAt time.Duration
}

// beliefsPause is the least time between two writes of what is left.
const beliefsPause = 500 * time.Millisecond

func newMemberShell(d *daemon) *memberShell {
	m := &memberShell{d: d, calls: map[uint64]*call{}, heard: d.mono()}
	m.core = member.New(member.Config{
		Self: d.h.name, Address: d.h.address(), BootID: d.h.bootID(), Agents: d.w.agents,
		NewIncarnation: func() string { m.runs++; return fmt.Sprintf("%s-%d-%d", d.h.name, d.run, m.runs) },
	})
	m.in.Left = d.h.runDir.left
	m.wake()
	d.after(lastWordEvery, m.noteLastWord)
	return m
}

func (m *memberShell) incarnation() string { return m.core.Incarnation() }

// changed is called when there is a newer state.
func (m *memberShell) changed() {
	m.retryOrders()
	m.keep()
	m.wake()
}

// keep writes what the next run has to know, now and then.
func (m *memberShell) keep() {
	if k := &m.d.h.runDir; m.d.w.now-k.keptAt >= beliefsPause {
		m.remember(m.d.state)
	}
}

// remember writes what the next run has to know.
func (m *memberShell) remember(s *state.State) {
	k := &m.d.h.runDir
	if self := s.Nodes[m.d.h.name]; self != nil && self.BootID == m.d.h.bootID() && (k.left == nil || s.Index > k.left.Index) {
		k.left, k.keptAt = s, m.d.w.now
	}
}

// lastWordEvery is about how often cluster/raftlog notes when a leader was heard.
const lastWordEvery = 200 * time.Millisecond

func (m *memberShell) noteLastWord() {
	m.lastWord()
	m.d.after(lastWordEvery, m.noteLastWord)
}

// lastWord notes when this member last heard its leader. Once it knows of none,
// nobody can tell.
func (m *memberShell) lastWord() {
	switch r := m.d.raft; {
	case r.role == leading:
		m.heard = m.d.mono()
	case r.leader >= 0:
		m.heard = max(m.heard, r.heard)
	}
}

// wake makes a Step happen soon.
func (m *memberShell) wake() {
	if m.soon {
		return
	}
	m.soon = true
	m.d.after(100*time.Microsecond, func() {
		m.soon = false
		m.step()
	})
}

func (m *memberShell) step() {
	d := m.d
	m.lastWord()
	in := m.in
	m.in = member.Input{Left: in.Left}
	in.Now, in.State, in.Heard, in.InTouch = d.now(), d.state, worldBegan.Add(m.heard), m.inTouch()
	out := m.core.Step(in)
	m.carryOut(&out)
	if d.ended {
		return
	}
	wait := max(out.WakeAt.Sub(d.now()), 100*time.Microsecond)
	m.due = d.w.now + d.h.clock.real(wait)
	due := m.due
	d.after(wait, func() {
		if m.due == due {
			m.wake()
		}
	})
}

// inTouch reports whether the detector hears another member that is online, or
// there is none.
func (m *memberShell) inTouch() bool {
	others := false
	for _, h := range m.d.w.hosts {
		n := m.d.state.Nodes[h.name]
		if h == m.d.h || n == nil || !n.Online() {
			continue
		}
		if m.d.detector.hears(h) {
			return true
		}
		others = true
	}
	return !others
}

func (m *memberShell) carryOut(out *member.Output) {
	d := m.d
	if out.Die != "" {
		d.h.reset(out.Die)
		return
	}
	for _, t := range out.Begin {
		m.begin(t)
	}
	for _, id := range out.Cut {
		if c := m.calls[id]; c != nil {
			m.cut(c, member.Canceled)
		}
	}
	for range out.Done {
		m.retryOrders()
		break
	}
	for _, r := range out.Reports {
		m.report(r)
	}
	if out.Announce != nil {
		d.tell(state.ByCluster, out.Announce, func(state.Result, error) {
			m.in.Announced = true
			m.wake()
		})
	}
}

// begin calls an agent.
func (m *memberShell) begin(t member.Task) {
	d := m.d
	c := &call{of: t}
	m.calls[t.ID] = c
	config, found := t.State.ConfigOf(d.h.name, t.Instance)
	if !found {
		m.end(c, member.Ended{Task: t.ID, Unbuilt: fmt.Sprintf("resource %q is not defined", t.Instance.Resource())})
		m.free(c)
		return
	}
	if t.Remember {
		m.remember(t.State)
	}
	if t.Kind == member.KindOrder {
		d.w.checks.begins(d, t.Operation)
	}
	c.task = &task{op: t.Op, id: t.Instance, agent: config.Agent, timeout: t.Timeout}
	if t.Operation != nil && t.Operation.Peer != "" {
		c.task.peer = d.w.host(t.Operation.Peer)
	}
	c.task.done = func(result agents.Result) {
		d.resume(func() {
			m.end(c, member.Ended{Task: t.ID, Result: member.Conclude(t.Op, t.Timeout, result, c.cut)})
			m.free(c)
		})
	}
	d.h.launch(c.task)
	d.after(t.Timeout, func() { m.cut(c, member.TimedOut) })
}

// cut ends a call's context; a method that does not return soon is abandoned.
func (m *memberShell) cut(c *call, why member.Cut) {
	if c.cut != member.Whole || c.task == nil || c.task.over {
		return
	}
	c.cut, c.task.cut = why, true
	m.d.after(member.ReturnGrace, func() {
		m.end(c, member.Ended{Task: c.of.ID, Result: member.Conclude(c.of.Op, c.of.Timeout, agents.Result{Reason: "it does not return"}, why)})
	})
}

func (m *memberShell) end(c *call, e member.Ended) {
	if !c.ended {
		c.ended = true
		m.in.Ended = append(m.in.Ended, e)
		m.wake()
	}
}

func (m *memberShell) free(c *call) {
	delete(m.calls, c.of.ID)
	m.in.Free = append(m.in.Free, c.of.ID)
	m.wake()
}

// report tells the leader what a monitor found.
func (m *memberShell) report(r member.Report) {
	answered := false
	answer := func(ok bool) {
		if !answered {
			answered = true
			m.in.Reported = append(m.in.Reported, member.Reported{ID: r.ID, OK: ok})
			m.wake()
		}
	}
	m.d.after(member.ReportTimeout, func() { answer(false) })
	m.d.tell(state.ByCluster, &r.Report, func(_ state.Result, err error) { answer(err == nil) })
}

func (m *memberShell) cancel(id resources.ActionID) {
	m.core.Cancel(id)
	m.wake()
}

// orderWait is how long a member lets a leader wait for an order's result.
const orderWait = 5 * time.Second

// order takes an order, or tells how far it is, and answers once.
func (m *memberShell) order(order state.Order, answer func(leader.Ordered)) {
	w := &waitingOrder{order: order, answer: answer}
	m.waiting = append(m.waiting, w)
	if len(m.waiting) > maxWaiting {
		m.waiting = m.waiting[1:]
	}
	m.take(w)
	m.d.after(orderWait, func() {
		if !w.over {
			w.over = true
			m.forget()
			status, known := m.core.Status(order.ID)
			if !known {
				answer(leader.Ordered{Reply: leader.Lost})
				return
			}
			answer(leader.Ordered{Reply: leader.Running, Progress: status.Progress})
		}
	})
}

// maxWaiting bounds the orders that wait for an answer.
const maxWaiting = 1024

// retryOrders looks again at orders that wait for a newer state or a result.
func (m *memberShell) retryOrders() {
	for _, w := range append([]*waitingOrder(nil), m.waiting...) {
		m.take(w)
	}
	m.forget()
}

func (m *memberShell) forget() {
	left := m.waiting[:0]
	for _, w := range m.waiting {
		if !w.over {
			left = append(left, w)
		}
	}
	m.waiting = left
}

// take gives the core an order and answers if there is an answer yet.
func (m *memberShell) take(w *waitingOrder) {
	if w.over {
		return
	}
	d := m.d
	_, known := m.core.Status(w.order.ID)
	status, err := m.core.Order(d.now(), d.state, w.order)
	reply := func(o leader.Ordered) { w.over = true; w.answer(o) }
	switch {
	case errors.Is(err, member.ErrBehind):
		return
	case errors.Is(err, member.ErrStaleTerm):
		reply(leader.Ordered{Reply: leader.Superseded})
	case errors.Is(err, member.ErrNoLease):
		reply(leader.Ordered{Reply: leader.Refused, Reason: err.Error()})
	case err != nil:
		reply(leader.Ordered{Reply: leader.Lost})
	case status.Done:
		reply(leader.Ordered{Reply: leader.Done, Result: status.Result})
	}
	if err == nil {
		d.w.checks.taken(d, w.order, !known)
	}
	m.wake()
}
