package localexec

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestStopAllDemotesFirst(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip", "web")
		r.carry("vip", resources.OpPromote)
		r.e.Suspend()
		if failed := r.e.StopAll(t.Context(), r.s, false); len(failed) != 0 {
			t.Fatalf("not stopped: %v", failed)
		}
		var vip []resources.Op
		for _, q := range r.vip.calls {
			if q.Instance == "vip" && q.Op != resources.OpMonitor {
				vip = append(vip, q.Op)
			}
		}
		if want := []resources.Op{resources.OpStart, resources.OpPromote, resources.OpDemote, resources.OpStop}; !slices.Equal(vip, want) {
			t.Errorf("got %v, want %v", vip, want)
		}
		if n := len(r.vip.ops(resources.OpStop)); n != 2 {
			t.Errorf("%d of 2 instances were stopped", n)
		}
	})
}

func TestDemoteOnly(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip", "web")
		r.carry("vip", resources.OpPromote)
		r.e.Suspend()
		if failed := r.e.StopAll(t.Context(), r.s, true); len(failed) != 0 || len(r.vip.ops(resources.OpStop)) != 0 || len(r.vip.ops(resources.OpDemote)) != 1 {
			t.Errorf("failed %v, stops %d, demotes %d", failed, len(r.vip.ops(resources.OpStop)), len(r.vip.ops(resources.OpDemote)))
		}
	})
}

func TestWhatCannotBeStoppedIsNamed(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip", "web")
		r.vip.on(func(_ context.Context, q agents.Request) agents.Result {
			if q.Instance == "web" {
				return agents.Result{Outcome: agents.OutcomeFailed}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		if failed := r.e.StopAll(t.Context(), r.s, false); !slices.Equal(failed, []resources.InstanceID{"web"}) {
			t.Errorf("got %v", failed)
		}
	})
}

// A service that is not installed here and that nobody believes to run is no
// reason to end the host.
func TestAbsentServiceCountsAsStopped(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(result(agents.OutcomeUnknown))
		order := r.intend("vip", resources.OpProbe, time.Second)
		r.apply(&state.OperationFinished{Action: order.ID, Result: r.obey(order)})
		r.vip.on(result(agents.OutcomeNotInstalled))
		if failed := r.e.StopAll(t.Context(), r.s, false); len(failed) != 0 {
			t.Errorf("not stopped: %v", failed)
		}
		r.vip.on(result(agents.OutcomeOK))
		r.running("web")
		r.vip.on(result(agents.OutcomeNotInstalled))
		if failed := r.e.StopAll(t.Context(), r.s, false); !slices.Equal(failed, []resources.InstanceID{"web"}) {
			t.Errorf("one that was started counts as stopped: %v", failed)
		}
	})
}

func TestStopAllCutsAStartShort(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(func(ctx context.Context, q agents.Request) agents.Result {
			if q.Op == resources.OpStart {
				<-ctx.Done()
				return agents.Result{Outcome: agents.OutcomeFailed}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		order := r.intend("web", resources.OpStart, time.Hour)
		started := make(chan agents.Result, 1)
		go func() { started <- r.obey(order) }()
		bubble.Wait()
		r.e.Suspend()
		if failed := r.e.StopAll(t.Context(), r.s, false); len(failed) != 0 {
			t.Errorf("not stopped: %v", failed)
		}
		if got := (<-started).Outcome; got != agents.OutcomeCancelled {
			t.Errorf("the start came to %s", got)
		}
		if n := len(r.vip.ops(resources.OpStop)); n != 1 {
			t.Errorf("%d stops", n)
		}
	})
}

// An order that was accepted before the lease ran out, and waits for its
// instance, must not start anything after the policy has stopped it.
func TestStartThatWaitedIsNotBegun(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("web")
		release := make(chan struct{})
		r.vip.on(hang(release))
		stop := r.intend("web", resources.OpStop, time.Second)
		if got := r.obey(stop).Outcome; got != agents.OutcomeUnknown {
			t.Fatalf("the hung stop: %s", got)
		}
		r.apply(&state.OperationFinished{Action: stop.ID})
		start := r.intend("web", resources.OpStart, time.Minute)
		got := make(chan agents.Result, 1)
		go func() { got <- r.obey(start) }()
		bubble.Wait()
		r.e.Suspend()
		close(release)
		if outcome := (<-got).Outcome; outcome != agents.OutcomeCancelled {
			t.Errorf("outcome %s", outcome)
		}
		if n := len(r.vip.ops(resources.OpStart)); n != 1 {
			t.Errorf("%d starts, want the first one only", n)
		}
	})
}

func TestSuspendedMemberStillStopsAndTellsResults(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		done := r.intend("vip", resources.OpStart, time.Minute)
		r.obey(done)
		r.apply(&state.OperationFinished{Action: done.ID, Result: agents.Result{Outcome: agents.OutcomeOK}})
		start := r.intend("web", resources.OpStart, time.Minute)
		r.obey(start)
		r.e.Suspend()
		r.obey(start) // it was done before: its result is no secret
		r.obey(r.intend("vip", resources.OpStop, time.Minute))
	})
}
