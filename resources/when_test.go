package resources_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ruled is a definition with values by rule in every place.
func ruled() *resources.Definition {
	on, stopped, sticky := true, resources.RoleStopped, resources.Score(7)
	night := `date in "hours=2-3"`
	return &resources.Definition{
		Name:    "overcloud",
		Cluster: resources.ClusterRules{When: []resources.PropertiesWhen{{Rule: night, MaintenanceMode: &on}}},
		Nodes:   []resources.Node{{Name: "a", Attributes: map[string]string{"rack": "1"}, When: []resources.NodeWhen{{Rule: night, Attributes: map[string]string{"rack": "2"}}}}},
		Defaults: resources.Defaults{When: []resources.DefaultsWhen{
			{Rule: `agent in "systemd:*"`, Resource: resources.Meta{Stickiness: &sticky}},
			{Rule: `op in "monitor/10s"`, Op: resources.Operation{Timeout: resources.Duration(time.Minute)}},
		}},
		Templates: []resources.Resource{{ID: "t", Agent: "process", Params: resources.Params{"port": "1", "user": "t"}, When: []resources.When{
			{Rule: "#uname == a", Params: resources.Params{"port": "2", "user": "root"}},
		}}},
		Resources: []resources.Resource{
			{ID: "web", Agent: "systemd:web", Ops: []resources.Operation{{Name: resources.OpMonitor, Interval: resources.Duration(10 * time.Second)}}, When: []resources.When{
				{Rule: night, Meta: resources.Meta{TargetRole: &stopped}, Ops: []resources.Operation{{Name: resources.OpMonitor, Timeout: resources.Duration(time.Second)}}},
			}},
			{ID: "db", Template: "t", Params: resources.Params{"user": "db"}, When: []resources.When{
				{Rule: night, Params: resources.Params{"port": "3"}},
				{Rule: "#uname == a or rack == 2", Params: resources.Params{"port": "4", "log": "x"}},
			}},
		},
		Groups: []resources.Group{{ID: "g", Members: []resources.ResourceID{"web"}, When: []resources.When{{Rule: night, Meta: resources.Meta{Priority: &sticky}}}}},
	}
}

// TestRuledDefinition is what rules make of a definition by day and by night.
func TestRuledDefinition(t *testing.T) {
	d := ruled()
	before := d.Clone()
	day, until := d.At(midnight)
	if want := midnight.Add(2 * time.Hour); !until.Equal(want) || !d.Changes(midnight).Equal(want) {
		t.Errorf("by day it holds until %s, want %s", until, want)
	}
	night, until := d.At(until)
	if want := midnight.Add(4 * time.Hour); !until.Equal(want) {
		t.Errorf("by night it holds until %s, want %s", until, want)
	}
	if day.Properties.MaintenanceMode || !night.Properties.MaintenanceMode {
		t.Error("the cluster is in maintenance by night")
	}
	if day.Nodes[0].Attributes["rack"] != "1" || night.Nodes[0].Attributes["rack"] != "2" {
		t.Error("the node is in rack 2 by night")
	}
	web := night.Resources[0]
	if resources.Or(web.Meta.TargetRole, 0) != resources.RoleStopped || web.Ops[0].Timeout.Std() != time.Second || day.Resources[0].Meta.TargetRole != nil || day.Resources[0].Ops[0].Timeout != 0 {
		t.Errorf("by night %+v, by day %+v", web, day.Resources[0])
	}
	if night.Groups[0].Meta.Priority == nil || day.Groups[0].Meta.Priority != nil {
		t.Error("the group has a priority by night")
	}
	if diff := cmp.Diff(before, d); diff != "" {
		t.Errorf("the definition was changed:\n%s", diff)
	}
	if plain, never := (&resources.Definition{Name: "x"}).At(midnight); plain.Name != "x" || !never.IsZero() {
		t.Error("without rules nothing changes")
	}
}

