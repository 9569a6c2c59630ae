package localexec

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

const long = time.Minute

func TestMonitorsReportOnlyNews(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip")
		time.Sleep(long)
		if n := len(r.vip.ops(resources.OpMonitor)); n < 5 || n > 7 {
			t.Errorf("%d monitors in a minute, every 10 s", n)
		}
		if got := r.reported(); len(got) != 0 {
			t.Errorf("reports without news: %+v", got)
		}
		r.vip.on(result(agents.OutcomeFailed))
		r.until("a report", long, func() bool { return len(r.reported()) == 1 })
		report := r.reported()[0]
		if report.Seen != r.s.Index || report.Incarnation != run1 || report.Instance != "vip" {
			t.Errorf("got %+v at index %d", report, r.s.Index)
		}
		r.apply(&report)
		time.Sleep(long)
		if n := len(r.reported()); n != 1 {
			t.Errorf("%d reports of one failure", n)
		}
	})
}

func TestMonitorYieldsToAnOrder(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip")
		var monitoring atomic.Bool
		r.vip.on(func(ctx context.Context, q agents.Request) agents.Result {
			if q.Op == resources.OpMonitor {
				monitoring.Store(true)
				<-ctx.Done()
				return agents.Result{Outcome: agents.OutcomeFailed, Reason: "killed"}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		r.until("a monitor", long, monitoring.Load)
		began := time.Now()
		r.carry("vip", resources.OpStop)
		if took := time.Since(began); took != 0 {
			t.Errorf("the order waited %s for a monitor", took)
		}
		bubble.Wait()
		if got := r.reported(); len(got) != 0 {
			t.Errorf("the monitor that was ended spoke: %+v", got)
		}
	})
}

func (r *rig) refreshed() int { return len(r.proxy.ops(resources.OpReload)) }

// An operation on a watched peer changes the view twice: the peer is busy, then
// it is something else. Each view is settled before the next, since Run may
// otherwise see both changes at once and rightly refresh only once.
func TestRefreshFollowsTheView(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("proxy")
		r.until("the first refresh", long, func() bool { return r.refreshed() == 1 })
		time.Sleep(long)
		if n := r.refreshed(); n != 1 {
			t.Errorf("%d refreshes of an unchanged view", n)
		}
		started := r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "b", Instance: "web", Op: resources.OpStart, Incarnation: "run-b"}}})
		r.until("a refresh for a busy peer", long, func() bool { return r.refreshed() == 2 })
		r.apply(&state.OperationFinished{Action: started.Actions[0], Result: agents.Result{Outcome: agents.OutcomeOK}})
		r.until("a refresh for a started peer", long, func() bool { return r.refreshed() == 3 })
		r.apply(&state.NodeAttribute{Node: "b", Key: "k"}) // of no interest
		time.Sleep(long)
		if n := r.refreshed(); n != 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// While nobody knows whether a report arrived, the next look is reported too,
// though it says what is on record: the lost report may arrive yet, and must
// not be the last word.
func TestDoubtfulReportIsFollowedByAnother(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip")
		r.refuse = errors.New("no answer")
		r.vip.on(result(agents.OutcomeNotRunning))
		r.until("a report", long, func() bool { return len(r.reported()) == 1 })
		r.vip.on(result(agents.OutcomeOK))
		r.mu.Lock()
		r.refuse = nil
		r.mu.Unlock()
		r.until("a second report", long, func() bool { return len(r.reported()) == 2 })
		if got := r.reported()[1].Result.Outcome; got != agents.OutcomeOK {
			t.Errorf("outcome %s", got)
		}
		r.apply(&state.NodeStandby{Node: "b", Standby: true})
		time.Sleep(long)
		if n := len(r.reported()); n != 2 {
			t.Errorf("%d reports", n)
		}
	})
}

// Parameters of an operation reach the agent with that operation alone, over the
// resource's own.
func TestParametersOfOperations(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		d := r.s.Definition.Clone()
		vip, _ := d.Resource("vip")
		vip.Params = resources.Params{"address": "192.0.2.9/24", "depth": "1"}
		vip.Ops = []resources.Operation{
			{Name: resources.OpMonitor, Interval: resources.Duration(10 * time.Second), Params: resources.Params{"depth": "2"}},
			{Name: resources.OpStop, Params: resources.Params{"depth": "3"}},
		}
		r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
		depths := map[resources.Op]string{}
		r.vip.on(func(_ context.Context, q agents.Request) agents.Result {
			depths[q.Op] = q.Params["depth"] + " of " + q.Params["address"]
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		r.running("vip")
		time.Sleep(long)
		r.carry("vip", resources.OpStop)
		bubble.Wait()
		for op, want := range map[resources.Op]string{resources.OpStart: "1", resources.OpMonitor: "2", resources.OpStop: "3"} {
			if got := depths[op]; got != want+" of 192.0.2.9/24" {
				t.Errorf("%s with depth %s, want %s", op, got, want)
			}
		}
	})
}
