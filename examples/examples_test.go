// Package examples_test loads every example as belayctl validate does.
package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

func tables() (resources.AgentTable, resources.FenceTable) {
	return definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences())
}

// eachExample runs a test with each file here.
func eachExample(t *testing.T, test func(t *testing.T, def *resources.Definition)) {
	t.Helper()
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v, %v", files, err)
	}
	agents, fences := tables()
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			def, err := definition.Decode(agents, fences, definition.File{Name: name, Text: text})
			if err != nil {
				t.Fatalf("\n%v", err)
			}
			test(t, def)
		})
	}
}

func TestExamples(t *testing.T) {
	agents, fences := tables()
	eachExample(t, func(t *testing.T, def *resources.Definition) {
		again, err := definition.Decode(agents, fences, definition.File{Name: "encoded", Text: definition.Encode(def)})
		if err != nil {
			t.Fatalf("written again:\n%v\n%s", err, definition.Encode(def))
		}
		if diff := cmp.Diff(def, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("written again (-read +again):\n%s", diff)
		}
		// A network that fails three times must not keep the database down: its first
		// start needs the position of every member, of banned ones, too.
		for _, r := range def.Resources {
			if threshold := r.Meta.MigrationThreshold; (r.Agent == "galera" || r.Agent == "rabbitmq") && (threshold == nil || *threshold != 0) {
				t.Errorf("%s: members may be banned from their nodes", r.ID)
			}
		}
	})
}

// TestThreeControllers holds what the example promises in its comments.
func TestThreeControllers(t *testing.T) {
	text, err := os.ReadFile("three-controllers.toml")
	if err != nil {
		t.Fatal(err)
	}
	agents, fences := tables()
	def, err := definition.Decode(agents, fences, definition.File{Name: "three-controllers.toml", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range def.Nodes {
		if devices := def.FencesOf(n.Name); len(devices) != 1 || devices[0].Params["password"] != "secret://bmc-"+string(n.Name) {
			t.Errorf("%s is fenced by %v", n.Name, devices)
		}
	}
	inspector, _ := def.Resource("inspector")
	if c := inspector.Clone; c == nil || !c.GloballyUnique || !c.Promotable || inspector.Params["dhcp_range.2"] == "" {
		t.Errorf("inspector is %+v", inspector)
	}
	haproxy, _ := def.Resource("haproxy")
	if haproxy.Params["listen.inspector.instance_port_step"] != "1" {
		t.Errorf("haproxy has %v", haproxy.Params)
	}
}
