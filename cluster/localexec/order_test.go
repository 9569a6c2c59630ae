package localexec

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestSameOrderTwiceRunsOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.vip.on(hang(release))
		order := r.intend("vip", resources.OpStart, time.Minute)
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if status, err := r.e.Execute(first, order); err != nil || status.Done {
			t.Fatalf("while it runs: done %v, %v", status.Done, err)
		}
		close(release)
		for range 3 { // the answer was lost, the leader changed, ...
			if got := r.obey(order).Outcome; got != agents.OutcomeOK {
				t.Errorf("outcome %s", got)
			}
		}
		if n := len(r.vip.ops(resources.OpStart)); n != 1 {
			t.Errorf("the agent was called %d times", n)
		}
	})
}

func TestOrderWaitsForTheLog(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		order := r.intend("vip", resources.OpStart, time.Minute)
		order.Index += 5
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.e.Execute(ctx, order); err == nil || !strings.Contains(err.Error(), "behind") {
			t.Errorf("got %v, want an error that says that the member is behind", err)
		}
	})
}

func TestTimeoutIsUnknown(t *testing.T) {
	for name, said := range map[string]agents.Outcome{"the agent says nothing": agents.OutcomeUnknown, "the agent calls it a failure": agents.OutcomeFailed} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.vip.on(obedient(said))
				began := time.Now()
				got := r.obey(r.intend("vip", resources.OpStart, 7*time.Second))
				if got.Outcome != agents.OutcomeUnknown || got.Reason == "" {
					t.Errorf("got %+v", got)
				}
				if took := time.Since(began); took != 7*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// What was cut short by the end of the daemon or by Cancel has not failed: a
// failed stop would get the node fenced.
func TestCutShortIsNoFailure(t *testing.T) {
	for name, said := range map[string]agents.Outcome{"unknown": agents.OutcomeUnknown, "failed": agents.OutcomeFailed} {
		for how, end := range map[string]func(*rig, resources.ActionID){
			"cancel":     func(r *rig, id resources.ActionID) { r.e.Cancel(id) },
			"daemon end": func(r *rig, _ resources.ActionID) { go r.stop() },
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				inRig(t, func(t *testing.T, r *rig) {
					r.vip.on(obedient(said))
					order := r.intend("vip", resources.OpStop, time.Minute)
					got := make(chan agents.Result, 1)
					go func() { got <- r.obey(order) }()
					bubble.Wait()
					end(r, order.ID)
					if outcome := (<-got).Outcome; outcome != agents.OutcomeCancelled {
						t.Errorf("outcome %s", outcome)
					}
				})
			})
		}
	}
}

// A cancel may come before Run has even begun with the order.
func TestCancelAtOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(obedient(agents.OutcomeUnknown))
		order := r.intend("vip", resources.OpStart, time.Minute)
		if _, _, err := r.e.order(order); err != nil {
			t.Fatal(err)
		}
		r.e.Cancel(order.ID)
		began := time.Now()
		if got := r.obey(order).Outcome; got != agents.OutcomeCancelled || time.Since(began) > time.Second {
			t.Errorf("outcome %s after %s", got, time.Since(began))
		}
	})
}

func TestDoneStaysDoneWhenCancelled(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(obedient(agents.OutcomeOK))
		order := r.intend("vip", resources.OpStart, time.Minute)
		got := make(chan agents.Result, 1)
		go func() { got <- r.obey(order) }()
		bubble.Wait()
		r.e.Cancel(order.ID)
		if outcome := (<-got).Outcome; outcome != agents.OutcomeOK {
			t.Errorf("outcome %s", outcome)
		}
	})
}

