package sim

import (
	"maps"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

type begins = func(w *world, f Fault, h, other *host) (end func())

// faultKinds is the table of what can go wrong.
func faultKinds() map[string]kind {
	s, ms := time.Second, time.Millisecond
	all := map[string]kind{
		// Hosts and daemons.
		"power_cut":   {weight: 10, least: 5 * s, most: 60 * s, begin: powerCut},
		"power_blink": {weight: 3, least: 0, most: 3 * s, begin: powerCut},
		"dead_feed":   {weight: 4, least: 35 * s, most: 80 * s, begin: deadFeed},
		"blackout":    {weight: 2, least: 2 * s, most: 20 * s, begin: blackout},
		"kill":        {weight: 8, calmMost: ms, begin: func(w *world, f Fault, h, _ *host) func() { h.kill(); return nil }},
		"kill_leader": {weight: 6, calmMost: ms, begin: func(w *world, f Fault, h, _ *host) func() { w.leaderOr(h).kill(); return nil }},
		"away":        {weight: 3, least: 5 * s, most: 80 * s, begin: away},
		"restart":     {weight: 4, calmMost: ms, begin: func(w *world, f Fault, h, _ *host) func() { h.stopInOrder(); return nil }},
		"freeze":      {weight: 6, least: 500 * ms, most: 20 * s, calmMost: 900 * ms, begin: func(w *world, f Fault, h, _ *host) func() { h.freeze(f.For, true); return nil }},
		"stall":       {weight: 6, least: 300 * ms, most: 20 * s, calmMost: 900 * ms, begin: func(w *world, f Fault, h, _ *host) func() { h.freeze(f.For, false); return nil }},
		"stall_leader": {weight: 4, least: 200 * ms, most: 12 * s, calmMost: 900 * ms, begin: func(w *world, f Fault, h, _ *host) func() {
			l := w.leaderOr(h)
			l.trouble(f.For)
			l.freeze(f.For, false)
			return nil
		}},
		"clock_jump":   {weight: 4, amount: 7, calmMost: ms, begin: clockJump},
		"step_restart": {weight: 3, least: 5 * s, most: 5 * s, calmMost: 5 * s, begin: stepRestart},
		// Networks.
		"isolate": {weight: 8, least: 500 * ms, most: 40 * s, begin: isolate},
		"split":   {weight: 5, amount: 14, least: s, most: 40 * s, begin: split},
		"one_way": {weight: 6, least: s, most: 40 * s, pair: true, begin: oneWay},
		"cable":   {weight: 5, least: s, most: 40 * s, pair: true, begin: cable},
		"deaf":    {weight: 4, least: s, most: 30 * s, begin: deaf},
		"flap":    {weight: 5, least: 5 * s, most: 30 * s, begin: flap},
		"loss":    {weight: 5, amount: 8, least: s, most: 30 * s, calmMost: calmLoss, begin: loss},
		"delay":   {weight: 4, amount: 10, least: s, most: 30 * s, begin: delay},
		"double":  {weight: 4, least: 5 * s, most: 60 * s, calmMost: 20 * s, begin: double},
		// Disks.
		"disk_slow": {weight: 4, amount: 10, least: s, most: 30 * s, calmMost: 5 * s, begin: diskSlow},
		"disk_hung": {weight: 4, least: s, most: 20 * s, begin: func(w *world, f Fault, h, _ *host) func() { h.disk.hung = true; return func() { h.disk.hung = false } }},
		"disk_full": {weight: 3, least: 5 * s, most: 80 * s, begin: func(w *world, f Fault, h, _ *host) func() { h.disk.full = true; return func() { h.disk.full = false } }},
		"disk_torn": {weight: 1, begin: tear},
		// Power controllers.
		"bmc_slow":   {weight: 3, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.slow = on })},
		"bmc_hung":   {weight: 3, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.hang = on })},
		"bmc_broken": {weight: 3, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.broken = on })},
		"bmc_denied": {weight: 2, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.denied = on })},
		"bmc_other":  {weight: 2, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.other = on })},
		"bmc_dies":   {weight: 4, least: 20 * s, most: 80 * s, begin: bmcFault(func(b *bmc, on bool) { b.withHost = on })},
		"bmc_lies":   {weight: 5, least: 20 * s, most: 80 * s, begin: lies},
		"bmc_cut": {weight: 4, least: 20 * s, most: 80 * s, pair: true, begin: func(w *world, f Fault, h, other *host) func() {
			h.bmc.cut = h.bmc.cut.with(other.index)
			return func() { h.bmc.cut = h.bmc.cut.without(other.index) }
		}},
		// Other devices.
		"crash":        {weight: 4, least: 10 * s, most: 60 * s, begin: func(w *world, f Fault, h, _ *host) func() { h.crash(f.For); return nil }},
		"dump_lie":     {weight: 2, least: 10 * s, most: 40 * s, begin: dumpLie},
		"dog_dead":     {weight: 2, least: 30 * s, most: 80 * s, begin: dogDies},
		"dog_only":     {weight: 3, least: 30 * s, most: 80 * s, begin: dogOnly},
		"fence_blind":  {weight: 3, least: 30 * s, most: 80 * s, begin: fenceBlind},
		"outlet_stuck": {weight: 3, least: 20 * s, most: 80 * s, amount: outlets, begin: outletStuck},
		// Services.
		"service_dies":   {weight: 5, amount: 6, begin: serviceDies},
		"service_breaks": {weight: 4, amount: 6, begin: serviceBreaks},
		// Operators.
		"standby":     {weight: 4, least: 5 * s, most: 40 * s, begin: standby},
		"maintenance": {weight: 2, least: 5 * s, most: 40 * s, begin: maintenance},
		"edit":        {weight: 8, amount: 100, begin: edit},
		"edit_twice":  {weight: 3, amount: 100, begin: editTwice},
		"disable":     {weight: 3, amount: 6, least: 5 * s, most: 30 * s, begin: disable},
		"move":        {weight: 3, amount: 6, begin: move},
		"move_late":   {weight: 6, begin: moveLate},
		"restart_it":  {weight: 2, amount: 6, begin: restartIt},
		"fence": {weight: 2, begin: func(w *world, f Fault, h, _ *host) func() {
			return w.ask(h, &state.FenceRequested{Node: h.name, Action: resources.FencingReboot, Reason: "asked for"})
		}},
		"wrong_word": {weight: 3, least: 15 * s, most: 40 * s, begin: wrongWord},
		"cleanup":    {weight: 3, begin: func(w *world, f Fault, h, _ *host) func() { return w.ask(h, &state.FailuresCleared{}) }},
		"join":       {weight: 3, begin: func(w *world, f Fault, h, _ *host) func() { w.operator.joins++; return nil }},
		"remove":     {weight: 2, begin: func(w *world, f Fault, h, _ *host) func() { w.operator.remove(h); return nil }},
	}
	for name, spoil := range map[string]func(*mood, int){
		"agent_hangs": func(m *mood, n int) { m.hang += n }, "agent_fails": func(m *mood, n int) { m.fail += n },
		"agent_leaves": func(m *mood, n int) { m.leave += n }, "agent_stubborn": func(m *mood, n int) { m.stubborn = 1 },
		"agent_late": func(m *mood, n int) { m.late += n }, "agent_lies": func(m *mood, n int) { m.lie++ },
		"agent_silent": func(m *mood, n int) { m.silent += n }, "agent_slow": func(m *mood, n int) { m.slow += n },
	} {
		all[name] = kind{weight: 3, amount: 3, begin: func(w *world, f Fault, h, _ *host) func() { spoil(&h.mood, f.Amount); return nil }}
	}
	maps.Copy(all, laterKinds())
	return all
}

