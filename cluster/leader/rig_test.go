package leader

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// rig drives the core of "a", which leads a cluster of three, as the package's
// documentation says: a queue of answers, a clock that jumps from one to the
// next, and nothing else. Members, devices and the log are the test's.
type rig struct {
	t      *testing.T
	core   *Core
	config Config
	s      *state.State
	now    time.Time     // the monotonic clock
	skew   time.Duration // by how much the wall clock is ahead of it
	in     Input         // what the next step takes
	queue  []event
	steps  int
	seen   []Output

	members map[resources.NodeName]Member
	log     Configuration
	// How long everything takes but a commit, which takes a millisecond.
	takes time.Duration

	order  func(n int, o state.Order) Ordered // to the nth order
	fence  func(n int, a Attempt) Fenced
	look   func(Look) Looked
	read   func(Read) Reading
	commit func(n int, c state.Command) Outcome // of the nth proposal

	orders   []state.Order
	attempts []string // "off attempt 1 by b"
	proposed []state.Command
	reads    []string // "bmc-a by b"
	looks    int
	reading  int // now, and the most so far
	most     int
}

// event is an answer on its way.
type event struct {
	at   time.Time
	give func()
}

// newRig returns a cluster whose members all live, with one resource and a power
// controller each. Nothing is planned unless plans is called.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, s: state.New(), now: epoch, takes: 10 * time.Millisecond, members: map[resources.NodeName]Member{}}
	r.config = Config{Self: "a", Term: 3, Jitter: func(d time.Duration) time.Duration { return d / 2 }}
	r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a", Address: "a:1"})
	for _, name := range []resources.NodeName{"b", "c"} {
		r.apply(&state.TokenCreated{ID: "t" + string(name), ExpiresAt: epoch.Add(time.Hour)})
		r.apply(&state.MemberJoined{Node: name, Address: string(name) + ":1", Voter: true, Token: "t" + string(name)})
	}
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		r.apply(&state.MemberBooted{Node: name, Incarnation: "run-" + string(name), BootID: "boot", Software: state.Version})
		r.members[name] = Member{Verdict: Alive, Since: epoch, Instance: 1, Answered: 100 * time.Millisecond}
		r.log.Members = append(r.log.Members, LogMember{name, true})
	}
	r.apply(&state.VersionRaised{Version: state.Version})
	r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v1"})
	off := resources.Duration(0)
	r.define(func(d *resources.Definition) { d.Properties.FenceCheckInterval = &off })
	r.lead("a", 3)
	return r
}

// lead begins a term with a new core.
func (r *rig) lead(self resources.NodeName, term uint64) {
	r.config.Self, r.config.Term = self, term
	r.core, r.in, r.queue = New(r.config), Input{}, nil
}

// plans lets the core plan.
func (r *rig) plans() {
	r.config.Options = scheduler.Options{Quorum: true}
	r.lead(r.config.Self, r.config.Term)
}

func (r *rig) define(change func(*resources.Definition)) {
	r.t.Helper()
	d := &resources.Definition{Resources: []resources.Resource{{ID: "vip", Agent: "vip"}}}
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		d.Nodes = append(d.Nodes, resources.Node{Name: name})
		d.Fences = append(d.Fences, resources.FenceDevice{ID: "bmc-" + string(name), Agent: "plug", Targets: []resources.NodeName{name}, Params: resources.Params{"password": "secret://bmc"}})
	}
	change(d)
	r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
}

// apply commits a command of somebody else.
func (r *rig) apply(c state.Command) state.Result {
	r.t.Helper()
	result := r.try(c)
	if result.Err != nil {
		r.t.Fatalf("%T: %v", c, result.Err)
	}
	return result
}

func (r *rig) try(c state.Command) state.Result {
	next, result := state.ApplyCommand(r.s, r.s.Index+1, max(r.config.Term, 3), r.now.Add(r.skew), state.ByCluster, c)
	r.s = next
	return result
}

// after puts an answer on its way.
func (r *rig) after(d time.Duration, give func()) {
	r.queue = append(r.queue, event{r.now.Add(d), give})
}

