package member

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// says makes every look come to an outcome.
func (r *rig) says(outcome agents.Outcome) {
	r.agent = func(_ int, t Task) (agents.Result, bool) {
		if t.Kind != KindMonitor {
			return agents.Result{Outcome: agents.OutcomeOK}, true
		}
		return agents.Result{Outcome: outcome}, true
	}
}

func TestMonitorsReportOnlyNews(t *testing.T) {
	r := newRig(t)
	r.running("vip")
	r.run(time.Minute)
	if n := r.count(KindMonitor); n < 5 || n > 7 {
		t.Errorf("%d monitors in a minute, every 10 s", n)
	}
	if len(r.reports) != 0 {
		t.Errorf("reports without news: %+v", r.reports)
	}
	r.says(agents.OutcomeFailed)
	r.run(15 * time.Second)
	if len(r.reports) == 0 {
		t.Fatal("no report")
	}
	report := r.reports[0].Report
	if report.Seen != r.s.Index || report.Incarnation != "run-1" || report.Instance != "vip" {
		t.Errorf("got %+v at index %d", report, r.s.Index)
	}
	before := len(r.reports)
	r.apply(&report)
	r.run(time.Minute)
	if n := len(r.reports); n != before {
		t.Errorf("%d reports of one failure", n)
	}
}

func TestSecondLookAtSilence(t *testing.T) {
	r := newRig(t)
	r.running("vip")
	looks := 0
	r.agent = func(int, Task) (agents.Result, bool) {
		if looks++; looks%2 == 1 {
			return agents.Result{}, true
		}
		return agents.Result{Outcome: agents.OutcomeOK}, true
	}
	r.run(time.Minute)
	if len(r.reports) != 0 || looks < 10 || looks > 14 {
		t.Errorf("%d looks, reports %+v", looks, r.reports)
	}
	r.says(agents.OutcomeUnknown)
	r.run(15 * time.Second)
	if len(r.reports) == 0 || r.core.monitors.running != 0 {
		t.Errorf("%d reports, %d looks under way", len(r.reports), r.core.monitors.running)
	}
}

// A monitor makes room for an order, and what it says then is of no use.
func TestMonitorYieldsToAnOrder(t *testing.T) {
	r := newRig(t)
	r.running("vip")
	r.agent = func(_ int, t Task) (agents.Result, bool) {
		return agents.Result{Outcome: agents.OutcomeOK}, t.Kind != KindMonitor
	}
	r.run(15 * time.Second)
	if len(r.hung) != 1 {
		t.Fatalf("%d monitors hang", len(r.hung))
	}
	r.carry("vip", resources.OpStop)
	if len(r.reports) != 0 || r.core.monitors.running != 0 {
		t.Errorf("reports %+v, %d looks under way", r.reports, r.core.monitors.running)
	}
}

// While nobody knows whether a report arrived, the next look is reported too,
// though it says what is on record: the lost report may arrive yet, and must
// not be the last word.
func TestDoubtfulReportIsFollowedByAnother(t *testing.T) {
	r := newRig(t)
	r.running("vip")
	r.refuse = true
	r.says(agents.OutcomeNotRunning)
	r.run(11 * time.Second)
	lost := len(r.reports)
	r.refuse = false
	r.says(agents.OutcomeOK)
	r.run(time.Minute)
	if n := len(r.reports); lost == 0 || n != lost+1 || r.reports[n-1].Report.Result.Outcome != agents.OutcomeOK {
		t.Errorf("%d reports, %d of them lost", n, lost)
	}
}

