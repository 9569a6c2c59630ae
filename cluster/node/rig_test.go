package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/simulated"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/membership/memnet"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/manual"
	"github.com/belay-ha/belay/resources"
)

const boot = "boot-1"

// testMember is a node whose log and gossip do not run: the test is its log.
type testMember struct {
	*Node
	t        *testing.T
	index    uint64
	services *simulated.Host
	agent    *obstinate
	bmc      *bmc

	mu       sync.Mutex
	suicides int
}

// obstinate is an agent that may refuse to stop.
type obstinate struct {
	agents.Agent
	mu     sync.Mutex
	refuse bool
	hang   bool // until the context ends
}

func (o *obstinate) set(refuse, hang bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse, o.hang = refuse, hang
}

func (o *obstinate) Stop(ctx context.Context, r agents.Request) agents.Result {
	o.mu.Lock()
	refuse, hang := o.refuse, o.hang
	o.mu.Unlock()
	switch {
	case hang:
		<-ctx.Done()
		return agents.Result{}
	case refuse:
		return agents.Result{Outcome: agents.OutcomeFailed, Reason: "device busy"}
	}
	return o.Agent.Stop(ctx, r)
}

// bmc is a power controller that does what it is told, after a while.
type bmc struct {
	mu     sync.Mutex
	asked  []string
	power  map[string]fencing.Power
	before func(ctx context.Context) // each request
	kinds  map[string]fencing.Kind   // what reads of a plug fail with
	silent map[string]bool           // plugs that answer no read
	dumps  bool                      // the crash kernel says so
	takes  error                     // answer to a power cycle
}

// dumper is a device that knows of crashes alone.
type dumper struct{ plug }

func (d dumper) Dumping(ctx context.Context) (fencing.Evidence, error) {
	if !d.b.dumps {
		<-ctx.Done()
		return fencing.Evidence{}, fencing.NewError(fencing.KindTimeout, d.name, fencing.StepDump, "nothing heard", ctx.Err())
	}
	return fencing.Evidence{Detail: "it dumps"}, nil
}

// Cycle is never undone by a second one: it changes nothing that can be read.
func (p plug) Cycle(context.Context) (fencing.Evidence, error) {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	p.b.asked = append(p.b.asked, "cycle "+p.name)
	return fencing.Evidence{}, p.b.takes
}

// local is a device that lets in who asks.
type local struct{ plug }

func (local) OnTarget(context.Context) (bool, error) { return true, nil }

type plug struct {
	b    *bmc
	name string
}

func (p plug) Name() string           { return p.name }
func (p plug) Timeout() time.Duration { return time.Minute }

func (p plug) Status(ctx context.Context) (fencing.Power, fencing.Evidence, error) {
	if p.b.silent[p.name] {
		<-ctx.Done()
		return fencing.PowerUnknown, fencing.Evidence{}, fencing.NewError(fencing.KindTimeout, p.name, fencing.StepRead, "no answer", ctx.Err())
	}
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if kind, fails := p.b.kinds[p.name]; fails {
		return fencing.PowerUnknown, fencing.Evidence{}, fencing.NewError(kind, p.name, fencing.StepRead, "refused", nil)
	}
	return max(p.b.power[p.name], fencing.PowerOn), fencing.Evidence{}, nil
}

func (p plug) turn(ctx context.Context, to fencing.Power) (fencing.Evidence, error) {
	if p.b.before != nil {
		p.b.before(ctx)
	}
	if ctx.Err() != nil {
		return fencing.Evidence{}, fencing.NewError(fencing.KindTimeout, p.name, "turn "+to.String(), "no answer", ctx.Err())
	}
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if p.b.kinds[p.name] == fencing.KindUnreachable {
		return fencing.Evidence{}, fencing.NewError(fencing.KindUnreachable, p.name, "turn "+to.String(), "refused", nil)
	}
	p.b.asked = append(p.b.asked, to.String()+" "+p.name)
	p.b.power[p.name] = to
	return fencing.Evidence{}, nil
}

func (p plug) Off(ctx context.Context) (fencing.Evidence, error) {
	return p.turn(ctx, fencing.PowerOff)
}
func (p plug) On(ctx context.Context) (fencing.Evidence, error) { return p.turn(ctx, fencing.PowerOn) }