// TestResourceOn: the first rule that holds gives a value, then the resource, then
// the rules of its template, then the template.
func TestResourceOn(t *testing.T) {
	d := ruled()
	db, _ := d.Effective("db")
	for name, tc := range map[string]struct {
		node, rack string
		now        time.Time
		want       resources.Params
	}{
		"by day":           {"b", "1", midnight, resources.Params{"port": "1", "user": "db"}},
		"on a node":        {"a", "1", midnight, resources.Params{"port": "4", "user": "db", "log": "x"}},
		"by its attribute": {"b", "2", midnight, resources.Params{"port": "4", "user": "db", "log": "x"}},
		"by night":         {"b", "1", midnight.Add(2 * time.Hour), resources.Params{"port": "3", "user": "db"}},
		"by both":          {"a", "1", midnight.Add(2 * time.Hour), resources.Params{"port": "3", "user": "db", "log": "x"}},
	} {
		at := resources.Scene{Attributes: map[string]string{"#uname": tc.node, "rack": tc.rack}, Now: tc.now}
		got := db.On(at)
		if diff := cmp.Diff(tc.want, got.Params); diff != "" || len(got.When) > 0 {
			t.Errorf("%s: %d rules left, %s", name, len(got.When), diff)
		}
		written, _ := d.Resolved().At(tc.now)
		if diff := cmp.Diff(tc.want, written.Resources[1].On(at).Params); diff != "" {
			t.Errorf("%s, once the time is written in: %s", name, diff)
		}
	}
}

func TestRuledDefaults(t *testing.T) {
	d := ruled()
	if d.MetaDefaults("systemd:web", midnight).Stickiness == nil || d.MetaDefaults("vip", midnight).Stickiness != nil || d.MetaDefaults("", midnight).Stickiness != nil {
		t.Error("the stickiness is that of systemd units")
	}
	ten := resources.Duration(10 * time.Second)
	if d.OpDefaults("vip", resources.OpMonitor, ten, midnight).Timeout == 0 || d.OpDefaults("vip", resources.OpMonitor, 0, midnight).Timeout != 0 || d.OpDefaults("vip", resources.OpStart, ten, midnight).Timeout != 0 {
		t.Error("the timeout is that of monitors every 10s")
	}
}

