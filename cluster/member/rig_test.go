package member

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// rig drives the core of "a" in a cluster of two, as the package's documentation
// says: a queue of answers and a clock that jumps from one to the next.
type rig struct {
	t     *testing.T
	core  *Core
	s     *state.State
	left  *state.State
	now   time.Time
	in    Input
	queue []event
	runs  int
	steps int

	deaf    time.Time // since when no leader is heard; zero: there is one
	alone   bool      // gossip hears nobody
	takes   time.Duration
	refuse  bool // reports fail
	deafTo  bool // announcements are lost
	hung    map[uint64]Task
	begun   []Task
	inside  map[resources.InstanceID]int
	reports []Report
	told    []string // incarnations announced
	stopped []string // MemberBooted.Stopped of each
	died    []string
	notes   []Note
	outputs []Output

	// agent says what a task comes to; ok false: it hangs, also when it is cut.
	agent func(n int, t Task) (result agents.Result, ok bool)
}

type event struct {
	at   time.Time
	give func()
}

// fake is an agent of which only the spec matters.
type fake struct {
	agents.Agent
	name string
}

func (f fake) Spec() agents.Spec {
	return agents.Spec{Name: f.name, Promotable: true, MonitorInterval: 10 * time.Second}
}

// watcher is a fake that depends on "web".
type watcher struct{ fake }

func (watcher) Watches(resources.Params) []resources.ResourceID {
	return []resources.ResourceID{"web"}
}
func (watcher) Refresh(context.Context, agents.Request) agents.Result { panic("not called here") }

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, s: state.New(), now: epoch, takes: 10 * time.Millisecond, hung: map[uint64]Task{}, inside: map[resources.InstanceID]int{}}
	r.core = New(Config{
		Self: "a", Address: "a:1", BootID: "boot", Agents: agents.NewRegistry(fake{name: "vip"}, watcher{fake{name: "proxy"}}),
		NewIncarnation: func() string { r.runs++; return fmt.Sprintf("run-%d", r.runs) },
	})
	r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a"})
	r.apply(&state.TokenCreated{ID: "t", ExpiresAt: epoch.Add(time.Hour)})
	r.apply(&state.MemberJoined{Node: "b", Token: "t"})
	r.apply(&state.MemberBooted{Node: "a", Incarnation: "run-1", BootID: "boot"})
	r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b", BootID: "boot"})
	r.define(func(*resources.Definition) {})
	return r
}

func (r *rig) define(change func(*resources.Definition)) {
	r.t.Helper()
	d := &resources.Definition{
		Nodes: []resources.Node{{Name: "a"}, {Name: "b"}},
		Resources: []resources.Resource{
			{ID: "vip", Agent: "vip", Clone: &resources.Clone{Promotable: true}}, {ID: "proxy", Agent: "proxy"}, {ID: "web", Agent: "vip"},
		},
	}
	change(d)
	r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
}

func (r *rig) apply(c state.Command) state.Result {
	r.t.Helper()
	next, result := state.ApplyCommand(r.s, r.s.Index+1, 1, r.now, "test", c)
	if result.Err != nil {
		r.t.Fatalf("%T: %v", c, result.Err)
	}
	r.s = next
	return result
}

func (r *rig) after(d time.Duration, give func()) {
	r.queue = append(r.queue, event{r.now.Add(d), give})
}

func (r *rig) step() Output {
	r.t.Helper()
	in := r.in
	r.in = Input{}
	in.Now, in.State, in.Left, in.Heard, in.InTouch = r.now, r.s, r.left, r.deaf, !r.alone
	if r.deaf.IsZero() {
		in.Heard = r.now
	}
	out := r.core.Step(in)
	r.steps++
	if !out.WakeAt.After(r.now) || out.WakeAt.Sub(r.now) > longestSleep {
		r.t.Fatalf("WakeAt is %s away", out.WakeAt.Sub(r.now))
	}
	r.do(out)
	return out
}