func TestHungAgentHoldsItsInstance(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.vip.on(hang(release))
		began := time.Now()
		order := r.intend("vip", resources.OpStart, 10*time.Second)
		if got := r.obey(order); got.Outcome != agents.OutcomeUnknown || time.Since(began) != 10*time.Second+member.ReturnGrace {
			t.Errorf("got %s after %s", got.Outcome, time.Since(began))
		}
		r.apply(&state.OperationFinished{Action: order.ID})
		probe := r.obey(r.intend("vip", resources.OpProbe, 10*time.Second))
		if probe.Outcome != agents.OutcomeUnknown || !strings.Contains(probe.Reason, "still running") {
			t.Errorf("a look beside the hung call: %+v", probe)
		}
		if len(r.vip.ops(resources.OpProbe)) != 0 {
			t.Error("the agent was called beside its hung call")
		}
		close(release)
		bubble.Wait()
		r.apply(&state.OperationFinished{Action: inFlight(r)})
		r.vip.on(result(agents.OutcomeOK))
		if got := r.obey(r.intend("vip", resources.OpProbe, 10*time.Second)); got.Outcome != agents.OutcomeOK {
			t.Errorf("after the hung call returned: %+v", got)
		}
	})
}

// inFlight is the one operation in flight.
func inFlight(r *rig) resources.ActionID {
	for id := range r.s.Operations {
		return id
	}
	return ""
}

func TestProgressRenewsTheTimeout(t *testing.T) {
	cases := map[string]struct {
		step func(n int64) int64 // Done at the nth report
		want time.Duration
	}{
		"moves":      {func(n int64) int64 { return n }, 20*6*time.Second + 10*time.Second},
		"stands":     {func(int64) int64 { return 1 }, 16 * time.Second},
		"turns back": {func(n int64) int64 { return -n }, 10 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.vip.on(func(ctx context.Context, q agents.Request) agents.Result {
					for n := int64(1); ; n++ {
						select {
						case <-time.After(6 * time.Second):
							q.Progress(agents.Progress{Done: c.step(n)})
						case <-ctx.Done():
							return agents.Result{}
						}
					}
				})
				began := time.Now()
				got := r.obey(r.intend("vip", resources.OpStart, 10*time.Second))
				took := time.Since(began)
				if got.Outcome != agents.OutcomeUnknown {
					t.Errorf("outcome %s", got.Outcome)
				}
				if took != c.want {
					t.Errorf("took %s, want %s", took, c.want)
				}
			})
		})
	}
}

func TestProgressIsHeard(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(func(ctx context.Context, q agents.Request) agents.Result {
			q.Progress(agents.Progress{Text: "40 %", Done: 40, Total: 100})
			<-ctx.Done()
			return agents.Result{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		status, err := r.e.Execute(ctx, r.intend("vip", resources.OpStart, time.Minute))
		if err != nil || status.Done || status.Progress.Text != "40 %" {
			t.Errorf("got %+v, %v", status, err)
		}
	})
}

func TestPanicOfAnAgentIsUnknown(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(func(context.Context, agents.Request) agents.Result { panic("index out of range") })
		order := r.intend("vip", resources.OpStart, time.Minute)
		if got := r.obey(order); got.Outcome != agents.OutcomeUnknown || !strings.Contains(got.Reason, "panicked") || len(got.Output) > agents.MaxOutput {
			t.Errorf("got %+v", got)
		}
		r.apply(&state.OperationFinished{Action: order.ID})
		r.vip.on(result(agents.OutcomeOK))
		r.carry("vip", resources.OpProbe) // the instance is free again
	})
}

func TestSecretThatDoesNotOpen(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		d := r.s.Definition.Clone()
		d.Resources[0].Params = resources.Params{"password": "secret://db"}
		r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
		if got := r.obey(r.intend("vip", resources.OpStart, time.Minute)); got.Outcome != agents.OutcomeMisconfigured || !strings.Contains(got.Reason, "no secret db") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestStoppedExecutorTakesNoOrders(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		order := r.intend("vip", resources.OpStart, time.Minute)
		r.stop()
		if _, err := r.e.Execute(t.Context(), order); err == nil {
			t.Error("an order was accepted")
		}
	})
}

func TestStartIsRememberedFirst(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		probe := r.intend("vip", resources.OpProbe, time.Minute)
		r.apply(&state.OperationFinished{Action: probe.ID, Result: r.obey(probe)})
		start := r.intend("vip", resources.OpStart, time.Minute)
		r.obey(start)
		if _, kept := r.kept[probe.ID]; kept {
			t.Error("a look was remembered")
		}
		if calls, kept := r.kept[start.ID]; !kept || calls != 1 {
			t.Errorf("remembered %v, after %d calls of the agent", kept, calls)
		}
	})
}
