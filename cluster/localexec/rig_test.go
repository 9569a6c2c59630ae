package localexec

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
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

const (
	self = resources.NodeName("a")
	run1 = "run-1"
)

// fake is an agent whose methods are one function, which the test sets. It
// counts calls and checks that no two of one instance overlap.
type fake struct {
	spec agents.Spec

	mu      sync.Mutex
	handler func(context.Context, agents.Request) agents.Result
	calls   []agents.Request
	inside  map[resources.InstanceID]int
	overlap bool
}

func newFake(name string) *fake {
	f := &fake{spec: agents.Spec{Name: name, Promotable: true, MonitorInterval: 10 * time.Second}, inside: map[resources.InstanceID]int{}}
	f.on(func(context.Context, agents.Request) agents.Result { return agents.Result{Outcome: agents.OutcomeOK} })
	return f
}

func (f *fake) on(handler func(context.Context, agents.Request) agents.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = handler
}

func (f *fake) invoke(ctx context.Context, r agents.Request) agents.Result {
	f.mu.Lock()
	f.calls = append(f.calls, r)
	f.inside[r.Instance]++
	f.overlap = f.overlap || f.inside[r.Instance] > 1
	handler := f.handler
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.inside[r.Instance]--
	}()
	return handler(ctx, r)
}

func (f *fake) ops(op resources.Op) []agents.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []agents.Request
	for _, r := range f.calls {
		if r.Op == op {
			found = append(found, r)
		}
	}
	return found
}

func (f *fake) Spec() agents.Spec                                           { return f.spec }
func (f *fake) Start(ctx context.Context, r agents.Request) agents.Result   { return f.invoke(ctx, r) }
func (f *fake) Stop(ctx context.Context, r agents.Request) agents.Result    { return f.invoke(ctx, r) }
func (f *fake) Promote(ctx context.Context, r agents.Request) agents.Result { return f.invoke(ctx, r) }
func (f *fake) Demote(ctx context.Context, r agents.Request) agents.Result  { return f.invoke(ctx, r) }
func (f *fake) Monitor(ctx context.Context, r agents.Request) agents.Result { return f.invoke(ctx, r) }

// refresher is a fake that watches the resource "web".
type refresher struct{ *fake }

func (r refresher) Watches(resources.Params) []resources.ResourceID {
	return []resources.ResourceID{"web"}
}
func (r refresher) Refresh(ctx context.Context, q agents.Request) agents.Result {
	return r.invoke(ctx, q)
}

// hearer is a fake that wants to hear of its peers.
type hearer struct {
	*fake
	mu    sync.Mutex
	heard []agents.Notification
}

func (h *hearer) Notify(ctx context.Context, q agents.Request, n agents.Notification) agents.Result {
	h.mu.Lock()
	h.heard = append(h.heard, n)
	h.mu.Unlock()
	return h.invoke(ctx, q)
}

// rig is an executor with a cluster's state of its own.
type rig struct {
	t     *testing.T
	e     *Executor
	vip   *fake
	proxy *fake
	db    *hearer
	s     *state.State
	index uint64

	mu      sync.Mutex
	reports []state.InstanceReported
	refuse  error                      // what reports come to
	kept    map[resources.ActionID]int // how many calls of agents there had been when it was remembered
	stop    func()
	lost    time.Time // since when there is no leader; zero: there is one
	// announced and died are what the member said of itself.
	announced []string
	died      []string
}

func (r *rig) observe(in *member.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in.Heard, in.InTouch = r.lost, true; r.lost.IsZero() {
		in.Heard = time.Now()
	}
}

func (r *rig) announce(_ context.Context, c *state.MemberBooted) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announced = append(r.announced, c.Incarnation)
	return nil
}

func (r *rig) die(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.died = append(r.died, why)
}

// deaths returns why the host was to end.
func (r *rig) deaths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.died)
}

// lose takes the leader away until its lease has run out.
func (r *rig) lose(policy resources.NoQuorumPolicy) {
	r.t.Helper()
	d := r.s.Definition.Clone()
	d.Properties.NoQuorumPolicy = policy
	r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
	bubble.Wait()
	r.mu.Lock()
	r.lost = time.Now()
	r.mu.Unlock()
	time.Sleep(state.DefaultLease + 10*time.Millisecond)
	bubble.Wait()
}

