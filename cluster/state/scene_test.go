package state

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// TestStartByRule: an instance is started with what rules give on its node when the
// entry is applied, and not at all if that is no longer what was planned.
func TestStartByRule(t *testing.T) {
	w := newWorld(t)
	until := epoch.Add(100 * time.Second)
	d := w.s.Definition.Clone()
	d.Name = "overcloud"
	d.Nodes[1].Attributes = map[string]string{"rack": "2"}
	d.Resources[0].When = []resources.When{
		{Rule: "rack == 2", Params: resources.Params{"interface": "eth2"}},
		{Rule: "date < " + until.Format(time.RFC3339), Params: resources.Params{"interface": "eth1"}},
	}
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
	start := func(node resources.NodeName, at time.Time) resources.ActionID {
		r, _ := w.s.ResourceOn(node, "vip", at)
		n := w.s.Nodes[node]
		result := w.try(&OperationsStarted{Operations: []Intent{{
			Node: node, Incarnation: n.Incarnation, Instance: "vip", Op: resources.OpStart, Timeout: resources.Duration(time.Second), Digest: resources.Digest(r),
		}}})
		return result.Actions[0]
	}
	for _, tc := range []struct {
		node resources.NodeName
		at   time.Time
		want string // the interface; "" for no start
	}{
		{"a", epoch, "eth1"},
		{"b", epoch, "eth2"},
		{"c", until, ""},
	} {
		id := start(tc.node, tc.at)
		i, known := w.s.Instance(tc.node, "vip")
		if tc.want == "" {
			if id != "" || known && i.Action != "" {
				t.Errorf("on %s it starts with what was planned for another time", tc.node)
			}
			continue
		}
		if id == "" || i.Config.Params["interface"] != tc.want || len(i.Config.When) > 0 || w.s.Operations[id].Digest != resources.Digest(i.Config) {
			t.Errorf("on %s it starts with %+v, want %s", tc.node, i, tc.want)
		}
		if r, _ := w.s.ConfigOf(tc.node, "vip"); r.Params["interface"] != tc.want {
			t.Errorf("on %s it is %v", tc.node, r.Params)
		}
	}
	if config, _ := w.s.ConfigOf("c", "vip"); config.Params["interface"] != "" || len(config.When) > 0 {
		t.Errorf("where it never ran it is %+v", config)
	}
	scene := w.s.Scene("b", epoch)
	if scene.Attributes["#site-name"] != "overcloud" || scene.Attributes["rack"] != "2" || scene.Attributes["#uname"] != "b" {
		t.Errorf("rules see %v", scene.Attributes)
	}
}

// TestMaintenanceByRule: the cluster is in maintenance while the rule holds.
func TestMaintenanceByRule(t *testing.T) {
	w := newWorld(t)
	d := w.s.Definition.Clone()
	d.Cluster.When = []resources.PropertiesWhen{{Rule: "date < 2026-06-01", MaintenanceMode: new(true)}}
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
	june := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	if !w.s.InMaintenance(june.Add(-1)) || w.s.InMaintenance(june) {
		t.Error("it is not in maintenance until June, and not after")
	}
}
