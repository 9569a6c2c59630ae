package definition_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

const byRules = `[cluster]
name = "overcloud"

[cluster.properties]
stop_removed_resources = false

[[cluster.when]]
rule = 'date in "hours=2-3 weekdays=7"'
[cluster.when.properties]
maintenance_mode = true
start_failure_is_fatal = false

[[defaults.when]]
rule = 'agent in "systemd:*" and op in "monitor/10s"'
[defaults.when.op]
timeout = "45s"
on_fail = "ignore"

[[defaults.when]]
rule = "date < 2030-01-01"
[defaults.when.resource]
resource_stickiness = 50

[[node]]
name = "controller-0"
attributes = { rack = 1 }
[[node.when]]
rule = 'date in "hours=4"'
standby = true
utilization = { cpu = 4 }
attributes = { rack = 2 }

[[fence]]
id = "bmc"
agent = "redfish"
targets = ["controller-0"]
leave_off = true

[[template]]
id = "unit"
agent = "systemd:unit"
[[template.when]]
rule = "rack == 2"
params = { user = "other" }

[[resource]]
id = "web"
agent = "process"
params = { command = "web" }
[resource.op.start]
start_delay = "10s"
[[resource.op.monitor]]
interval = "10s"
[[resource.op.monitor]]
interval = "1m"
[[resource.when]]
rule = '#uname == "controller-0"'
params = { command = "web -v" }
[[resource.when]]
rule = 'date in "hours=2"'
utilization = { cpu = 1 }
[resource.when.meta]
managed = false
[[resource.when.op.monitor]]
interval = "10s"
timeout = "1m"
[[resource.when.op.monitor]]
interval = "1m"
enabled = false

[[group]]
id = "g"
members = ["web"]
ordered = false
collocated = false
[[group.when]]
rule = 'date in "hours=2"'
[group.when.meta]
priority = 3
`

// TestByRulesRoundTrip: what is written is read back, and written the same.
func TestByRulesRoundTrip(t *testing.T) {
	def, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "a.toml", Text: []byte(byRules)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byRules, string(definition.Encode(def))); diff != "" {
		t.Errorf("it is written otherwise (-read +written):\n%s", diff)
	}
	if changes := definition.Diff(def, &resources.Definition{}); len(changes) != 7 {
		t.Errorf("%d things differ from nothing: %v", len(changes), changes)
	}
}

// TestByRulesPlaces: problems stand where the rule does, in the second file, too.
func TestByRulesPlaces(t *testing.T) {
	first := definition.File{Name: "a.toml", Text: []byte("[[cluster.when]]\nrule = 'date in \"hours=2\"'\nproperties = { maintenance_mode = true }\n")}
	second := definition.File{Name: "b.toml", Text: []byte("[[cluster.when]]\nrule = 'rack == 1'\nproperties = { maintenance_mode = true, lease = \"5s\" }\n")}
	_, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, first, second)
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, want := range []string{"b.toml:2:8: cluster.when#2.rule:", `b.toml:3:41: cluster.when#2.properties: unknown key "lease"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
