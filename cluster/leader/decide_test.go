package leader

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// A cluster at rest costs one step a second.
func TestAtRest(t *testing.T) {
	r := newRig(t)
	r.plans()
	r.run(time.Minute)
	if i, _ := r.s.Instance("a", "vip"); i == nil || !i.Probed {
		t.Errorf("nothing was done: %+v", i)
	}
	steps, proposed := r.steps, len(r.proposed)
	r.run(time.Minute)
	if n := r.steps - steps; n > 65 || len(r.proposed) != proposed {
		t.Errorf("%d steps and %d proposals in a minute at rest", n, len(r.proposed)-proposed)
	}
}

// The same events give the same outputs.
func TestDeterminism(t *testing.T) {
	lives := func() []Output {
		r := newRig(t)
		r.plans()
		r.define(func(d *resources.Definition) {
			for i := range 20 {
				d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(fmt.Sprintf("r%d", i)), Agent: "vip"})
			}
		})
		r.run(20 * time.Second)
		r.hear("b", Dead)
		r.run(time.Minute)
		r.hear("c", Suspect)
		r.run(time.Minute)
		return r.seen
	}
	first, second := lives(), lives()
	if len(first) != len(second) {
		t.Fatalf("%d and %d outputs", len(first), len(second))
	}
	for i := range first {
		if !reflect.DeepEqual(first[i], second[i]) {
			t.Fatalf("output %d differs:\n%+v\n%+v", i, first[i], second[i])
		}
	}
}

// A member dies: it is fenced once, proven off, and what it ran runs elsewhere,
// started once. So it is when the leader's clock was set back or forward.
func TestRecovery(t *testing.T) {
	for _, skew := range []time.Duration{0, -time.Hour, time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			r := newRig(t)
			r.plans()
			r.run(5 * time.Second)
			at := func() resources.NodeName {
				for _, name := range r.s.NodeNames() {
					if i, found := r.s.Instance(name, "vip"); found && i.Role.Active() {
						return name
					}
				}
				return ""
			}
			lost := at()
			if lost == "a" { // the leader: move it
				r.apply(&state.NodeStandby{Node: "a", Standby: true})
				r.run(5 * time.Second)
				lost = at()
			}
			r.skew = skew
			r.run(5 * time.Second)
			if now := at(); now != lost || made[*state.FenceRequested](r) != 0 {
				t.Fatalf("the clock alone did something: it runs on %q, not on %s", now, lost)
			}
			ordered := len(r.orders)
			r.hear(lost, Dead)
			r.run(10 * time.Second)
			if now := at(); now == "" || now == lost || r.s.Nodes[lost].Off == nil {
				t.Errorf("it ran on %s and runs on %q", lost, now)
			}
			if n := made[*state.FenceRequested](r); n != 1 {
				t.Errorf("%d fencings", n)
			}
			starts := 0
			for _, o := range r.orders[ordered:] {
				if o.Operation.Op == resources.OpStart && o.Operation.Instance == "vip" {
					starts++
				}
			}
			if starts != 1 {
				t.Errorf("%d starts", starts)
			}
		})
	}
}

// While decisions are not answered no others are made, and answers are taken all
// the same.
func TestDecisionsWaitForAnswers(t *testing.T) {
	r := newRig(t)
	r.plans()
	out := r.step()
	if len(out.Decisions) == 0 {
		t.Fatal("nothing was decided")
	}
	for range 3 {
		r.apply(&state.NodeAttribute{Node: "c", Key: "k"})
		if out := r.step(); len(out.Decisions) != 0 {
			t.Fatalf("decided again: %+v", out.Decisions)
		}
	}
	id := r.start()
	if out := r.step(); len(out.Orders) != 1 || out.Orders[0].ID != id {
		t.Errorf("orders %+v", out.Orders)
	}
}

