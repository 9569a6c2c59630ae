package membership

import (
	"testing"
	"time"
)

// bench is a detector under test with a hand-driven clock and one member, "b",
// of instance 5.
type bench struct {
	*detector
	now time.Time
}

func newBench(others ...string) *bench {
	b := &bench{newDetector("a", 1, 100, Timing{}.withDefaults()), time.Unix(1000, 0)}
	for _, name := range others {
		b.joined(name, name+":1", nil, 5, b.now)
	}
	return b
}

// run ticks for d; answer says who acks the pings of each tick.
func (b *bench) run(d time.Duration, answer ...string) (sent []action) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(tickInterval)
		out := b.tick(b.now)
		sent = append(sent, out...)
		for _, a := range out {
			for _, name := range answer {
				if a.msg.kind == kindPing && a.to == name {
					b.lastAny = b.now
					b.ack(message{kind: kindAck, seq: a.msg.seq, from: name, instance: 5, target: "a"}, b.now)
				}
			}
		}
	}
	return sent
}

func (b *bench) verdict(name string) Verdict { return b.members[name].verdict }

func TestAnswersThatProveNothing(t *testing.T) {
	for name, forge := range map[string]func(b *bench, asked message) message{
		"never asked":    func(_ *bench, asked message) message { return message{seq: asked.seq + 1000, from: "b", instance: 5} },
		"other answerer": func(_ *bench, asked message) message { return message{seq: asked.seq, from: "c", instance: 5} },
		"gone instance": func(b *bench, asked message) message {
			b.members["b"].gone = 5
			return message{seq: asked.seq, from: "b", instance: 5}
		},
		"too late": func(b *bench, asked message) message {
			b.now = b.now.Add(pendingTTL + time.Millisecond)
			return message{seq: asked.seq, from: "b", instance: 5}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench("b", "c")
			asked := b.question(kindPing, b.members["b"], b.now)
			msg := forge(b, asked)
			msg.kind, msg.target = kindAck, "a"
			b.ack(msg, b.now)
			if !b.members["b"].heard.IsZero() {
				t.Error("it counts as proof of life")
			}
		})
	}
	b := newBench("b", "c")
	ack := message{kind: kindAck, seq: b.question(kindPing, b.members["b"], b.now).seq, from: "b", instance: 5, target: "a"}
	b.ack(ack, b.now)
	first := b.members["b"].heard
	if first.IsZero() {
		t.Fatal("an honest answer does not count")
	}
	b.ack(ack, b.now.Add(time.Second))
	if got := b.members["b"].heard; !got.Equal(first) {
		t.Error("a replayed answer counts")
	}
}

func TestReportsAreTakenOnce(t *testing.T) {
	for name, c := range map[string]struct {
		instance, seq uint64
		taken         bool
	}{
		"next":             {5, 11, true},
		"replay":           {5, 10, false},
		"older":            {5, 9, false},
		"another instance": {4, 11, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench("b", "c")
			b.reported(message{kind: kindReport, seq: 10, instance: 5, from: "c"}, b.now)
			b.reported(message{kind: kindReport, seq: c.seq, instance: c.instance, from: "c",
				reports: []report{{"b", 450 * time.Millisecond, never}}}, b.now)
			if got := len(b.members["b"].accusers) == 1; got != c.taken {
				t.Errorf("taken = %t, want %t", got, c.taken)
			}
		})
	}
}

func TestGoodbyes(t *testing.T) {
	for name, c := range map[string]struct {
		instance uint64
		want     Verdict
	}{
		"of this life":         {5, Left},
		"replayed from before": {4, Alive},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench("b")
			b.leaving("b", c.instance, b.now)
			if got := b.verdict("b"); got != c.want {
				t.Errorf("verdict = %s, want %s", got, c.want)
			}
		})
	}
	b := newBench("b")
	b.leaving("b", 5, b.now)
	b.gossipLost("b", b.now)
	b.run(3 * time.Second)
	b.joined("b", "b:1", nil, 5, b.now)
	if got := b.verdict("b"); got != Left {
		t.Errorf("an old alive message of the instance that left makes it %s", got)
	}
	b.joined("b", "b:1", nil, 6, b.now)
	if got := b.verdict("b"); got != Alive {
		t.Errorf("the next instance is %s", got)
	}
}

