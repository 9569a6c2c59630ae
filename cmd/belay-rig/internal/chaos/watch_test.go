package chaos

import (
	"math/rand/v2"
	"testing"
	"time"
)

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a look from and to milliseconds after dawn, at a host's first boot.
func at(host, from, to int, seen ...string) Look {
	return Look{Host: host, Boot: 100 + host, Began: dawn.Add(time.Duration(from) * time.Millisecond), Ended: dawn.Add(time.Duration(to) * time.Millisecond), Seen: seen}
}

func off(host, from, to int) Look {
	look := at(host, from, to)
	look.Boot = 0
	return look
}

func rebooted(look Look) Look {
	look.Boot += 1000
	return look
}

func TestDoubles(t *testing.T) {
	cases := []struct {
		name              string
		looks             []Look
		proven, undecided int
	}{
		{"one host alone", []Look{at(0, 0, 1, "vip"), at(0, 50, 51, "vip"), at(1, 0, 1), at(1, 50, 51)}, 0, 0},
		{"two hosts at once", []Look{at(0, 0, 1, "vip"), at(1, 10, 11, "vip"), at(0, 50, 51, "vip"), at(1, 60, 61, "vip")}, 1, 0},
		{"for as short as two looks can tell", []Look{at(0, 0, 1, "vip"), at(1, 2, 3, "vip"), at(0, 4, 5, "vip"), at(1, 6, 7, "vip")}, 1, 0},
		{"once, in between", []Look{at(0, 0, 1, "vip"), at(1, 10, 11, "vip"), at(0, 50, 51, "vip"), at(1, 60, 61)}, 1, 0},
		{"once, across the last look", []Look{at(0, 0, 1, "vip"), at(0, 50, 60, "vip"), at(1, 55, 65, "vip"), at(1, 100, 101), at(0, 100, 101)}, 0, 1},
		{"a move that one look could see twice", []Look{at(0, 0, 1, "vip"), at(0, 50, 51, "vip"), at(1, 60, 61, "vip"), at(0, 100, 101), at(1, 110, 111, "vip")}, 0, 0},
		{"two slow looks that overlap", []Look{at(0, 0, 100, "vip"), at(1, 50, 150, "vip"), at(0, 200, 201), at(1, 200, 201, "vip")}, 0, 1},
		{"different things", []Look{at(0, 0, 1, "vip"), at(1, 10, 11, "door"), at(0, 50, 51, "vip"), at(1, 60, 61, "door")}, 0, 0},
		{"a frozen host that still has it", []Look{at(0, 0, 1, "vip"), at(0, 50, 51, "vip"), at(1, 55, 56), at(0, 100, 101, "vip"), at(1, 105, 106, "vip"), at(0, 150, 151, "vip")}, 1, 0},
		{"taken over after the power is gone", []Look{at(0, 0, 1, "vip"), at(0, 50, 51, "vip"), off(0, 100, 101), at(1, 105, 106, "vip"), at(1, 155, 156, "vip"), rebooted(at(0, 160, 161))}, 0, 0},
		{"and then also on the one that came back", []Look{at(0, 0, 1, "vip"), off(0, 100, 101), at(1, 105, 106, "vip"), rebooted(at(0, 120, 121, "vip")), at(1, 155, 156, "vip"), rebooted(at(0, 160, 161, "vip"))}, 1, 0},
		// Nobody looked at the first host in between: it may have been there and gone.
		{"not looked at for long", []Look{at(0, 0, 1, "vip"), at(1, 500, 501, "vip"), at(1, 550, 551, "vip"), at(0, 1500, 1501, "vip")}, 0, 0},
		{"three hosts at once", []Look{at(0, 0, 1, "vip"), at(1, 0, 1, "vip"), at(2, 0, 1, "vip"), at(0, 50, 51, "vip"), at(1, 50, 51, "vip"), at(2, 50, 51, "vip")}, 3, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			watch := NewWatch()
			for _, look := range c.looks {
				watch.Add(look)
			}
			proven, undecided := watch.Doubles()
			if len(proven) != c.proven || len(undecided) != c.undecided {
				t.Errorf("got %d proven, %d undecided, want %d and %d: %v %v", len(proven), len(undecided), c.proven, c.undecided, proven, undecided)
			}
		})
	}
}

// However the looks fall, something that moves in order is never called double,
// and something that is in two places for longer than three looks always is.
func TestDoublesAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		// The thing is on host 0, on none for a while (or on both, below 0), then on
		// host 1.
		gap := r.IntN(1000) - 500
		leaves := 5000 + r.IntN(1000)
		arrives := leaves + gap
		watch, longest := NewWatch(), 0
		for host := range 2 {
			for now := r.IntN(50); now < 10000; {
				took := r.IntN(80)
				moment := now + r.IntN(took+1) // when the kernel was really read
				look := at(host, now, now+took)
				if host == 0 && moment < leaves || host == 1 && moment >= arrives {
					look.Seen = []string{"vip"}
				}
				watch.Add(look)
				wait := 20 + r.IntN(60)
				longest = max(longest, took+wait)
				now += took + wait
			}
		}
		proven, _ := watch.Doubles()
		if gap >= 0 && len(proven) > 0 {
			t.Errorf("seed %d: nothing was double for %d ms, and got %v", seed, -gap, proven)
		}
		if -gap > 3*longest && len(proven) == 0 {
			t.Errorf("seed %d: double for %d ms with looks %d ms apart, and not noticed", seed, -gap, longest)
		}
	}
}

func TestBlindness(t *testing.T) {
	watch := NewWatch()
	for _, look := range []Look{at(0, 0, 10), at(0, 60, 70), at(1, 0, 10), at(1, 3010, 3011), at(0, 120, 130)} {
		watch.Add(look)
	}
	if looks, gap, blind := watch.Looks(); looks != 5 || gap != 3*time.Second || len(blind) != 1 || blind[0].Host != 1 || blind[0].To.Sub(blind[0].From) != 3*time.Second {
		t.Errorf("got %d looks, %s, %v", looks, gap, blind)
	}
	if watch.Boot(1) != 101 || watch.Boot(2) != 0 {
		t.Errorf("boots %d and %d", watch.Boot(1), watch.Boot(2))
	}
}