// A log that takes nothing is not flooded, and everything is decided again when
// it does.
func TestFailedDecisionsAreMadeAgain(t *testing.T) {
	for _, outcome := range []Outcome{Uncertain, Rejected} {
		r := newRig(t)
		r.plans()
		r.commit = func(int, state.Command) Outcome { return outcome }
		r.hear("c", Suspect)
		r.run(10 * time.Second)
		if n := len(r.proposed); n < 50 || n > 150 {
			t.Errorf("%d proposals in ten seconds", n)
		}
		r.commit = nil
		r.run(time.Minute)
		if i, found := r.s.Instance("a", "vip"); !found || !i.Probed {
			t.Error("nothing was done when the log took entries again")
		}
	}
}

func TestBrakes(t *testing.T) {
	b := newBrakes()
	var at []time.Duration
	for passed := time.Duration(0); passed < 2*time.Minute; passed += 100 * time.Millisecond {
		if ok, _ := b.release("probe vip@a", epoch.Add(passed)); ok {
			at = append(at, passed)
		}
	}
	if len(at) < 7 || at[0] != 0 || at[1] != 100*time.Millisecond || at[len(at)-1]-at[len(at)-2] != longestWait {
		t.Errorf("released at %v", at)
	}
	if ok, _ := b.release("probe web@a", epoch); !ok {
		t.Error("another action is held back too")
	}
	if ok, next := b.release("probe vip@a", epoch.Add(2*time.Minute)); ok || next != epoch.Add(at[len(at)-1]+longestWait) {
		t.Errorf("the next time is %s", next)
	}
	if ok, _ := b.release("probe vip@a", epoch.Add(2*time.Minute+forgetAfter+time.Second)); !ok {
		t.Error("an old repetition was not forgotten")
	}
}

// What worked and was not wanted again soon is free, however often that was: an
// address that comes back to a node with every failover must not wait there.
func TestBrakesLetGoOfWhatWorked(t *testing.T) {
	start := &state.Operation{Node: "a", Instance: "vip", Op: resources.OpStart}
	for name, c := range map[string]struct {
		every   time.Duration
		outcome agents.Outcome
		held    bool
	}{
		"works, and is wanted again later": {15 * time.Second, agents.OutcomeOK, false},
		"works, and is wanted at once":     {time.Second, agents.OutcomeOK, true},
		"fails":                            {15 * time.Second, agents.OutcomeFailed, true},
		"nobody knows":                     {15 * time.Second, agents.OutcomeUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			b, now, held := newBrakes(), epoch, false
			for range 10 {
				ok, _ := b.release("start vip@a", now)
				held = held || !ok
				b.done(start, c.outcome, now.Add(500*time.Millisecond))
				now = now.Add(c.every)
			}
			if held != c.held {
				t.Errorf("held back: %v, want %v", held, c.held)
			}
		})
	}
}

// The keys of plans are what the brakes know operations by.
func TestOperationKey(t *testing.T) {
	r := newRig(t)
	r.plans()
	r.run(time.Second)
	worked := 0
	for _, b := range r.core.brakes.seen {
		if !b.worked.IsZero() {
			worked++
		}
	}
	if worked == 0 || worked != len(r.core.brakes.seen) {
		t.Errorf("%d of %d operations that worked are known to have", worked, len(r.core.brakes.seen))
	}
}

// TestUnwanted disables a resource while its start is under way.
func TestUnwanted(t *testing.T) {
	stopped := resources.RoleStopped
	for name, c := range map[string]struct {
		target *resources.Role
		want   int
	}{"still wanted": {nil, 0}, "disabled": {&stopped, 1}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			order := func(op resources.Op) resources.ActionID {
				return r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "a", Instance: "vip", Op: op, Incarnation: "run-a", Timeout: resources.Duration(time.Minute)}}}).Actions[0]
			}
			r.apply(&state.OperationFinished{Action: order(resources.OpProbe), Result: agents.Result{Outcome: agents.OutcomeNotRunning}})
			start := order(resources.OpStart)
			r.takes = time.Hour
			r.plans()
			r.define(func(d *resources.Definition) { d.Resources[0].Meta.TargetRole = c.target })
			r.run(10 * time.Second)
			var cancelled []resources.ActionID
			for _, out := range r.seen {
				for _, op := range out.Cancels {
					cancelled = append(cancelled, op.ID)
				}
			}
			if len(cancelled) != c.want || c.want > 0 && cancelled[0] != start {
				t.Errorf("cancelled %v", cancelled)
			}
		})
	}
}