// TestGiven says which rule gives which value.
func TestGiven(t *testing.T) {
	at := resources.Scene{Attributes: map[string]string{"#uname": "a"}, Now: midnight.Add(2 * time.Hour)}
	var got []string
	for _, id := range []resources.ResourceID{"web", "db"} {
		for _, v := range ruled().Given(id, at) {
			got = append(got, string(id)+" "+v.String())
		}
	}
	want := []string{
		`web meta.target_role = stopped by rule 'date in "hours=2-3"'`,
		`web op.monitor.timeout = 1s by rule 'date in "hours=2-3"'`,
		`web meta.priority = 7 by rule 'date in "hours=2-3"'`,
		`web meta.resource_stickiness = 7 by rule 'agent in "systemd:*"'`,
		`web cluster.maintenance_mode = true by rule 'date in "hours=2-3"'`,
		`db params.port by rule 'date in "hours=2-3"'`,
		`db params.log by rule '#uname == a or rack == 2'`,
		`db cluster.maintenance_mode = true by rule 'date in "hours=2-3"'`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRuleWithin reads what is asked of agents, operations and parameters.
func TestRuleWithin(t *testing.T) {
	at := resources.Scene{Attributes: map[string]string{"rack": "3", "agent": "x", "param": "y"}, Agent: "systemd:web", Op: resources.OpMonitor, Interval: resources.Duration(10 * time.Second), Params: resources.Params{"rack": "3"}}
	for text, want := range map[string]bool{
		`agent in "systemd:*"`: true, `agent in systemd:web`: true, `agent in "vip"`: false, `agent == x`: true,
		`op in monitor`: true, `op in "monitor/10s"`: true, `op in "monitor/20s"`: false, `op in start`: false, `not op in start`: true,
		`rack == param rack`: true, `rack lt param rack`: false, `rack == integer param rack`: true, `rack == param port`: false, `rack != param port`: true,
		`param == y`: true, `rack == param`: false, `rack == param and param == y`: false,
	} {
		rule, err := resources.ParseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := rule.MatchIn(at); got != want {
			t.Errorf("%s: %v", text, got)
		}
		// What both lack is equal, as in Pacemaker.
		if rule.MatchIn(resources.Scene{}) && text != `not op in start` && !strings.Contains(text, " param ") {
			t.Errorf("%s holds of nothing", text)
		}
	}
	for _, text := range []string{`agent in "["`, `agent in ""`, `op in paint`, `op in "monitor/soon"`, `agent in`, `rack in "1"`} {
		if _, err := resources.ParseRule(text); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

// TestWhenProblems: what no rule can say is told with its place.
func TestWhenProblems(t *testing.T) {
	on, sticky := true, resources.Score(1)
	meta := resources.Meta{Stickiness: &sticky}
	for name, tc := range map[string]struct {
		change func(*resources.Definition)
		path   string
	}{
		"no rule":       {func(d *resources.Definition) { d.Resources[0].When[0].Rule = "" }, "resource[web].when"},
		"no such rule":  {func(d *resources.Definition) { d.Resources[0].When[0].Rule = "date in" }, "resource[web].when.rule"},
		"nothing given": {func(d *resources.Definition) { d.Resources[1].When[1] = resources.When{Rule: "rack == 1"} }, "resource[db].when#2"},
		"who leads":     {func(d *resources.Definition) { d.Resources[1].When[0].Rule = "#is_dc == true" }, "resource[db].when.rule"},
		"meta by node":  {func(d *resources.Definition) { d.Resources[1].When[1].Meta = meta }, "resource[db].when#2.rule"},
		"timeout by node": {func(d *resources.Definition) {
			d.Resources[0].When[0].Rule, d.Resources[0].When[0].Meta = "rack == 1", resources.Meta{}
		}, "resource[web].when.op.monitor"},
		"a monitor that is none":  {func(d *resources.Definition) { d.Resources[0].When[0].Ops[0].Interval = 1 }, "resource[web].when.op.monitor"},
		"the agent of a resource": {func(d *resources.Definition) { d.Resources[0].When[0].Rule = `agent in "vip"` }, "resource[web].when.rule"},
		"a parameter":             {func(d *resources.Definition) { d.Resources[1].When[0].Rule = `rack == param port` }, "resource[db].when.rule"},
		"params of a group":       {func(d *resources.Definition) { d.Groups[0].When[0].Params = resources.Params{"a": "b"} }, "group[g].when"},
		"a group by node":         {func(d *resources.Definition) { d.Groups[0].When[0].Rule = "rack == 1" }, "group[g].when.rule"},
		"a node by node":          {func(d *resources.Definition) { d.Nodes[0].When[0].Rule = "rack == 1" }, "node[a].when.rule"},
		"no standby":              {func(d *resources.Definition) { d.Nodes[0].When[0].Standby = new(bool) }, "node[a].when.standby"},
		"the cluster by node":     {func(d *resources.Definition) { d.Cluster.When[0].Rule = "rack == 1" }, "cluster.when.rule"},
		"nothing of the cluster":  {func(d *resources.Definition) { d.Cluster.When[0].MaintenanceMode = nil }, "cluster.when"},
		"meta by operation":       {func(d *resources.Definition) { d.Defaults.When[1].Resource = meta }, "defaults.when#2.rule"},
		"a template by who leads": {func(d *resources.Definition) { d.Templates[0].When[0].Rule = "#is_dc == true" }, "template[t].when.rule"},
		"an agent in a location": {func(d *resources.Definition) {
			d.Locations = []resources.Location{{ID: "l", Resource: "db", Rule: `agent in "vip"`, Score: 1}}
		}, "location[l].rule"},
	} {
		d := ruled()
		tc.change(d)
		problems := resources.Validate(d, resources.AgentTable{}, resources.FenceTable{})
		if len(problems) != 1 || problems[0].Path != tc.path {
			t.Errorf("%s: %v, want one at %s", name, problems, tc.path)
		}
	}
	d := ruled()
	d.Nodes[0].When[0].Standby = &on
	if problems := resources.Validate(d, resources.AgentTable{}, resources.FenceTable{}); len(problems) > 0 {
		t.Errorf("what can be said is refused: %v", problems)
	}
}
