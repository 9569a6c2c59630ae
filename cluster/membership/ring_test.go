package membership

import (
	"fmt"
	"slices"
	"testing"
)

func seats(n int, failed ...int) []seat {
	var out []seat
	for i := range n {
		out = append(out, seat{name: fmt.Sprintf("controller-%d", i), healthy: !slices.Contains(failed, i)})
	}
	return out
}

func TestTargetsGiveEveryMemberThreeHealthyWatchers(t *testing.T) {
	for name, ring := range map[string][]seat{
		"3":                 seats(3),
		"4":                 seats(4),
		"16":                seats(16),
		"64":                seats(64),
		"64, eight doubted": seats(64, 0, 1, 2, 3, 20, 21, 22, 23),
		"5, three doubted":  seats(5, 1, 2, 3),
	} {
		t.Run(name, func(t *testing.T) {
			watched := map[string]int{}
			healthy := 0
			for _, s := range ring {
				if !s.healthy {
					continue
				}
				healthy++
				mine := targets(s.name, ring)
				if slices.Contains(mine, s.name) {
					t.Errorf("%s watches itself", s.name)
				}
				for _, m := range mine {
					watched[m]++
				}
			}
			for _, s := range ring {
				want := min(watchers, healthy)
				if s.healthy {
					want = min(watchers, healthy-1)
				}
				if got := watched[s.name]; got != want {
					t.Errorf("%s (healthy %t) has %d watchers, want %d", s.name, s.healthy, got, want)
				}
			}
		})
	}
}

func TestTargetsOfAStrangerAreNone(t *testing.T) {
	if got := targets("stranger", seats(3)); got != nil {
		t.Errorf("targets = %v, want none", got)
	}
}
