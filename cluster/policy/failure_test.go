package policy

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

func TestFailureCounts(t *testing.T) {
	clone := ResourceConfig{ID: "c", Variant: Clone, Members: []ResourceConfig{dummyConfig("a")}}
	single := dummyConfig("r")
	single.Meta = said("failure-timeout", "60s", "migration-threshold", "3")
	vm := dummyConfig("vm")
	vm.Meta = said("migration-threshold", "2", "remote-node", "guest")
	status := upStatus("n1")
	status.Attributes = said(
		"fail-count-r#monitor_10000", "2", "fail-count-r#start_0", "INFINITY", "last-failure-r#start_0", "1999990",
		"fail-count-a:1#monitor_0", "1", "fail-count-a:0#monitor_0", "2", "last-failure-a:1#monitor_0", "5",
		"fail-count-vm#start_0", "1", "fail-count-guest#start_0", "1",
		"fail-count-old", "9",
	)
	in := &Input{Nodes: members("n1", "n2"), Quorum: true, Now: statusNow, Resources: []ResourceConfig{clone, single, vm}, Status: []NodeStatus{status, upStatus("n2")}}
	e := newEngine(in)
	n := e.nodeBy["n1"]
	for id, want := range map[string]resources.Score{"r": resources.Infinity, "a:0": 3, "a:1": 3, "vm": 1} {
		if got, _ := e.failures(e.find(id), n); got != want {
			t.Errorf("%s failed %v times, want %v", id, got, want)
		}
	}
	if count, _ := e.failures(e.find("r"), e.nodeBy["n2"]); count != 0 {
		t.Error("failures count on another node")
	}
	if e.thresholdReached(e.find("vm"), n) != e.find("vm") {
		t.Error("what is in a container does not count for it")
	}
	if e.thresholdReached(e.find("a:0"), n) != nil {
		t.Error("without a threshold something is banned")
	}
	in.Now = statusNow.Add(time.Hour)
	e = newEngine(in)
	if count, _ := e.failures(e.find("r"), e.nodeBy["n1"]); count != 0 {
		t.Error("failures do not expire")
	}
}

func TestResponses(t *testing.T) {
	vm := dummyConfig("vm")
	vm.Meta = said("remote-node", "guest")
	remote := ResourceConfig{ID: "far", Class: "ocf", Provider: "pacemaker", Type: "remote"}
	r := dummyConfig("r")
	r.Ops = []OpConfig{{Name: "monitor", Interval: time.Second, Attributes: []Pair{{"role", "Promoted"}, {"on-fail", "standby"}}}}
	tests := []struct {
		fencing, id, task string
		interval          time.Duration
		onFail, want      string
	}{
		{"true", "r", "monitor", time.Second, "", "restart"},
		{"true", "r", "stop", 0, "", "fence"},
		{"false", "r", "stop", 0, "", "block"},
		{"false", "r", "monitor", time.Second, "fence", "stop"},
		{"true", "r", "monitor", time.Second, "nothing", "ignore"},
		{"true", "r", "monitor", time.Second, "restart-container", "restart"},
		{"true", "r", "monitor", time.Second, "panic", "restart"},
		{"true", "guest", "monitor", time.Second, "", "restart-container"},
		{"true", "far", "monitor", time.Second, "", "reset-remote"},
		{"true", "far", "monitor", 0, "", "restart"},
		{"true", "far", "start", 0, "", "restart"},
		{"true", "far", "start", 0, "fence", "fence"},
	}
	for _, test := range tests {
		e := newEngine(&Input{Nodes: members("n1"), Options: said("fencing-enabled", test.fencing), Resources: []ResourceConfig{vm, remote, r}})
		meta := map[string]string{}
		if test.onFail != "" {
			meta["on-fail"] = test.onFail
		}
		if got := e.onFail(e.find(test.id), test.task, test.interval, meta); got != test.want {
			t.Errorf("failed %s of %s with on-fail %q and fencing %s: %s, want %s", test.task, test.id, test.onFail, test.fencing, got, test.want)
		}
	}
	e := newEngine(&Input{Nodes: members("n1"), Resources: []ResourceConfig{r}})
	if meta := e.opMeta(e.find("r"), nil, taskDemote, 0); meta["on-fail"] != "standby" {
		t.Errorf("a demotion has on-fail %q, not that of the promoted role's monitor", meta["on-fail"])
	}
}

func TestOperationMeta(t *testing.T) {
	r := dummyConfig("r")
	r.Ops = []OpConfig{
		{Name: "monitor", Interval: 20 * time.Second, Attributes: []Pair{{"timeout", "9s"}}},
		{Name: "monitor", Interval: 10 * time.Second, Attributes: []Pair{{"timeout", "8s"}, {"id", "x"}}, Meta: said("timeout", "1s", "start-delay", "2s")},
		{Name: "stop", Attributes: []Pair{{"timeout", "-5"}, {"on-fail", "standby"}}},
		{Name: "migrate", Attributes: []Pair{{"timeout", "1min"}}},
	}
	e := newEngine(&Input{Nodes: members("n1"), Resources: []ResourceConfig{r}, OpDefaults: said("timeout", "30s", "record-pending", "false"), Now: statusNow})
	tests := []struct {
		task           string
		interval       time.Duration
		name, expected string
	}{
		{"monitor", 10 * time.Second, "timeout", "8000"},
		{"monitor", 10 * time.Second, "interval", "10000"},
		{"monitor", 10 * time.Second, "start-delay", "2000"},
		{"monitor", 10 * time.Second, "id", ""},
		{"monitor", 10 * time.Second, "record-pending", "false"},
		{"monitor", 0, "timeout", "8000"},
		{"monitor", 0, "interval", ""},
		{"start", 0, "timeout", "30000"},
		{"stop", 0, "timeout", "20000"},
		{"stop", 0, "on-fail", ""},
		{"migrate_to", 0, "timeout", "60000"},
	}
	for _, test := range tests {
		found := e.find("r")
		meta := e.opMeta(found, e.opConfig(found, test.task, test.interval), test.task, test.interval)
		if meta[test.name] != test.expected {
			t.Errorf("%s of %s every %v is %q, want %q", test.name, test.task, test.interval, meta[test.name], test.expected)
		}
	}
}
