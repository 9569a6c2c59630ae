package leader

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func TestIdleMustBeSeen(t *testing.T) {
	for name, c := range map[string]struct {
		i    *state.Instance
		want bool
	}{
		"nothing known":       {nil, true},
		"seen to be stopped":  {&state.Instance{Role: resources.RoleStopped, Probed: true}, true},
		"runs":                {&state.Instance{Role: resources.RoleStarted, Probed: true}, false},
		"under way":           {&state.Instance{Role: resources.RoleStopped, Probed: true, Action: "1.0"}, false},
		"nobody has looked":   {&state.Instance{Role: resources.RoleStopped}, false},
		"nobody ever looked":  {&state.Instance{}, false},
		"looked in vain once": {&state.Instance{Role: resources.RoleStarted}, false},
	} {
		n := &state.Node{Instances: map[resources.InstanceID]*state.Instance{}}
		if c.i != nil {
			n.Instances["vip"] = c.i
		}
		if got := idle(n); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestStaysFenced(t *testing.T) {
	for name, c := range map[string]struct {
		f    *state.Fencing
		want bool
	}{
		"not fenced":               {nil, false},
		"lost, waiting":            {&state.Fencing{By: state.ByCluster, Phase: state.FencingRequested}, false},
		"lost, under way":          {&state.Fencing{By: state.ByCluster, Phase: state.FencingRunning}, false},
		"alive, under way":         {&state.Fencing{By: state.ByCluster, Phase: state.FencingRunning, Live: true}, true},
		"alive, attempt failed":    {&state.Fencing{By: state.ByCluster, Phase: state.FencingFailed, Live: true}, true},
		"an operator's, under way": {&state.Fencing{By: "root", Phase: state.FencingRunning}, true},
		"an operator's, not begun": {&state.Fencing{By: "root", Phase: state.FencingRequested}, false},
	} {
		s := state.New()
		if c.f != nil {
			s.Fencing["b"] = c.f
		}
		if got := staysFenced(s, &state.Node{Name: "b"}); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A node that an operator wants off answers until it is; that withdraws nothing.
func TestBeingHeardDoesNotEndAnOperatorsFencing(t *testing.T) {
	r := newRig(t)
	r.takes = 5 * time.Second
	next, result := state.ApplyCommand(r.s, r.s.Index+1, 3, r.now, "root", &state.FenceRequested{Node: "b", Action: resources.FencingOff, Reason: "smoke"})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	r.s = next
	r.apply(&state.FenceStarted{Fence: result.Fence, Node: "b", Executor: "a"})
	r.run(time.Second)
	if n := made[*state.MemberVerdict](r); n != 0 {
		t.Errorf("%d verdicts while it is fenced", n)
	}
	r.run(10 * time.Second)
	if r.s.Nodes["b"].Off == nil {
		t.Errorf("open %v", r.s.Fencing)
	}
}

// What the last leader thought of this member, which leads now, nobody else
// would take back.
func TestLeaderIsAlive(t *testing.T) {
	for _, thought := range []state.Liveness{state.LivenessSuspect, state.LivenessDead} {
		r := newRig(t)
		r.apply(&state.MemberVerdict{Node: "a", Liveness: thought, Incarnation: "run-a"})
		r.run(time.Second)
		if r.liveness("a") != state.LivenessAlive {
			t.Errorf("it was called %s and still is", thought)
		}
	}
}

// A member whose silence the detector finds dead, and what the last look says.
func TestDeathOfAMember(t *testing.T) {
	cases := map[string]struct {
		found  Looked
		leaves bool
		after  time.Duration
		want   state.Liveness
	}{
		"nobody reaches it":               {Looked{}, false, time.Second, state.LivenessDead},
		"somebody reaches it":             {Looked{Reachable: true}, false, time.Minute, state.LivenessSuspect},
		"its daemon is away":              {Looked{HostAlive: true}, false, 14 * time.Second, state.LivenessSuspect},
		"its daemon stays away":           {Looked{HostAlive: true}, false, 17 * time.Second, state.LivenessDead},
		"its daemon has said goodbye":     {Looked{HostAlive: true}, true, 50 * time.Second, state.LivenessSuspect},
		"its daemon has left for a while": {Looked{HostAlive: true}, true, 65 * time.Second, state.LivenessDead},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			id := r.start() // it runs something
			r.run(time.Second)
			if r.vip().Action == id {
				t.Fatal("the start is still in flight")
			}
			r.look = func(Look) Looked { return c.found }
			if r.hear("b", Dead); c.leaves {
				r.hear("b", Left)
			}
			r.run(c.after)
			if got := r.liveness("b"); got != c.want {
				t.Errorf("got %s, want %s; %d looks", got, c.want, r.looks)
			}
		})
	}
}

// A member that stops in order, with nothing left running, has left at once.
func TestMemberThatLeaves(t *testing.T) {
	r := newRig(t)
	r.look = func(Look) Looked { return Looked{HostAlive: true} }
	r.hear("b", Left)
	r.run(2 * time.Second)
	if got := r.liveness("b"); got != state.LivenessLeft {
		t.Errorf("got %s, want left", got)
	}
}

// A member that answers the log's heartbeats is governed, whatever gossip says.
func TestHeartbeatSparesAMember(t *testing.T) {
	r := newRig(t)
	r.hear("b", Dead)
	m := r.members["b"]
	m.Answered = 100 * time.Millisecond
	r.members["b"] = m
	r.run(10 * time.Second)
	if got := r.liveness("b"); got != state.LivenessSuspect {
		t.Errorf("got %s, want suspect", got)
	}
	if e := r.s.Nodes["b"].Evidence; len(e) == 0 || e[len(e)-1].Source != "raft" {
		t.Errorf("evidence %+v", e)
	}
}

// The last look begins before the detector calls the member dead, so that its
// death is declared at once.
func TestLookBeginsEarly(t *testing.T) {
	r := newRig(t)
	r.hear("b", Suspect)
	m := r.members["b"]
	m.Silence = lookAhead + time.Millisecond
	r.members["b"] = m
	r.run(LookTimeout + 10*time.Millisecond)
	r.hear("b", Dead)
	before := r.now
	r.run(10 * time.Millisecond)
	if r.liveness("b") != state.LivenessDead || r.looks != 1 {
		t.Errorf("%s after %s and %d looks", r.liveness("b"), r.now.Sub(before), r.looks)
	}
}

// A look that says nothing of the present is taken again.
func TestOldLooksAreNotUsed(t *testing.T) {
	r := newRig(t)
	r.look = func(Look) Looked { return Looked{Reachable: true} }
	r.hear("b", Dead)
	r.run(10 * time.Second)
	if r.looks < 10 || r.looks > 15 {
		t.Errorf("%d looks in ten seconds", r.looks)
	}
	r.look = nil
	r.run(2 * time.Second)
	if got := r.liveness("b"); got != state.LivenessDead {
		t.Errorf("got %s, want dead", got)
	}
}

// Members that were never heard may be booting, but not for ever.
func TestStartupGrace(t *testing.T) {
	r := newRig(t)
	delete(r.members, "b")
	r.run(defaultStartupGrace - time.Second)
	if got := r.liveness("b"); got != state.LivenessAlive || r.looks != 0 {
		t.Fatalf("got %s after %d looks", got, r.looks)
	}
	r.run(3 * time.Second)
	if got := r.liveness("b"); got != state.LivenessDead {
		t.Errorf("got %s, want dead", got)
	}
}

// A member that is dead, and has announced itself while gossip damps its return,
// is not looked at.
func TestReturningMember(t *testing.T) {
	r := newRig(t)
	r.hear("b", Dead)
	r.run(2 * time.Second)
	looks := r.looks
	r.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2", Software: state.Version})
	m := r.members["b"]
	m.Returning = true
	r.members["b"] = m
	r.run(3 * time.Second)
	if r.looks != looks || r.liveness("b") != state.LivenessAlive {
		t.Errorf("%d looks, %s", r.looks-looks, r.liveness("b"))
	}
	r.hear("b", Alive)
	r.run(time.Second)
}

// A member that gossip hears but that answers nothing of the log has lost its
// lease: it is declared lost, and stays so while it is silent.
func TestMemberThatIsCutOffFromTheLog(t *testing.T) {
	r := newRig(t)
	silent := func(d time.Duration) {
		m := r.members["b"]
		m.Unanswered = d
		r.members["b"] = m
	}
	silent(state.DefaultLease) // its lease may not have run out
	r.run(time.Minute)
	silent(state.DefaultLease + muteMargin + time.Second)
	r.run(muteAgain / 2) // perhaps it was this process that was paused
	if got := r.liveness("b"); got != state.LivenessAlive {
		t.Fatalf("it was called %s too early", got)
	}
	r.run(muteAgain)
	if got := r.liveness("b"); got != state.LivenessDead {
		t.Errorf("got %s, want dead", got)
	}
	silent(0)
	r.run(time.Second)
	if got := r.liveness("b"); got != state.LivenessAlive {
		t.Errorf("it answers again and is %s", got)
	}
}

// A daemon that starts every two seconds and announces nothing is lost, although
// it is heard for a moment each time.
func TestDaemonThatOnlyStarts(t *testing.T) {
	r := newRig(t)
	r.run(announceLag + time.Second)
	for range 20 {
		m := r.members["b"]
		m.Instance++
		r.members["b"] = m
		r.run(2 * time.Second)
	}
	if got := r.liveness("b"); got != state.LivenessDead {
		t.Errorf("got %s, want dead", got)
	}
	found := false
	for _, p := range r.core.Problems() {
		found = found || p.Code == "daemon_restarts" && p.Node == "b"
	}
	if !found {
		t.Errorf("problems %+v", r.core.Problems())
	}
}

// A member that was removed leaves nothing behind.
func TestRemovedMemberIsForgotten(t *testing.T) {
	r := newRig(t)
	r.look = func(Look) Looked { return Looked{HostAlive: true} }
	r.hear("b", Dead)
	r.run(time.Second)
	r.apply(&state.MemberRemoved{Node: "b", Force: true})
	delete(r.members, "b")
	r.log.Members = r.log.Members[:1]
	r.run(time.Second)
	if j := r.core.judge; len(j.away)+len(j.looks)+len(j.mute) != 0 || len(j.restarts.members) != 1 {
		t.Errorf("%+v, %+v", j, j.restarts)
	}
}

func TestBlockedAdviceIsAProblem(t *testing.T) {
	r := newRig(t)
	r.apply(&state.ResourceAdvised{Resource: "vip", Advice: agents.Advice{Blocked: true, Reason: "choose"}})
	r.run(time.Second)
	if p := r.core.Problems(); len(p) != 1 || p[0].Code != "advice_blocked" || p[0].Text != "choose" {
		t.Errorf("got %+v", p)
	}
}
