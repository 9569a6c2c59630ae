package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// memberShell stands in for what a member does by itself: it obeys orders, looks
// at what runs, announces itself and applies the no-quorum policy.
type memberShell struct {
	d         *daemon
	inc       string
	n         int
	maxTerm   uint64
	suspended bool
	lost      bool
	busy      map[resources.InstanceID]*task
	runs      map[resources.ActionID]*mrun
	due       map[resources.InstanceID]time.Duration
	stopping  int
}

type mrun struct {
	op      *state.Operation
	task    *task
	done    bool
	result  agents.Result
	waiters []func(leader.Ordered)
}

type runDir struct{ left *state.State }

func newMemberShell(d *daemon) *memberShell {
	m := &memberShell{d: d, busy: map[resources.InstanceID]*task{}, runs: map[resources.ActionID]*mrun{}, due: map[resources.InstanceID]time.Duration{}}
	m.newInc()
	d.h.lastHeard = d.w.now
	d.raft.heard = d.w.now
	d.after(100*time.Millisecond, m.tick)
	return m
}

func (m *memberShell) newInc() { m.n++; m.inc = fmt.Sprintf("%s-%d-%d", m.d.h.name, m.d.run, m.n) }

func (m *memberShell) incarnation() string { return m.inc }

func (m *memberShell) changed() { m.maxTerm = max(m.maxTerm, m.d.state.Term) }

func (m *memberShell) tick() {
	d := m.d
	defer d.after(200*time.Millisecond, m.tick)
	if d.raft.role == leading {
		d.raft.heard, d.h.lastHeard = d.w.now, d.w.now
	}
	s := d.state
	lease := s.Definition.Properties.Lease.Std()
	if lease == 0 {
		lease = defaultLease
	}
	self := s.Nodes[d.h.name]
	late := d.w.now-d.raft.heard > lease
	switch {
	case late && !m.lost && self != nil:
		m.lost = true
		m.lose(self, s.Definition.Properties.NoQuorumPolicy)
	case !late && m.lost && m.stopping == 0:
		m.lost = false
		if m.suspended {
			m.suspended = false
			m.newInc()
		}
	}
	if self != nil && self.Incarnation != m.inc && !late && !m.lost {
		d.tell(state.ByCluster, &state.MemberBooted{Node: d.h.name, Incarnation: m.inc, BootID: d.h.bootID(), Address: d.h.address(), Software: state.Version}, func(state.Result, error) {})
	}
	if self != nil && self.Incarnation == m.inc {
		m.monitors(self)
	}
}

func (m *memberShell) lose(self *state.Node, policy resources.NoQuorumPolicy) {
	if policy == resources.NoQuorumIgnore {
		return
	}
	m.suspended = true
	for _, r := range m.runs {
		if !r.done && r.task != nil {
			r.task.cut = true
		}
	}
	if policy == resources.NoQuorumFreeze || self.BootID != m.d.h.bootID() {
		return
	}
	if policy == resources.NoQuorumSuicide {
		m.d.h.powerOff("suicide")
		m.d.w.after(10*time.Second, m.d.h.powerOn)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(self.Instances)) {
		i := self.Instances[id]
		if !i.Role.Active() && i.Action == "" && i.Probed {
			continue
		}
		m.stopping++
		m.call(id, resources.OpStop, 10*time.Second, func(r agents.Result) {
			m.stopping--
			if r.Outcome != agents.OutcomeOK {
				m.d.h.powerOff("cannot stop")
				m.d.w.after(10*time.Second, m.d.h.powerOn)
			}
		})
	}
}

func (m *memberShell) agentOf(id resources.InstanceID) string {
	if i, ok := m.d.state.Instance(m.d.h.name, id); ok && i.Config != nil {
		return i.Config.Agent
	}
	if r, ok := m.d.state.Definition.Resource(id.Resource()); ok {
		return r.Agent
	}
	return agentService
}

func (m *memberShell) call(id resources.InstanceID, op resources.Op, timeout time.Duration, done func(agents.Result)) *task {
	if m.suspended && raises(op) {
		done(agents.Result{Outcome: agents.OutcomeCancelled, Reason: "no lease"})
		return nil
	}
	if old := m.busy[id]; old != nil && !old.over {
		if old.op == resources.OpMonitor {
			old.cut = true
		}
		m.d.after(50*time.Millisecond, func() { m.call(id, op, timeout, done) })
		return nil
	}
	t := &task{op: op, id: id, agent: m.agentOf(id), timeout: timeout}
	t.done = func(r agents.Result) { m.d.resume(func() { done(r) }) }
	m.busy[id] = t
	m.d.h.launch(t)
	m.d.after(timeout, func() { t.cut = true })
	return t
}

