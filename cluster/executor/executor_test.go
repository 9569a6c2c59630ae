package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// rig is a dispatcher whose log and members are the test's. A command that is
// proposed is applied and, as the leader loop does, synced.
type rig struct {
	t *testing.T
	d *Dispatcher

	mu       sync.Mutex
	s        *state.State
	orders   []state.Order
	proposed []state.Command
	fences   []string // "a attempt 1 by b"

	answer  func(n int, o state.Order) (Status, error) // to the nth order
	fence   func(ctx context.Context, n int, by resources.NodeName, on bool) (FenceResult, error)
	propose func(n int) error // what the nth proposal fails with
	end     func()
}

func inRig(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		r := &rig{t: t, s: state.New()}
		ctx, cancel := context.WithCancel(t.Context())
		r.d = New(ctx, Config{Self: "a", Term: 3, Propose: r.commit, Order: r.order, Fence: r.switchPower, Log: zap.NewNop()})
		r.end = sync.OnceFunc(func() { cancel(); r.d.Wait() })
		defer r.end()
		r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a"})
		for _, name := range []resources.NodeName{"b", "c"} {
			r.apply(&state.TokenCreated{ID: "t" + string(name), ExpiresAt: time.Now().Add(time.Hour)})
			r.apply(&state.MemberJoined{Node: name, Token: "t" + string(name)})
		}
		for _, name := range []resources.NodeName{"a", "b", "c"} {
			r.apply(&state.MemberBooted{Node: name, Incarnation: "run-" + string(name), BootID: "boot"})
		}
		r.apply(&state.DefinitionSet{Definition: &resources.Definition{Resources: []resources.Resource{{ID: "vip", Agent: "vip"}}}})
		test(t, r)
	})
}

// apply puts a command into the log and lets the leader loop see it.
func (r *rig) apply(c state.Command) state.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, result := state.ApplyCommand(r.s, r.s.Index+1, 3, time.Now(), "cluster", c)
	r.s = next
	r.d.Sync(next)
	return result
}

func (r *rig) commit(_ context.Context, c state.Command) (state.Result, error) {
	r.mu.Lock()
	r.proposed = append(r.proposed, c)
	n, fails := len(r.proposed), r.propose
	r.mu.Unlock()
	if fails != nil {
		if err := fails(n); err != nil {
			return state.Result{}, err
		}
	}
	result := r.apply(c)
	return result, result.Err
}

func (r *rig) order(ctx context.Context, o state.Order) (Status, error) {
	r.mu.Lock()
	r.orders = append(r.orders, o)
	n := len(r.orders)
	r.mu.Unlock()
	return r.answer(n, o)
}

func (r *rig) switchPower(ctx context.Context, by resources.NodeName, f *state.Fencing, on bool) (FenceResult, error) {
	r.mu.Lock()
	what := fmt.Sprintf("off attempt %d by %s", f.Attempts, by)
	if on {
		what = "on by " + string(by)
	}
	r.fences = append(r.fences, what)
	n := len(r.fences)
	r.mu.Unlock()
	return r.fence(ctx, n, by, on)
}

func (r *rig) ordered() []state.Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.orders)
}

func (r *rig) commands() []state.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.proposed)
}

func (r *rig) switched() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.fences)
}

func (r *rig) state() *state.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s
}

func (r *rig) start() resources.ActionID {
	r.t.Helper()
	id := r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "b", Instance: "vip", Op: resources.OpStart, Incarnation: "run-b", Timeout: resources.Duration(time.Minute)}}}).Actions[0]
	if id == "" {
		r.t.Fatal("the intent was refused")
	}
	return id
}

func (r *rig) vip() *state.Instance {
	i, _ := r.state().Instance("b", "vip")
	return i
}

var done = Status{Done: true, Result: agents.Result{Outcome: agents.OutcomeOK}}