// Only so many monitors run at once; the others follow.
func TestMonitorsAreBounded(t *testing.T) {
	r := newRig(t)
	const many = 3 * maxMonitors
	r.define(func(d *resources.Definition) {
		for i := range many {
			d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(rune('A'+i/26)) + resources.ResourceID(rune('a'+i%26)), Agent: "vip"})
		}
	})
	for _, d := range r.s.Definition.Resources[3:] {
		o := r.intend(resources.InstanceID(d.ID), resources.OpStart)
		r.apply(&state.OperationFinished{Action: o.ID, Result: agents.Result{Outcome: agents.OutcomeOK}})
	}
	r.takes = 2 * time.Second
	most := 0
	for range 200 {
		r.run(100 * time.Millisecond)
		most = max(most, r.core.monitors.running)
	}
	if n := r.count(KindMonitor); most != maxMonitors || n < many {
		t.Errorf("%d monitors, at most %d at once", n, most)
	}
}

// Many instances are looked at in few steps, each as often as its interval says.
func TestMonitorsBeginTogether(t *testing.T) {
	r := newRig(t)
	const many = 40
	r.define(func(d *resources.Definition) {
		for i := range many {
			d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(rune('A'+i/26)) + resources.ResourceID(rune('a'+i%26)), Agent: "vip"})
		}
	})
	for _, d := range r.s.Definition.Resources[3:] {
		o := r.intend(resources.InstanceID(d.ID), resources.OpStart)
		r.apply(&state.OperationFinished{Action: o.ID, Result: agents.Result{Outcome: agents.OutcomeOK}})
	}
	r.run(20 * time.Second)
	for range 60 {
		r.run(time.Second)
		times := map[time.Time]bool{}
		for _, at := range r.core.monitors.due {
			times[at] = true
		}
		if n := len(times); n > 11 {
			t.Fatalf("%d monitors, every 10 s, begin at %d times", many, n)
		}
	}
	if n := r.count(KindMonitor); n < 7*many || n > 9*many {
		t.Errorf("%d looks at %d instances in 80 s, every 10 s", n, many)
	}
}

func TestMonitorsOfTheDefinition(t *testing.T) {
	r := newRig(t)
	no := false
	r.define(func(d *resources.Definition) {
		d.Resources[0].Ops = []resources.Operation{
			{Name: resources.OpMonitor, Interval: resources.Duration(2 * time.Second), Role: resources.RoleStarted},
			{Name: resources.OpMonitor, Interval: resources.Duration(time.Second), Role: resources.RolePromoted},
			{Name: resources.OpMonitor, Interval: resources.Duration(time.Millisecond), Enabled: &no},
		}
	})
	r.running("vip")
	r.run(time.Minute)
	if n := r.count(KindMonitor); n < 28 || n > 31 {
		t.Errorf("%d monitors in a minute, every 2 s", n)
	}
}

// TestMonitorsByDefault: what the defaults say holds for monitors that say nothing,
// also the agent's own; what a monitor says itself is stronger.
func TestMonitorsByDefault(t *testing.T) {
	yes, no := true, false
	second := resources.Duration(time.Second)
	for name, c := range map[string]struct {
		defaults    resources.Operation
		ops         []resources.Operation
		least, most int // in a minute
	}{
		"nothing is said":             {resources.Operation{}, nil, 5, 7},
		"an interval by default":      {resources.Operation{Interval: 20 * second}, nil, 2, 4},
		"for one that says nothing":   {resources.Operation{Interval: 20 * second}, []resources.Operation{{Name: resources.OpMonitor}}, 2, 4},
		"not for one that says its":   {resources.Operation{Interval: 20 * second}, []resources.Operation{{Name: resources.OpMonitor, Interval: 5 * second}}, 11, 13},
		"disabled by default":         {resources.Operation{Enabled: &no}, nil, 0, 0},
		"and enabled again":           {resources.Operation{Enabled: &no}, []resources.Operation{{Name: resources.OpMonitor, Interval: 5 * second, Enabled: &yes}}, 11, 13},
		"disabled, and no other runs": {resources.Operation{}, []resources.Operation{{Name: resources.OpMonitor, Enabled: &no}}, 0, 0},
	} {
		r := newRig(t)
		r.define(func(d *resources.Definition) {
			d.Defaults.Op, d.Resources[0].Ops = c.defaults, c.ops
			d.Resources[0].Clone = &resources.Clone{}
		})
		r.running("vip")
		r.run(time.Minute)
		if n := r.count(KindMonitor); n < c.least || n > c.most {
			t.Errorf("%s: %d monitors in a minute", name, n)
		}
	}
}

