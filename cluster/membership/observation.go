package membership

import "time"

// Verdict is what this member believes of another one.
type Verdict uint8

// The verdicts. The zero value is Unknown: a member of Raft's configuration
// that this process has never heard of since it started.
const (
	Unknown Verdict = iota
	// Alive: it answers, or gossip holds it alive and nobody doubts it.
	Alive
	// Suspect: nobody has had an answer for SuspectAfter. Move traffic away,
	// fence nothing.
	Suspect
	// Dead: no answer for DeadAfter, with a second witness where there is one.
	// Still only an observation.
	Dead
	// Left: it said goodbye. That is not a report of a clean stop of its
	// resources, which travels through the log.
	Left
)

// String returns the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Unknown:
		return "unknown"
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	case Dead:
		return "dead"
	case Left:
		return "left"
	}
	return "invalid"
}

// Source is the strongest basis of a piece of evidence.
type Source string

// The sources, weakest first. SourceRaft is never produced by this package: it
// is there for the caller that merges Raft's own contact times in.
const (
	SourceNone   Source = ""
	SourceGossip Source = "gossip"
	SourceRelay  Source = "relay"
	SourceStream Source = "stream"
	SourcePing   Source = "ping"
	SourceRaft   Source = "raft"
	SourceLocal  Source = "local"
)

// Evidence is the ground of an observation, fit to be stored with a fencing
// decision. Times are of the observer's clock; compare them with nothing that
// came from another machine.
type Evidence struct {
	// Source is the basis: how it was last heard, or how it was tried.
	Source Source
	// Observers are the members, sorted, that vouch for a Suspect or Dead
	// verdict: each of them tried by itself and got no answer. The observer is
	// among them if its own pings went unanswered.
	Observers []string
	// LastHeard is the last proof of life: an answer to this member, or one
	// that another member reported. Zero: never since this process started.
	LastHeard time.Time
	// Silence is the time without proof of life when the evidence was taken.
	Silence time.Duration
	// HealthScore is the observer's own memberlist health score, 0 is healthy,
	// 7 the worst: weigh a witness by it.
	HealthScore int
	// Unanswered counts the observer's own packets since the last answer.
	Unanswered int
	// Gossip is what gossip holds: "alive", "dead", "left" or "" if unknown.
	Gossip string
	// Text says the above in one sentence for people.
	Text string
}

// Observation is this member's current belief about one member.
type Observation struct {
	// Node is the member's name.
	Node string
	// Addr is its gossip address, host:port; empty if never learnt.
	Addr string
	// Verdict is the belief.
	Verdict Verdict
	// At is when anything in this observation last changed, Since when the
	// verdict began. Local clock.
	At, Since time.Time
	// Returning is set while a Suspect or Dead member answers again but has not
	// yet held out: the verdict stays until it has.
	Returning time.Time
	// Flaps counts its deaths in the last ten minutes, at most 16.
	Flaps int
	// Instance is drawn at random by each start of a daemon: a change means a
	// restart. Zero: not learnt yet.
	Instance uint64
	// Conflict is the address of another process that lately claimed the same
	// name; empty if none. Someone must act.
	Conflict string
	// Meta is what the member advertises; do not modify.
	Meta []byte
	// Evidence is the ground.
	Evidence Evidence
}

// Health is how fit this member is as a witness.
type Health struct {
	// Score is memberlist's health score: 0 healthy, 7 the worst.
	Score int
	// LastPause is the length of the last time this process did not run (its
	// own ticks were more than PauseGap apart), PausedUntil when it ended. Zero
	// if never.
	LastPause   time.Duration
	PausedUntil time.Time
	// Grace is true while suspicions are withheld after such a pause.
	Grace bool
	// Lag is the recent lateness of this process's own ticks. It is added to
	// every threshold.
	Lag time.Duration
	// Isolated is true if this member knows others and hears none of them: it
	// is likely the one that is cut off. It then accuses nobody.
	Isolated bool
	// SendErrors counts packets the local kernel refused to send.
	SendErrors uint64
}
