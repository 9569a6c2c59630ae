package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// fenceOrder asks a member to switch another node's power.
type fenceOrder struct {
	term, index uint64
	fence       string
	node        resources.NodeName
	on, unfence bool
	timeout     time.Duration
}

// may reports whether the log grants a member the right to it.
func (o fenceOrder) may(s *state.State, by resources.NodeName) bool {
	if o.unfence {
		return s.MayUnfence(by, o.node, o.fence)
	}
	return s.MaySwitch(by, o.node, o.fence, o.on)
}

// attempt has an executor switch a node's power and brings its answer back.
func (l *leaderShell) attempt(core *leader.Core, a leader.Attempt) {
	d := l.d
	answered := false
	answer := func(f leader.Fenced) {
		if !answered {
			answered = true
			f.Key = a.Key
			l.answer(core, func(in *leader.Input) { in.Fenced = append(in.Fenced, f) })
		}
	}
	d.after(a.Timeout+5*time.Second, func() { answer(leader.Fenced{Unanswered: "no answer"}) })
	to := d.w.host(a.Executor)
	if to == nil {
		d.after(10*time.Millisecond, func() { answer(leader.Fenced{Unanswered: "it is not a member"}) })
		return
	}
	order := fenceOrder{term: a.Term, index: a.Index, fence: a.Fencing.ID, node: a.Fencing.Node, on: a.On, unfence: a.Unfence, timeout: a.Timeout}
	d.w.net.send(d.h, to, func(m *daemon) {
		m.fence(order, func(f leader.Fenced) {
			d.w.net.send(m.h, d.h, func(back *daemon) {
				if back == d {
					answer(f)
				}
			})
		})
	})
}

// read has a member read a fence device and change nothing.
func (l *leaderShell) read(core *leader.Core, r leader.Read) {
	d := l.d
	answered := false
	answer := func(reading leader.Reading) {
		if !answered {
			answered = true
			reading.ID = r.ID
			l.answer(core, func(in *leader.Input) { in.Readings = append(in.Readings, reading) })
		}
	}
	d.after(50*time.Second, func() { answer(leader.Reading{Error: "no answer"}) })
	to, target := d.w.host(r.By), d.w.host(r.Target)
	if to == nil || target == nil {
		d.after(10*time.Millisecond, func() { answer(leader.Reading{Error: "it is not a member"}) })
		return
	}
	d.w.net.send(d.h, to, func(m *daemon) {
		began := m.mono()
		target.bmc.request(m.h, 10*time.Second, target.bmc.read, func(off bool, problem bmcError) {
			if m.ended {
				return
			}
			result := state.FenceCheckResult{By: m.h.name, At: m.wall().UTC(), Power: powerWord(off), Took: resources.Duration(m.mono() - began)}
			if problem != bmcNone {
				result.Power, result.Failure, result.Text = "unknown", bmcFailures[problem], "the device fails"
			}
			d.w.net.send(m.h, d.h, func(back *daemon) {
				if back == d {
					answer(leader.Reading{Result: result})
				}
			})
		})
	})
}

var bmcFailures = map[bmcError]string{bmcTimeout: "timeout", bmcRefuses: "refused", bmcDenied: "auth"}

func powerWord(off bool) string {
	if off {
		return "off"
	}
	return "on"
}

// changeVoters changes the log's configuration, if it is still the one that the
// core saw.
func (l *leaderShell) changeVoters(core *leader.Core, v *leader.VoterChange) {
	d := l.d
	done := func() { l.answer(core, func(in *leader.Input) { in.Voted = true }) }
	config, index := d.raft.disk.config()
	h := d.w.host(v.Node)
	if h == nil || index != v.Index || d.raft.changing() {
		d.after(10*time.Millisecond, done)
		return
	}
	switch v.Kind {
	case leader.AddNonvoter:
		config.learners = config.learners.with(h.index)
	case leader.AddVoter:
		config.voters, config.learners = config.voters.with(h.index), config.learners.without(h.index)
	case leader.Demote:
		config.voters, config.learners = config.voters.without(h.index), config.learners.with(h.index)
	case leader.Remove:
		config.voters, config.learners = config.voters.without(h.index), config.learners.without(h.index)
	}
	if config.voters == 0 {
		d.after(10*time.Millisecond, done)
		return
	}
	d.w.note(h, "log configuration: voters %b, others %b", config.voters, config.learners)
	d.raft.propose(&entry{config: &config}, func(state.Result, error) {
		if !d.ended {
			done()
		}
	})
	d.after(proposeTimeout, done)
}

// String is for traces.
func (o fenceOrder) String() string {
	return fmt.Sprintf("fence %s of %s (on: %v, unfence: %v, term %d)", o.fence, o.node, o.on, o.unfence, o.term)
}
