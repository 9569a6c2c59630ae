package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// leaderShell drives cluster/leader in one daemon, as cluster/node does in
// production: it brings answers in and carries outputs out.
type leaderShell struct {
	d    *daemon
	core *leader.Core
	term uint64
	in   leader.Input // answers since the last Step
	// due is when the core wants to be woken; soon is set while a Step is about to
	// happen.
	due  time.Duration
	soon bool
	tail *decisions
}

// decisions are committed one after the other.
type decisions struct {
	left []decision
	busy bool
}

// decision is one, and the index of the state that its plan was made from.
type decision struct {
	leader.Proposal
	plan uint64
}

func newLeaderShell(d *daemon) *leaderShell { return &leaderShell{d: d} }

// wake makes a Step happen soon.
func (l *leaderShell) wake() {
	if l.soon || l.d.raft.role != leading {
		if l.d.raft.role != leading {
			l.core = nil
		}
		return
	}
	l.soon = true
	l.d.after(time.Millisecond, func() {
		l.soon = false
		l.step()
	})
}

// step lets the core decide.
func (l *leaderShell) step() {
	d := l.d
	if !d.raft.ready() || d.state.Cluster.ID == "" {
		l.core = nil
		return
	}
	if l.core == nil || l.term != d.raft.disk.term {
		l.term = d.raft.disk.term
		l.core = leader.New(leader.Config{
			Self: d.h.name, Term: l.term, Agents: d.w.agents, Options: d.w.options,
			Jitter: func(most time.Duration) time.Duration { return time.Duration(d.w.chance.Int64N(int64(most))) },
		})
		l.in, l.tail = leader.Input{}, &decisions{}
	}
	in := l.in
	l.in = leader.Input{}
	in.Now, in.Wall, in.State, in.Incarnation = d.now(), d.wall(), d.state, d.member.incarnation()
	in.Members = map[resources.NodeName]leader.Member{}
	for name, m := range d.detector.members(d.raft) {
		in.Members[resources.NodeName(name)] = m
	}
	in.Log = l.configuration()
	out := l.core.Step(in)
	d.w.planned(d, l.core)
	l.carryOut(&out)
	wait := max(out.WakeAt.Sub(d.now()), time.Millisecond)
	l.due = d.w.now + d.h.clock.real(wait)
	due, core := l.due, l.core
	d.after(wait, func() {
		if l.core == core && l.due == due {
			l.wake()
		}
	})
}

func (l *leaderShell) configuration() leader.Configuration {
	if l.d.raft.changing() {
		return leader.Configuration{}
	}
	config, index := l.d.raft.disk.config()
	out := leader.Configuration{Index: index}
	for _, h := range l.d.w.hosts {
		if config.all().has(h.index) {
			out.Members = append(out.Members, leader.LogMember{Name: h.name, Voter: config.voters.has(h.index)})
		}
	}
	return out
}

// answer adds something to the next Step's input, if this term's core still
// waits for it.
func (l *leaderShell) answer(core *leader.Core, add func(*leader.Input)) {
	if l.core == core {
		add(&l.in)
		l.wake()
	}
}

func (l *leaderShell) carryOut(out *leader.Output) {
	d, core := l.d, l.core
	for _, order := range out.Orders {
		l.order(core, order)
	}
	for _, attempt := range out.Attempts {
		l.attempt(core, attempt)
	}
	for _, p := range out.Records {
		l.commit(core, decision{Proposal: p}, func() {})
	}
	for _, p := range out.Decisions {
		l.tail.left = append(l.tail.left, decision{p, core.Plan().Index})
	}
	l.decide(core, l.tail)
	if out.Voters != nil {
		l.changeVoters(core, out.Voters)
	}
	for _, look := range out.Looks {
		l.look(core, look)
	}
	for _, op := range out.Cancels {
		if to := d.w.host(op.Node); to != nil {
			id := op.ID
			d.w.net.send(d.h, to, func(m *daemon) { m.member.cancel(id) })
		}
	}
	for _, read := range out.Reads {
		l.read(core, read)
	}
}

func (l *leaderShell) commit(core *leader.Core, p decision, then func()) {
	if bearsDelay(p.Command) {
		if h := l.d.h; h.unheard > 0 {
			h.unheard--
			l.commitLate(core, p, then)
			return
		}
		l.d.w.operator.race(l.d, p.Command)
	}
	l.d.proposePlanned(p.plan, state.ByCluster, p.Command, func(result state.Result, err error) {
		outcome := leader.Committed
		switch {
		case result.Err != nil:
			outcome = leader.Rejected
		case err != nil:
			outcome = leader.Uncertain
		}
		l.answer(core, func(in *leader.Input) { in.Proposed = append(in.Proposed, leader.Proposed{ID: p.ID, Outcome: outcome}) })
		then()
	})
}

