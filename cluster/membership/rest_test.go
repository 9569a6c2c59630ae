package membership

import (
	"testing"
	"time"
)

// restingDetector watches two members that have answered their last ping.
func restingDetector(t *testing.T) (*detector, time.Time) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDetector("a", 1, 1, Timing{}.withDefaults())
	for i, name := range []string{"b", "c"} {
		d.joined(name, "192.0.2.1:7451", nil, uint64(i+2), now)
	}
	answerAll(d, d.tick(now), now)
	// Heard of at different times, they are pinged at different times at first.
	d.members["c"].lastPing = now.Add(-120 * time.Millisecond)
	return d, now
}

func answerAll(d *detector, out []action, now time.Time) (pings int) {
	for _, a := range out {
		if a.msg.kind == kindPing {
			pings++
			d.answered(a.to, SourcePing, "", now)
		}
	}
	return pings
}

// While all answer, the detector wakes for its pings alone, and sends them
// together.
func TestRestingDetectorWakesForItsPings(t *testing.T) {
	d, now := restingDetector(t)
	ticks, pings, began := 0, 0, now
	for now.Sub(began) < 10*time.Second {
		next := d.nextTick(now)
		if next.Sub(now) > d.timing.PingInterval {
			t.Fatalf("sleeps for %s", next.Sub(now))
		}
		now = next
		ticks++
		pings += answerAll(d, d.tick(now), now)
	}
	if most := 10*5 + 2; ticks > most {
		t.Errorf("woke %d times in 10 s, want %d at most", ticks, most)
	}
	if least := 2 * 10 * 5; pings < least {
		t.Errorf("%d pings to two members in 10 s, want %d at least", pings, least)
	}
	if d.lag != 0 {
		t.Errorf("takes its sleep for a lag of %s", d.lag)
	}
}

// Whatever is in doubt wakes it as often as ever.
func TestDetectorInDoubtTicks(t *testing.T) {
	cases := map[string]func(*detector, time.Time){
		"an answer is missing": func(d *detector, _ time.Time) { d.members["b"].unanswered = 1 },
		"a member is accused": func(d *detector, now time.Time) {
			d.members["b"].accusers["c"] = accusation{at: now}
		},
		"gossip has lost one":     func(d *detector, now time.Time) { d.gossipLost("b", now) },
		"one is suspect":          func(d *detector, now time.Time) { d.setVerdict(d.members["b"], Suspect, now) },
		"one is dead":             func(d *detector, now time.Time) { d.setVerdict(d.members["b"], Dead, now) },
		"it was paused itself":    func(d *detector, now time.Time) { d.paused(time.Second, now) },
		"it owes a retraction":    func(d *detector, _ time.Time) { d.members["b"].accused = true },
		"one was never pinged":    func(d *detector, _ time.Time) { d.members["b"].lastPing = time.Time{} },
		"one joined a moment ago": func(d *detector, now time.Time) { d.joined("b", "192.0.2.1:7451", nil, 9, now) },
	}
	for name, doubt := range cases {
		t.Run(name, func(t *testing.T) {
			d, now := restingDetector(t)
			doubt(d, now)
			if next := d.nextTick(now); next.Sub(now) > tickInterval {
				t.Errorf("sleeps for %s", next.Sub(now))
			}
		})
	}
}
