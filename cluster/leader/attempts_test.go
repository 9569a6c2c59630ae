package leader

import (
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// lose makes the state want b fenced.
func (r *rig) lose(action resources.FencingAction) {
	r.t.Helper()
	r.hear("b", Dead)
	r.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
	r.apply(&state.FenceRequested{Node: "b", Action: action, Reason: "lost"})
}

func TestFencingIsProvenAndSwitchedOn(t *testing.T) {
	r := newRig(t)
	r.lose(resources.FencingReboot)
	r.run(time.Second)
	if want := []string{"off attempt 1 by a", "on by a"}; !slices.Equal(r.attempts, want) {
		t.Errorf("got %q, want %q", r.attempts, want)
	}
	if r.s.Nodes["b"].Off == nil || len(r.s.Fencing) != 0 || r.s.FenceHistory[0].Phase != state.FencingDone {
		t.Errorf("node %+v, open %v", r.s.Nodes["b"], r.s.Fencing)
	}
}

// A lost answer proves nothing, whatever came with it: the next attempt, by
// another member, reads the power first.
func TestFailedAttempts(t *testing.T) {
	for name, first := range map[string]Fenced{
		"answer lost":   {Proven: true, Unanswered: "timeout"},
		"not proven":    {Error: "HTTP 503"},
		"executor lost": {Unanswered: "connection reset"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.fence = func(n int, _ Attempt) Fenced {
				if n == 1 {
					return first
				}
				return Fenced{Proven: true}
			}
			r.lose(resources.FencingOff)
			r.run(500 * time.Millisecond)
			f := r.s.Fencing["b"]
			if r.s.Nodes["b"].Off != nil || f.Phase != state.FencingFailed || f.Error == "" || f.RetryAt.Sub(epoch) < time.Second || f.RetryAt.Sub(epoch) > 1100*time.Millisecond {
				t.Fatalf("fencing after the first attempt: %+v", f)
			}
			r.run(time.Second)
			if want := []string{"off attempt 1 by a", "off attempt 2 by c"}; !slices.Equal(r.attempts, want) {
				t.Errorf("got %q, want %q", r.attempts, want)
			}
			if r.s.Nodes["b"].Off == nil {
				t.Error("the proof was not recorded")
			}
		})
	}
}

func TestBackOff(t *testing.T) {
	var got []time.Duration
	for attempts := range 9 {
		got = append(got, backOff(attempts)/time.Second)
	}
	if want := []time.Duration{1, 1, 2, 4, 8, 16, 32, 60, 60}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if backOff(1000) != MaxBackOff {
		t.Errorf("after many attempts: %s", backOff(1000))
	}
}

// When the node comes back the work on its power ends, and what it came to is
// not recorded against it.
func TestWithdrawnFencing(t *testing.T) {
	r := newRig(t)
	r.takes = 10 * time.Second
	r.lose(resources.FencingReboot)
	r.run(time.Second)
	r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-2", BootID: "boot-2", Software: state.Version})
	r.hear("b", Alive)
	if out := r.step(); len(out.Drop) != 1 {
		t.Errorf("dropped %q", out.Drop)
	}
	r.run(time.Minute)
	if n := r.s.Nodes["b"]; len(r.attempts) != 1 || !n.Online() || n.Off != nil || made[*state.FenceReported](r) != 0 {
		t.Errorf("attempts %q, node %+v", r.attempts, n)
	}
}

// A node that comes back between the plan to fence it and the entry is not fenced: the
// right is granted for what holds then.
func TestNodeIsBackBeforeTheRightIsGranted(t *testing.T) {
	r := newRig(t)
	r.plans()
	r.run(5 * time.Second)
	back := false
	r.commit = func(_ int, c state.Command) Outcome {
		if _, fences := c.(*state.FenceRequested); fences && !back {
			back = true
			r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2", Software: state.Version})
			r.hear("b", Alive)
		}
		return Committed
	}
	r.hear("b", Dead)
	r.run(time.Minute)
	if !back {
		t.Fatal("nobody asked for its fencing")
	}
	if n := r.s.Nodes["b"]; len(r.attempts) != 0 || len(r.s.FenceHistory) != 0 || n.Liveness != state.LivenessAlive {
		t.Errorf("attempts %q, history %d, node %s", r.attempts, len(r.s.FenceHistory), n.Liveness)
	}
}