func (r *rig) do(out Output) {
	r.outputs = append(r.outputs, out)
	r.notes = append(r.notes, out.Notes...)
	if out.Die != "" {
		r.died = append(r.died, out.Die)
	}
	for _, t := range out.Begin {
		r.begun = append(r.begun, t)
		if r.inside[t.Instance]++; r.inside[t.Instance] > 1 {
			r.t.Fatalf("two tasks at once on %s", t.Instance)
		}
		result, ok := agents.Result{Outcome: agents.OutcomeOK}, true
		if r.agent != nil {
			result, ok = r.agent(len(r.begun), t)
		}
		if !ok {
			r.hung[t.ID] = t
			continue
		}
		r.after(r.takes, func() { r.end(t, result, true) })
	}
	for _, id := range out.Cut {
		if t, hangs := r.hung[id]; hangs {
			delete(r.hung, id)
			r.after(0, func() { r.end(t, Conclude(t.Op, t.Timeout, agents.Result{}, Canceled), true) })
		}
	}
	for _, report := range out.Reports {
		r.reports = append(r.reports, report)
		r.after(r.takes, func() { r.in.Reported = append(r.in.Reported, Reported{report.ID, !r.refuse}) })
	}
	if c := out.Announce; c != nil {
		r.told, r.stopped = append(r.told, c.Incarnation), append(r.stopped, c.Stopped)
		r.after(r.takes, func() {
			if !r.deafTo {
				r.apply(c)
			}
			r.in.Announced = true
		})
	}
}

// end answers a task; free says that its agent has returned.
func (r *rig) end(t Task, result agents.Result, free bool) {
	r.in.Ended = append(r.in.Ended, Ended{Task: t.ID, Result: result})
	if free {
		r.free(t)
	}
}

func (r *rig) free(t Task) {
	r.inside[t.Instance]--
	r.in.Free = append(r.in.Free, t.ID)
}

// run drives the core for a time.
func (r *rig) run(d time.Duration) {
	r.t.Helper()
	end := r.now.Add(d)
	for {
		next := r.step().WakeAt
		for _, e := range r.queue {
			if e.at.Before(next) {
				next = e.at
			}
		}
		if next.After(end) {
			r.now = end
			return
		}
		r.now = next
		due := r.queue
		r.queue = nil
		for _, e := range due {
			if e.at.After(r.now) {
				r.queue = append(r.queue, e)
			} else {
				e.give()
			}
		}
	}
}

// intend records an operation in the log and returns the order for it.
func (r *rig) intend(id resources.InstanceID, op resources.Op) state.Order {
	r.t.Helper()
	action := r.apply(&state.OperationsStarted{Operations: []state.Intent{{
		Node: "a", Instance: id, Op: op, Incarnation: r.s.Nodes["a"].Incarnation, Timeout: resources.Duration(time.Minute),
	}}}).Actions[0]
	if action == "" {
		r.t.Fatalf("%s %s was refused", op, id)
	}
	return state.Order{Operation: *r.s.Operations[action], LeaderTerm: 1, Index: r.s.Index}
}

// order gives an order.
func (r *rig) order(o state.Order) (Status, error) { return r.core.Order(r.now, r.s, o) }

// carry gives an order for an operation and records what it came to.
func (r *rig) carry(id resources.InstanceID, op resources.Op) {
	r.t.Helper()
	o := r.intend(id, op)
	if _, err := r.order(o); err != nil {
		r.t.Fatal(err)
	}
	r.run(time.Second)
	status, _ := r.core.Status(o.ID)
	if !status.Done {
		r.t.Fatalf("%s %s is not done", op, id)
	}
	r.apply(&state.OperationFinished{Action: o.ID, Result: status.Result})
}

func (r *rig) running(ids ...resources.InstanceID) {
	for _, id := range ids {
		r.carry(id, resources.OpStart)
	}
}

// ops lists what was done with an instance, looks and refreshes aside.
func (r *rig) ops(id resources.InstanceID) []resources.Op {
	var list []resources.Op
	for _, t := range r.begun {
		if t.Instance == id && (t.Kind == KindOrder || t.Kind == KindPolicy) {
			list = append(list, t.Op)
		}
	}
	return list
}

func (r *rig) count(kind Kind) int {
	n := 0
	for _, t := range r.begun {
		if t.Kind == kind {
			n++
		}
	}
	return n
}

// lose takes the leader away for as long as the lease.
func (r *rig) lose(policy resources.NoQuorumPolicy) {
	r.t.Helper()
	r.define(func(d *resources.Definition) { d.Properties.NoQuorumPolicy = policy })
	r.step()
	r.deaf = r.now
	r.run(state.DefaultLease)
}

func (r *rig) regain() {
	r.deaf = time.Time{}
	r.run(time.Second)
}
