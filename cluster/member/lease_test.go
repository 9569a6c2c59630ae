package member

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var lower = []resources.Op{resources.OpDemote, resources.OpStop}

func TestNoQuorumPolicies(t *testing.T) {
	for policy, c := range map[resources.NoQuorumPolicy]struct {
		vip, web  []resources.Op // vip is promoted, web is started
		suspended bool
		dies      int
	}{
		"":                        {lower, lower[1:], true, 0},
		resources.NoQuorumStop:    {lower, lower[1:], true, 0},
		resources.NoQuorumDemote:  {lower[:1], nil, true, 0},
		resources.NoQuorumFreeze:  {nil, nil, true, 0},
		resources.NoQuorumIgnore:  {nil, nil, false, 0},
		resources.NoQuorumSuicide: {nil, nil, true, 1},
	} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			r := newRig(t)
			r.running("vip", "web")
			r.carry("vip", resources.OpPromote)
			r.begun = nil
			r.define(func(d *resources.Definition) { d.Properties.NoQuorumPolicy = policy })
			r.step()
			r.deaf = r.now
			r.run(state.DefaultLease - 10*time.Millisecond)
			if r.core.Suspended() || len(r.ops("web")) != 0 {
				t.Fatal("the policy was applied before the lease had run out")
			}
			r.run(time.Minute) // once only
			if !slices.Equal(r.ops("vip"), c.vip) || !slices.Equal(r.ops("web"), c.web) || r.core.Suspended() != c.suspended || len(r.died) != c.dies {
				t.Errorf("vip %v, web %v, suspended %v, died %q", r.ops("vip"), r.ops("web"), r.core.Suspended(), r.died)
			}
			r.regain()
			if r.core.Suspended() || (r.core.Incarnation() != "run-1") != c.suspended {
				t.Errorf("with a leader again: suspended %v, %s", r.core.Suspended(), r.core.Incarnation())
			}
			if c.suspended && (len(r.told) != 1 || r.told[0] != "run-2") {
				t.Errorf("announced %q", r.told)
			}
		})
	}
}

// A leader that comes back while things are being stopped does not end that: the
// member is resumed when all is stopped, and looked at anew.
func TestLeaderReturnsWhileStopping(t *testing.T) {
	r := newRig(t)
	r.running("web")
	r.takes = 3 * time.Second
	r.lose(resources.NoQuorumStop)
	r.regain()
	if !r.core.Suspended() {
		t.Fatal("resumed while a stop is under way")
	}
	r.run(5 * time.Second)
	if r.core.Suspended() || r.core.Incarnation() != "run-2" {
		t.Errorf("suspended %v, %s", r.core.Suspended(), r.core.Incarnation())
	}
}

func TestWhatCannotBeStoppedEndsTheHost(t *testing.T) {
	for name, result := range map[string]agents.Result{"it fails": {Outcome: agents.OutcomeFailed}, "nobody knows": {}, "not installed, but it ran": {Outcome: agents.OutcomeNotInstalled}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.running("vip", "web")
			r.agent = func(_ int, task Task) (agents.Result, bool) {
				if task.Instance == "web" && task.Op == resources.OpStop {
					return result, true
				}
				return agents.Result{Outcome: agents.OutcomeOK}, true
			}
			r.lose(resources.NoQuorumStop)
			r.run(time.Minute)
			if len(r.died) != 1 || !strings.Contains(r.died[0], "[web]") {
				t.Errorf("died %q", r.died)
			}
		})
	}
}

// What hangs on its instance cannot be stopped in time; one step of two is not
// waited for twice.
func TestHungInstanceEndsTheHost(t *testing.T) {
	r := newRig(t)
	r.agent = func(_ int, t Task) (agents.Result, bool) { return agents.Result{}, t.Op != resources.OpStart }
	r.order(r.intend("vip", resources.OpStart))
	r.run(time.Second)
	r.end(r.begun[0], agents.Result{}, false)
	r.lose(resources.NoQuorumStop)
	if len(r.died) != 0 {
		t.Fatalf("died at once: %q", r.died)
	}
	r.run(acquireLimit + time.Second)
	if len(r.died) != 1 {
		t.Errorf("died %q", r.died)
	}
}

// A service that is not installed here and that nobody believes to run is no
// reason to end the host.
func TestAbsentServiceCountsAsStopped(t *testing.T) {
	r := newRig(t)
	r.agent = func(int, Task) (agents.Result, bool) { return agents.Result{}, true }
	r.carry("vip", resources.OpProbe) // unknown
	r.agent = func(int, Task) (agents.Result, bool) { return agents.Result{Outcome: agents.OutcomeNotInstalled}, true }
	r.lose(resources.NoQuorumStop)
	r.run(time.Minute)
	if len(r.died) != 0 {
		t.Errorf("died %q", r.died)
	}
}

