package membership

import (
	"slices"
	"time"
)

const (
	// helpersPerRelay members are asked at a time to ping for this one.
	helpersPerRelay = 2
	relayInterval   = 150 * time.Millisecond
	streamInterval  = 300 * time.Millisecond
	// coldTry is how long a watcher that never heard its target pings it in
	// vain before it is suspect.
	coldTry = 400 * time.Millisecond
	// deadPing is the ping interval to a dead member, deadPingLate the one
	// after it has been dead for deadLate.
	deadPing     = time.Second
	deadPingLate = 5 * time.Second
	deadLate     = time.Minute
)

// tick judges every member and returns what to send. It is to be called when
// nextTick says; a gap of PauseGap since the last call is taken as a pause of
// this process.
func (d *detector) tick(now time.Time) []action {
	if !d.lastTick.IsZero() {
		gap := now.Sub(d.lastTick)
		late := max(gap-max(tickInterval, d.planned.Sub(d.lastTick)), 0)
		d.lag = max(late, d.lag-gap/4)
		if gap > d.timing.PauseGap {
			d.lag = 0
			d.paused(gap, now)
		}
	}
	d.lastTick = now
	d.prune(now)
	all := d.sorted()
	d.seatRing(all, now)
	var out []action
	early := d.joining || d.pingsDue(all, now)
	for _, m := range all {
		d.judge(m, now)
		out = append(out, d.probe(m, early, now)...)
	}
	return append(out, d.reports(all, now)...)
}

// nextTick returns when tick is to be called next: after tickInterval while
// anything is in doubt, else when a ping is due, so that a member at rest wakes
// as seldom as its pings allow.
func (d *detector) nextTick(now time.Time) time.Time {
	soon := d.lastTick.Add(tickInterval)
	at := d.lastTick.Add(d.timing.PingInterval)
	for _, m := range d.members {
		switch {
		case !m.calm(now):
			at = soon
		case m.pinged(now):
			at = earlier(at, m.lastPing.Add(d.timing.PingInterval))
		}
	}
	if now.Before(d.graceUntil) {
		at = soon
	}
	if at.Before(soon) {
		at = soon
	}
	if at.Before(now) {
		at = now
	}
	d.planned = at
	return at
}