// TestWhatMonitorsRenewIsRenewed: an address that the kernel drops is not lost because
// its monitors are rare, late or disabled.
func TestWhatMonitorsRenewIsRenewed(t *testing.T) {
	second := resources.Duration(time.Second)
	spec := agents.Spec{Name: "vip", Renews: "lft", MonitorInterval: 2 * time.Second, Params: []agents.Param{{Name: "lft", Default: "10s"}}}
	monitor := resources.Operation{Name: resources.OpMonitor}
	with := func(change func(*resources.Operation)) []resources.Operation {
		o := monitor
		change(&o)
		return []resources.Operation{o}
	}
	for name, c := range map[string]struct {
		operations []resources.Operation
		lft        string
		want       resources.Duration // of the added one; 0: none
	}{
		"none is left":      {nil, "", 2 * second},
		"rare":              {with(func(o *resources.Operation) { o.Interval = 10 * second }), "", 2 * second},
		"often enough":      {with(func(o *resources.Operation) { o.Interval = 2 * second }), "", 0},
		"of one role":       {with(func(o *resources.Operation) { o.Interval, o.Role = second, resources.RolePromoted }), "", 2 * second},
		"late":              {with(func(o *resources.Operation) { o.Interval, o.StartDelay = second, 60*second }), "", 2 * second},
		"it lasts longer":   {with(func(o *resources.Operation) { o.Interval = 10 * second }), "40s", 0},
		"it lasts shorter":  {with(func(o *resources.Operation) { o.Interval = 2 * second }), "4s", second},
		"it lasts for ever": {nil, "0", 0},
		"nobody knows":      {nil, "soon", 0},
	} {
		params := resources.Params{}
		if c.lft != "" {
			params["lft"] = c.lft
		}
		got := renewing(c.operations, &spec, params)
		added := resources.Duration(0)
		if len(got) > len(c.operations) {
			added = got[len(got)-1].Interval
		}
		if added != c.want {
			t.Errorf("%s: added %s, want %s", name, added, c.want)
		}
	}
	if got := renewing(nil, &agents.Spec{Name: "web"}, nil); got != nil {
		t.Errorf("an agent that renews nothing: %v", got)
	}
}

// What an earlier run of the daemon believed says nothing of what runs now.
func TestNothingIsDoneAboutAnEarlierRunsBeliefs(t *testing.T) {
	r := newRig(t)
	r.running("vip", "proxy")
	begun := len(r.begun)
	r.deafTo = true
	r.apply(&state.MemberBooted{Node: "a", Incarnation: "run-0", BootID: "boot"})
	r.run(time.Minute)
	if n := len(r.begun) - begun; n != 0 {
		t.Errorf("%d tasks", n)
	}
}

func TestRefreshFollowsTheView(t *testing.T) {
	r := newRig(t)
	r.running("proxy")
	r.run(time.Minute)
	if n := r.count(KindRefresh); n != 1 {
		t.Errorf("%d refreshes of an unchanged view", n)
	}
	started := r.apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "b", Instance: "web", Op: resources.OpStart, Incarnation: "run-b"}}})
	r.run(time.Second)
	r.apply(&state.OperationFinished{Action: started.Actions[0], Result: agents.Result{Outcome: agents.OutcomeOK}})
	r.run(time.Second)
	r.apply(&state.NodeAttribute{Node: "b", Key: "k"}) // of no interest
	r.run(time.Minute)
	if n := r.count(KindRefresh); n != 3 {
		t.Errorf("%d refreshes, want one when the peer is busy and one when it is done", n)
	}
	r.carry("proxy", resources.OpReload) // whatever it did, the view is brought in again
	r.run(time.Second)
	if n := r.count(KindRefresh); n != 4 {
		t.Errorf("%d refreshes after an operation", n)
	}
}