func TestOrderIsRepeatedUntilItIsAnswered(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(n int, _ state.Order) (Status, error) {
			switch {
			case n < 5:
				return Status{}, errors.New("connection refused")
			case n < 8:
				return Status{Progress: agents.Progress{Text: "copying"}}, nil
			}
			return done, nil
		}
		id := r.start()
		time.Sleep(time.Minute)
		orders := r.ordered()
		if len(orders) != 8 || r.vip().Role != resources.RoleStarted || len(r.state().Operations) != 0 {
			t.Fatalf("%d orders, %+v", len(orders), r.vip())
		}
		for _, o := range orders {
			if o.ID != id || o.LeaderTerm != 3 || o.Index < 8 {
				t.Errorf("order %+v", o)
			}
		}
		if n := len(r.d.Progress()); n != 0 {
			t.Errorf("progress of %d operations that are over", n)
		}
	})
}

// The operation is asked for as long as the state holds it, and no longer.
func TestOrderEndsWithTheOperation(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(int, state.Order) (Status, error) { return Status{}, errors.New("no route to host") }
		r.start()
		time.Sleep(time.Minute)
		asked := len(r.ordered())
		if asked < 50 || len(r.commands()) != 0 {
			t.Errorf("%d orders and %d proposals in a minute", asked, len(r.commands()))
		}
		r.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
		bubble.Wait()
		asked = len(r.ordered())
		time.Sleep(time.Minute)
		if n := len(r.ordered()); n != asked {
			t.Errorf("%d orders after the operation was given up", n-asked)
		}
	})
}

func TestSupersededLeaderGoesQuiet(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(int, state.Order) (Status, error) { return Status{}, fmt.Errorf("b: %w", ErrSuperseded) }
		r.start()
		time.Sleep(time.Minute)
		if len(r.ordered()) != 1 || len(r.commands()) != 0 || len(r.state().Operations) != 1 {
			t.Errorf("%d orders, %d proposals", len(r.ordered()), len(r.commands()))
		}
	})
}

// A refused order was not done, but only a look proves it: nothing is believed
// to be stopped.
func TestRefusedOrderIsLookedAt(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(int, state.Order) (Status, error) { return Status{}, fmt.Errorf("b: %w", ErrNotDone) }
		r.start()
		time.Sleep(time.Minute)
		if i := r.vip(); len(r.ordered()) != 1 || i.Outcome != agents.OutcomeCancelled || i.Probed || i.Failed || len(i.Failures) != 0 || i.Action != "" {
			t.Errorf("%d orders, %+v", len(r.ordered()), i)
		}
	})
}

func TestResultIsProposedUntilItIsRecorded(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(int, state.Order) (Status, error) { return done, nil }
		r.propose = func(n int) error {
			if n < 4 {
				return errors.New("outcome unknown")
			}
			return nil
		}
		r.start()
		time.Sleep(time.Minute)
		if len(r.ordered()) != 1 || len(r.commands()) != 4 || len(r.state().Operations) != 0 {
			t.Errorf("%d orders, %d proposals", len(r.ordered()), len(r.commands()))
		}
	})
}

func TestOneFollowerForEachOperation(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.answer = func(int, state.Order) (Status, error) { <-release; return done, nil }
		r.start()
		for range 10 {
			r.apply(&state.NodeAttribute{Node: "c", Key: "k"})
		}
		bubble.Wait()
		if n := len(r.ordered()); n != 1 {
			t.Errorf("%d orders at once for one operation", n)
		}
		close(release)
		bubble.Wait()
	})
}

// The end of a term ends its followers; what was ordered goes on, and nothing is
// recorded of it by this leader.
func TestEndOfTheTerm(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.answer = func(int, state.Order) (Status, error) { return Status{}, errors.New("slow") }
		r.start()
		r.end()
		asked := len(r.ordered())
		time.Sleep(time.Minute)
		if len(r.ordered()) != asked || len(r.commands()) != 0 {
			t.Error("it went on after its term")
		}
	})
}

