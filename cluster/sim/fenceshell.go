package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// switching is one attempt of a member to switch another host's power. How it
// reads, asks and is convinced is decided by fencing.Turn, and whether it may by
// State.MaySwitch, as in production.
type switching struct {
	d      *daemon
	order  fenceOrder
	walk   *leader.Walk
	turn   *fencing.Turn           // of the device that is being used, b
	gates  []resources.FenceDevice // that are still to let the node in
	b      *bmc
	target *host
	ends   time.Duration
	// deviceEnds is when the device's own time is over.
	deviceEnds time.Duration
	answer     func(leader.Fenced)
	over       bool
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
	case order.node == d.h.name && !order.unfence:
		answer(leader.Fenced{Unanswered: "a node does not fence itself"})
	case order.term < d.state.Term:
		answer(leader.Fenced{Unanswered: "an older term"})
	case d.state.Index < order.index && d.mono() < end:
		d.after(20*time.Millisecond, func() { d.fenceBefore(end, order, answer) })
	case d.state.Index < order.index || !order.may(d.state, d.h.name):
		answer(leader.Fenced{Unanswered: "the fencing is not open"})
	case order.unfence:
		s := &switching{d: d, order: order, target: d.w.host(order.node), ends: d.mono() + order.timeout, answer: answer, gates: d.state.Definition.UnfencedBy(order.node)}
		d.w.note(d.h, "begins to %s", order)
		s.letNext(nil)
	default:
		f := d.state.Fencing[order.node]
		level := 0
		if f != nil {
			level = f.Level
		}
		s := &switching{
			d: d, order: order, target: d.w.host(order.node), ends: d.mono() + order.timeout, answer: answer,
			walk: leader.NewWalk(d.state.Definition.FencesOf(order.node), level, able(order.on), cuts),
		}
		d.w.note(d.h, "begins to %s", order)
		if len(s.walk.Left()) == 0 {
			s.done(leader.Fenced{Proven: order.on, Error: "no fence device"})
			return
		}
		s.next()
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
	case !s.order.may(s.d.state, s.d.h.name):
		s.done(leader.Fenced{Error: "the fencing is over"})
		return false
	}
	return true
}

func (s *switching) read() {
	if !s.mayGoOn() {
		return
	}
	if s.d.mono() >= s.deviceEnds {
		s.took("", fencing.NewError(fencing.KindTimeout, "bmc", "switch", "the device's time is over", nil))
		return
	}
	b := s.b
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
		s.took("", nil)
	case next.Over != "":
		s.took("", fencing.NewError(kindOf(problem), "bmc", "switch", next.Over, nil))
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
	on := s.order.on || s.order.unfence
	if !on {
		d.w.checks.powerOff(d, s.order.node, s.order.fence)
	}
	act := func() bool {
		s.b.switchTo(on, "fenced by "+string(d.h.name))
		return s.b.off()
	}
	s.b.request(d.h, deviceTimeout, act, func(_ bool, problem bmcError) {
		d.resume(func() { s.follow(s.turn.Asked(d.now(), problem.err()), problem) })
	})
}

var bmcKinds = map[bmcError]fencing.Kind{bmcTimeout: fencing.KindTimeout, bmcRefuses: fencing.KindRefused, bmcDenied: fencing.KindAuth}

// kindOf is the kind of a device's end: of its last problem.
func kindOf(p bmcError) fencing.Kind {
	if p == bmcNone {
		return fencing.KindRefused
	}
	return bmcKinds[p]
}

// err is the problem as a device reports it.
func (p bmcError) err() error {
	if p == bmcNone {
		return nil
	}
	return fencing.NewError(bmcKinds[p], "bmc", "ask", "the simulated controller fails", nil)
}