// advisor is an agent that gives advice.
type advisor struct {
	agents.Agent
	say func(agents.Situation) agents.Advice
}

func (a advisor) Spec() agents.Spec                                    { return agents.Spec{Name: "vip"} }
func (a advisor) Advise(s agents.Situation) agents.Advice              { return a.say(s) }
func (advisor) Stop(context.Context, agents.Request) (r agents.Result) { return }

// Advice is recorded before anything is planned with it; one that never comes to
// rest neither fills the log nor stops the leader.
func TestAdvice(t *testing.T) {
	calls := 0
	for name, c := range map[string]struct {
		say  func(agents.Situation) agents.Advice
		want int
	}{
		"once":     {func(agents.Situation) agents.Advice { return agents.Advice{Reason: "so"} }, 1},
		"restless": {func(agents.Situation) agents.Advice { calls++; return agents.Advice{Reason: fmt.Sprint(calls)} }, maxAnswers},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.config.Agents = agents.NewRegistry(advisor{say: c.say})
			r.plans()
			r.order = func(int, state.Order) Ordered { return Ordered{} } // the situation stays as it is
			r.run(2 * time.Second)
			at := slices.IndexFunc(r.proposed, func(c state.Command) bool { _, is := c.(*state.OperationsStarted); return is })
			if at < 1 {
				t.Errorf("intents are proposal %d", at)
			}
			// The intents make the members busy, which is another question.
			if n := made[*state.ResourceAdvised](r); n < c.want || n > 2*c.want {
				t.Errorf("advised %d times", n)
			}
		})
	}
}

// Advice that cannot be recorded does not keep the rest from being done.
func TestAdviceThatIsRefused(t *testing.T) {
	r := newRig(t)
	r.config.Agents = agents.NewRegistry(advisor{say: func(agents.Situation) agents.Advice { return agents.Advice{Reason: "so"} }})
	r.plans()
	r.commit = func(_ int, c state.Command) Outcome {
		if _, is := c.(*state.ResourceAdvised); is {
			return Rejected
		}
		return Committed
	}
	r.run(10 * time.Second)
	if i, found := r.s.Instance("a", "vip"); !found || !i.Probed {
		t.Error("nothing was done without the advice")
	}
}

func TestAdvisorWithoutRest(t *testing.T) {
	a := newAdvisors()
	situation := func(seqno string, current string) agents.Situation {
		return agents.Situation{
			Resource: "galera", Current: agents.Advice{Reason: current},
			View: agents.View{Index: uint64(len(current)), Peers: map[resources.ResourceID][]agents.Peer{"galera": {{Attributes: map[string]string{"seqno": seqno}}}}},
		}
	}
	words, allowed, told := "", 0, 0
	for range 1000 {
		words += "x" // its own last answer, and the index, differ each time
		ok, last := a.allow(situation("7", words))
		if ok {
			allowed++
		}
		if last {
			told++
		}
	}
	if allowed != maxAnswers || told != 1 {
		t.Errorf("%d answers were allowed and %d complaints made", allowed, told)
	}
	if ok, _ := a.allow(situation("8", words)); !ok {
		t.Error("a new question got no answer")
	}
	for range 100 {
		if ok, _ := a.allow(situation("9", words)); !ok {
			t.Fatal("answers that could not be recorded were counted")
		}
		a.takeBack("galera")
	}
}

