package node

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/bubble"
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

func TestRevokedCertificates(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.apply(&state.MemberRemoved{Node: "b"})
		s := m.machine.current.Load()
		for name, c := range map[string]struct {
			node, serial string
			want         bool
		}{
			"the removed one's":             {"b", "s-b", true},
			"another of the removed one's":  {"b", "s-b2", true},
			"a member's":                    {"c", "s-c", false},
			"a newcomer's before its entry": {"d", "s-d", false},
		} {
			if got := revoked(s, c.node, c.serial); got != c.want {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
		m.apply(&state.TokenCreated{ID: "again", ExpiresAt: time.Now().Add(time.Hour)})
		m.apply(&state.MemberJoined{Node: "b", Serial: "s-b3", Token: "again"})
		s = m.machine.current.Load()
		if revoked(s, "b", "s-b3") || !revoked(s, "b", "s-b") {
			t.Error("a node that joined again is known by its new certificate only")
		}
	})
}

// An advisor that contradicts itself gets a bounded number of entries in the
// log, until what it is asked changes.
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

func TestBrakes(t *testing.T) {
	b, now := newBrakes(), time.Now()
	var at []time.Duration
	for passed := time.Duration(0); passed < 2*time.Minute; passed += 100 * time.Millisecond {
		if b.release("probe vip@a", now.Add(passed)) {
			at = append(at, passed)
		}
	}
	if len(at) < 7 || at[0] != 0 || at[1] != 100*time.Millisecond || at[len(at)-1]-at[len(at)-2] != longestWait {
		t.Errorf("released at %v", at)
	}
	if !b.release("probe web@a", now) {
		t.Error("another action is held back too")
	}
	if !b.release("probe vip@a", now.Add(2*time.Minute+forgetAfter+time.Second)) {
		t.Error("an old repetition was not forgotten")
	}
}

func TestWaitFor(t *testing.T) {
	plan := &transition.Transition{Index: 9, Actions: []transition.Action{
		{Key: "start vip@a", Kind: transition.KindStart, Instance: "vip"},
		{Key: "start web@a", Kind: transition.KindStart, Instance: "web", Wait: "node b is lost"},
	}, Problems: []transition.Problem{{Code: "failed", Severity: transition.SeverityWarning, Resource: "web"}, {Code: "x", Severity: transition.SeverityInfo}}}
	stuck := &transition.Transition{Index: 9, Actions: plan.Actions[1:], Problems: plan.Problems}
	for name, c := range map[string]struct {
		plan             *transition.Transition
		request          api.WaitRequest
		settled, asAsked bool
	}{
		"not planned yet":             {plan, api.WaitRequest{Index: 10}, false, false},
		"something to do":             {plan, api.WaitRequest{Index: 9}, false, false},
		"nothing to do":               {&transition.Transition{Index: 9}, api.WaitRequest{Index: 9}, true, true},
		"waits for an operator":       {stuck, api.WaitRequest{Index: 9}, true, false},
		"others are of no concern":    {stuck, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, true, true},
		"one of those that it is for": {plan, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, false, false},
	} {
		got := judgeWait(c.plan, api.Live{Transition: *c.plan}, c.request)
		if got.Settled != c.settled || got.AsAsked != c.asAsked {
			t.Errorf("%s: settled %v as asked %v", name, got.Settled, got.AsAsked)
		}
	}
}

func TestGossipAddress(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:7450": "192.0.2.1:7451", "[2001:db8::1]:7450": "[2001:db8::1]:7451",
		"192.0.2.1": "", "192.0.2.1:0": "", "192.0.2.1:65535": "", "192.0.2.1:http": "",
	} {
		got, err := GossipAddress(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}
