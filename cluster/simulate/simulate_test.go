package simulate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

var update = flag.Bool("update", false, "write the golden files anew")

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func define(t *testing.T, name string) *resources.Definition {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	def, err := definition.Decode(definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences()), definition.File{Name: name, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func options(quorum bool, failures ...string) simulate.Options {
	opts := simulate.Options{Now: epoch, Planner: scheduler.Options{Quorum: quorum, Agents: node.AgentFacts(catalog.Agents(zap.NewNop()))}}
	for _, text := range failures {
		f, err := simulate.ParseFailure(text)
		if err != nil {
			panic(err)
		}
		opts.Failures = append(opts.Failures, f)
	}
	return opts
}

// running is the example's cluster after it has come up.
func running(t *testing.T) *state.State {
	t.Helper()
	up := simulate.Run(simulate.Empty(define(t, "../../examples/three-controllers.toml"), epoch), options(true))
	if len(up.Plan.Actions) > 0 || up.Endless != "" {
		t.Fatalf("does not come up: %+v", up.Plan)
	}
	return up.After
}

// TestText shows what a person sees, each time of the example's cluster.
func TestText(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes simulate.Changes
		opts    simulate.Options
	}{
		{"node-lost", simulate.Changes{Lost: []resources.NodeName{"controller-0"}}, options(true)},
		{"node-down", simulate.Changes{Down: []resources.NodeName{"controller-0"}}, options(true)},
		{"standby-stop-fails", simulate.Changes{Standby: []resources.NodeName{"controller-0"}}, options(true, "haproxy:stop:controller-0")},
		{"start-fails", simulate.Changes{Standby: []resources.NodeName{"controller-0"}}, options(true, "vip-internal:start:controller-1")},
		{"monitor-fails", simulate.Changes{}, options(true, "galera:monitor:controller-1", "vip-internal:promote:controller-1")},
		{"no-quorum", simulate.Changes{}, options(false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := running(t)
			changed, err := simulate.Apply(s, epoch, c.changes)
			if err != nil {
				t.Fatal(err)
			}
			r := simulate.Run(changed, c.opts)
			r.Before = s
			golden(t, c.name, r)
		})
	}
	t.Run("from-nothing", func(t *testing.T) {
		golden(t, "from-nothing", simulate.Run(simulate.Empty(define(t, "../../examples/three-controllers.toml"), epoch), options(true)))
	})
	t.Run("one-host", func(t *testing.T) {
		golden(t, "one-host", simulate.Run(simulate.Empty(define(t, "../../examples/two-inspectors.toml"), epoch), options(true)))
	})
}

func golden(t *testing.T, name string, r *simulate.Result) {
	t.Helper()
	var got bytes.Buffer
	if err := simulate.WriteText(&got, r, nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("text (-want +got); go test -update writes it anew:\n%s", diff)
	}
}

// TestSavedState: a state that went through a file is simulated alike.
func TestSavedState(t *testing.T) {
	s, err := simulate.Apply(running(t), epoch, simulate.Changes{Lost: []resources.NodeName{"controller-1"}})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.WriteSnapshot(&file); err != nil {
		t.Fatal(err)
	}
	read, err := state.ReadSnapshot(&file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := form(t, simulate.Run(s, options(true))), form(t, simulate.Run(read, options(true)))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("after a file (-before +after):\n%s", diff)
	}
	if !strings.Contains(a, `"fence controller-1"`) {
		t.Errorf("nobody is fenced: %s", a)
	}
}

func form(t *testing.T, r *simulate.Result) string {
	t.Helper()
	text, err := json.MarshalIndent(simulate.NewForm(r), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReturn: a node that was lost and comes back is used again.
func TestReturn(t *testing.T) {
	s, err := simulate.Apply(running(t), epoch, simulate.Changes{Lost: []resources.NodeName{"controller-1"}})
	if err != nil {
		t.Fatal(err)
	}
	lost := simulate.Run(s, options(true)).After
	if i, found := lost.Instance("controller-1", "haproxy"); found && i.Role.Active() {
		t.Error("haproxy still runs on a node that was fenced")
	}
	s, err = simulate.Apply(lost, epoch, simulate.Changes{Up: []resources.NodeName{"controller-1"}})
	if err != nil {
		t.Fatal(err)
	}
	back := simulate.Run(s, options(true)).After
	if i, found := back.Instance("controller-1", "haproxy"); !found || !i.Role.Active() {
		t.Error("haproxy does not run on a node that came back")
	}
}

// TestInFlight: what was under way ends well before anything else is done to it.
func TestInFlight(t *testing.T) {
	s := running(t)
	s, started := state.ApplyCommand(s, s.Index+1, s.Term, epoch, state.ByCluster, &state.OperationsStarted{Operations: []state.Intent{
		{Node: "controller-1", Instance: "rabbitmq", Op: resources.OpStop, Incarnation: s.Nodes["controller-1"].Incarnation},
	}})
	if started.Err != nil || started.Actions[0] == "" {
		t.Fatalf("not started: %+v", started)
	}
	r := simulate.Run(s, options(true))
	var keys []string
	for _, step := range r.Steps {
		keys = append(keys, step.Key)
	}
	if diff := cmp.Diff([]string{"stop rabbitmq@controller-1", "start rabbitmq@controller-1"}, keys); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestPolicies(t *testing.T) {
	for policy, want := range map[resources.NoQuorumPolicy]string{
		"": "", resources.NoQuorumStop: "", resources.NoQuorumSuicide: "", resources.NoQuorumFreeze: "promoted", resources.NoQuorumIgnore: "promoted", resources.NoQuorumDemote: "started",
	} {
		s := *running(t)
		def := *s.Definition
		def.Properties.NoQuorumPolicy = policy
		s.Definition = &def
		got := ""
		if i, found := simulate.Run(&s, options(false)).After.Instance("controller-1", "galera"); found && i.Role.Active() {
			got = i.Role.String()
		}
		if got != want {
			t.Errorf("policy %q: galera is %q, want %q", policy, got, want)
		}
	}
}

func TestDot(t *testing.T) {
	s, err := simulate.Apply(running(t), epoch, simulate.Changes{Standby: []resources.NodeName{"controller-0"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := simulate.WriteDot(&out, simulate.Run(s, options(true, "rabbitmq:stop:controller-0"))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"digraph transition {", `[label="stop rabbitmq@controller-0" fillcolor="#f4b6b6"];`, " -> ", "\n}\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestRefuses(t *testing.T) {
	s := running(t)
	for _, c := range []struct {
		changes simulate.Changes
		want    string
	}{
		{simulate.Changes{Down: []resources.NodeName{"controler-0"}}, `did you mean "controller-0"?`},
		{simulate.Changes{Standby: []resources.NodeName{"x"}}, `no node is called "x"`},
	} {
		if _, err := simulate.Apply(s, epoch, c.changes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.changes, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"web:start": "write RESOURCE:OPERATION:NODE", "web::n1": "write RESOURCE:OPERATION:NODE", "web:strat:n1": `no operation "strat"`,
	} {
		if _, err := simulate.ParseFailure(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if f, err := simulate.ParseFailure("web:0:start:n1"); err != nil || f.Resource != "web:0" || f.String() != "web:0:start:n1" {
		t.Errorf("an instance with a number: %+v, %v", f, err)
	}
}

// TestNotices: copies that want to hear of each other are told in a simulation
// too, before and after.
func TestNotices(t *testing.T) {
	def := &resources.Definition{Nodes: []resources.Node{{Name: "a"}, {Name: "b"}}, Resources: []resources.Resource{{ID: "db", Agent: "db", Clone: &resources.Clone{Notify: true}}}}
	opts := simulate.Options{Now: epoch, Planner: scheduler.Options{Quorum: true, Agents: map[string]scheduler.AgentFacts{"db": {Notified: true}}}}
	up := simulate.Run(simulate.Empty(def, epoch), opts)
	changed, err := simulate.Apply(up.After, epoch, simulate.Changes{Standby: []resources.NodeName{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, step := range simulate.Run(changed, opts).Steps {
		keys = append(keys, step.Key)
	}
	want := []string{"notify pre stop db@a to db@a", "notify pre stop db@a to db@b", "stop db@a", "notify post stop db@a to db@b"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