// What has been through the log equals what has not.
func TestAdviceComparesAsJSON(t *testing.T) {
	empty := agents.Advice{Reason: "r", Instances: map[resources.NodeName]map[string]string{}, Promotion: map[resources.NodeName]resources.Score{}}
	if string(plain(empty)) != string(plain(agents.Advice{Reason: "r"})) {
		t.Error("empty and absent maps differ")
	}
}

// Many intents are more than one entry.
func TestIntentsAreBatched(t *testing.T) {
	r := newRig(t)
	r.config.Options = scheduler.Options{Quorum: true}
	r.define(func(d *resources.Definition) {
		for i := range maxIntents {
			d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(fmt.Sprintf("r%d", i)), Agent: "vip"})
		}
	})
	r.plans()
	r.order = func(int, state.Order) Ordered { return Ordered{} }
	r.run(time.Second)
	largest, all := 0, 0
	for _, c := range r.proposed {
		if started, is := c.(*state.OperationsStarted); is {
			largest = max(largest, len(started.Operations))
			all += len(started.Operations)
		}
	}
	if largest != maxIntents || all != 3*(maxIntents+1) {
		t.Errorf("%d intents, at most %d in an entry", all, largest)
	}
}

func TestVoterChanges(t *testing.T) {
	base := func() (*state.State, Configuration) {
		r := newRig(t)
		return r.s, Configuration{Index: 9, Members: slices.Clone(r.log.Members)}
	}
	for name, c := range map[string]struct {
		change func(*state.State, *Configuration)
		want   *VoterChange
	}{
		"as it should be": {func(*state.State, *Configuration) {}, nil},
		"a new member": {func(_ *state.State, log *Configuration) { log.Members = log.Members[:2] },
			&VoterChange{AddNonvoter, "c", "c:1", 9}},
		"it has started": {func(_ *state.State, log *Configuration) { log.Members[2].Voter = false },
			&VoterChange{AddVoter, "c", "c:1", 9}},
		"it has not started": {func(s *state.State, log *Configuration) {
			log.Members[2].Voter = false
			s.Nodes["c"] = &state.Node{Name: "c", Address: "c:1", Voter: true}
		}, nil},
		"no voter any more": {func(s *state.State, _ *Configuration) {
			s.Nodes["c"] = &state.Node{Name: "c", Address: "c:1"}
		}, &VoterChange{Demote, "c", "", 9}},
		"removed": {func(s *state.State, _ *Configuration) { delete(s.Nodes, "b") }, &VoterChange{Remove, "b", "", 9}},
	} {
		s, log := base()
		c.change(s, &log)
		if got := voterChange(s, log); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// One change at a time; one that fails is tried again.
func TestVotersChangeOneByOne(t *testing.T) {
	r := newRig(t)
	r.log.Members = r.log.Members[:1]
	r.takes = time.Second
	for range 35 {
		r.apply(&state.NodeAttribute{Node: "c", Key: "k"})
		r.run(100 * time.Millisecond)
	}
	changes := 0
	for _, out := range r.seen {
		if out.Voters != nil {
			changes++
		}
	}
	if changes != 4 {
		t.Errorf("%d changes in 3.5 s that take a second each", changes)
	}
}

func TestVersionIsRaisedWhenAllUnderstandIt(t *testing.T) {
	r := newRig(t)
	r.s = state.New()
	r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a", Address: "a:1"})
	r.apply(&state.MemberBooted{Node: "a", Incarnation: "run-a", BootID: "boot", Software: state.Version - 1})
	r.run(time.Second)
	if r.s.Version >= state.Version {
		t.Error("raised although a member does not understand it")
	}
	r.apply(&state.MemberBooted{Node: "a", Incarnation: "run-a2", BootID: "boot", Software: state.Version})
	r.run(time.Second)
	if r.s.Version != state.Version {
		t.Errorf("version %d", r.s.Version)
	}
}
