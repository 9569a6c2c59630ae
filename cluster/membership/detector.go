package membership

import (
	"maps"
	"slices"
	"time"
)

// maxPending bounds the sequence numbers waiting for an answer, pendingTTL
// their age: a later answer is no news.
const (
	maxPending = 8192
	pendingTTL = 2 * time.Second
)

// action is something the detector wants sent. It never sends itself: the
// caller does, after it has let go of its lock, because memberlist calls into
// the detector with its own locks held.
type action struct {
	to     string // member name
	addr   string
	stream bool
	msg    message
}

type pending struct {
	target string
	at     time.Time
}

// detector holds the view and decides verdicts. It does no I/O, reads no clock
// and starts no goroutine: time comes with each call.
type detector struct {
	self     string
	selfAddr string
	instance uint64
	timing   Timing

	members map[string]*member
	pending map[uint64]pending
	seq     uint64
	turn    int // rotates helpers

	lastTick   time.Time
	planned    time.Time // of the next tick
	joining    bool      // another member's round of pings, see pinged
	lag        time.Duration
	graceUntil time.Time
	lastPause  time.Duration
	pausedAt   time.Time
	lastAny    time.Time // last message from anybody
	nextReport time.Time

	version uint64 // grows with every visible change
	changes []change
	answers []string // who answered during this call
}

// change is a verdict that changed, to be logged.
type change struct {
	from Verdict
	obs  Observation
}

func newDetector(self string, instance, seq uint64, t Timing) *detector {
	return &detector{
		self: self, instance: instance, seq: seq, timing: t,
		members: map[string]*member{}, pending: map[uint64]pending{},
	}
}

// member returns the entry of name, made if it is new; nil for self.
func (d *detector) member(name string, now time.Time) *member {
	if name == d.self {
		return nil
	}
	m := d.members[name]
	if m == nil {
		m = &member{name: name, at: now, since: now, accusers: map[string]accusation{}}
		d.members[name] = m
		d.version++
	}
	return m
}

func (d *detector) sorted() []*member {
	out := make([]*member, 0, len(d.members))
	for _, name := range slices.Sorted(maps.Keys(d.members)) {
		out = append(out, d.members[name])
	}
	return out
}

func (d *detector) setVerdict(m *member, v Verdict, now time.Time) {
	from := m.verdict
	observers := m.observers
	m.set(v, now)
	if v == Suspect || v == Dead {
		m.observers = observers
	}
	d.version++
	d.changes = append(d.changes, change{from: from, obs: m.observation(now)})
}

// touch marks a visible change that is no change of verdict.
func (d *detector) touch(m *member, now time.Time) {
	m.at = now
	d.version++
}

// setPeers takes the members that Raft's configuration lists. What it no longer
// lists and gossip holds gone is forgotten.
func (d *detector) setPeers(peers []Peer, now time.Time) {
	listed := make(map[string]bool, len(peers))
	for _, p := range peers {
		listed[p.Name] = true
		if m := d.member(p.Name, now); m != nil && m.addr == "" {
			m.addr = p.Addr
		}
	}
	for name, m := range d.members {
		m.known = listed[name]
		if !m.known && m.gossip != gossipAlive && now.Sub(m.since) > time.Minute {
			delete(d.members, name)
			d.version++
		}
	}
}

// joined is gossip's word that a member is there, or there again.
func (d *detector) joined(name, addr string, meta []byte, instance uint64, now time.Time) {
	m := d.member(name, now)
	if m == nil || m.gone != 0 && m.gone == instance {
		return
	}
	m.gossip, m.addr, m.meta = gossipAlive, addr, meta
	m.setInstance(instance)
	m.lastPing = time.Time{} // look at once
	d.touch(m, now)
	if m.verdict == Unknown || m.verdict == Left {
		m.baseline = now
		d.setVerdict(m, Alive, now)
	}
}

// updated is gossip's word that a member changed its metadata.
func (d *detector) updated(name, addr string, meta []byte, instance uint64, now time.Time) {
	if m := d.member(name, now); m != nil {
		m.addr, m.meta = addr, meta
		m.setInstance(instance)
		d.touch(m, now)
	}
}

// gossipLost is gossip's word that a member is dead or has left; memberlist
// does not say which (it hands out a Node whose State it never sets). It makes
// this member look for itself.
func (d *detector) gossipLost(name string, now time.Time) {
	m := d.member(name, now)
	if m == nil {
		return
	}
	m.gossip = gossipDead
	if m.verdict == Left {
		m.gossip = gossipLeft
	}
	d.touch(m, now)
	// Gossip has itself probed for over a second: start from the middle.
	d.attend(m, now.Add(-d.timing.SuspectAfter), now)
}

// leaving is the member's own goodbye.
func (d *detector) leaving(name string, instance uint64, now time.Time) {
	m := d.members[name]
	if m == nil || m.verdict == Left || m.instance != 0 && m.instance != instance {
		return // a replay, or news of an earlier life
	}
	m.gone = instance
	m.attentive = time.Time{}
	d.setVerdict(m, Left, now)
}

// conflict notes that another process claims a name.
func (d *detector) conflict(name, addr string, now time.Time) (isNew bool) {
	m := d.member(name, now)
	if m == nil {
		return true
	}
	isNew = m.conflict != addr || now.Sub(m.conflictAt) >= conflictTTL
	m.conflict, m.conflictAt = addr, now
	if isNew {
		d.touch(m, now)
	}
	return isNew
}