// step calls the core once and does what it says.
func (r *rig) step() Output {
	r.t.Helper()
	in := r.in
	r.in = Input{}
	in.Now, in.Wall, in.State, in.Incarnation, in.Members, in.Log = r.now, r.now.Add(r.skew), r.s, "run-"+string(r.config.Self), r.members, r.log
	out := r.core.Step(in)
	r.steps++
	if !out.WakeAt.After(r.now) || out.WakeAt.Sub(r.now) > longestSleep {
		r.t.Fatalf("WakeAt is %s away", out.WakeAt.Sub(r.now))
	}
	r.do(out)
	return out
}

func (r *rig) do(out Output) {
	for _, o := range out.Orders {
		r.orders = append(r.orders, o)
		answer := Ordered{Reply: Done, Result: agents.Result{Outcome: agents.OutcomeOK}}
		if r.order != nil {
			answer = r.order(len(r.orders), o)
		}
		answer.Action = o.ID
		r.after(r.takes, func() { r.in.Ordered = append(r.in.Ordered, answer) })
	}
	for _, a := range out.Attempts {
		what := fmt.Sprintf("off attempt %d by %s", a.Fencing.Attempts, a.Executor)
		if a.On {
			what = "on by " + string(a.Executor)
		}
		if a.Unfence {
			what = fmt.Sprintf("unfence %s attempt %d by %s", a.Fencing.Node, a.Fencing.Attempts, a.Executor)
		}
		r.attempts = append(r.attempts, what)
		answer := Fenced{Proven: true}
		if r.fence != nil {
			answer = r.fence(len(r.attempts), a)
		}
		answer.Key = a.Key
		r.after(r.takes, func() { r.in.Fenced = append(r.in.Fenced, answer) })
	}
	for i, p := range slices.Concat(out.Records, out.Decisions) {
		r.after(time.Duration(i+1)*time.Millisecond, func() { r.propose(p) })
	}
	if out.Voters != nil {
		r.after(r.takes, func() { r.in.Voted = true })
	}
	for _, l := range out.Looks {
		r.looks++
		found := Looked{}
		if r.look != nil {
			found = r.look(l)
		}
		found.ID = l.ID
		r.after(LookTimeout, func() { r.in.Looked = append(r.in.Looked, found) })
	}
	for _, read := range out.Reads {
		r.reads = append(r.reads, read.Device+" by "+string(read.By))
		r.reading++
		r.most = max(r.most, r.reading)
		r.after(100*time.Millisecond, func() { r.give(read) })
	}
	r.seen = append(r.seen, out)
}

func (r *rig) propose(p Proposal) {
	r.proposed = append(r.proposed, p.Command)
	outcome := Committed
	if r.commit != nil {
		outcome = r.commit(len(r.proposed), p.Command)
	}
	if outcome == Committed && r.try(p.Command).Err != nil {
		outcome = Rejected
	}
	r.in.Proposed = append(r.in.Proposed, Proposed{p.ID, outcome})
}

func (r *rig) give(read Read) {
	r.reading--
	reading := Reading{Result: state.FenceCheckResult{Power: "on"}}
	if r.read != nil {
		reading = r.read(read)
	}
	reading.ID, reading.Result.By, reading.Result.At = read.ID, read.By, r.now
	r.in.Readings = append(r.in.Readings, reading)
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

// hear sets what the detector says of a member from now on.
func (r *rig) hear(name resources.NodeName, verdict Verdict) {
	m := r.members[name]
	m.Verdict, m.Since, m.Answered = verdict, r.now, -1
	if verdict != Alive {
		m.Silence = 2 * time.Second
	}
	r.members[name] = m
}

// made counts the proposals of a command's type.
func made[C state.Command](r *rig) int {
	n := 0
	for _, c := range r.proposed {
		if _, is := c.(C); is {
			n++
		}
	}
	return n
}

func (r *rig) liveness(name resources.NodeName) state.Liveness { return r.s.Nodes[name].Liveness }
