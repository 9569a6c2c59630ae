package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/leader"
)

// detector is what one daemon believes of the others: cluster/membership's
// detector as its documentation has it. Members ping each other, ask others to
// ping for them when an answer is overdue, and count silence; a death needs a
// second witness or more time; who was silent has to answer for a while before it
// counts as alive again; who was paused itself accuses nobody for a second.
type detector struct {
	d        *daemon
	of       []sighting // by host
	lastTick time.Duration
	grace    time.Duration
}

// sighting is what is known of one other member. Times are of the observer's
// monotonic clock.
type sighting struct {
	verdict   leader.Verdict
	since     time.Time // by the wall clock
	heard     time.Duration
	returning time.Duration // 0: it does not answer yet
	instance  uint64
	gone      uint64 // the instance that said goodbye
	pinged    time.Duration
}

// The detector's times (cluster/membership, Timing).
const (
	detectorTick  = 100 * time.Millisecond
	pingInterval  = 200 * time.Millisecond
	deadPing      = time.Second
	doubtAfter    = 400 * time.Millisecond
	suspectAfter  = 700 * time.Millisecond
	deadAfter     = 1450 * time.Millisecond
	soloDeadAfter = 2200 * time.Millisecond
	holdSuspect   = time.Second
	holdAlive     = 3 * time.Second
	pauseGap      = 500 * time.Millisecond
	pauseGrace    = time.Second
)

func newDetector(d *daemon) *detector {
	g := &detector{d: d, of: make([]sighting, len(d.w.hosts)), lastTick: d.mono()}
	d.after(d.w.chance.between(0, detectorTick), g.tick)
	return g
}

// tick pings and judges every member.
func (g *detector) tick() {
	defer g.d.after(detectorTick, g.tick)
	now := g.d.mono()
	if now-g.lastTick > pauseGap {
		g.paused(now)
	}
	g.lastTick = now
	news := false
	for _, h := range g.d.w.hosts {
		if h == g.d.h || g.d.state.Nodes[h.name] == nil {
			continue
		}
		s := &g.of[h.index]
		before := *s
		g.ping(h, s, now)
		g.judge(h, s, now)
		news = news || before.verdict != s.verdict || before.returning != s.returning || before.instance != s.instance
	}
	if news {
		g.d.wake()
	}
}

// paused voids what was concluded from silence.
func (g *detector) paused(now time.Duration) {
	g.grace = now + pauseGrace
	for i := range g.of {
		s := &g.of[i]
		if s.verdict == leader.Suspect {
			g.set(s, leader.Alive)
		}
		if s.verdict != leader.Dead {
			s.heard = now
		}
	}
}

func (g *detector) ping(h *host, s *sighting, now time.Duration) {
	every := pingInterval
	silence := now - s.heard
	switch {
	case s.verdict == leader.Dead && s.returning == 0:
		every = deadPing
	case silence > pingInterval+detectorTick/2:
		every = detectorTick
	}
	if now-s.pinged < every-detectorTick/2 {
		return
	}
	s.pinged = now
	answers := g.d.w.answers(g.d.h, h)
	for _, helper := range g.d.w.hosts {
		if answers || silence < pingInterval {
			break
		}
		if helper != h && helper != g.d.h && g.of[helper.index].verdict == leader.Alive {
			answers = g.d.w.answers(g.d.h, helper) && g.d.w.answers(helper, h)
		}
	}
	instance := uint64(h.boot)<<32 | uint64(h.run)
	if !answers || s.gone == instance {
		return
	}
	s.heard, s.instance = now, instance
	if s.verdict == leader.Unknown || s.verdict == leader.Left {
		g.set(s, leader.Alive)
	}
}

// answers reports whether a ping of one daemon to another is answered now.
func (w *world) answers(from, to *host) bool {
	return to.daemon != nil && !to.frozen() && w.net.packet(from, to) && w.net.packet(to, from)
}

func (g *detector) judge(h *host, s *sighting, now time.Duration) {
	if s.verdict == leader.Unknown || s.verdict == leader.Left || now < g.grace {
		return
	}
	silence := now - s.heard
	switch {
	case silence >= suspectAfter:
		s.returning = 0
		if s.verdict == leader.Alive {
			g.set(s, leader.Suspect)
		}
		if s.verdict == leader.Suspect && (silence >= soloDeadAfter || silence >= deadAfter && g.witnessed(h)) {
			g.set(s, leader.Dead)
		}
	case s.verdict != leader.Alive && silence < doubtAfter:
		if s.returning == 0 {
			s.returning = now
		}
		hold := holdSuspect
		if s.verdict == leader.Dead {
			hold = holdAlive
		}
		if now-s.returning >= hold {
			g.set(s, leader.Alive)
		}
	}
}

// witnessed reports whether another member that this one hears misses the host
// as well, or whether there is none to ask.
func (g *detector) witnessed(h *host) bool {
	asked := false
	for _, other := range g.d.w.hosts {
		if other == h || other == g.d.h || g.of[other.index].verdict != leader.Alive || other.daemon == nil {
			continue
		}
		asked = true
		theirs := other.daemon.detector
		if theirs.d.mono()-theirs.of[h.index].heard >= doubtAfter && g.d.w.net.packet(other, g.d.h) {
			return true
		}
	}
	return !asked
}

func (g *detector) set(s *sighting, v leader.Verdict) {
	s.verdict, s.since, s.returning = v, g.d.wall(), 0
}

// leaves takes another daemon's goodbye.
func (g *detector) leaves(h *host, instance uint64) {
	s := &g.of[h.index]
	if s.instance == instance && s.verdict != leader.Left {
		s.gone = instance
		g.set(s, leader.Left)
		g.d.wake()
	}
}

// hears reports whether this member is in touch with another one.
func (g *detector) hears(h *host) bool { return g.of[h.index].verdict == leader.Alive }

// confirm takes a look of its own at a member, as membership.Confirm does:
// reachable when it answers.
func (g *detector) confirm(h *host, done func(reachable bool, text string)) {
	var try func(left int)
	try = func(left int) {
		switch {
		case g.d.w.answers(g.d.h, h):
			g.of[h.index].heard = g.d.mono()
			done(true, "answered")
		case left == 0 && g.d.mono() < g.grace:
			done(false, "no answer, but this member is not fit to judge")
		case left == 0:
			done(false, "no answer to packets and a stream within 400ms")
		default:
			g.d.after(100*time.Millisecond, func() { try(left - 1) })
		}
	}
	try(4)
}

// members is what the leader is told of the others. Each map is a new one.
func (g *detector) members(r *raft) map[string]leader.Member {
	now := g.d.mono()
	all := map[string]leader.Member{}
	for _, h := range g.d.w.hosts {
		s := g.of[h.index]
		if h == g.d.h || s.verdict == leader.Unknown && s.instance == 0 {
			continue
		}
		m := leader.Member{
			Verdict: s.verdict, Since: s.since, Returning: s.returning > 0, Instance: s.instance, Silence: now - s.heard, Source: "ping", Text: verdictText[s.verdict], Answered: -1,
		}
		if r.answered[h.index] {
			m.Answered = r.silence(h.index)
		}
		if silent := r.silence(h.index); silent > 2*heartbeatEvery && r.config().all().has(h.index) {
			m.Unanswered = silent
		}
		all[string(h.name)] = m
	}
	return all
}

var verdictText = map[leader.Verdict]string{leader.Alive: "answers", leader.Suspect: "no answer for a while", leader.Dead: "no answer, and another member gets none", leader.Left: "said goodbye"}