func (b *bmc) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// newMember returns member "a" of three, in which "vip" and "web" are started on a.
func newMember(t *testing.T) *testMember {
	t.Helper()
	m := &testMember{t: t, services: simulated.NewHost(), bmc: &bmc{power: map[string]fencing.Power{}}}
	m.restart(t.TempDir(), boot)
	m.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a", Address: "192.0.2.1:7450"})
	for _, name := range []resources.NodeName{"b", "c"} {
		m.apply(&state.TokenCreated{ID: "t" + string(name), ExpiresAt: time.Now().Add(time.Hour)})
		m.apply(&state.MemberJoined{Node: name, Address: "192.0.2.2:7450", Serial: "s-" + string(name), Token: "t" + string(name)})
		m.apply(&state.MemberBooted{Node: name, Incarnation: "run-" + string(name), BootID: "boot"})
	}
	m.apply(&state.MemberBooted{Node: "a", Incarnation: m.exec.Incarnation(), BootID: boot})
	m.define(func(*resources.Definition) {})
	for _, id := range []resources.InstanceID{"vip", "web"} {
		started := m.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "a", Instance: id, Op: resources.OpStart, Incarnation: m.exec.Incarnation()}}})
		m.apply(&state.OperationFinished{Action: started.Actions[0], Result: agents.Result{Outcome: agents.OutcomeOK}})
		m.agent.Agent.Start(t.Context(), agents.Request{Instance: id})
	}
	return m
}

// restart makes the member's daemon start anew, with nothing of the log applied.
func (m *testMember) restart(runDir, bootID string) {
	m.t.Helper()
	_, transport := raft.NewInmemTransport("a")
	m.agent = &obstinate{Agent: simulated.New(agents.Spec{Name: "simulated"}, m.services, 0)}
	node, err := New(Config{
		Name: "a", Address: "192.0.2.1:7450", BootID: bootID, DataDir: m.t.TempDir(), RunDir: runDir, Agents: agents.NewRegistry(m.agent),
		Fences: fencing.NewRegistry([]fencing.Spec{{Name: "plug", Host: "outlet", Open: true, New: newPlug(m)},
			{Name: "local", New: func(name string, _ fencing.Params) (fencing.Device, error) { return local{plug{m.bmc, name}}, nil }},
			manual.Spec(),
			{Name: "dumper", Passive: true, New: func(name string, _ fencing.Params) (fencing.Device, error) { return dumper{plug{m.bmc, name}}, nil }}}),
		Raft: raftlog.Config{Transport: transport}, Fault: func(error) {}, Log: zap.NewNop(),
		Gossip:  membership.Config{Key: make([]byte, membership.KeySize), Label: "test", Transport: memnet.New(1).Transport("192.0.2.1:7451"), BindAddr: "192.0.2.1", Port: 7451},
		Suicide: func() { m.mu.Lock(); defer m.mu.Unlock(); m.suicides++ },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Node = node
	m.lease.heard(time.Now())
}

func (m *testMember) apply(c state.Command) state.Result {
	m.t.Helper()
	m.index++
	next, result := state.ApplyCommand(m.machine.current.Load(), m.index, 1, time.Now(), state.ByCluster, c)
	if result.Err != nil {
		m.t.Fatalf("%T: %v", c, result.Err)
	}
	m.machine.publish(next)
	return result
}

func (m *testMember) define(change func(*resources.Definition)) {
	m.t.Helper()
	d := &resources.Definition{
		Name:      "test",
		Nodes:     []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Resources: []resources.Resource{{ID: "vip", Agent: "simulated"}, {ID: "web", Agent: "simulated"}},
		Fences:    []resources.FenceDevice{{ID: "plug-b", Agent: "plug", Targets: []resources.NodeName{"b"}}},
	}
	change(d)
	m.apply(&state.DefinitionSet{Base: m.machine.current.Load().Revision, Definition: d})
}

// run runs a part of the node until the test ends.
func (m *testMember) run(part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(m.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			m.t.Error(err)
		}
	})
}

func (m *testMember) runs(id resources.InstanceID) bool { return m.services.Running(id).Active() }

func (m *testMember) died() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.suicides
}

// newPlug makes devices that are called by their id, or by their outlet.
func newPlug(m *testMember) func(string, fencing.Params) (fencing.Device, error) {
	return func(name string, params fencing.Params) (fencing.Device, error) {
		return plug{m.bmc, cmp.Or(params["outlet"], name)}, nil
	}
}
