package membership

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

type gossipState uint8

const (
	gossipUnknown gossipState = iota
	gossipAlive
	gossipDead
	gossipLeft
)

func (g gossipState) String() string {
	return [...]string{"", "alive", "dead", "left"}[g]
}

const (
	// minTry is how long a member must have pinged by itself, unanswered,
	// before it holds the other suspect; twice that for dead.
	minTry = 300 * time.Millisecond
	// minUnanswered is how many of its packets must have gone unanswered. A
	// watcher sends that many within 350 ms.
	minUnanswered = 5
	// accusationTTL is how long an accusation counts; they are repeated every
	// reportInterval.
	accusationTTL  = 600 * time.Millisecond
	reportInterval = 200 * time.Millisecond
	// flapWindow and maxFlaps bound the memory of deaths.
	flapWindow = 10 * time.Minute
	maxFlaps   = 16
	// conflictTTL is how long a conflict over a name stays on view.
	conflictTTL = 30 * time.Second
)

// accusation is another member's claim not to hear someone.
type accusation struct {
	at      time.Time
	silence time.Duration
}

// member is what the detector keeps about one other member.
type member struct {
	name, addr string
	meta       []byte
	known      bool // listed by Raft's configuration
	gossip     gossipState
	instance   uint64
	gone       uint64 // the instance that said goodbye
	reportSeq  uint64 // the last report taken of this instance

	heard    time.Time // last answer to this member, by any path
	heardBy  Source
	heardVia string
	baseline time.Time // silence counts from here if heard is older
	hearsay  time.Time // last answer another member reported

	watched    bool      // on the ring, ours to watch
	attentive  time.Time // pinged until then because of an accusation or gossip
	trying     time.Time // pinged without an interruption since
	lastPing   time.Time
	nextRelay  time.Time
	nextStream time.Time
	unanswered int
	accusers   map[string]accusation
	accused    bool // our last report accused it: owes a retraction

	verdict   Verdict
	at, since time.Time
	returning time.Time
	observers []string
	deaths    []time.Time

	conflict   string
	conflictAt time.Time
}

// lastSign is the time from which silence counts.
func (m *member) lastSign() time.Time {
	if m.heard.After(m.baseline) {
		return m.heard
	}
	return m.baseline
}

func (m *member) silence(now time.Time) time.Duration { return now.Sub(m.lastSign()) }

// heardAge is the age of our own last proof of life.
func (m *member) heardAge(now time.Time) time.Duration {
	if m.heard.IsZero() {
		return never
	}
	return now.Sub(m.heard)
}

// engaged says whether this member pings it and may judge it.
func (m *member) engaged(now time.Time) bool {
	return m.watched || now.Before(m.attentive) || m.verdict == Suspect || m.verdict == Dead
}

// pinged says whether this member pings it.
func (m *member) pinged(now time.Time) bool {
	return m.addr != "" && m.engaged(now) && m.verdict != Unknown && m.verdict != Left
}

// calm says whether nothing about it is in doubt or under way: it answers, or it
// is no member to be pinged.
func (m *member) calm(now time.Time) bool {
	if m.verdict == Unknown || m.verdict == Left {
		return true
	}
	return m.verdict == Alive && m.unanswered == 0 && len(m.accusers) == 0 && !m.accused &&
		!now.Before(m.attentive) && !(m.watched && m.lastPing.IsZero())
}

// tried is how long our own pings have gone unanswered.
func (m *member) tried(now time.Time) time.Duration {
	if m.trying.IsZero() {
		return 0
	}
	from := m.trying
	if m.heard.After(from) {
		from = m.heard
	}
	return now.Sub(from)
}

func (m *member) flaps(now time.Time) int {
	n := 0
	for _, at := range m.deaths {
		if now.Sub(at) < flapWindow {
			n++
		}
	}
	return n
}

// setInstance notes that another process run bears the name.
func (m *member) setInstance(instance uint64) {
	if m.instance != instance {
		m.instance, m.reportSeq = instance, 0
	}
}

func (m *member) set(v Verdict, now time.Time) {
	m.verdict, m.since, m.at = v, now, now
	m.returning, m.observers = time.Time{}, nil
	if v == Dead {
		m.deaths = append(m.deaths, now)
		if len(m.deaths) > maxFlaps {
			m.deaths = slices.Delete(m.deaths, 0, 1)
		}
	}
}

func (m *member) observation(now time.Time) Observation {
	o := Observation{
		Node: m.name, Addr: m.addr, Verdict: m.verdict, At: m.at, Since: m.since,
		Returning: m.returning, Flaps: m.flaps(now), Instance: m.instance, Meta: m.meta,
		Evidence: Evidence{
			Source: SourceNone, Observers: slices.Clone(m.observers),
			LastHeard: m.heard, Unanswered: m.unanswered, Gossip: m.gossip.String(),
		},
	}
	e := &o.Evidence
	if m.hearsay.After(e.LastHeard) {
		e.LastHeard = m.hearsay
	}
	if !e.LastHeard.IsZero() {
		e.Silence = now.Sub(e.LastHeard)
	}
	e.Source = m.source(now)
	if now.Sub(m.conflictAt) < conflictTTL {
		o.Conflict = m.conflict
	}
	e.Text = m.text(now, o)
	return o
}

func (m *member) source(now time.Time) Source {
	switch {
	case m.verdict == Unknown:
		return SourceNone
	case m.verdict == Left || !m.engaged(now) && m.heard.IsZero():
		return SourceGossip
	case m.verdict == Alive && m.heardBy != "":
		return m.heardBy
	}
	return SourcePing
}

func (m *member) text(now time.Time, o Observation) string {
	heard := "never heard"
	if !o.Evidence.LastHeard.IsZero() {
		heard = fmt.Sprintf("last heard %s ago", o.Evidence.Silence.Round(10*time.Millisecond))
	}
	var b strings.Builder
	switch m.verdict {
	case Unknown:
		b.WriteString("in the configuration, but never heard since this daemon started")
	case Alive:
		switch {
		case m.heard.IsZero():
			b.WriteString("gossip holds it alive and nobody doubts it")
		case m.heardVia != "":
			fmt.Fprintf(&b, "%s, through %s only", heard, m.heardVia)
		default:
			b.WriteString(heard)
		}
	case Suspect, Dead:
		fmt.Fprintf(&b, "no answer to %d packets from here, %s; %d observers (%s); gossip says %q",
			m.unanswered, heard, len(m.observers), strings.Join(m.observers, ", "), m.gossip)
		if !m.returning.IsZero() {
			fmt.Fprintf(&b, "; answers again for %s", now.Sub(m.returning).Round(10*time.Millisecond))
		}
	case Left:
		b.WriteString("said goodbye")
	}
	if o.Conflict != "" {
		fmt.Fprintf(&b, "; another process claims its name from %s", o.Conflict)
	}
	return b.String()
}