// tear damages a log, as long as a majority of the voters keeps theirs: the loss
// of more is not survived.
func tear(w *world, f Fault, h, _ *host) func() {
	l := w.leaderOr(nil)
	if l == nil || l.daemon.raft.changing() {
		return nil
	}
	whole := members(0)
	for _, other := range w.hosts {
		if other != h && other.daemon != nil && !other.disk.torn {
			whole = whole.with(other.index)
		}
	}
	if !l.daemon.raft.config().voters.agree(whole) {
		return nil
	}
	h.disk.torn = true
	h.kill()
	return nil
}

func powerCut(w *world, f Fault, h, _ *host) func() {
	h.powerOff("a fault")
	return h.powerOn
}

// deadFeed is a power cut that takes the host's power controller with it.
func deadFeed(w *world, f Fault, h, _ *host) func() {
	h.bmc.withHost = true
	h.powerOff("its feed is dead")
	return func() { h.powerOn(); h.bmc.withHost = false }
}

func blackout(w *world, f Fault, _, _ *host) func() {
	for _, h := range w.hosts {
		h.trouble(f.For)
		h.powerOff("all power is lost")
	}
	return func() {
		for _, h := range w.hosts {
			w.after(w.chance.between(0, 5*time.Second), h.powerOn)
		}
	}
}

