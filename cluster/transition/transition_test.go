package transition_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/transition"
)

func plan(actions ...transition.Action) *transition.Transition {
	return &transition.Transition{Actions: actions}
}

func TestValidate(t *testing.T) {
	a, b := transition.Action{Key: "a"}, transition.Action{Key: "b"}
	after := func(x transition.Action, indexes ...int) transition.Action { x.After = indexes; return x }
	flying := after(b, 0)
	flying.InFlight = "1.0"
	for _, c := range []struct {
		name string
		t    *transition.Transition
		want string
	}{
		{"empty", plan(), ""},
		{"chain", plan(a, after(b, 0)), ""},
		{"no key", plan(transition.Action{}), "action 0 has no key"},
		{"same key", plan(a, b, a), `actions 0 and 2 have the same key "a"`},
		{"out of bounds", plan(a, after(b, 2)), `action "b" waits for action 2 of 2`},
		{"negative", plan(a, after(b, -1)), `action "b" waits for action -1 of 2`},
		{"itself", plan(a, after(b, 1)), `action "b" waits for action 1 of 2`},
		{"in flight and waiting", plan(a, flying), `action "b" is in flight and still waits for "a"`},
		{"circle", plan(after(a, 1), after(b, 2), after(transition.Action{Key: "c"}, 0)), "actions wait for each other: a <- b <- c <- a"},
		{"circle behind a chain", plan(after(a, 1), after(b, 2), after(transition.Action{Key: "c"}, 1)), "actions wait for each other: b <- c <- b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := transition.Validate(c.t)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if strings.Contains(c.want, "each other") && !errors.Is(err, transition.ErrCycle) {
				t.Errorf("%v is not ErrCycle", err)
			}
		})
	}
}

// TestCycleFindsEveryRing: edges to earlier actions alone make no ring; one
// back makes one exactly if it closes a path.
func TestCycleFindsEveryRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "actions")
		actions := make([]transition.Action, n)
		for i := 1; i < n; i++ {
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					actions[i].After = append(actions[i].After, j)
				}
			}
		}
		if ring := transition.Cycle(actions); ring != nil {
			t.Fatalf("found %v among edges that only go back", ring)
		}
		to := rapid.IntRange(0, n-2).Draw(t, "to")
		from := rapid.IntRange(to+1, n-1).Draw(t, "from")
		actions[to].After = append(actions[to].After, from)
		ring := transition.Cycle(actions)
		if reaches(actions, from, to) != (ring != nil) {
			t.Fatalf("edge %d after %d: ring %v", to, from, ring)
		}
		for k, i := range ring {
			next := ring[(k+1)%len(ring)]
			found := false
			for _, before := range actions[i].After {
				found = found || before == next
			}
			if !found {
				t.Fatalf("%v: %d does not wait for %d", ring, i, next)
			}
		}
	})
}

// reaches follows edges from one action to another, the slow and sure way.
func reaches(actions []transition.Action, from, to int) bool {
	if from == to {
		return true
	}
	for _, before := range actions[from].After {
		if before < from && reaches(actions, before, to) {
			return true
		}
	}
	return false
}

func TestReady(t *testing.T) {
	p := plan(
		transition.Action{Key: "free"},
		transition.Action{Key: "flying", InFlight: "1.0"},
		transition.Action{Key: "behind", After: []int{1}},
		transition.Action{Key: "waits", Wait: "no proof"},
	)
	ready := transition.Ready(p)
	if len(ready) != 1 || ready[0].Key != "free" {
		t.Errorf("ready: %v", ready)
	}
	if transition.Settled(p) {
		t.Error("settled although one is ready")
	}
	if transition.Settled(plan(p.Actions[1])) {
		t.Error("settled although one is in flight")
	}
	if !transition.Settled(plan(p.Actions[3])) {
		t.Error("not settled although all wait")
	}
}

func TestKindOp(t *testing.T) {
	if op, isOp := transition.KindReload.Op(); !isOp || op != "reload" {
		t.Errorf("reload: %q %v", op, isOp)
	}
	if _, isOp := transition.KindFence.Op(); isOp {
		t.Error("a fencing is no operation")
	}
}

func TestSeverityText(t *testing.T) {
	for _, s := range []transition.Severity{transition.SeverityInfo, transition.SeverityWarning, transition.SeverityCritical} {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got transition.Severity
		if err := json.Unmarshal(data, &got); err != nil || got != s {
			t.Errorf("%s read back as %v: %v", data, got, err)
		}
	}
	var s transition.Severity
	if err := s.UnmarshalText([]byte("grave")); err == nil {
		t.Error("an unknown word was taken")
	}
}