// pinged has this member's pings go out when another one pings it, if half of their
// time is over. So members that watch each other come to do it at the same times,
// and wake once for all of it.
func (d *detector) pinged(now time.Time) []action {
	if d.lastTick.IsZero() || now.Sub(d.lastTick) < d.timing.PingInterval/2 {
		return nil // in doubt it ticks more often than that
	}
	d.joining = true
	out := d.tick(now)
	d.joining = false
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// pingsDue says whether any member's regular ping is due: then the others' go out
// with it, if half of their time is over, and from then on they are due together.
func (d *detector) pingsDue(all []*member, now time.Time) bool {
	return slices.ContainsFunc(all, func(m *member) bool {
		return m.pinged(now) && now.Sub(m.lastPing) >= d.pingInterval(m, now)-tickInterval/2
	})
}

func (d *detector) prune(now time.Time) {
	for seq, p := range d.pending {
		if now.Sub(p.at) > pendingTTL {
			delete(d.pending, seq)
		}
	}
	for _, m := range d.members {
		for name, a := range m.accusers {
			if now.Sub(a.at) > accusationTTL {
				delete(m.accusers, name)
			}
		}
		if m.conflict != "" && now.Sub(m.conflictAt) >= conflictTTL {
			m.conflict = ""
			d.touch(m, now)
		}
	}
}

// seatRing computes whom this member watches. A doubted member no longer counts
// as a watcher, so that its targets get another one before it is even suspect.
func (d *detector) seatRing(all []*member, now time.Time) {
	seats := []seat{{name: d.self, healthy: true}}
	for _, m := range all {
		switch m.verdict {
		case Unknown, Left:
		case Dead:
			if !m.returning.IsZero() {
				seats = append(seats, seat{name: m.name})
			}
		case Alive, Suspect:
			doubted := len(m.accusers) > 0 || m.engaged(now) && m.silence(now) >= d.timing.doubtAfter()
			seats = append(seats, seat{name: m.name, healthy: m.verdict == Alive && !doubted})
		}
	}
	mine := targets(d.self, seats)
	for _, m := range all {
		watched := slices.Contains(mine, m.name)
		if watched && !m.watched && !m.engaged(now) {
			m.trying, m.lastPing, m.unanswered = now, time.Time{}, 0
			// Silence before the watch began is not ours to count, but a member
			// that has lost its watchers must not get all the time again.
			if head := now.Add(coldTry - d.timing.SuspectAfter); head.After(m.lastSign()) {
				m.baseline = head
			}
		}
		m.watched = watched
	}
}

// judge moves one member's verdict.
func (d *detector) judge(m *member, now time.Time) {
	if m.verdict == Unknown || m.verdict == Left {
		return
	}
	if !m.engaged(now) {
		m.trying = time.Time{}
		return
	}
	if m.trying.IsZero() {
		m.trying = now
	}
	if now.Before(d.graceUntil) {
		return
	}
	s, tried := m.silence(now), m.tried(now)
	if m.verdict != Dead || !m.returning.IsZero() {
		d.witness(m, tried, now)
	}
	switch {
	case s >= d.timing.SuspectAfter+d.lag && tried >= minTry && m.unanswered >= minUnanswered:
		if !m.returning.IsZero() {
			m.returning = time.Time{}
			d.touch(m, now)
		}
		if m.verdict == Alive {
			d.setVerdict(m, Suspect, now)
		}
		if m.verdict == Suspect && d.deadBy(m, s, tried) {
			d.setVerdict(m, Dead, now)
		}
	case m.verdict != Alive && s < d.timing.doubtAfter():
		d.hold(m, now)
	}
}

// deadBy says whether silence and witnesses suffice.
func (d *detector) deadBy(m *member, s, tried time.Duration) bool {
	if s < d.timing.DeadAfter+d.lag || tried < 2*minTry {
		return false
	}
	return len(m.observers) >= d.quota(m) || m.gossip == gossipDead || s >= d.timing.SoloDeadAfter+d.lag
}

// quota is how many observers must vouch for a death: two, unless nobody else
// is fit to be asked.
func (d *detector) quota(of *member) int {
	fit := 1
	for _, m := range d.members {
		if m != of && m.verdict == Alive {
			fit++
		}
	}
	return min(2, fit)
}

// witness collects who got no answer.
func (d *detector) witness(m *member, tried time.Duration, now time.Time) {
	var names []string
	for name := range m.accusers {
		if from := d.members[name]; from != nil && from.verdict == Alive {
			names = append(names, name)
		}
	}
	if tried >= minTry && m.silence(now) >= d.timing.doubtAfter() {
		names = append(names, d.self)
	}
	slices.Sort(names)
	if !slices.Equal(names, m.observers) {
		m.observers = names
		if m.verdict != Alive {
			d.touch(m, now)
		}
	}
}

// hold lets a suspect or dead member that answers again count as alive only
// after it has held out.
func (d *detector) hold(m *member, now time.Time) {
	if m.returning.IsZero() {
		m.returning = now
		d.touch(m, now)
	}
	wait := d.timing.HoldSuspect
	if m.verdict == Dead {
		wait = d.timing.HoldAlive
	}
	if now.Sub(m.returning) >= wait {
		d.setVerdict(m, Alive, now)
	}
}

// probe returns the packets that are due to one member. early has a member that
// answers be pinged before its time.
func (d *detector) probe(m *member, early bool, now time.Time) []action {
	if !m.pinged(now) {
		return nil
	}
	var out []action
	interval := d.pingInterval(m, now) - tickInterval/2
	if early && m.unanswered == 0 && m.verdict == Alive {
		interval = d.timing.PingInterval / 2
	}
	if now.Sub(m.lastPing) >= interval {
		out = append(out, action{to: m.name, addr: m.addr, msg: d.question(kindPing, m, now)})
		m.unanswered++
		m.lastPing = now
	}
	if m.verdict == Dead && m.returning.IsZero() && now.Sub(m.since) > streamInterval {
		return out
	}
	s := m.silence(now)
	overdue := d.timing.PingInterval + tickInterval // for a watcher
	if !m.watched {
		overdue = d.timing.doubtAfter()
	}
	if s >= overdue && !now.Before(m.nextRelay) {
		m.nextRelay = now.Add(relayInterval)
		for _, h := range d.helpers(m) {
			q := d.question(kindRelay, m, now)
			out = append(out, action{to: h.name, addr: h.addr, msg: q})
		}
	}
	if s >= d.timing.doubtAfter()*3/4 && !now.Before(m.nextStream) {
		m.nextStream = now.Add(streamInterval)
		out = append(out, action{to: m.name, addr: m.addr, stream: true, msg: d.question(kindStreamPing, m, now)})
	}
	return out
}

// pingInterval is the time that must have passed since the last ping: short
// while an answer is overdue.
func (d *detector) pingInterval(m *member, now time.Time) time.Duration {
	switch {
	case m.verdict == Dead && m.returning.IsZero():
		if now.Sub(m.since) > deadLate {
			return deadPingLate
		}
		return deadPing
	case m.unanswered == 0:
		return d.timing.PingInterval
	case m.unanswered == 1 && m.watched:
		return 2 * tickInterval
	}
	return tickInterval
}

// helpers picks members in turn to ping for this one.
func (d *detector) helpers(of *member) []*member {
	var fit []*member
	for _, m := range d.sorted() {
		if m != of && m.verdict == Alive && m.addr != "" && len(m.accusers) == 0 {
			fit = append(fit, m)
		}
	}
	if len(fit) <= helpersPerRelay {
		return fit
	}
	d.turn++
	out := make([]*member, 0, helpersPerRelay)
	for i := range helpersPerRelay {
		out = append(out, fit[(d.turn*helpersPerRelay+i)%len(fit)])
	}
	return out
}

// reports tells everybody whom this member watches and does not hear, and takes
// it back once. It is silent during grace and while it hears nobody at all.
func (d *detector) reports(all []*member, now time.Time) []action {
	if now.Before(d.nextReport) || now.Before(d.graceUntil) || d.isolated(now) {
		return nil
	}
	var lines []report
	for _, m := range all {
		if m.verdict == Left || m.verdict == Unknown {
			continue
		}
		s := m.silence(now)
		accuse := m.watched && s >= d.timing.doubtAfter()+d.lag && m.tried(now) >= minTry && m.unanswered >= minUnanswered
		late := m.verdict == Dead && now.Sub(m.since) < d.timing.HoldAlive && m.accused && s >= d.timing.doubtAfter()
		switch {
		case accuse || late:
			m.accused = true
			lines = append(lines, report{m.name, s, m.heardAge(now)})
		case m.accused && !m.heard.IsZero() && now.Sub(m.heard) < d.timing.doubtAfter():
			m.accused = false
			lines = append(lines, report{m.name, now.Sub(m.heard), now.Sub(m.heard)})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	d.nextReport = now.Add(reportInterval)
	var out []action
	for chunk := range slices.Chunk(lines, maxReports) {
		msg := d.reportMessage(chunk)
		for _, m := range all {
			if m.addr != "" && (m.verdict == Alive || m.verdict == Suspect) {
				out = append(out, action{to: m.name, addr: m.addr, msg: msg})
			}
		}
	}
	return out
}
