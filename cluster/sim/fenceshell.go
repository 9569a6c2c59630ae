package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/fencing"
)

// switching is one attempt of a member to switch another host's power. How it
// reads, asks and is convinced is decided by fencing.Turn, and whether it may by
// State.MaySwitch, as in production.
type switching struct {
	d      *daemon
	order  fenceOrder
	turn   *fencing.Turn
	target *host
	ends   time.Duration
	answer func(leader.Fenced)
	over   bool
}

const (
	// fenceCatchUp bounds how long a member waits for the log to tell of a fencing.
	fenceCatchUp = 5 * time.Second
	// deviceTimeout bounds one request to a power controller.
	deviceTimeout = 10 * time.Second
	// confirmInterval is the time between the two reads that prove a host off.
	confirmInterval = 200 * time.Millisecond
)

// fence switches another host's power and proves it, if the log gives the right
// to.
func (d *daemon) fence(order fenceOrder, answer func(leader.Fenced)) {
	d.fenceBefore(d.mono()+fenceCatchUp, order, answer)
}

func (d *daemon) fenceBefore(end time.Duration, order fenceOrder, answer func(leader.Fenced)) {
	switch {
	case order.node == d.h.name:
		answer(leader.Fenced{Unanswered: "a node does not fence itself"})
	case order.term < d.state.Term:
		answer(leader.Fenced{Unanswered: "an older term"})
	case d.state.Index < order.index && d.mono() < end:
		d.after(20*time.Millisecond, func() { d.fenceBefore(end, order, answer) })
	case d.state.Index < order.index || !d.state.MaySwitch(d.h.name, order.node, order.fence, order.on):
		answer(leader.Fenced{Unanswered: "the fencing is not open"})
	default:
		want := fencing.PowerOff
		if order.on {
			want = fencing.PowerOn
		}
		s := &switching{
			d: d, order: order, target: d.w.host(order.node), ends: d.mono() + order.timeout, answer: answer,
			turn: fencing.NewTurn(want, fencing.Options{Timeout: order.timeout, ConfirmInterval: confirmInterval}),
		}
		d.w.note(d.h, "begins to %s", order)
		s.read()
	}
}

// done answers once.
func (s *switching) done(f leader.Fenced) {
	if !s.over {
		s.over = true
		s.answer(f)
	}
}

// mayGoOn reports whether there is time left, and the fencing still open.
func (s *switching) mayGoOn() bool {
	switch {
	case s.over || s.d.ended:
		return false
	case s.d.mono() >= s.ends:
		s.done(leader.Fenced{Error: "time ran out"})
		return false
	case !s.d.state.MaySwitch(s.d.h.name, s.order.node, s.order.fence, s.order.on):
		s.done(leader.Fenced{Error: "the fencing is over"})
		return false
	}
	return true
}

func (s *switching) read() {
	if !s.mayGoOn() {
		return
	}
	b := s.target.bmc
	b.request(s.d.h, deviceTimeout, b.read, func(off bool, problem bmcError) {
		s.d.resume(func() {
			power := fencing.PowerOn
			if off {
				power = fencing.PowerOff
			}
			s.follow(s.turn.Read(s.d.now(), power, problem.err()), problem)
		})
	})
}

// follow does what the turn says next.
func (s *switching) follow(next fencing.Next, problem bmcError) {
	switch {
	case next.Confirmed:
		s.done(leader.Fenced{Proven: true})
	case next.Over != "":
		s.done(leader.Fenced{Error: next.Over, Refused: problem == bmcDenied})
	case next.Ask:
		s.ask()
	default:
		s.d.after(next.Wait, s.read)
	}
}

func (s *switching) ask() {
	if !s.mayGoOn() {
		return
	}
	d := s.d
	if !s.order.on {
		d.w.checks.powerOff(d, s.order.node, s.order.fence)
	}
	act := func() bool {
		if s.order.on {
			s.target.powerOn()
		} else {
			s.target.powerOff("fenced by " + string(d.h.name))
		}
		return !s.target.powered
	}
	s.target.bmc.request(d.h, deviceTimeout, act, func(_ bool, problem bmcError) {
		d.resume(func() { s.follow(s.turn.Asked(d.now(), problem.err()), problem) })
	})
}

// err is the problem as a device reports it.
func (p bmcError) err() error {
	kinds := map[bmcError]fencing.Kind{bmcTimeout: fencing.KindTimeout, bmcRefuses: fencing.KindRefused, bmcDenied: fencing.KindAuth}
	if p == bmcNone {
		return nil
	}
	return fencing.NewError(kinds[p], "bmc", "ask", "the simulated controller fails", nil)
}