func (r *rig) lose(action resources.FencingAction) string {
	r.t.Helper()
	r.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
	id := r.apply(&state.FenceRequested{Node: "b", Action: action, Reason: "lost"}).Fence
	r.attempt(id)
	return id
}

// attempt begins an attempt as the leader loop does.
func (r *rig) attempt(id string) {
	s := r.state()
	r.apply(&state.FenceStarted{Fence: id, Node: "b", Executor: Executor(s, "a", s.Fencing["b"])})
}

func TestFencingIsProvenAndSwitchedOn(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.fence = func(context.Context, int, resources.NodeName, bool) (FenceResult, error) {
			return FenceResult{Proven: true}, nil
		}
		r.lose(resources.FencingReboot)
		bubble.Wait()
		if want := []string{"off attempt 1 by a", "on by a"}; !slices.Equal(r.switched(), want) {
			t.Errorf("got %q, want %q", r.switched(), want)
		}
		s := r.state()
		if s.Nodes["b"].Off == nil || len(s.Fencing) != 0 || s.FenceHistory[0].Phase != state.FencingDone {
			t.Errorf("node %+v, open %v", s.Nodes["b"], s.Fencing)
		}
	})
}

// A lost answer proves nothing, whatever came with it: the next attempt, by
// another member, reads the power first.
func TestFailedAttempts(t *testing.T) {
	for name, first := range map[string]struct {
		result FenceResult
		err    error
	}{
		"answer lost":   {FenceResult{Proven: true}, errors.New("timeout")},
		"not proven":    {FenceResult{Error: "HTTP 503"}, nil},
		"executor lost": {FenceResult{}, errors.New("connection reset")},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.fence = func(_ context.Context, n int, _ resources.NodeName, _ bool) (FenceResult, error) {
					if n == 1 {
						return first.result, first.err
					}
					return FenceResult{Proven: true}, nil
				}
				id := r.lose(resources.FencingOff)
				bubble.Wait()
				f := r.state().Fencing["b"]
				if r.state().Nodes["b"].Off != nil || f.Phase != state.FencingFailed || f.Error == "" || time.Until(f.RetryAt) != time.Second {
					t.Fatalf("fencing after the first attempt: %+v", f)
				}
				r.attempt(id)
				bubble.Wait()
				if want := []string{"off attempt 1 by a", "off attempt 2 by c"}; !slices.Equal(r.switched(), want) {
					t.Errorf("got %q, want %q", r.switched(), want)
				}
				if r.state().Nodes["b"].Off == nil {
					t.Error("the proof was not recorded")
				}
			})
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
	inRig(t, func(t *testing.T, r *rig) {
		ended := false
		r.fence = func(ctx context.Context, _ int, _ resources.NodeName, _ bool) (FenceResult, error) {
			<-ctx.Done()
			ended = true
			return FenceResult{Proven: true}, nil
		}
		r.lose(resources.FencingReboot)
		bubble.Wait()
		r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-2", BootID: "boot-2"})
		bubble.Wait()
		if n := r.state().Nodes["b"]; !ended || !n.Online() || n.Off != nil || len(r.commands()) != 0 {
			t.Errorf("ended %v, node %+v, proposals %v", ended, n, r.commands())
		}
	})
}

// A new leader takes up an attempt that the last one began.
func TestNewLeaderTakesUpAnAttempt(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.end() // the last leader
		r.fence = func(context.Context, int, resources.NodeName, bool) (FenceResult, error) {
			return FenceResult{Proven: true}, nil
		}
		r.lose(resources.FencingOff)
		if len(r.commands()) != 0 {
			t.Fatal("a leader went on after its term")
		}
		next := New(t.Context(), Config{Self: "c", Term: 4, Propose: r.commit, Order: r.order, Fence: r.switchPower, Log: zap.NewNop()})
		r.d = next
		next.Sync(r.state())
		bubble.Wait()
		if r.state().Nodes["b"].Off == nil {
			t.Error("the attempt was not taken up")
		}
	})
}

