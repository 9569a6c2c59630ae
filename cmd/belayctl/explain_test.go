package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explaining is a console whose cluster has come up, and has then met what is
// given: commands, and operations that fail until it has settled again.
func explaining(t *testing.T, settle bool, failures []string, commands ...state.Command) *console {
	t.Helper()
	c := newConsole(t)
	opts := belay.Options{Now: epoch, Planner: scheduler.Options{Quorum: true, Agents: node.AgentFacts(catalog.Agents(zap.NewNop()))}}
	s := belay.Run(belay.Empty(c.fake.state.Definition, epoch), opts).After
	for _, command := range commands {
		next, result := state.ApplyCommand(s, s.Index+1, s.Term, epoch, "tester", command)
		if result.Err != nil {
			t.Fatalf("%T: %v", command, result.Err)
		}
		s = next
	}
	for _, text := range failures {
		f, err := belay.ParseFailure(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Failures = append(opts.Failures, f)
	}
	if settle {
		s = belay.Run(s, opts).After
	}
	c.fake.state = s
	return c
}

// with changes the definition of a console's cluster.
func with(change func(*resources.Definition)) *state.DefinitionSet {
	def := decodeBase()
	change(def)
	return &state.DefinitionSet{Base: 1, Definition: def}
}

func resource(def *resources.Definition, id resources.ResourceID) *resources.Resource {
	for i := range def.Resources {
		if def.Resources[i].ID == id {
			return &def.Resources[i]
		}
	}
	panic("no resource " + id)
}

// TestExplainText shows what a person reads, at three in the morning.
func TestExplainText(t *testing.T) {
	stopped, unmanaged := resources.RoleStopped, false
	for _, tc := range []struct {
		name string
		args string
		c    func(t *testing.T) *console
	}{
		{"healthy", "vip", func(t *testing.T) *console { return explaining(t, true, nil) }},
		{"one-node", "vip --node compute-7", func(t *testing.T) *console { return explaining(t, true, nil) }},
		{"promotable", "galera", func(t *testing.T) *console { return explaining(t, true, nil) }},
		{"group", "web", func(t *testing.T) *console { return explaining(t, true, nil) }},
		{"disabled", "reader", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) { resource(def, "reader").Meta.TargetRole = &stopped }))
		}},
		{"unmanaged", "reader", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) { resource(def, "reader").Meta.Managed = &unmanaged }))
		}},
		{"banned", "vip", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) {
				def.Locations = []resources.Location{{ID: "ban-vip", Resource: "vip", Node: "controller-0", Score: -resources.Infinity}}
			}), &state.NodeStandby{Node: "compute-0", Standby: true})
		}},
		{"by-rule-location", "vip", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) {
				soon := epoch.Add(time.Hour).Format(time.RFC3339)
				def.Locations = []resources.Location{
					{ID: "not-yet", Resource: "vip", Rule: "#uname == controller-0 and date < " + soon, Score: -resources.Infinity},
					{ID: "not-compute", Resource: "vip", Rule: "not_defined osprole", Score: -resources.Infinity},
					{ID: "rack-b", Resource: "vip", Rule: "rack == b", Score: 50},
				}
				for i := range def.Nodes {
					if def.Nodes[i].Name == "controller-2" {
						def.Nodes[i].When = []resources.NodeWhen{{Rule: "date < " + soon, Attributes: map[string]string{"rack": "b"}}}
					}
				}
			}))
		}},
		{"by-rule-standby", "vip --node controller-0", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) {
				for i := range def.Nodes {
					if def.Nodes[i].Name == "controller-0" {
						def.Nodes[i].When = []resources.NodeWhen{{Rule: "date in 'weekdays=1-7'", Standby: new(true)}}
					}
				}
			}))
		}},
		{"by-rule-values", "reader", func(t *testing.T) *console {
			return explaining(t, true, nil, with(func(def *resources.Definition) {
				soon := epoch.Add(time.Hour).Format(time.RFC3339)
				resource(def, "reader").When = []resources.When{
					{Rule: "date < " + soon, Meta: resources.Meta{Managed: &unmanaged}},
					{Rule: "#uname == compute-0", Params: resources.Params{"interface": "bond0"}},
				}
				def.Defaults.When = []resources.DefaultsWhen{{Rule: "agent in '*'", Resource: resources.Meta{Stickiness: new(resources.Score(7))}}}
			}))
		}},
		{"failed", "reader", func(t *testing.T) *console {
			return explaining(t, true, []string{"reader:start:controller-1", "reader:start:controller-0", "reader:start:compute-0", "reader:start:compute-7", "reader:start:controller-2"},
				&state.ResourceMoved{Resource: "reader", To: "controller-1", Until: epoch.Add(1e12)})
		}},
		{"lost", "vip", func(t *testing.T) *console {
			c := explaining(t, true, nil)
			for name, n := range c.fake.state.Nodes {
				if i, found := n.Instances["vip"]; found && i.Role.Active() {
					return explaining(t, false, nil, &state.MemberVerdict{Node: name, Liveness: state.LivenessDead, Incarnation: n.Incarnation})
				}
			}
			return c
		}},
		{"quarantine", "reader --node controller-1", func(t *testing.T) *console {
			c := explaining(t, true, nil, &state.NodeStandby{Node: "controller-1", Standby: true})
			c.quarantined("controller-1")
			return c
		}},
		{"under-way", "reader", func(t *testing.T) *console {
			c := explaining(t, false, nil)
			name := resources.NodeName("")
			for n := range c.fake.state.Nodes {
				if i, found := c.fake.state.Nodes[n].Instances["reader"]; found && i.Role.Active() {
					name = n
				}
			}
			s, _ := state.ApplyCommand(c.fake.state, 900, 1, epoch, "cluster", &state.OperationsStarted{Operations: []state.Intent{
				{Node: name, Instance: "reader", Op: resources.OpStop, Incarnation: c.fake.state.Nodes[name].Incarnation, Reason: "asked for"},
			}})
			c.fake.state = s
			return c
		}},
		{"crashed", "keystone", func(t *testing.T) *console {
			c := explaining(t, false, nil)
			for name, n := range c.fake.state.Nodes {
				if i, found := n.Instances["keystone"]; found && i.Role.Active() {
					return explaining(t, false, nil, &state.InstanceReported{
						Node: name, Incarnation: n.Incarnation, Instance: "keystone", Seen: 1 << 40,
						Result: agents.Result{Outcome: agents.OutcomeNotRunning, Reason: "the unit is inactive"},
					})
				}
			}
			return c
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.c(t)
			got := c.must(t, append([]string{"explain"}, strings.Fields(tc.args)...)...)
			file := filepath.Join("testdata", "explain", tc.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("text (-want +got); go test -update writes it anew:\n%s", diff)
			}
			if lines := strings.Count(got, "\n"); lines > 40 {
				t.Errorf("%d lines do not fit a screen", lines)
			}
		})
	}
}

