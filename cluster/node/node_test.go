package node

import (
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

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

func TestWaitFor(t *testing.T) {
	plan := &transition.Transition{Index: 9, Actions: []transition.Action{
		{Key: "start vip@a", Kind: transition.KindStart, Instance: "vip"},
		{Key: "start web@a", Kind: transition.KindStart, Instance: "web", Wait: "node b is lost"},
	}, Problems: []transition.Problem{{Code: "failed", Severity: transition.SeverityWarning, Resource: "web"}, {Code: "x", Severity: transition.SeverityInfo}}}
	lost := &transition.Transition{Index: 9, Problems: []transition.Problem{
		{Code: "node_lost", Severity: transition.SeverityWarning, Node: "b"}, {Code: "two_voters", Severity: transition.SeverityWarning}, {Code: "witness_lost", Severity: transition.SeverityWarning},
	}}
	standing := &transition.Transition{Index: 9, Problems: lost.Problems[1:]}
	leaderless := &transition.Transition{Index: 9, Problems: []transition.Problem{{Code: "no_quorum", Severity: transition.SeverityCritical}}}
	stuck := &transition.Transition{Index: 9, Actions: plan.Actions[1:], Problems: plan.Problems}
	for name, c := range map[string]struct {
		plan             *transition.Transition
		request          api.WaitRequest
		settled, asAsked bool
	}{
		"not planned yet":              {plan, api.WaitRequest{Index: 10}, false, false},
		"something to do":              {plan, api.WaitRequest{Index: 9}, false, false},
		"nothing to do":                {&transition.Transition{Index: 9}, api.WaitRequest{Index: 9}, true, true},
		"waits for an operator":        {stuck, api.WaitRequest{Index: 9}, true, false},
		"others are of no concern":     {stuck, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, true, true},
		"another node is lost":         {lost, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, true, true},
		"a node of everything is lost": {lost, api.WaitRequest{Index: 9}, true, false},
		"two voters":                   {standing, api.WaitRequest{Index: 9}, true, true},
		"no quorum":                    {leaderless, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, true, false},
		"one of those that it is for":  {plan, api.WaitRequest{Index: 9, Resources: []resources.ResourceID{"vip"}}, false, false},
	} {
		got := judgeWait(c.plan, api.Live{Transition: *c.plan}, c.request)
		if got.Settled != c.settled || got.AsAsked != c.asAsked {
			t.Errorf("%s: settled %v as asked %v", name, got.Settled, got.AsAsked)
		}
	}
}

// TestWaitTellsWhatIsHeldBack: by a maintenance always; by the definition where the
// resource itself is waited for; never where the change itself leaves things alone.
func TestWaitTellsWhatIsHeldBack(t *testing.T) {
	no := false
	for name, c := range map[string]struct {
		request api.WaitRequest
		want    []resources.ResourceID
	}{
		"everything":             {api.WaitRequest{}, []resources.ResourceID{"web"}},
		"one that is held":       {api.WaitRequest{Resources: []resources.ResourceID{"web"}}, []resources.ResourceID{"web"}},
		"one that is unmanaged":  {api.WaitRequest{Resources: []resources.ResourceID{"db"}}, []resources.ResourceID{"db"}},
		"another":                {api.WaitRequest{Resources: []resources.ResourceID{"vip"}}, nil},
		"a maintenance that set": {api.WaitRequest{Holding: true}, nil},
	} {
		s := state.New()
		s.Index, s.Term, s.At = 9, 1, time.Now()
		s.Definition = &resources.Definition{Nodes: []resources.Node{{Name: "a"}}, Resources: []resources.Resource{
			{ID: "db", Agent: "x", Meta: resources.Meta{Managed: &no}}, {ID: "vip", Agent: "x"}, {ID: "web", Agent: "x"},
		}}
		s.Maintenance = map[state.Scope]*state.Maintenance{"resource/web": {By: "ops", Reason: "disks"}}
		instances := map[resources.InstanceID]*state.Instance{}
		for _, r := range s.Definition.Resources {
			instances[resources.InstanceID(r.ID)] = &state.Instance{ID: resources.InstanceID(r.ID), Role: resources.RoleStopped, Probed: true}
		}
		instances["vip"].Role, instances["vip"].Digest = resources.RoleStarted, resources.Digest(&s.Definition.Resources[1])
		s.Nodes["a"] = &state.Node{Name: "a", Liveness: state.LivenessAlive, Incarnation: "i", Instances: instances}
		answer := api.WaitAnswer{Settled: true, AsAsked: true}
		(&Node{options: scheduler.Options{Quorum: true}}).tellHeld(&answer, s, c.request)
		var got []resources.ResourceID
		for _, p := range answer.Problems {
			got = append(got, p.Resource)
		}
		if !slices.Equal(got, c.want) || answer.AsAsked != (len(c.want) == 0) || !answer.Settled {
			t.Errorf("%s: told of %v, as asked %v; want %v", name, got, answer.AsAsked, c.want)
		}
	}
}

// TestWaitForWholes: a group stands for its members, a bundle for its parts.
func TestWaitForWholes(t *testing.T) {
	def := &resources.Definition{
		Groups:  []resources.Group{{ID: "front", Members: []resources.ResourceID{"vip", "web"}}},
		Bundles: []resources.Bundle{{ID: "box", IPRangeStart: "192.0.2.9"}},
	}
	want := []resources.ResourceID{"front", "box", "db", "vip", "web", "box-ip-192.0.2.9", "box-podman-0"}
	if got := withMembers(def, want[:3]); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
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