// kill is kill -9 of the daemon.
func (h *host) kill() {
	if h.daemon != nil {
		h.trouble(0)
		h.endDaemon()
		h.restartDaemon()
	}
}

// stopInOrder is systemctl restart: the daemon says goodbye.
func (h *host) stopInOrder() {
	if h.daemon == nil || h.frozen() {
		return
	}
	instance := uint64(h.boot)<<32 | uint64(h.run)
	for _, other := range h.w.hosts {
		if other != h {
			h.w.net.send(h, other, func(d *daemon) { d.detector.leaves(h, instance) })
		}
	}
	h.kill()
}

func away(w *world, f Fault, h, _ *host) func() {
	h.away = true
	h.endDaemon()
	return func() { h.away = false; h.startDaemon() }
}

// leaderOr returns the host that leads, else the given one.
func (w *world) leaderOr(h *host) *host {
	for _, l := range w.hosts {
		if l.daemon != nil && l.daemon.raft.role == leading {
			return l
		}
	}
	return h
}

func clockJump(w *world, f Fault, h, _ *host) func() {
	jumps := []time.Duration{0, time.Second, -time.Second, time.Minute, -time.Minute, 3 * time.Hour, -3 * time.Hour, 40 * 24 * time.Hour}
	h.clock.offset += jumps[f.Amount%len(jumps)]
	return nil
}

// stepRestart is a daemon that is away for a few seconds, in the middle of which
// the leader's wall clock is put right by hours.
func stepRestart(w *world, f Fault, h, _ *host) func() {
	if h.daemon == nil {
		return nil
	}
	boot := h.boot
	h.endDaemon()
	w.after(3800*time.Millisecond, func() { w.leaderOr(h).clock.offset += 3 * time.Hour })
	w.after(5*time.Second, func() {
		if h.boot == boot {
			h.startDaemon()
		}
	})
	return nil
}

// each does something to each link of a host: those from it and those to it.
func (w *world) each(h *host, out, in bool, do func(*link)) {
	for _, other := range w.hosts {
		if other == h {
			continue
		}
		if out {
			w.net.alter(h, other, do)
		}
		if in {
			w.net.alter(other, h, do)
		}
	}
}

func isolate(w *world, f Fault, h, _ *host) func() {
	w.each(h, true, true, func(l *link) { l.cut = true })
	return func() { w.each(h, true, true, func(l *link) { l.cut = false }) }
}

// deaf is a host that is heard and hears nothing.
func deaf(w *world, f Fault, h, _ *host) func() {
	w.each(h, false, true, func(l *link) { l.cut = true })
	return func() { w.each(h, false, true, func(l *link) { l.cut = false }) }
}

// split cuts the hosts of one side, the bits of Amount, off from the others.
func split(w *world, f Fault, _, _ *host) func() {
	side := members(f.Amount)
	set := func(cut bool) {
		for _, a := range w.hosts {
			a.trouble(f.For)
			for _, b := range w.hosts {
				if side.has(a.index) != side.has(b.index) {
					w.net.alter(a, b, func(l *link) { l.cut = cut })
				}
			}
		}
	}
	set(true)
	return func() { set(false) }
}

func oneWay(w *world, f Fault, h, other *host) func() {
	w.net.alter(h, other, func(l *link) { l.cut = true })
	return func() { w.net.alter(h, other, func(l *link) { l.cut = false }) }
}

func cable(w *world, f Fault, h, other *host) func() {
	set := func(cut bool) {
		w.net.alter(h, other, func(l *link) { l.cut = cut })
		w.net.alter(other, h, func(l *link) { l.cut = cut })
	}
	set(true)
	return func() { set(false) }
}

