package rabbitmq

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// scene builds a Situation; nodes are n1, n2, … in the order they are added.
type scene struct{ s agents.Situation }

func aScene() *scene {
	return &scene{agents.Situation{Resource: "rabbitmq", View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}}}}
}

func (s *scene) peer(role resources.Role, attributes map[string]string) *scene {
	node := "n" + strconv.Itoa(len(s.s.View.Nodes)+1)
	s.s.View.Nodes[resources.NodeName(node)] = agents.NodeView{Alive: true, Expected: true}
	if attributes != nil {
		attributes[attrName] = "rabbit@" + node
	}
	s.s.View.Peers["rabbitmq"] = append(s.s.View.Peers["rabbitmq"], agents.Peer{Instance: "rabbitmq", Node: resources.NodeName(node), Role: role, Attributes: attributes})
	return s
}

func (s *scene) blank() *scene {
	return s.peer(resources.RoleStopped, map[string]string{attrData: dataNone})
}

func (s *scene) single(queues bool) *scene {
	return s.peer(resources.RoleStopped, map[string]string{attrData: dataSingle, attrQueues: strconv.FormatBool(queues)})
}

func (s *scene) holder() *scene {
	return s.peer(resources.RoleStopped, map[string]string{attrData: dataCluster, attrMembers: "rabbit@n1,rabbit@n2,rabbit@n3"})
}

func (s *scene) silent() *scene { return s.peer(resources.RoleStopped, nil) }

func (s *scene) down() *scene {
	s.silent()
	node := resources.NodeName("n" + strconv.Itoa(len(s.s.View.Nodes)))
	s.s.View.Nodes[node] = agents.NodeView{Expected: true}
	return s
}

func (s *scene) runs(members, running string) *scene {
	data := dataCluster
	if !strings.Contains(members, ",") {
		data = dataSingle
	}
	return s.peer(resources.RoleStarted, map[string]string{attrData: data, attrMembers: members, attrRunning: running})
}

func (s *scene) override(words map[string]string) *scene { s.s.Override = words; return s }

func (s *scene) after(current agents.Advice) *scene { s.s.Current = current; return s }

func (s *scene) advise() agents.Advice { return New(Host{}, zap.NewNop()).Advise(s.s) }

func TestAdvise(t *testing.T) {
	const all = "rabbit@n1,rabbit@n2,rabbit@n3"
	formed := aScene().blank().blank().blank().advise()
	tests := []struct {
		name    string
		scene   *scene
		modes   string // of n1, n2, …
		targets string // of those that join
		blocked bool
		reason  string
	}{
		{"first boot", aScene().blank().blank().blank(), "seed join join", "rabbit@n1", false, "n1 forms the cluster"},
		{"first boot waits for every report", aScene().blank().silent().blank(), "wait wait wait", "", false, "waiting for the report of n2"},
		{"first boot with a node that is down", aScene().blank().down().blank(), "wait wait wait", "", true, "override with seed = NODE"},
		{"first boot, an operator's word", aScene().blank().down().blank().override(map[string]string{"seed": "n3"}), "join join seed", "rabbit@n3", false, "the operator chose it"},
		{"an operator's word for a node without a report", aScene().blank().down().override(map[string]string{"seed": "n2"}), "wait wait", "", true, "has not reported"},
		{"the seed stays the seed", aScene().blank().blank().blank().after(aScene().single(false).single(true).blank().advise()), "join seed join", "rabbit@n2", false, "it was chosen"},
		{"the seed stays while it starts without a report", aScene().silent().blank().blank().after(formed), "seed join join", "rabbit@n1", false, "it was chosen"},
		{"a lost seed is replaced", aScene().down().blank().blank().after(formed), "join seed join", "rabbit@n2", false, "n2 forms the cluster"},
		{"the seed runs", aScene().runs("rabbit@n1", "rabbit@n1").blank().blank().after(formed), "start join join", "rabbit@n1", false, "n1 run"},
		{"power cut: all start at once", aScene().holder().holder().holder(), "start start start", "", false, "all at once"},
		{"power cut, one disk lost", aScene().holder().blank().holder(), "start join start", "rabbit@n1,rabbit@n3", false, "who has none joins"},
		{"power cut, one node is down", aScene().holder().down().holder(), "start join start", "rabbit@n1,rabbit@n3", false, ""},
		{"one node comes back", aScene().runs(all, "rabbit@n1,rabbit@n2").runs(all, "rabbit@n1,rabbit@n2").holder(), "start start start", "", false, ""},
		{"one node comes back without data", aScene().runs(all, "rabbit@n1,rabbit@n2").runs(all, "rabbit@n1,rabbit@n2").blank(), "start start join", "rabbit@n1,rabbit@n2", false, ""},
		{"one node comes back after a package was installed", aScene().runs("rabbit@n1,rabbit@n2", "rabbit@n1,rabbit@n2").runs("rabbit@n1,rabbit@n2", "rabbit@n1,rabbit@n2").single(false), "start start join", "rabbit@n1,rabbit@n2", false, ""},
		{"clusters of one, one has queues", aScene().single(false).single(true).single(false), "join seed join", "rabbit@n2", false, "only one that has queues"},
		{"clusters of one, two have queues", aScene().single(true).single(true).blank(), "wait wait wait", "", true, "override with seed = NODE"},
		{"a cluster of one goes before an empty node", aScene().blank().single(false), "join seed", "rabbit@n2", false, "has run before"},
		{"brokers that run apart, one empty", aScene().runs("rabbit@n1", "rabbit@n1").runs("rabbit@n2,rabbit@n3", "rabbit@n2,rabbit@n3").runs("rabbit@n2,rabbit@n3", "rabbit@n2,rabbit@n3"), "join start start", "rabbit@n2,rabbit@n3", false, "n1 runs alone"},
		{"unreadable data is started, not reset", aScene().peer(resources.RoleStopped, map[string]string{attrData: dataUnknown}).blank(), "start join", "rabbit@n1", false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advice := test.scene.advise()
			var modes []string
			for i := range len(test.scene.s.View.Nodes) {
				words := advice.Instances[resources.NodeName("n"+strconv.Itoa(i+1))]
				modes = append(modes, words[adviceMode])
				if words[adviceMode] == modeJoin && words[adviceTargets] != test.targets {
					t.Errorf("n%d joins %q, want %q", i+1, words[adviceTargets], test.targets)
				}
			}
			if got := strings.Join(modes, " "); got != test.modes {
				t.Errorf("modes %q, want %q (%s)", got, test.modes, advice.Reason)
			}
			if advice.Blocked != test.blocked || !strings.Contains(advice.Reason, test.reason) {
				t.Errorf("blocked %t, reason %q", advice.Blocked, advice.Reason)
			}
			if len(advice.Table) != len(modes)+1 {
				t.Errorf("table %v", advice.Table)
			}
		})
	}
}