// TestExplainForms: the same from a file as from the cluster; JSON has no null
// lists; names are checked and completed.
func TestExplainForms(t *testing.T) {
	c := explaining(t, true, nil)
	t.Chdir(t.TempDir())
	c.must(t, "state", "save", "s.json")
	if live, saved := c.must(t, "explain", "vip"), c.must(t, "explain", "vip", "--state", "s.json"); live != saved {
		t.Errorf("from a file:\n%s", cmp.Diff(live, saved))
	}
	text := c.must(t, "explain", "vip", "-o", "json")
	var x api.Explanation
	if err := json.Unmarshal([]byte(text), &x); err != nil || x.Resource != "vip" || len(x.Nodes) != 5 || strings.Contains(text, "null") {
		t.Errorf("%v: %s", err, text)
	}
	for args, want := range map[string]string{
		"vipp":                    `did you mean "vip"?`,
		"vip --node controller-9": `no node is called "controller-9"`,
		"vip --state x --cib y":   "one cluster at a time",
		"vip --state none.json":   "none.json",
		"":                        "write: belayctl explain",
	} {
		if code := c.run(t, append([]string{"explain"}, strings.Fields(args)...)...); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d, %s; want %q", args, code, c.err.String(), want)
		}
	}
	if got := c.must(t, "__complete", "explain", "ha"); !strings.Contains(got, "haproxy\n") {
		t.Errorf("completes to %q", got)
	}
	if got := c.must(t, "__complete", "explain", "vip", "--node", ""); !strings.Contains(got, "compute-7\n") {
		t.Errorf("completes to %q", got)
	}
}

func TestExplainCIB(t *testing.T) {
	c := simulating(t)
	got := c.must(t, "explain", "web", "--cib", "cluster.xml")
	for _, want := range []string{"now   web Started on node-1", "then  ", "INSTANCE", "node-2"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := c.must(t, "explain", "web", "--cib", "cluster.xml", "--node", "node-2", "-o", "json"); strings.Contains(got, "node-1") {
		t.Errorf("of node-2 alone:\n%s", got)
	}
	for args, want := range map[string]string{"wbe": `did you mean "web"?`, "web --node node-3": "no node is called"} {
		if code := c.run(t, append([]string{"explain", "--cib", "cluster.xml"}, strings.Fields(args)...)...); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d, %s", args, code, c.err.String())
		}
	}
}