func TestAWitnessMustBeFit(t *testing.T) {
	b := newBench("b", "c", "d")
	b.run(time.Second, "b", "c", "d")
	b.members["c"].verdict = Suspect
	b.reported(message{kind: kindReport, seq: 1, instance: 5, from: "c", reports: []report{{"b", time.Second, never}}}, b.now)
	if len(b.members["b"].accusers) != 0 {
		t.Error("a suspect member is taken as a witness")
	}
}

func TestDeathNeedsASecondWitness(t *testing.T) {
	timing := Timing{}.withDefaults()
	for name, c := range map[string]struct {
		others   []string
		accuser  string
		gossip   bool
		earliest time.Duration
	}{
		"two members only":             {[]string{"b"}, "", false, timing.DeadAfter},
		"the other fit one agrees":     {[]string{"b", "c"}, "c", false, timing.DeadAfter},
		"gossip agrees":                {[]string{"b", "c"}, "", true, timing.DeadAfter},
		"the other fit one is silent":  {[]string{"b", "c"}, "", false, timing.SoloDeadAfter},
		"a witness for someone else":   {[]string{"b", "c", "d"}, "", false, timing.SoloDeadAfter},
		"nobody else answers, no help": {[]string{"b", "x", "y"}, "", false, timing.DeadAfter},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(c.others...)
			answering := []string{"c", "d"}
			b.run(2*time.Second, append(answering, "b", "x", "y")...)
			quiet := b.members["b"].heard
			for seq := uint64(1); b.verdict("b") != Dead && b.now.Sub(quiet) < 4*time.Second; seq++ {
				if c.accuser != "" {
					s := b.now.Sub(quiet)
					b.reported(message{kind: kindReport, seq: seq, instance: 5, from: c.accuser, reports: []report{{"b", s, s}}}, b.now)
				}
				if c.gossip {
					b.members["b"].gossip = gossipDead
				}
				b.run(tickInterval, answering...)
			}
			if got := b.now.Sub(quiet); got < c.earliest || got > c.earliest+2*tickInterval {
				t.Errorf("dead after %s of silence, want %s", got, c.earliest)
			}
		})
	}
}

func TestOwnLagIsAddedToThresholds(t *testing.T) {
	b := newBench("b")
	b.run(time.Second, "b")
	quiet := b.members["b"].heard
	for b.verdict("b") != Suspect && b.now.Sub(quiet) < 3*time.Second {
		b.now = b.now.Add(350 * time.Millisecond) // under PauseGap: slow, not paused
		b.tick(b.now)
	}
	if got, least := b.now.Sub(quiet), 950*time.Millisecond; got < least {
		t.Errorf("a lagging member suspects after %s, want at least %s", got, least)
	}
}

func TestForgottenOnlyWhenGoneAndUnlisted(t *testing.T) {
	b := newBench("b", "c", "d")
	b.members["c"].gossip, b.members["d"].gossip = gossipDead, gossipDead
	b.now = b.now.Add(2 * time.Minute)
	b.setPeers([]Peer{{"d", "d:1"}}, b.now)
	if b.members["b"] == nil || b.members["c"] != nil || b.members["d"] == nil {
		t.Errorf("kept %v, want b (alive) and d (listed)", b.sorted())
	}
}

func TestActionsAreBounded(t *testing.T) {
	names := make([]string, 0, 64)
	for i := range 64 {
		names = append(names, string(rune('A'+i)))
	}
	b := newBench(names...)
	b.lastAny = b.now
	b.run(6 * time.Second) // nobody answers
	if got := len(b.pending); got > maxPending {
		t.Errorf("%d questions pending, want at most %d", got, maxPending)
	}
}