func TestAdviseForgetsRemovedMembers(t *testing.T) {
	const four, two = "rabbit@n1,rabbit@n2,rabbit@n3,rabbit@n9", "rabbit@n1,rabbit@n2"
	tests := []struct {
		name  string
		scene *scene
		want  string
	}{
		{"a member that no node accounts for", aScene().runs(four, two).runs(four, two).holder(), "rabbit@n9"},
		{"a member that still runs", aScene().runs(four, two+",rabbit@n9").runs(four, two+",rabbit@n9").holder(), ""},
		{"a node whose name is unknown may be that member", aScene().runs(four, two).runs(four, two).down(), ""},
		{"a node that is down is remembered by name", aScene().runs(four, two).runs(four, two).down().after(aScene().holder().holder().holder().advise()), "rabbit@n9"},
		{"none is removed", aScene().runs(two, two).runs(two, two), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advice := test.scene.advise()
			if got := advice.Instances["n1"][adviceForget]; got != test.want {
				t.Errorf("forget %q, want %q", got, test.want)
			}
			for _, other := range []resources.NodeName{"n2", "n3"} {
				if advice.Instances[other][adviceForget] != "" {
					t.Errorf("%s forgets, too", other)
				}
			}
		})
	}
}

func TestAdviseForceBootIsForOneOutage(t *testing.T) {
	words := map[string]string{"force_boot": "n2", "at": "1"}
	first := aScene().holder().holder().down().override(words).advise()
	if diff := cmp.Diff(first.Instances["n2"], map[string]string{adviceMode: modeStart, adviceForce: "true", adviceName: "rabbit@n2"}); diff != "" {
		t.Errorf("first outage (-got +want):\n%s", diff)
	}
	up := aScene().runs("rabbit@n1,rabbit@n2", "rabbit@n1,rabbit@n2").runs("rabbit@n1,rabbit@n2", "rabbit@n1,rabbit@n2").override(words).after(first).advise()
	later := aScene().holder().holder().override(words).after(up).advise()
	if later.Instances["n2"][adviceForce] != "" {
		t.Error("a spent force_boot is used again")
	}
	again := aScene().holder().holder().override(map[string]string{"force_boot": "n2", "at": "2"}).after(later).advise()
	if again.Instances["n2"][adviceForce] != "true" {
		t.Error("a new force_boot is not followed")
	}
}
