package member

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func TestOrders(t *testing.T) {
	cases := map[string]struct {
		change func(*rig, *state.Order)
		want   error
	}{
		"as it should be": {func(*rig, *state.Order) {}, nil},
		"older term": {func(r *rig, o *state.Order) {
			newer := *o
			newer.LeaderTerm, newer.ID = 9, "999.0"
			r.order(newer)
		}, ErrStaleTerm},
		"term older than the log's":         {func(_ *rig, o *state.Order) { o.LeaderTerm = 0 }, ErrStaleTerm},
		"earlier run of the daemon":         {func(_ *rig, o *state.Order) { o.Incarnation = "run-0" }, ErrStaleRun},
		"run that ended with the policy":    {func(r *rig, _ *state.Order) { r.lose(resources.NoQuorumFreeze); r.regain() }, ErrStaleRun},
		"result on record":                  {func(r *rig, o *state.Order) { r.apply(&state.OperationFinished{Action: o.ID}) }, ErrOutdated},
		"action that the log knows nothing": {func(_ *rig, o *state.Order) { o.ID = "7.7" }, ErrOutdated},
		"no lease":                          {func(r *rig, _ *state.Order) { r.lose(resources.NoQuorumFreeze) }, ErrNoLease},
		"no lease, but obeyed all the same": {func(r *rig, _ *state.Order) { r.lose(resources.NoQuorumIgnore) }, nil},
		"this member is behind":             {func(_ *rig, o *state.Order) { o.Index += 5 }, ErrBehind},
		"given up when the node counted dead": {func(r *rig, _ *state.Order) {
			r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: "run-1"})
			r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessAlive, Incarnation: "run-1"})
		}, ErrOutdated},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			order := r.intend("vip", resources.OpStart)
			c.change(r, &order)
			if _, err := r.order(order); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			r.run(time.Second)
			starts := 0
			for _, op := range r.ops("vip") {
				if op == resources.OpStart {
					starts++
				}
			}
			if obeyed := c.want == nil; (starts == 1) != obeyed {
				t.Errorf("%d starts", starts)
			}
		})
	}
}

func TestSameOrderTwiceRunsOnce(t *testing.T) {
	r := newRig(t)
	order := r.intend("vip", resources.OpStart)
	for range 3 { // the answer was lost, the leader changed, ...
		if _, err := r.order(order); err != nil {
			t.Fatal(err)
		}
		r.run(time.Second)
	}
	if status, err := r.order(order); err != nil || !status.Done || status.Result.Outcome != agents.OutcomeOK || len(r.begun) != 1 {
		t.Errorf("%+v, %v after %d calls", status, err, len(r.begun))
	}
	if task := r.begun[0]; !task.Remember || task.Operation.ID != order.ID || task.Kind != KindOrder {
		t.Errorf("%+v", task)
	}
}

func TestOrderSaysOnlyWhichOperation(t *testing.T) {
	r := newRig(t)
	order := r.intend("vip", resources.OpProbe)
	order.Op, order.Instance = resources.OpStart, "web"
	r.order(order)
	r.run(time.Second)
	if len(r.begun) != 1 || r.begun[0].Op != resources.OpProbe || r.begun[0].Instance != "vip" || r.begun[0].Remember {
		t.Errorf("the order's text was believed, not the log: %+v", r.begun)
	}
}