// The stop of what is being started comes after the start has been cut short, and
// what was accepted before and waits is not begun.
func TestPolicyCutsAStartShort(t *testing.T) {
	r := newRig(t)
	r.agent = func(_ int, t Task) (agents.Result, bool) {
		return agents.Result{Outcome: agents.OutcomeOK}, t.Op != resources.OpStart
	}
	order := r.intend("web", resources.OpStart)
	r.order(order)
	r.run(time.Second)
	r.lose(resources.NoQuorumStop)
	r.run(time.Second)
	if status, _ := r.core.Status(order.ID); status.Result.Outcome != agents.OutcomeCancelled {
		t.Errorf("the start came to %+v", status)
	}
	if want := []resources.Op{resources.OpStart, resources.OpStop}; !slices.Equal(r.ops("web"), want) || len(r.died) != 0 {
		t.Errorf("got %v, died %q", r.ops("web"), r.died)
	}
}

// An order that was accepted before the lease ran out, and waits for its
// instance, must not start anything after that: nor when there is a leader again,
// who believes nothing of before.
func TestStartThatWaitedIsNotBegun(t *testing.T) {
	for name, returns := range map[string]bool{"without a leader": false, "with one again": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.running("web")
			r.agent = func(int, Task) (agents.Result, bool) { return agents.Result{}, false }
			stop := r.intend("web", resources.OpStop)
			r.order(stop)
			r.run(time.Second)
			hung := r.begun[len(r.begun)-1]
			r.end(hung, agents.Result{}, false)
			r.run(time.Second)
			r.apply(&state.OperationFinished{Action: stop.ID})
			start := r.intend("web", resources.OpStart)
			r.order(start)
			if r.lose(resources.NoQuorumFreeze); returns {
				r.regain()
			}
			begun := len(r.begun)
			r.free(hung)
			r.run(time.Second)
			if status, _ := r.core.Status(start.ID); status.Result.Outcome != agents.OutcomeCancelled || len(r.begun) != begun {
				t.Errorf("%+v, %d tasks more", status, len(r.begun)-begun)
			}
		})
	}
}

// What a monitor says that was ended by the policy is of no use.
func TestMonitorThatThePolicyEndsSaysNothing(t *testing.T) {
	r := newRig(t)
	r.running("web")
	r.agent = func(_ int, task Task) (agents.Result, bool) {
		return agents.Result{Outcome: agents.OutcomeOK}, task.Kind != KindMonitor
	}
	r.run(15 * time.Second)
	monitor := r.begun[len(r.begun)-1]
	delete(r.hung, monitor.ID) // it does not notice that it was cut
	r.lose(resources.NoQuorumStop)
	r.end(monitor, agents.Result{Outcome: agents.OutcomeFailed}, true)
	r.run(time.Second)
	if len(r.reports) != 0 || !slices.Equal(r.ops("web"), []resources.Op{resources.OpStart, resources.OpStop}) {
		t.Errorf("reports %+v, %v", r.reports, r.ops("web"))
	}
}

func TestSuspendedMemberStillStopsAndTellsResults(t *testing.T) {
	r := newRig(t)
	r.running("vip")
	start := r.intend("web", resources.OpStart)
	r.order(start)
	r.run(time.Second)
	r.lose(resources.NoQuorumFreeze)
	if status, err := r.order(start); err != nil || !status.Done {
		t.Errorf("what was done before is no secret: %+v, %v", status, err)
	}
	r.carry("vip", resources.OpStop)
}

// The host has restarted since the state was true: nothing is left to stop.
func TestNothingToStopAfterARestartOfTheHost(t *testing.T) {
	r := newRig(t)
	r.running("web")
	r.core.config.BootID = "boot-2"
	begun := len(r.begun)
	r.lose(resources.NoQuorumStop)
	r.run(time.Minute)
	if !r.core.Suspended() || len(r.died) != 0 || len(r.ops("web")) != begun {
		t.Errorf("suspended %v, died %q, %v", r.core.Suspended(), r.died, r.ops("web"))
	}
}

// A daemon that starts anew without a leader has applied nothing of the log. It
// stops what its last run has left on file, and what its own log says once that
// is newer.
func TestWhatTheLastRunLeftIsStopped(t *testing.T) {
	r := newRig(t)
	r.running("web")
	left := r.s
	r.core = New(r.core.config)
	r.s, r.left, r.begun = state.New(), left, nil
	r.deaf = r.now
	r.run(state.DefaultLease + time.Second)
	if !slices.Equal(r.ops("web"), lower[1:]) {
		t.Errorf("got %v", r.ops("web"))
	}

	r.core = New(r.core.config)
	r.s, r.left, r.begun, r.deaf = left, left, nil, r.now
	r.apply(&state.NodeStandby{Node: "b", Standby: true})
	r.define(func(d *resources.Definition) { d.Properties.NoQuorumPolicy = resources.NoQuorumFreeze })
	r.run(state.DefaultLease + time.Second)
	if len(r.ops("web")) != 0 {
		t.Errorf("the log is newer than what was left: %v", r.ops("web"))
	}
}