// bearsDelay reports whether a command is held against the state that it meets: what
// it was planned from may be long gone.
func bearsDelay(command state.Command) bool {
	switch c := command.(type) {
	case *state.OperationsStarted:
		return true
	case *state.FenceRequested:
		return c.Premise != nil
	}
	return false
}

// commitLate commits intents of which their leader gives up hearing before they are
// committed: production waits for proposeTimeout, and no longer. Here what the leader
// has decided since may even come first, which a log does not do: an intent has to
// bear any delay.
func (l *leaderShell) commitLate(core *leader.Core, p decision, then func()) {
	d := l.d
	d.w.note(d.h, "gives up waiting for %T", p.Command)
	d.after(50*time.Millisecond, func() {
		l.answer(core, func(in *leader.Input) {
			in.Proposed = append(in.Proposed, leader.Proposed{ID: p.ID, Outcome: leader.Uncertain})
		})
		then()
	})
	d.after(d.w.chance.long(100*time.Millisecond, latestCommit), func() {
		if l.core == core {
			d.proposePlanned(p.plan, state.ByCluster, p.Command, func(state.Result, error) {})
		}
	})
}

// latestCommit is how late what nobody waits for any more may be committed.
const latestCommit = 12 * time.Second

// decide commits decisions in their order.
func (l *leaderShell) decide(core *leader.Core, tail *decisions) {
	if tail.busy || len(tail.left) == 0 {
		return
	}
	first := tail.left[0]
	tail.left = tail.left[1:]
	tail.busy = true
	l.commit(core, first, func() {
		tail.busy = false
		l.decide(core, tail)
	})
}

// orderTimeout bounds one order request, which the member answers within 5 s.
const orderTimeout = 8 * time.Second

// order gives a member an order and waits for what it says.
func (l *leaderShell) order(core *leader.Core, order state.Order) {
	d := l.d
	answered := false
	answer := func(o leader.Ordered) {
		if !answered {
			answered = true
			o.Action = order.ID
			l.answer(core, func(in *leader.Input) { in.Ordered = append(in.Ordered, o) })
		}
	}
	d.after(orderTimeout, func() { answer(leader.Ordered{Reply: leader.Lost}) })
	to := d.w.host(order.Node)
	if to == nil || d.state.Nodes[order.Node] == nil {
		d.after(10*time.Millisecond, func() { answer(leader.Ordered{Reply: leader.Lost}) })
		return
	}
	d.w.net.send(d.h, to, func(m *daemon) {
		m.member.order(order, func(o leader.Ordered) {
			d.w.net.send(m.h, d.h, func(back *daemon) {
				if back == d {
					answer(o)
				}
			})
		})
	})
}

// look asks everybody about a member.
func (l *leaderShell) look(core *leader.Core, look leader.Look) {
	d, target := l.d, l.d.w.host(look.Node)
	found := leader.Looked{ID: look.ID}
	over := false
	add := func(by *host, source, text string, reachable bool) {
		if over {
			return
		}
		found.Reachable = found.Reachable || reachable
		found.Evidence = append(found.Evidence, state.Evidence{At: d.wall().UTC(), Observer: by.name, Source: source, Text: text})
	}
	d.after(leader.LookTimeout, func() {
		over = true
		l.answer(core, func(in *leader.Input) { in.Looked = append(in.Looked, found) })
	})
	if target == nil {
		return
	}
	d.detector.confirm(target, func(reachable bool, text string) { add(d.h, "ping", text, reachable) })
	if d.w.refuses(d.h, target) {
		found.HostAlive = true
		add(d.h, "tcp", "refuses connections: the host lives, its daemon does not", false)
	} else {
		add(d.h, "tcp", "no refusal", false)
	}
	for _, witness := range look.Witnesses {
		to := d.w.host(witness.Name)
		if to == nil {
			continue
		}
		d.w.net.send(d.h, to, func(m *daemon) {
			m.detector.confirm(target, func(reachable bool, text string) {
				d.w.net.send(m.h, d.h, func(back *daemon) {
					if back == d {
						add(to, "ping", text, reachable)
					}
				})
			})
		})
	}
}

// refuses reports whether a host refuses a connection at once: its kernel runs,
// and its daemon does not.
func (w *world) refuses(from, to *host) bool {
	up := to.powered && !to.crashed && !(to.frozen() && to.hostFrozen)
	return up && to.daemon == nil && w.net.packet(from, to) && w.net.packet(to, from)
}
