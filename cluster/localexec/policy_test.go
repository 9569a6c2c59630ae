package localexec

import (
	"context"
	"slices"
	"strings"
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
		r.lose(resources.NoQuorumStop)
		if died := r.deaths(); len(died) != 0 || !r.e.Suspended() {
			t.Fatalf("suspended %v, %v", r.e.Suspended(), died)
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
		r.lose(resources.NoQuorumDemote)
		if failed := r.deaths(); len(failed) != 0 || len(r.vip.ops(resources.OpStop)) != 0 || len(r.vip.ops(resources.OpDemote)) != 1 {
			t.Errorf("failed %v, stops %d, demotes %d", failed, len(r.vip.ops(resources.OpStop)), len(r.vip.ops(resources.OpDemote)))
		}
	})
}

func TestWhatCannotBeStoppedEndsTheHost(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip", "web")
		r.vip.on(func(_ context.Context, q agents.Request) agents.Result {
			if q.Instance == "web" && q.Op == resources.OpStop {
				return agents.Result{Outcome: agents.OutcomeFailed}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		r.lose(resources.NoQuorumStop)
		if died := r.deaths(); len(died) != 1 || !strings.Contains(died[0], "[web]") {
			t.Errorf("got %q", died)
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
		r.lose(resources.NoQuorumStop)
		if died := r.deaths(); len(died) != 0 {
			t.Errorf("not stopped: %v", died)
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
		r.lose(resources.NoQuorumFreeze)
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
		r.lose(resources.NoQuorumFreeze)
		r.obey(start) // it was done before: its result is no secret
		r.obey(r.intend("vip", resources.OpStop, time.Minute))
	})
}