func TestFailedRefreshIsRepeated(t *testing.T) {
	r := newRig(t)
	r.agent = func(_ int, t Task) (agents.Result, bool) {
		if t.Kind == KindRefresh && r.count(KindRefresh) < 4 {
			return agents.Result{Outcome: agents.OutcomeFailed}, true
		}
		return agents.Result{Outcome: agents.OutcomeOK}, true
	}
	r.running("proxy")
	began := r.now
	for r.count(KindRefresh) < 4 && r.now.Sub(began) < time.Minute {
		r.run(100 * time.Millisecond)
	}
	if took := r.now.Sub(began); took < 2*refreshRetry || took > 6*refreshRetry {
		t.Errorf("four tries within %s", took)
	}
	r.run(time.Minute)
	if n := r.count(KindRefresh); n != 4 {
		t.Errorf("%d tries", n)
	}
}

// A monitor for role stopped looks where nothing runs, and tells only of what is
// found there; the one for what runs goes on as before.
func TestStoppedMonitors(t *testing.T) {
	r := newRig(t)
	r.define(func(d *resources.Definition) {
		d.Resources[0].Ops = append(d.Resources[0].Ops, resources.Operation{
			Name: resources.OpMonitor, Role: resources.RoleStopped, Interval: resources.Duration(20 * time.Second), Params: resources.Params{"depth": "2"},
		})
	})
	id := resources.InstanceID(r.s.Definition.Resources[0].ID)
	r.running(id)
	r.run(time.Minute)
	if n := r.count(KindMonitor); n < 5 || n > 7 {
		t.Errorf("%d monitors of what runs in a minute, every 10 s", n)
	}
	r.carry(id, resources.OpStop)
	before := r.count(KindMonitor)
	r.says(agents.OutcomeNotRunning)
	r.run(time.Minute)
	if n := r.count(KindMonitor) - before; n < 2 || n > 4 {
		t.Errorf("%d looks at what is stopped in a minute, every 20 s", n)
	}
	if last := r.begun[len(r.begun)-1]; last.Op != resources.OpProbe || last.Params["depth"] != "2" {
		t.Errorf("looked with %+v", last)
	}
	r.says(agents.OutcomeUnknown)
	r.run(time.Minute)
	if len(r.reports) != 0 {
		t.Errorf("reports of what is stopped: %+v", r.reports)
	}
	r.says(agents.OutcomeFailed)
	r.run(30 * time.Second)
	if len(r.reports) == 0 {
		t.Fatal("what runs where it should not is not told")
	}
	report := r.reports[0].Report
	r.apply(&report)
	if i, _ := r.s.Instance("a", id); i.Role != resources.RoleStarted {
		t.Errorf("after the report: %+v", i)
	}
}

// What is stopped is left alone where nobody asks for looks, or its start is under way.
func TestNoLooksAtTheStopped(t *testing.T) {
	r := newRig(t)
	id := resources.InstanceID(r.s.Definition.Resources[0].ID)
	r.running(id)
	r.carry(id, resources.OpStop)
	before := r.count(KindMonitor)
	r.run(time.Minute)
	if n := r.count(KindMonitor) - before; n != 0 {
		t.Errorf("%d looks that nobody asked for", n)
	}
	r.define(func(d *resources.Definition) {
		d.Resources[0].Ops = append(d.Resources[0].Ops, resources.Operation{Name: resources.OpMonitor, Role: resources.RoleStopped, Interval: resources.Duration(20 * time.Second)})
	})
	r.intend(id, resources.OpStart)
	r.run(time.Minute)
	if n := r.count(KindMonitor) - before; n != 0 {
		t.Errorf("%d looks during a start", n)
	}
}
