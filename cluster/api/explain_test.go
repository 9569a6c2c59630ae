package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// explained is a cluster of n1, n2 and n3 on which nothing runs and everything
// was looked at, changed as the test likes.
func explained(t *testing.T, id string, change func(*state.State, *resources.Definition)) *Explanation {
	t.Helper()
	s := state.New()
	def := &resources.Definition{Resources: []resources.Resource{{ID: "a", Agent: "sim"}, {ID: "b", Agent: "sim"}}}
	s.Definition = def
	for _, name := range []resources.NodeName{"n1", "n2", "n3"} {
		def.Nodes = append(def.Nodes, resources.Node{Name: name})
		s.Nodes[name] = &state.Node{Name: name, Liveness: state.LivenessAlive, Instances: map[resources.InstanceID]*state.Instance{}}
		for _, r := range []resources.InstanceID{"a", "b"} {
			s.Nodes[name].Instances[r] = &state.Instance{ID: r, Role: resources.RoleStopped, Probed: true}
		}
	}
	change(s, def)
	plan := scheduler.Plan(s, noon, scheduler.Options{Quorum: true, Explain: true})
	x, err := Explain(s, noon, &plan, nil, resources.ResourceID(id), "")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestExplainChanges: whatever keeps a resource from a node, what to type is said.
func TestExplainChanges(t *testing.T) {
	location := func(node resources.NodeName, score resources.Score) resources.Location {
		return resources.Location{ID: "l-" + string(node), Resource: "a", Node: node, Score: score}
	}
	no := false
	for _, c := range []struct {
		name   string
		id     string
		change func(*state.State, *resources.Definition)
		want   []string // "node: command"
	}{
		{"free", "a", func(*state.State, *resources.Definition) {}, nil}, // still to be started: nothing to move
		{"banned", "a", func(_ *state.State, d *resources.Definition) {
			d.Locations = []resources.Location{location("n1", -resources.Infinity), location("n2", -10), location("n3", 10)}
		}, []string{"n1: belayctl constraint remove l-n1", "n2: belayctl constraint remove l-n2"}},
		{"moved away", "a", func(s *state.State, _ *resources.Definition) {
			s.Moves["a"] = &state.Move{Resource: "a", From: "n1", By: "jo", Until: noon.Add(time.Hour)}
		}, []string{"n1: belayctl resource move a --end"}},
		{"failed", "a", func(s *state.State, _ *resources.Definition) {
			s.Nodes["n1"].Instances["a"].Failures = map[resources.Op]*state.Failure{resources.OpStart: {Count: 1, Last: noon}}
		}, []string{"n1: belayctl resource retry a n1"}},
		{"threshold", "a", func(s *state.State, d *resources.Definition) {
			two := 2
			d.Resources[0].Meta.MigrationThreshold = &two
			s.Nodes["n1"].Instances["a"].Failures = map[resources.Op]*state.Failure{resources.OpMonitor: {Count: 2, Last: noon}}
		}, []string{"n1: belayctl resource retry a n1"}},
		{"nodes", "a", func(s *state.State, _ *resources.Definition) {
			s.Nodes["n1"].Standby = true
			s.Nodes["n2"].Maintenance = &state.Maintenance{By: "jo", At: noon}
			s.Nodes["n3"].Liveness, s.Nodes["n3"].Off = state.LivenessDead, &state.OffProof{}
		}, []string{"n1: belayctl node unstandby n1", "n2: belayctl node maintenance n2 --end", "n3: "}},
		{"by rule", "a", func(_ *state.State, d *resources.Definition) {
			d.Nodes[0].When = []resources.NodeWhen{{Rule: "date > 2020-01-01", Standby: new(true)}}
		}, []string{"n1: "}},
		{"unmanaged by rule", "a", func(_ *state.State, d *resources.Definition) {
			d.Resources[0].When = []resources.When{{Rule: "date > 2020-01-01", Meta: resources.Meta{Managed: &no}}}
		}, []string{": "}},
		{"with another", "a", func(s *state.State, d *resources.Definition) {
			d.Colocations = []resources.Colocation{{ID: "c", Resource: "a", With: "b", Score: resources.Infinity}}
			d.Locations = []resources.Location{{ID: "l", Resource: "b", Node: "n1", Score: 10}}
		}, []string{"n2: belayctl explain b --node n2", "n3: belayctl explain b --node n3"}},
		{"opt in", "a", func(_ *state.State, d *resources.Definition) {
			d.Properties.SymmetricCluster = &no
			d.Locations = []resources.Location{location("n1", 10)}
		}, []string{"n2: belayctl constraint location a prefers n2", "n3: belayctl constraint location a prefers n3"}},
		{"unmanaged", "a", func(_ *state.State, d *resources.Definition) { d.Resources[0].Meta.Managed = &no }, []string{": belayctl resource manage a"}},
		{"stop all", "a", func(_ *state.State, d *resources.Definition) { d.Properties.StopAllResources = true }, []string{": belayctl property set stop-all-resources=false"}},
		{"group", "g", func(_ *state.State, d *resources.Definition) {
			d.Groups = []resources.Group{{ID: "g", Members: []resources.ResourceID{"a", "b"}}}
			d.Locations = []resources.Location{{ID: "l", Resource: "b", Node: "n1", Score: -resources.Infinity}}
		}, []string{"n1: belayctl constraint remove l"}},
		{"member", "a", func(_ *state.State, d *resources.Definition) {
			d.Groups = []resources.Group{{ID: "g", Members: []resources.ResourceID{"a", "b"}}}
			d.Locations = []resources.Location{{ID: "l", Resource: "b", Node: "n1", Score: -resources.Infinity}}
		}, []string{"n1: belayctl explain b --node n1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := explained(t, c.id, c.change)
			var got []string
			for _, change := range x.Changes {
				got = append(got, string(change.Node)+": "+change.Command)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s\n%+v", diff, x.Nodes)
			}
		})
	}
}

// TestExplainMove: for what runs well somewhere, how much another node lacks.
func TestExplainMove(t *testing.T) {
	x := explained(t, "a", func(s *state.State, d *resources.Definition) {
		sticky := resources.Score(100)
		d.Resources[0].Meta.Stickiness = &sticky
		i := s.Nodes["n1"].Instances["a"]
		i.Role, i.Config, i.Digest = resources.RoleStarted, &d.Resources[0], resources.Digest(&d.Resources[0])
	})
	if len(x.Actual) == 0 || x.Actual[0].Node != "n1" || x.Nodes[1].Verdict != "may run it; 100 less than the best" {
		t.Fatalf("%+v", x)
	}
	if c := x.Changes[0]; c.Command != "belayctl resource move a n2" || !strings.Contains(c.Text, "over 100") {
		t.Errorf("%+v", c)
	}
}

func TestExplainUnknown(t *testing.T) {
	s := state.New()
	s.Definition = &resources.Definition{Resources: []resources.Resource{{ID: "vip"}}}
	plan := scheduler.Plan(s, noon, scheduler.Options{Quorum: true, Explain: true})
	for _, c := range []struct {
		id   resources.ResourceID
		node resources.NodeName
		want string
	}{{"vpi", "", `did you mean "vip"?`}, {"vip", "n1", `no node is called "n1"`}} {
		_, err := Explain(s, noon, &plan, nil, c.id, c.node)
		var wire *Error
		if !errors.As(err, &wire) || wire.Code != CodeNotFound || !strings.Contains(wire.Text, c.want) {
			t.Errorf("%s on %s: %v", c.id, c.node, err)
		}
	}
}

// TestExplainRoute: viewers may ask, at any member; the leader answers.
func TestExplainRoute(t *testing.T) {
	leader, follower := newMember(t, "leader"), newMember(t, "follower")
	follower.leader = leader
	for _, m := range []*member{leader, follower} {
		if status, body := m.ask("jo", "belay:viewer", "GET", "/v1/explain?resource=none", ""); status != http.StatusNotFound || !strings.Contains(body, "no resource is called") {
			t.Errorf("at the %s: %d %s", m.name, status, body)
		}
		if status, _ := m.ask("jo", "belay:stranger", "GET", "/v1/explain?resource=none", ""); status != http.StatusForbidden {
			t.Errorf("a stranger at the %s: %d", m.name, status)
		}
	}
}
