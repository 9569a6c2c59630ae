package leader

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (r *rig) start() resources.ActionID {
	r.t.Helper()
	id := r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "b", Instance: "vip", Op: resources.OpStart, Incarnation: "run-b", Timeout: resources.Duration(time.Minute)}}}).Actions[0]
	if id == "" {
		r.t.Fatal("the intent was refused")
	}
	return id
}

func (r *rig) vip() *state.Instance {
	i, _ := r.s.Instance("b", "vip")
	return i
}

func TestOrderIsRepeatedUntilItIsAnswered(t *testing.T) {
	r := newRig(t)
	r.order = func(n int, _ state.Order) Ordered {
		switch {
		case n < 5:
			return Ordered{}
		case n < 8:
			return Ordered{Reply: Running, Progress: agents.Progress{Text: "copying"}}
		}
		return Ordered{Reply: Done, Result: agents.Result{Outcome: agents.OutcomeOK}}
	}
	id := r.start()
	index := r.s.Index
	r.run(850 * time.Millisecond) // 10, 50, 10, 100, 10, 200, 10, 400 ms …
	if p := r.core.Progress(); p[id].Text != "copying" {
		t.Errorf("progress %v after %d orders", p, len(r.orders))
	}
	r.run(time.Minute)
	if len(r.orders) != 8 || r.vip().Role != resources.RoleStarted || len(r.s.Operations) != 0 {
		t.Fatalf("%d orders, %+v", len(r.orders), r.vip())
	}
	for _, o := range r.orders {
		if o.ID != id || o.LeaderTerm != 3 || o.Index < index {
			t.Errorf("order %+v", o)
		}
	}
	if n := len(r.core.Progress()); n != 0 {
		t.Errorf("progress of %d operations that are over", n)
	}
}

// The operation is asked for as long as the state holds it, and no longer.
func TestOrderEndsWithTheOperation(t *testing.T) {
	r := newRig(t)
	r.order = func(int, state.Order) Ordered { return Ordered{} }
	id := r.start()
	r.run(time.Minute)
	if n := len(r.orders); n < 50 || n > 70 || len(r.proposed) != 0 {
		t.Errorf("%d orders and %d proposals in a minute", n, len(r.proposed))
	}
	r.takes = time.Hour // the last one hangs
	r.run(2 * time.Second)
	r.hear("b", Dead)
	r.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
	asked := len(r.orders)
	if out := r.step(); len(out.Drop) != 1 || out.Drop[0] != string(id) {
		t.Errorf("dropped %q", out.Drop)
	}
	r.run(time.Minute)
	if n := len(r.orders); n != asked {
		t.Errorf("%d orders after the operation was given up", n-asked)
	}
}

func TestSupersededLeaderGoesQuiet(t *testing.T) {
	r := newRig(t)
	r.order = func(int, state.Order) Ordered { return Ordered{Reply: Superseded} }
	r.start()
	r.run(time.Minute)
	if len(r.orders) != 1 || len(r.proposed) != 0 || len(r.s.Operations) != 1 {
		t.Errorf("%d orders, %d proposals", len(r.orders), len(r.proposed))
	}
}

// A refused order was not done, but only a look proves it: nothing is believed
// to be stopped.
func TestRefusedOrderIsLookedAt(t *testing.T) {
	r := newRig(t)
	r.order = func(int, state.Order) Ordered { return Ordered{Reply: Refused, Reason: "no lease"} }
	r.start()
	r.run(time.Minute)
	if i := r.vip(); len(r.orders) != 1 || i.Outcome != agents.OutcomeCancelled || i.Probed || i.Failed || len(i.Failures) != 0 || i.Action != "" {
		t.Errorf("%d orders, %+v", len(r.orders), i)
	}
}

func TestResultIsProposedUntilItIsRecorded(t *testing.T) {
	r := newRig(t)
	r.commit = func(n int, _ state.Command) Outcome {
		if n < 4 {
			return Uncertain
		}
		return Committed
	}
	r.start()
	r.run(time.Minute)
	if len(r.orders) != 1 || len(r.proposed) != 4 || len(r.s.Operations) != 0 {
		t.Errorf("%d orders, %d proposals", len(r.orders), len(r.proposed))
	}
}

// A commit whose answer was lost may have taken place: the state says so, and
// nothing is proposed again.
func TestUncertainResultThatWasRecorded(t *testing.T) {
	r := newRig(t)
	r.commit = func(_ int, c state.Command) Outcome {
		r.try(c)
		return Uncertain
	}
	r.start()
	r.run(time.Minute)
	if len(r.proposed) != 1 || len(r.core.records) != 0 {
		t.Errorf("%d proposals, %d reports are kept", len(r.proposed), len(r.core.records))
	}
}

func TestOneOrderAtOnceForEachOperation(t *testing.T) {
	r := newRig(t)
	r.takes = time.Hour
	r.start()
	for range 10 {
		r.apply(&state.NodeAttribute{Node: "c", Key: "k"})
		r.run(time.Second)
	}
	if n := len(r.orders); n != 1 {
		t.Errorf("%d orders at once for one operation", n)
	}
}

// An answer that comes twice, or to another leader's question, changes nothing.
func TestStrayAnswers(t *testing.T) {
	r := newRig(t)
	r.order = func(int, state.Order) Ordered { return Ordered{Reply: Running} }
	id := r.start()
	r.run(10 * time.Millisecond)
	r.in.Ordered = []Ordered{{Action: id, Reply: Running}, {Action: id, Reply: Done}, {Action: "7.0", Reply: Done}}
	r.in.Fenced, r.in.Looked = []Fenced{{Key: "f1", Proven: true}}, []Looked{{ID: 99}}
	r.in.Proposed, r.in.Readings = []Proposed{{ID: 99}}, []Reading{{ID: 99}, {Device: "none"}}
	r.run(time.Second)
	if len(r.proposed) != 0 || len(r.s.Operations) != 1 {
		t.Errorf("%d proposals", len(r.proposed))
	}
}
