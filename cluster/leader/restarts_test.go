package leader

import (
	"testing"
	"time"
)

func TestRestarts(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type heard struct {
		after    time.Duration
		instance uint64
	}
	cases := []struct {
		name  string
		heard []heard
		count int
		many  bool
	}{
		{"the first run is no restart", []heard{{0, 7}, {time.Second, 7}}, 0, false},
		{"an upgrade", []heard{{0, 7}, {time.Second, 8}}, 1, false},
		{"unknown for a moment", []heard{{0, 7}, {1 * time.Second, 0}, {2 * time.Second, 7}}, 0, false},
		{"again and again", []heard{{0, 7}, {2 * time.Second, 8}, {4 * time.Second, 9}, {6 * time.Second, 10}}, 3, true},
		{"over", []heard{{0, 7}, {2 * time.Second, 8}, {4 * time.Second, 9}, {6 * time.Second, 10}, {65 * time.Second, 10}}, 1, false},
	}
	for _, c := range cases {
		r := newRestarts()
		for _, h := range c.heard {
			r.note("n", h.instance, "run-1", began.Add(h.after))
		}
		if count, many := r.many("n"); count != c.count || many != c.many {
			t.Errorf("%s: got %d, %v", c.name, count, many)
		}
	}
}

// TestHopelessDaemon starts a daemon every two seconds from the twentieth second
// on, as one on a full disk does.
func TestHopelessDaemon(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		// announces says after which start the member announces itself; 0: never.
		announces int
		at        time.Duration
		want      bool
	}{
		"soon after":                           {0, 40 * time.Second, false},
		"for half a minute":                    {0, 55 * time.Second, true},
		"it announced itself in between":       {10, 55 * time.Second, false},
		"every start announced itself in time": {-1, 55 * time.Second, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, incarnation, instance := newRestarts(), "run-0", uint64(1)
			r.note("n", instance, incarnation, began)
			for at := 20 * time.Second; at <= c.at; at += 2 * time.Second {
				if c.announces == -1 || int(instance) == c.announces {
					// The log may tell of the announcement before gossip tells of the run.
					incarnation += "+"
					r.note("n", instance, incarnation, began.Add(at-time.Second))
				}
				instance++
				r.note("n", instance, incarnation, began.Add(at))
			}
			if _, got := r.hopeless("n", began.Add(c.at)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