// attend starts own pings to a member that somebody else doubts. from is where
// its silence counts from, if this member did not ping it before.
func (d *detector) attend(m *member, from, now time.Time) {
	if m.verdict == Left || m.verdict == Unknown {
		return
	}
	if !m.engaged(now) {
		m.trying, m.lastPing, m.unanswered = now, time.Time{}, 0
		if from.After(m.baseline) {
			m.baseline = from
		}
	}
	m.attentive = now.Add(accusationTTL)
}

// answered is an answer of the member to this one: proof of life.
func (d *detector) answered(name string, by Source, via string, now time.Time) {
	m := d.members[name]
	if m == nil || m.verdict == Left {
		return
	}
	m.heard, m.heardBy, m.heardVia, m.unanswered = now, by, via, 0
	clear(m.accusers)
	d.answers = append(d.answers, name)
	if m.verdict == Unknown {
		d.setVerdict(m, Alive, now)
	}
}

// ack matches an answer with a question of ours.
func (d *detector) ack(msg message, now time.Time) {
	p, ok := d.pending[msg.seq]
	if !ok || p.target != msg.from || now.Sub(p.at) > pendingTTL {
		return
	}
	delete(d.pending, msg.seq)
	m := d.members[msg.from]
	if m == nil || m.gone != 0 && m.gone == msg.instance {
		return
	}
	if m.instance != msg.instance {
		m.setInstance(msg.instance)
		d.touch(m, now)
	}
	by := SourcePing
	switch {
	case msg.kind == kindStreamAck:
		by = SourceStream
	case msg.target != d.self:
		by = SourceRelay
	}
	via := ""
	if by == SourceRelay {
		via = msg.target
	}
	d.answered(msg.from, by, via, now)
}

// reported takes what another member says about others, and returns what to
// tell it: a watcher that hears the accused sets the accuser right.
func (d *detector) reported(msg message, now time.Time) []action {
	from := d.members[msg.from]
	if from == nil || from.verdict != Alive {
		return nil // a suspect member is no witness: it may be the deaf one
	}
	if msg.instance != from.instance || msg.seq <= from.reportSeq {
		return nil // a replay, or overtaken on the way
	}
	from.reportSeq = msg.seq
	var rebuttal []report
	for _, r := range msg.reports {
		m := d.members[r.node]
		if m == nil || r.node == msg.from || m.verdict == Left || m.verdict == Unknown {
			continue
		}
		heard := now.Add(-r.heard)
		if r.heard < never && heard.After(m.hearsay) {
			m.hearsay = heard
		}
		if r.heard < never && heard.After(m.baseline) {
			m.baseline = heard // proof of life, wherever it came from
		}
		if r.silence < d.timing.doubtAfter() {
			delete(m.accusers, msg.from)
			continue
		}
		if m.watched && !m.heard.IsZero() && now.Sub(m.heard) < d.timing.doubtAfter()*3/4 {
			rebuttal = append(rebuttal, report{r.node, now.Sub(m.heard), now.Sub(m.heard)})
		}
		m.accusers[msg.from] = accusation{at: now, silence: r.silence}
		d.attend(m, now.Add(-r.silence), now)
	}
	if len(rebuttal) == 0 {
		return nil
	}
	return []action{{to: from.name, addr: from.addr, msg: d.reportMessage(rebuttal)}}
}

func (d *detector) message(k kind, fill func(*message)) message {
	msg := message{kind: k, instance: d.instance, from: d.self, fromAddr: d.selfAddr}
	fill(&msg)
	return msg
}

// reportMessage numbers a report: receivers take each number of an instance
// once, and none older than the last.
func (d *detector) reportMessage(lines []report) message {
	d.seq++
	seq := d.seq
	return d.message(kindReport, func(out *message) { out.seq, out.reports = seq, lines })
}

// question draws a sequence number for a ping to target.
func (d *detector) question(k kind, m *member, now time.Time) message {
	d.seq++
	if len(d.pending) < maxPending {
		d.pending[d.seq] = pending{target: m.name, at: now}
	}
	seq := d.seq
	return d.message(k, func(out *message) { out.seq, out.target, out.targetAddr = seq, m.name, m.addr })
}

// paused voids all that this member believed from silence: it was the one that
// did not listen.
func (d *detector) paused(gap time.Duration, now time.Time) {
	d.lastPause, d.pausedAt = gap, now
	d.graceUntil = now.Add(d.timing.PauseGrace)
	d.lastAny = now
	clear(d.pending)
	for _, m := range d.sorted() {
		clear(m.accusers)
		m.attentive, m.trying, m.lastPing = time.Time{}, time.Time{}, time.Time{}
		m.accused, m.unanswered = false, 0
		if m.verdict == Dead {
			continue // it takes answers for HoldAlive to undo a death
		}
		m.baseline = now
		if m.verdict == Suspect {
			d.setVerdict(m, Alive, now)
		}
	}
	d.version++
}

// isolated says whether this member knows others and hears none of them.
func (d *detector) isolated(now time.Time) bool {
	others := 0
	for _, m := range d.members {
		if m.verdict != Left && m.verdict != Unknown {
			others++
		}
	}
	return others >= 2 && now.Sub(d.lastAny) > d.timing.doubtAfter()
}
