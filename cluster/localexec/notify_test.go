package localexec

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// intendNotice records a notice in the log and returns the order for it.
func (r *rig) intendNotice(id resources.InstanceID, notice *state.Notice, timeout time.Duration) state.Order {
	r.t.Helper()
	result := r.apply(&state.OperationsStarted{Operations: []state.Intent{{
		Node: self, Instance: id, Op: resources.OpNotify, Incarnation: r.s.Nodes[self].Incarnation, Timeout: resources.Duration(timeout), Notice: notice,
	}}})
	if result.Actions[0] == "" {
		r.t.Fatalf("a notice for %s was refused", id)
	}
	return state.Order{Operation: *r.s.Operations[result.Actions[0]], LeaderTerm: 1, Index: r.s.Index}
}

func TestNoticeReachesTheAgent(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("db")
		r.carry("db", resources.OpPromote)
		order := r.intendNotice("db", &state.Notice{
			Before: true, Op: resources.OpStart, Peers: []state.Place{{Node: "b", Instance: "db"}},
			Also: map[resources.Op][]state.Place{resources.OpDemote: {{Node: self, Instance: "db"}}},
		}, time.Minute)
		if result := r.obey(order); result.Outcome != agents.OutcomeOK {
			t.Fatalf("outcome %s: %s", result.Outcome, result.Reason)
		}
		if len(r.db.heard) != 1 {
			t.Fatalf("told %d times", len(r.db.heard))
		}
		n, requests := r.db.heard[0], r.db.ops(resources.OpNotify)
		if !n.Before || n.Op != resources.OpStart || len(n.Peers) != 1 || n.Peers[0].Node != "b" || n.Peers[0].Role.Active() || len(n.Of(resources.OpDemote)) != 1 {
			t.Errorf("told %+v", n)
		}
		if busy := requests[0].View.Peers["db"][0].Busy; busy {
			t.Error("an instance is busy because it is told something")
		}
		want := map[string]string{
			"notify_type": "pre", "notify_operation": "start",
			"notify_start_resource": "db", "notify_start_uname": "b", "notify_stop_resource": "", "notify_stop_uname": "",
			"notify_promote_resource": "", "notify_promote_uname": "", "notify_demote_resource": "db", "notify_demote_uname": "a",
			"notify_active_resource": "db", "notify_active_uname": "a", "notify_promoted_resource": "db", "notify_promoted_uname": "a",
			"notify_unpromoted_resource": "", "notify_unpromoted_uname": "",
			"notify_master_resource": "db", "notify_master_uname": "a", "notify_slave_resource": "", "notify_slave_uname": "",
		}
		if diff := cmp.Diff(want, n.Variables(requests[0])); diff != "" {
			t.Errorf("variables (-want +got):\n%s", diff)
		}
	})
}

func TestNoticeToADeafAgent(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip")
		order := r.intendNotice("vip", &state.Notice{Op: resources.OpStop, Peers: []state.Place{{Node: "b", Instance: "vip"}}}, time.Minute)
		if result := r.obey(order); result.Outcome != agents.OutcomeOK {
			t.Errorf("outcome %s: %s", result.Outcome, result.Reason)
		}
	})
}

// TestNoticeHasATimeout: an agent that does not come back from it is given up,
// and the instance is free again when it does.
func TestNoticeHasATimeout(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("db")
		r.db.on(func(ctx context.Context, q agents.Request) agents.Result {
			if q.Op == resources.OpNotify {
				<-ctx.Done()
				return agents.Result{}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		order := r.intendNotice("db", &state.Notice{Op: resources.OpStart, Peers: []state.Place{{Node: "b", Instance: "db"}}}, 3*time.Second)
		began := time.Now()
		result := r.obey(order)
		if took := time.Since(began); result.Outcome != agents.OutcomeUnknown || took != 3*time.Second {
			t.Errorf("%s after %s", result.Outcome, took)
		}
		r.apply(&state.OperationFinished{Action: order.ID, Result: result})
		r.carry("db", resources.OpStop)
	})
}
