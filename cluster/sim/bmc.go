package sim

import "time"

// bmc is a host's power controller, or the outlet of one of its feeds, on a network
// of its own.
type bmc struct {
	w    *world
	host *host
	// outlet says that it switches a feed; cutOff that this one is off.
	outlet, cutOff bool
	// gate says that it cuts the host off from its storage, and switches nothing.
	gate bool
	// Faults. slow answers late, hang not at all, broken with an error; denied
	// refuses the login; other answers for another system, so every request fails;
	// withHost loses its power with the host's. lies counts reads that say off
	// although the host runs.
	slow, hang, broken, denied, other, withHost bool
	lies                                        int
	lied                                        bool // in its last answer
	// cut holds the members whose management network is cut off.
	cut members
}

type bmcError int

const (
	bmcNone bmcError = iota
	bmcTimeout
	bmcRefuses
	bmcDenied
)

// takes is how long an answer is on its way; the caller's deadline cuts it short.
func (b *bmc) takes() time.Duration {
	switch {
	case b.slow:
		b.w.meet(bmcWasSlow)
		return b.w.chance.between(2*time.Second, 12*time.Second)
	default:
		return b.w.chance.long(20*time.Millisecond, 400*time.Millisecond)
	}
}

// request asks the controller from a member's host and calls back with its
// answer, after the deadline at the latest. act changes the power, or only reads
// it; it takes effect even when the answer is late or lost.
func (b *bmc) request(by *host, deadline time.Duration, act func() (off bool), done func(off bool, problem bmcError)) {
	takes := b.takes()
	dead := b.dead(by)
	answered := false
	answer := func(off bool, problem bmcError) {
		if !answered {
			answered = true
			done(off, problem)
		}
	}
	b.w.after(deadline, func() { answer(false, bmcTimeout) })
	if dead {
		return
	}
	b.w.after(takes, func() {
		switch {
		case b.hang || b.currentless():
		case b.denied:
			b.w.meet(bmcDeniedLogin)
			answer(false, bmcDenied)
		case b.broken:
			b.w.meet(bmcBroken)
			answer(false, bmcRefuses)
		case b.other:
			b.w.meet(bmcOfOther)
			answer(false, bmcRefuses)
		default:
			off := act()
			b.w.after(time.Millisecond, func() { answer(off, bmcNone) })
		}
	})
}

// dead reports whether the controller does not answer a host at all.
func (b *bmc) dead(by *host) bool {
	switch {
	case b.hang:
		b.w.meet(bmcHung)
	case b.cut.has(by.index):
		b.w.meet(bmcOutOfReach)
	case b.currentless():
		b.w.meet(bmcWithoutCurrent)
	default:
		return false
	}
	return true
}

// currentless reports whether the controller has no current itself.
func (b *bmc) currentless() bool {
	return !b.outlet && !b.gate && (b.withHost && !b.host.powered || !b.host.fed())
}

// off is the state of what it switches.
func (b *bmc) off() bool {
	if b.outlet || b.gate {
		return b.cutOff
	}
	return !b.host.powered
}

// switchTo switches the host, or a feed: a host without any feed is off, one that
// has current again starts.
func (b *bmc) switchTo(on bool, why string) {
	switch {
	case b.gate:
		b.cutOff = !on
		b.host.letIn = b.host.letIn || on && b.host.powered
	case b.outlet && on:
		b.cutOff = false
		b.host.powerOn()
	case b.outlet:
		b.cutOff = true
		if !b.host.fed() {
			b.host.powerOff("no feed is left: " + why)
		}
	case on:
		b.host.powerOn()
	default:
		b.host.powerOff(why)
	}
}

// read reads the power.
func (b *bmc) read() (off bool) {
	if b.host.powered && b.lies > 0 && !b.lied {
		b.w.meet(bmcLied)
		b.lies--
		b.lied = true
		return true
	}
	b.lied = false
	return b.off()
}