func (m *memberShell) monitors(self *state.Node) {
	for _, id := range slices.Sorted(maps.Keys(self.Instances)) {
		i := self.Instances[id]
		if !i.Role.Active() || !i.Probed || i.Action != "" || i.Config == nil || m.d.w.now < m.due[id] {
			continue
		}
		if old := m.busy[id]; old != nil && !old.over {
			continue
		}
		m.due[id] = m.d.w.now + 3*time.Second
		seen := m.d.state.Index
		m.call(id, resources.OpMonitor, 5*time.Second, func(r agents.Result) {
			rec, ok := m.d.state.Instance(m.d.h.name, id)
			if !ok || rec.Action != "" || !rec.Role.Active() || r.Outcome == agents.OutcomeUnknown {
				return
			}
			if r.Outcome == agents.OutcomeOK && r.Role == rec.Role && !(rec.Failed && rec.FailedOp == resources.OpMonitor) {
				return
			}
			m.d.tell(state.ByCluster, &state.InstanceReported{Node: m.d.h.name, Incarnation: m.inc, Instance: id, Result: r, Seen: seen}, func(state.Result, error) {})
		})
	}
}

func (m *memberShell) cancel(id resources.ActionID) {
	if r := m.runs[id]; r != nil && r.task != nil {
		r.task.cut = true
	}
}

func (m *memberShell) order(o state.Order, answer func(leader.Ordered)) {
	if o.LeaderTerm < m.maxTerm {
		answer(leader.Ordered{Reply: leader.Superseded})
		return
	}
	m.maxTerm = o.LeaderTerm
	if o.Incarnation != m.inc {
		answer(leader.Ordered{})
		return
	}
	if m.d.state.Index < o.Index {
		m.d.after(20*time.Millisecond, func() { m.order(o, answer) })
		return
	}
	r := m.runs[o.ID]
	if r == nil {
		op, in := m.d.state.Operations[o.ID]
		if !in || op.Incarnation != m.inc {
			answer(leader.Ordered{})
			return
		}
		if m.suspended && raises(op.Op) {
			answer(leader.Ordered{Reply: leader.Refused, Reason: "no lease"})
			return
		}
		r = &mrun{op: op}
		m.runs[o.ID] = r
		m.d.w.checks.begins(m.d, op, o.LeaderTerm)
		m.d.h.orderTerm = max(m.d.h.orderTerm, o.LeaderTerm)
		r.task = m.call(op.Instance, op.Op, op.Timeout.Std(), func(res agents.Result) {
			r.done, r.result = true, res
			for _, w := range r.waiters {
				w(leader.Ordered{Reply: leader.Done, Result: res})
			}
			r.waiters = nil
		})
	}
	if r.done {
		answer(leader.Ordered{Reply: leader.Done, Result: r.result})
		return
	}
	said := false
	r.waiters = append(r.waiters, func(l leader.Ordered) {
		if !said {
			said = true
			answer(l)
		}
	})
	m.d.after(5*time.Second, func() {
		if !said {
			said = true
			answer(leader.Ordered{Reply: leader.Running})
		}
	})
}

// fence switches another host's power and proves it.
func (d *daemon) fence(o fenceOrder, answer func(leader.Fenced)) {
	if d.state.Index < o.index {
		d.after(20*time.Millisecond, func() { d.fence(o, answer) })
		return
	}
	open := func() bool {
		f := d.state.Fencing[o.node]
		if f == nil || f.ID != o.fence {
			return false
		}
		if o.on {
			return f.Phase == state.FencingOff
		}
		return f.Phase == state.FencingRunning && f.Executor == d.h.name
	}
	if o.term < d.state.Term || !open() || o.node == d.h.name {
		answer(leader.Fenced{Error: "refused"})
		return
	}
	target := d.w.host(o.node)
	end := d.w.now + o.timeout
	reads := 0
	asked := false
	var look func()
	look = func() {
		if d.ended {
			return
		}
		if d.w.now > end || !open() {
			answer(leader.Fenced{Error: "time"})
			return
		}
		target.bmc.request(d.h, 10*time.Second, target.bmc.read, func(off bool, p bmcError) {
			d.resume(func() {
				if p == bmcNone && off != o.on {
					reads++
					if reads >= 2 || o.on {
						answer(leader.Fenced{Proven: true})
						return
					}
					d.after(200*time.Millisecond, look)
					return
				}
				reads = 0
				if p == bmcDenied {
					answer(leader.Fenced{Error: "denied", Refused: true})
					return
				}
				if p == bmcNone && !asked && open() {
					asked = true
					if !o.on {
						d.w.checks.powerOff(d, o.node, o.fence)
					}
					target.bmc.request(d.h, 10*time.Second, func() bool {
						if o.on {
							target.powerOn()
						} else {
							target.powerOff("fenced by " + string(d.h.name))
						}
						return false
					}, func(bool, bmcError) {})
				}
				d.after(500*time.Millisecond, look)
			})
		})
	}
	look()
}