// A new leader takes up an attempt that the last one began.
func TestNewLeaderTakesUpAnAttempt(t *testing.T) {
	r := newRig(t)
	r.takes = time.Hour
	r.lose(resources.FencingOff)
	r.run(time.Second)
	r.takes = time.Second
	r.lead("c", 4)
	r.run(5 * time.Second)
	if want := []string{"off attempt 1 by a", "off attempt 1 by a"}; !slices.Equal(r.attempts, want) || r.s.Nodes["b"].Off == nil {
		t.Errorf("attempts %q, proof %v", r.attempts, r.s.Nodes["b"].Off)
	}
}

// An attempt whose executor is lost is begun again by another member.
func TestOrphanedAttempt(t *testing.T) {
	r := newRig(t)
	r.takes = time.Hour
	r.lose(resources.FencingOff)
	id := r.s.Fencing["b"].ID
	r.apply(&state.FenceStarted{Fence: id, Node: "b", Executor: "c"})
	r.run(time.Second)
	r.hear("c", Dead)
	r.apply(&state.MemberVerdict{Node: "c", Liveness: state.LivenessDead, Incarnation: "run-c"})
	r.run(time.Second)
	if want := []string{"off attempt 1 by c", "off attempt 2 by a"}; !slices.Equal(r.attempts, want) {
		t.Errorf("got %q, want %q", r.attempts, want)
	}
}

func TestFailedPowerOnEndsTheFencing(t *testing.T) {
	r := newRig(t)
	r.fence = func(_ int, a Attempt) Fenced {
		if a.On {
			return Fenced{Unanswered: "HTTP 500"}
		}
		return Fenced{Proven: true}
	}
	r.lose(resources.FencingReboot)
	r.run(time.Second)
	if len(r.s.Fencing) != 0 || r.s.FenceHistory[0].Error == "" || r.s.Nodes["b"].Off == nil {
		t.Errorf("history %+v", r.s.FenceHistory)
	}
}

func TestWhoSwitchesThePower(t *testing.T) {
	r := newRig(t)
	by := func(node resources.NodeName, attempts int) resources.NodeName {
		return Executor(r.s, "a", &state.Fencing{Node: node, Attempts: attempts})
	}
	got := []resources.NodeName{by("b", 0), by("b", 1), by("b", 2), by("a", 0), by("a", 1), by("a", 2)}
	if want := []resources.NodeName{"a", "c", "a", "b", "c", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, name := range []resources.NodeName{"b", "c"} {
		r.apply(&state.MemberVerdict{Node: name, Liveness: state.LivenessDead, Incarnation: "run-" + string(name)})
	}
	if got := by("a", 0); got != "a" {
		t.Errorf("nobody else is left, got %s", got)
	}
}

// Refused logins lock accounts: the pauses grow longer than those after other
// failures, and end as soon as the node's devices are used otherwise.
func TestRefusedLoginIsRepeatedRarely(t *testing.T) {
	r := newRig(t)
	r.fence = func(int, Attempt) Fenced { return Fenced{Error: "HTTP 401", Refused: true} }
	r.lose(resources.FencingOff)
	var last time.Duration
	for attempt := 1; attempt <= 10; attempt++ {
		r.run(time.Second)
		f := r.s.Fencing["b"]
		if f.Phase != state.FencingFailed || f.Attempts != attempt || f.Refused != r.s.FencingDigest("b") {
			t.Fatalf("attempt %d: %+v", attempt, f)
		}
		if RetryDue(r.s, f, r.now) || RetryDue(r.s, f, f.RetryAt.Add(-time.Second)) || !RetryDue(r.s, f, f.RetryAt) {
			t.Errorf("attempt %d is not repeated at %s", attempt, f.RetryAt)
		}
		last = f.RetryAt.Sub(r.now)
		r.run(last)
	}
	if last < MaxRefusedBackOff-2*time.Second || last > MaxRefusedBackOff {
		t.Errorf("the longest pause is %s, want about %s", last, MaxRefusedBackOff)
	}
	r.run(time.Second)
	r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v2"})
	if !RetryDue(r.s, r.s.Fencing["b"], r.now) {
		t.Error("it waits although the secret has changed")
	}
}

// The time of the next attempt was set by the clock of some leader.
func TestRetryIsNotHeldBackByAWrongClock(t *testing.T) {
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"never set":      {time.Time{}, false}, // an operator has to act
		"past":           {epoch.Add(-time.Second), true},
		"now":            {epoch, true},
		"soon":           {epoch.Add(time.Second), false},
		"longest pause":  {epoch.Add(MaxBackOff), false},
		"an hour to go":  {epoch.Add(time.Hour), true},
		"a century away": {epoch.AddDate(100, 0, 0), true},
	} {
		f := &state.Fencing{Phase: state.FencingFailed, RetryAt: c.at}
		if got := RetryDue(state.New(), f, epoch); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