// inRig runs a test with an executor that runs until the test ends, in a bubble
// of its own time.
func inRig(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		r := &rig{t: t, vip: newFake("vip"), proxy: newFake("proxy"), db: &hearer{fake: newFake("db")}, s: state.New()}
		runs := 0
		r.e = New(Config{
			Core: member.Config{Self: self, BootID: "boot", Agents: agents.NewRegistry(r.vip, refresher{r.proxy}, r.db), NewIncarnation: func() string {
				runs++
				return fmt.Sprintf("run-%d", runs)
			}},
			DataDir: "/data", RunDir: "/run", Observe: r.observe, Announce: r.announce, Die: r.die,
			OpenSecret: func(_ *state.State, name string) (string, error) { return "", errors.New("no secret " + name) },
			Remember:   r.remember,
			Report:     r.report, Log: zap.NewNop(),
		})
		r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: self})
		r.apply(&state.TokenCreated{ID: "t", ExpiresAt: time.Now().Add(time.Hour)})
		r.apply(&state.MemberJoined{Node: "b", Token: "t"})
		r.apply(&state.MemberBooted{Node: self, Incarnation: run1, BootID: "boot"})
		r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b", BootID: "boot"})
		r.apply(&state.DefinitionSet{Definition: &resources.Definition{
			Nodes: []resources.Node{{Name: self}, {Name: "b"}},
			Resources: []resources.Resource{
				{ID: "vip", Agent: "vip", Clone: &resources.Clone{Promotable: true}}, {ID: "proxy", Agent: "proxy"}, {ID: "web", Agent: "vip"},
				{ID: "db", Agent: "db", Clone: &resources.Clone{Promotable: true, Notify: true}},
			},
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		r.stop = sync.OnceFunc(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		defer r.stop()
		bubble.Wait()
		test(t, r)
		for _, f := range []*fake{r.vip, r.proxy, r.db.fake} {
			f.mu.Lock()
			overlap := f.overlap
			f.mu.Unlock()
			if overlap {
				t.Error("two operations on one instance ran at once")
			}
		}
	})
}

func (r *rig) apply(c state.Command) state.Result {
	r.t.Helper()
	r.mu.Lock()
	r.index++
	next, result := state.ApplyCommand(r.s, r.index, 1, time.Now(), "test", c)
	r.s = next
	r.mu.Unlock()
	if result.Err != nil {
		r.t.Fatalf("%T: %v", c, result.Err)
	}
	r.e.SetState(next)
	return result
}

func (r *rig) report(_ context.Context, report state.InstanceReported) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, report)
	return r.refuse
}

func (r *rig) reported() []state.InstanceReported {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]state.InstanceReported(nil), r.reports...)
}

func (r *rig) remember(s *state.State) error {
	r.vip.mu.Lock()
	calls := len(r.vip.calls)
	r.vip.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[resources.ActionID]int{}
	}
	for id := range s.Operations {
		r.kept[id] = calls
	}
	return nil
}

// intend records an operation in the log and returns the order for it.
func (r *rig) intend(id resources.InstanceID, op resources.Op, timeout time.Duration) state.Order {
	r.t.Helper()
	result := r.apply(&state.OperationsStarted{Operations: []state.Intent{{
		Node: self, Instance: id, Op: op, Incarnation: r.s.Nodes[self].Incarnation, Timeout: resources.Duration(timeout),
	}}})
	action := result.Actions[0]
	if action == "" {
		r.t.Fatalf("%s %s was refused", op, id)
	}
	return state.Order{Operation: *r.s.Operations[action], LeaderTerm: 1, Index: r.s.Index}
}

// obey gives an order and waits for its end.
func (r *rig) obey(order state.Order) agents.Result {
	r.t.Helper()
	status, err := r.e.Execute(r.t.Context(), order)
	if err != nil || !status.Done {
		r.t.Fatalf("%s %s: done %v, %v", order.Op, order.Instance, status.Done, err)
	}
	return status.Result
}

// carry gives an order and records what it came to.
func (r *rig) carry(id resources.InstanceID, op resources.Op) {
	r.t.Helper()
	order := r.intend(id, op, time.Minute)
	r.apply(&state.OperationFinished{Action: order.ID, Result: r.obey(order)})
}

// running brings an instance to started the way the leader does.
func (r *rig) running(ids ...resources.InstanceID) {
	for _, id := range ids {
		r.carry(id, resources.OpStart)
	}
}

// until waits, in the bubble's time, for a condition.
func (r *rig) until(what string, limit time.Duration, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(limit); !holds(); bubble.Wait() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within %s", what, limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func result(outcome agents.Outcome) func(context.Context, agents.Request) agents.Result {
	return func(context.Context, agents.Request) agents.Result { return agents.Result{Outcome: outcome} }
}

// hang is an agent that ignores its context until the test lets it go.
func hang(release <-chan struct{}) func(context.Context, agents.Request) agents.Result {
	return func(context.Context, agents.Request) agents.Result {
		<-release
		return agents.Result{Outcome: agents.OutcomeOK}
	}
}

// obedient is an agent that is busy until its context ends.
func obedient(outcome agents.Outcome) func(context.Context, agents.Request) agents.Result {
	return func(ctx context.Context, _ agents.Request) agents.Result {
		<-ctx.Done()
		return agents.Result{Outcome: outcome}
	}
}