func TestFailedPowerOnEndsTheFencing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.fence = func(_ context.Context, _ int, _ resources.NodeName, on bool) (FenceResult, error) {
			if on {
				return FenceResult{}, errors.New("HTTP 500")
			}
			return FenceResult{Proven: true}, nil
		}
		r.lose(resources.FencingReboot)
		bubble.Wait()
		s := r.state()
		if len(s.Fencing) != 0 || s.FenceHistory[0].Error == "" || s.Nodes["b"].Off == nil {
			t.Errorf("history %+v", s.FenceHistory)
		}
	})
}

func TestWhoSwitchesThePower(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		s := r.state()
		by := func(node resources.NodeName, attempts int) resources.NodeName {
			return Executor(s, "a", &state.Fencing{Node: node, Attempts: attempts})
		}
		got := []resources.NodeName{by("b", 0), by("b", 1), by("b", 2), by("a", 0), by("a", 1), by("a", 2)}
		if want := []resources.NodeName{"a", "c", "a", "b", "c", "b"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, name := range []resources.NodeName{"b", "c"} {
			r.apply(&state.MemberVerdict{Node: name, Liveness: state.LivenessDead, Incarnation: "run-" + string(name)})
		}
		s = r.state()
		if got := by("a", 0); got != "a" {
			t.Errorf("nobody else is left, got %s", got)
		}
	})
}

// Refused logins lock accounts: the pauses grow longer than those after other
// failures, and end as soon as the node's devices are used otherwise.
func TestRefusedLoginIsRepeatedRarely(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.apply(&state.DefinitionSet{Base: r.state().Revision, Definition: &resources.Definition{
			Fences: []resources.FenceDevice{{ID: "bmc-b", Targets: []resources.NodeName{"b"}, Params: resources.Params{"password": "secret://bmc"}}},
		}})
		r.fence = func(context.Context, int, resources.NodeName, bool) (FenceResult, error) {
			return FenceResult{Error: "HTTP 401", Refused: true}, nil
		}
		id := r.lose(resources.FencingOff)
		var last time.Duration
		for attempt := 1; attempt <= 10; attempt++ {
			bubble.Wait()
			s := r.state()
			f, now := s.Fencing["b"], time.Now()
			if f.Phase != state.FencingFailed || f.Refused != s.FencingDigest("b") {
				t.Fatalf("attempt %d: %+v", attempt, f)
			}
			last = f.RetryAt.Sub(now)
			if RetryDue(s, f, now) || RetryDue(s, f, f.RetryAt.Add(-time.Second)) || !RetryDue(s, f, f.RetryAt) {
				t.Errorf("attempt %d is not repeated at %s", attempt, last)
			}
			r.apply(&state.FenceStarted{Fence: id, Node: "b", Executor: "a"})
		}
		if last != MaxRefusedBackOff {
			t.Errorf("the longest pause is %s, want %s", last, MaxRefusedBackOff)
		}
		bubble.Wait()
		r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v2"})
		if s := r.state(); !RetryDue(s, s.Fencing["b"], time.Now()) {
			t.Error("it waits although the secret has changed")
		}
	})
}

// The time of the next attempt was set by the clock of some leader.
func TestRetryIsNotHeldBackByAWrongClock(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"never set":      {time.Time{}, false}, // an operator has to act
		"past":           {now.Add(-time.Second), true},
		"now":            {now, true},
		"soon":           {now.Add(time.Second), false},
		"longest pause":  {now.Add(MaxBackOff), false},
		"an hour to go":  {now.Add(time.Hour), true},
		"a century away": {now.AddDate(100, 0, 0), true},
	} {
		f := &state.Fencing{Phase: state.FencingFailed, RetryAt: c.at}
		if got := RetryDue(state.New(), f, now); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