func flap(w *world, f Fault, h, _ *host) func() {
	over := false
	var turn func(cut bool)
	turn = func(cut bool) {
		if over || w.quiet {
			return
		}
		w.each(h, true, true, func(l *link) { l.cut = cut })
		w.after(w.chance.between(300*time.Millisecond, 4*time.Second), func() { turn(!cut) })
	}
	turn(true)
	return func() { over = true; w.each(h, true, true, func(l *link) { l.cut = false }) }
}

// calmLoss is for how long the loss of 30 % of the packets must fence nobody.
const calmLoss = 5 * time.Second

func loss(w *world, f Fault, h, _ *host) func() {
	rate := 100 * f.Amount
	if f.For <= calmLoss {
		rate = min(rate, 300)
	}
	w.each(h, true, true, func(l *link) { l.loss = rate })
	return func() { w.each(h, true, true, func(l *link) { l.loss = 0 }) }
}

func delay(w *world, f Fault, h, _ *host) func() {
	w.each(h, true, true, func(l *link) {
		l.delay, l.jitter = time.Duration(f.Amount)*30*time.Millisecond, time.Duration(f.Amount)*100*time.Millisecond
	})
	return func() {
		w.each(h, true, true, func(l *link) { l.delay, l.jitter = quietLink.delay, quietLink.jitter })
	}
}

func double(w *world, f Fault, h, _ *host) func() {
	w.each(h, true, true, func(l *link) { l.double = 200 })
	return func() { w.each(h, true, true, func(l *link) { l.double = 0 }) }
}

func diskSlow(w *world, f Fault, h, _ *host) func() {
	h.disk.latency = time.Duration(f.Amount) * 40 * time.Millisecond
	return func() { h.disk.latency = quietWrite }
}

// lies has a controller say off of a running host, once in a while: never twice
// in a row, which nobody survives.
func lies(w *world, f Fault, h, _ *host) func() {
	over := false
	var lie func()
	lie = func() {
		if !over && !w.quiet {
			h.bmc.lies = 1
			w.after(7*time.Second, lie)
		}
	}
	lie()
	return func() { over, h.bmc.lies = true, 0 }
}

func bmcFault(set func(b *bmc, on bool)) begins {
	return func(w *world, f Fault, h, _ *host) func() {
		set(h.bmc, true)
		return func() { set(h.bmc, false) }
	}
}

// outletStuck is an outlet that refuses to be switched.
func outletStuck(w *world, f Fault, h, _ *host) func() {
	if len(h.outlets) == 0 {
		return nil
	}
	o := h.outlets[f.Amount%len(h.outlets)]
	o.broken = true
	return func() { o.broken = false }
}

// dogOnly is a host that nobody reaches, neither its daemon nor its power controller
// nor, half of the time, the outlets of its feeds, while its daemon stands still for
// a part of the time.
func dogOnly(w *world, f Fault, h, other *host) func() {
	stuck := len(h.outlets) > 0 && w.chance.of(500)
	cut := func(on bool) {
		w.each(h, true, true, func(l *link) { l.cut = on })
		h.bmc.hang = on
		for _, o := range h.outlets {
			o.hang = on && stuck
		}
	}
	cut(true)
	if w.chance.of(500) {
		h.freeze(w.chance.between(0, f.For), w.chance.of(500))
	}
	return func() { cut(false) }
}

// dogDies is a watchdog that does not fire, at a time, where there is one, at which
// nothing but it could end the host.
func dogDies(w *world, f Fault, h, other *host) func() {
	h.dog.dead = true
	end := func() {}
	if h.dog.armed {
		end = dogOnly(w, f, h, other)
	}
	return func() { end(); h.dog.dead = false }
}

// fenceBlind is an operator's fencing of a living host, of which no power controller
// answers.
func fenceBlind(w *world, f Fault, h, _ *host) func() {
	hang := func(on bool) {
		h.bmc.hang = on
		for _, o := range h.outlets {
			o.hang = on
		}
	}
	hang(true)
	w.ask(h, &state.FenceRequested{Node: h.name, Action: resources.FencingReboot, Reason: "asked for"})
	return func() { hang(false) }
}

// dumpLie is somebody who says of a host that it saves its memory, while nobody
// reaches that.
func dumpLie(w *world, f Fault, h, other *host) func() {
	h.liesDump = true
	w.each(h, true, true, func(l *link) { l.cut = true })
	return func() {
		h.liesDump = false
		w.each(h, true, true, func(l *link) { l.cut = false })
	}
}
