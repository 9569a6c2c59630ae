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

// Members that ping each other at different times come to do it together.
func TestPingsComeTogether(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	names := []string{"a", "b", "c"}
	all, next := map[string]*detector{}, map[string]time.Time{}
	for i, name := range names {
		d := newDetector(name, uint64(i+1), 1, Timing{}.withDefaults())
		for n, other := range names {
			if other != name {
				d.joined(other, "192.0.2.1:7451", nil, uint64(n+1), now)
			}
		}
		all[name], next[name] = d, now.Add(time.Duration(i)*70*time.Millisecond)
	}
	began, pings, woke := now, 0, map[time.Time]bool{}
	var send func(from string, out []action)
	send = func(from string, out []action) {
		for _, a := range out {
			if a.msg.kind != kindPing {
				continue
			}
			pings++
			all[from].answered(a.to, SourcePing, "", now)
			send(a.to, all[a.to].pinged(now))
			next[a.to] = all[a.to].nextTick(now)
		}
		next[from] = all[from].nextTick(now)
	}
	for now.Sub(began) < 20*time.Second {
		from := names[0]
		for _, name := range names {
			if next[name].Before(next[from]) {
				from = name
			}
		}
		now = next[from]
		if now.Sub(began) >= 10*time.Second {
			woke[now] = true
		}
		send(from, all[from].tick(now))
	}
	if n := len(woke); n > 10*5+2 {
		t.Errorf("three members woke at %d times in 10 s", n)
	}
	if least, most := 6*20*5, 6*20*5*11/10; pings < least || pings > most {
		t.Errorf("%d pings in 20 s, want %d to %d", pings, least, most)
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