// A call that hangs holds its instance; what waits for it is unknown after a
// while, and goes on when it returns.
func TestHungAgentHoldsItsInstance(t *testing.T) {
	r := newRig(t)
	r.agent = func(n int, _ Task) (agents.Result, bool) { return agents.Result{Outcome: agents.OutcomeOK}, n > 1 }
	start := r.intend("vip", resources.OpStart)
	r.order(start)
	r.run(time.Second)
	hung := r.begun[0]
	r.end(hung, agents.Result{Outcome: agents.OutcomeUnknown}, false) // given up
	r.run(time.Second)
	r.apply(&state.OperationFinished{Action: start.ID})
	probe := r.intend("vip", resources.OpProbe)
	r.order(probe)
	r.run(acquireLimit - time.Second)
	if status, _ := r.core.Status(probe.ID); status.Done {
		t.Errorf("it did not wait: %+v", status)
	}
	r.run(2 * time.Second)
	status, _ := r.core.Status(probe.ID)
	if !status.Done || status.Result.Outcome != agents.OutcomeUnknown || !strings.Contains(status.Result.Reason, "still running") || len(r.begun) != 1 {
		t.Errorf("a look beside the hung call: %+v", status)
	}
	r.apply(&state.OperationFinished{Action: probe.ID})
	r.free(hung)
	r.carry("vip", resources.OpProbe)
	if len(r.core.tasks) != 0 || len(r.core.instances) != 0 {
		t.Errorf("%d tasks and %d instances are kept", len(r.core.tasks), len(r.core.instances))
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	r.agent = func(n int, _ Task) (agents.Result, bool) { return agents.Result{}, n > 1 }
	running, waiting := r.intend("vip", resources.OpStart), state.Order{}
	r.order(running)
	r.core.Cancel(running.ID) // before it was even begun by the shell
	r.run(time.Second)
	if status, _ := r.core.Status(running.ID); status.Result.Outcome != agents.OutcomeCancelled {
		t.Errorf("the one under way: %+v", status)
	}
	r.core.Cancel(running.ID) // over already
	r.core.Cancel("7.7")

	r = newRig(t)
	r.agent = func(n int, _ Task) (agents.Result, bool) { return agents.Result{}, false }
	running = r.intend("vip", resources.OpStart)
	r.order(running)
	r.run(time.Second)
	r.end(r.begun[0], agents.Result{}, false)
	r.run(time.Second)
	r.apply(&state.OperationFinished{Action: running.ID})
	waiting = r.intend("vip", resources.OpProbe)
	r.order(waiting)
	r.core.Cancel(waiting.ID)
	out := r.step()
	if status, _ := r.core.Status(waiting.ID); status.Result.Outcome != agents.OutcomeCancelled || len(out.Done) != 1 {
		t.Errorf("the one that waits: %+v, done %v", status, out.Done)
	}
}

func TestResultsAreRememberedWhileTheyMayBeAskedFor(t *testing.T) {
	r := newRig(t)
	kept := r.intend("vip", resources.OpStart)
	r.order(kept)
	r.run(time.Second)
	for range maxRuns + 10 {
		o := r.intend("web", resources.OpProbe)
		r.order(o)
		r.run(20 * time.Millisecond)
		r.apply(&state.OperationFinished{Action: o.ID})
	}
	status, err := r.order(kept) // its result was never recorded: it is in flight still
	if err != nil || !status.Done || len(r.ops("vip")) != 1 {
		t.Errorf("%+v, %v, ran %d times", status, err, len(r.ops("vip")))
	}
	if n := len(r.core.runs); n > maxRuns+1 {
		t.Errorf("%d results are kept", n)
	}
}

func TestProgressIsHeard(t *testing.T) {
	r := newRig(t)
	r.agent = func(int, Task) (agents.Result, bool) { return agents.Result{}, false }
	order := r.intend("vip", resources.OpStart)
	r.order(order)
	r.run(time.Second)
	r.in.Progress = []Progressed{{r.begun[0].ID, agents.Progress{Text: "40 %"}}, {99, agents.Progress{Text: "?"}}}
	r.run(time.Second)
	if status, _ := r.core.Status(order.ID); status.Done || status.Progress.Text != "40 %" {
		t.Errorf("got %+v", status)
	}
}

func TestConclude(t *testing.T) {
	for name, c := range map[string]struct {
		said agents.Outcome
		cut  Cut
		want agents.Outcome
	}{
		"ok":                    {agents.OutcomeOK, Whole, agents.OutcomeOK},
		"ok at the last second": {agents.OutcomeOK, TimedOut, agents.OutcomeOK},
		"failed":                {agents.OutcomeFailed, Whole, agents.OutcomeFailed},
		"failed by the time":    {agents.OutcomeFailed, TimedOut, agents.OutcomeUnknown},
		"silent":                {agents.OutcomeUnknown, TimedOut, agents.OutcomeUnknown},
		"failed by the cut":     {agents.OutcomeFailed, Canceled, agents.OutcomeCancelled},
		"silent after the cut":  {agents.OutcomeUnknown, Canceled, agents.OutcomeCancelled},
	} {
		got := Conclude(resources.OpStop, time.Second, agents.Result{Outcome: c.said, Output: strings.Repeat("x", 2*agents.MaxOutput)}, c.cut)
		if got.Outcome != c.want || len(got.Output) != agents.MaxOutput || (got.Outcome == agents.OutcomeUnknown) != (got.Reason != "") {
			t.Errorf("%s: %s, %q, %d bytes", name, got.Outcome, got.Reason, len(got.Output))
		}
	}
}

func TestExtensions(t *testing.T) {
	for name, c := range map[string]struct {
		step func(n int64) int64
		want int
	}{
		"moves":      {func(n int64) int64 { return n }, maxExtension},
		"stands":     {func(int64) int64 { return 0 }, 1},
		"turns back": {func(n int64) int64 { return -n - 1 }, 0},
	} {
		var x Extensions
		got := 0
		for n := range int64(100) {
			if x.Moves(agents.Progress{Done: c.step(n)}) {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d extensions, want %d", name, got, c.want)
		}
	}
}