func TestShortLeasesAreNotObeyed(t *testing.T) {
	r := newRig(t)
	r.define(func(d *resources.Definition) { d.Properties.Lease = resources.Duration(100 * time.Millisecond) })
	r.step()
	r.deaf = r.now
	r.run(state.MinLease - 10*time.Millisecond) // an election
	if r.core.Suspended() {
		t.Error("an election's time without a leader stopped everything")
	}
	r.run(20 * time.Millisecond)
	if !r.core.Suspended() {
		t.Error("the lease was not obeyed at all")
	}
}

// The cluster holds this host for off, and has given its services to others.
func TestHostThatIsHeldForOffStopsEverything(t *testing.T) {
	for name, stops := range map[string]bool{"it can": true, "it cannot": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.running("web")
			r.agent = func(int, Task) (agents.Result, bool) {
				if stops {
					return agents.Result{Outcome: agents.OutcomeOK}, true
				}
				return agents.Result{Outcome: agents.OutcomeFailed}, true
			}
			r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: "run-1"})
			r.run(time.Second)
			if slices.Contains(r.ops("web"), resources.OpStop) {
				t.Fatal("without a proof nothing was given away")
			}
			r.apply(&state.FenceConfirmed{Node: "a", Reason: "the wrong one"})
			r.run(time.Second)
			if !slices.Contains(r.ops("web"), resources.OpStop) || (len(r.died) == 0) != stops || (r.core.Incarnation() == "run-2") != stops {
				t.Errorf("%v, died %q, %s", r.ops("web"), r.died, r.core.Incarnation())
			}
		})
	}
}

// The leader is lost while what was given away is being stopped: each thing at its
// time, and nothing is counted twice.
func TestLeaseEndsWhileStopping(t *testing.T) {
	r := newRig(t)
	r.running("vip", "web")
	r.takes = 3 * time.Second
	r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: "run-1"})
	r.apply(&state.FenceConfirmed{Node: "a", Reason: "the wrong one"})
	r.deaf = r.now.Add(-state.DefaultLease + time.Second)
	r.run(time.Minute)
	if !r.core.Suspended() || r.core.Incarnation() != "run-2" || len(r.died) != 0 || r.core.stopping != nil {
		t.Errorf("suspended %v, %s, died %q, stopping %+v", r.core.Suspended(), r.core.Incarnation(), r.died, r.core.stopping)
	}
	r.regain()
	if r.core.Suspended() || r.core.Incarnation() != "run-3" {
		t.Errorf("with a leader again: suspended %v, %s", r.core.Suspended(), r.core.Incarnation())
	}
}

func TestAnnouncement(t *testing.T) {
	cases := map[string]struct {
		change func(*rig)
		after  time.Duration
		want   int
	}{
		"in touch":                 {func(*rig) {}, 50 * time.Millisecond, 1},
		"once is enough":           {func(*rig) {}, time.Minute, 1},
		"nobody is heard":          {func(r *rig) { r.alone = true }, gossipPatience, 0},
		"nobody is heard for long": {func(r *rig) { r.alone = true }, gossipPatience + time.Second, 1},
		"no leader":                {func(r *rig) { r.deaf = r.now.Add(-time.Minute) }, time.Minute, 0},
		"not a member":             {func(r *rig) { r.s = state.New() }, time.Minute, 0},
		"it is lost on the way":    {func(r *rig) { r.deafTo = true }, 3 * time.Second, 10},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.core = New(r.core.config) // run-2, which nobody knows of
			c.change(r)
			r.run(c.after)
			if n := len(r.told); n < c.want || n > c.want+1 || c.want == 0 && n != 0 {
				t.Errorf("announced %q", r.told)
			}
		})
	}
}

// The same events give the same outputs.
func TestDeterminism(t *testing.T) {
	lives := func() []Output {
		r := newRig(t)
		r.define(func(d *resources.Definition) {
			for i := range 20 {
				d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(fmt.Sprintf("r%d", i)), Agent: "vip"})
			}
		})
		for _, d := range r.s.Definition.Resources {
			r.order(r.intend(resources.InstanceID(d.ID), resources.OpStart))
		}
		r.run(time.Second)
		for _, id := range slices.Clone(r.core.runOrder) {
			r.apply(&state.OperationFinished{Action: id, Result: agents.Result{Outcome: agents.OutcomeOK}})
		}
		r.run(time.Minute)
		r.lose(resources.NoQuorumStop)
		r.run(time.Second)
		r.regain()
		return r.outputs
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

// A member at rest takes a step when a monitor is due, and every few seconds.
func TestAtRest(t *testing.T) {
	r := newRig(t)
	r.run(time.Second)
	steps := r.steps
	r.run(time.Minute)
	if n := r.steps - steps; n > 13 {
		t.Errorf("%d steps in a minute", n)
	}
}
