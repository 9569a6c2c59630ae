package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
)

func TestCreateWarnsOfEnabledUnits(t *testing.T) {
	c := newConsole(t)
	c.fake.units = map[string]string{"controller-0 web.service": "enabled", "controller-1 web.service": "disabled", "compute-0 web.service": "enabled-runtime"}
	c.must(t, "resource", "create", "web-app", "systemd:web", "--clone", "--dry-run")
	if strings.Contains(c.err.String(), "warning") {
		t.Errorf("a dry run warns: %s", c.err.String())
	}
	c.must(t, "resource", "create", "web-app", "systemd:web", "--clone")
	if said := c.err.String(); !strings.Contains(said, "web.service at boot, beside the cluster, on controller-0, compute-0: belayctl resource take-over web-app") {
		t.Errorf("said: %s", said)
	}
	c.must(t, "resource", "create", "other", "systemd:other")
	if said := c.err.String(); strings.Contains(said, "warning") {
		t.Errorf("warned of a unit that is not enabled: %s", said)
	}
	c.must(t, "resource", "create", "mine", "systemd:web", "--take-over")
	if taken := c.fake.state.TakeOvers["mine"]; taken == nil || len(taken.Units) != 1 || taken.Units[0].Unit != "web.service" || taken.Units[0].Mask || strings.Contains(c.err.String(), "warning") {
		t.Errorf("taken over: %+v; said %s", taken, c.err.String())
	}
	if code := c.run(t, "resource", "create", "vip-2", "vip", "address=192.0.2.7/24", "--take-over"); code != exitInput || !strings.Contains(c.err.String(), "manages no unit") {
		t.Errorf("an address: exit %d, %s", code, c.err.String())
	}
	c.must(t, "resource", "delete", "mine")
	if len(c.fake.state.TakeOvers) != 0 {
		t.Errorf("deleted, and still taken over: %+v", c.fake.state.TakeOvers)
	}
}

func TestTakeOverVerb(t *testing.T) {
	c := newConsole(t)
	if out := c.must(t, "resource", "take-over"); !strings.Contains(out, "no units are taken over") {
		t.Errorf("listed:\n%s", out)
	}
	c.must(t, "resource", "take-over", "keystone", "--mask-unit", "old-keystone")
	if taken := c.fake.state.TakeOvers["keystone"]; taken == nil || len(taken.Units) != 2 || taken.Units[1] != (state.OwnedUnit{Unit: "old-keystone.service", Mask: true}) {
		t.Errorf("taken over: %+v", taken)
	}
	next, result := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch, "controller-0", &state.UnitHeld{Node: "controller-0", Unit: "keystone.service", Resource: "keystone", Was: "enabled"})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	c.fake.state = next
	var lines []takenLine
	if err := json.Unmarshal([]byte(c.must(t, "resource", "take-over", "-o", "json")), &lines); err != nil || len(lines) != 1 || lines[0].Was != "enabled" || lines[0].Ending {
		t.Errorf("listed %+v, %v", lines, err)
	}
	c.must(t, "resource", "take-over", "keystone", "--end")
	if out := c.must(t, "resource", "take-over"); !strings.Contains(out, "given back as soon as the member does it") {
		t.Errorf("listed:\n%s", out)
	}
	for word, args := range map[string][]string{
		"could not be started at all": {"keystone", "--mask-unit", "reader"}, "no resource": {"nothing"}, "manages no unit": {"vip"}, "write:": {"--end"},
	} {
		if code := c.run(t, append([]string{"resource", "take-over"}, args...)...); code != exitInput || !strings.Contains(c.err.String(), word) {
			t.Errorf("%v: exit %d, %s", args, code, c.err.String())
		}
	}
}

// Who is removed keeps its units as they are, and the operator is told how to get
// them back.
func TestRemovedNodeKeepsItsUnits(t *testing.T) {
	c := newConsole(t)
	for unit, was := range map[string]string{"keystone.service": "enabled", "reader.service": "static", "old.service": "enabled-runtime"} {
		next, result := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch, "controller-0", &state.UnitHeld{Node: "controller-0", Unit: unit, Resource: "keystone", Was: was, Mask: unit == "old.service"})
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		c.fake.state = next
	}
	c.must(t, "node", "remove", "controller-0", "--force")
	want := "keystone.service (enabled), old.service (enabled-runtime)\nwhen these may run there without the cluster, on controller-0:\n" +
		"  systemctl enable keystone.service\n  systemctl unmask old.service\n  systemctl enable --runtime old.service\n"
	if said := c.err.String(); !strings.Contains(said, want) {
		t.Errorf("said:\n%s\nwant:\n%s", said, want)
	}
	c.must(t, "node", "remove", "controller-1", "--force")
	if said := c.err.String(); strings.Contains(said, "systemctl") {
		t.Errorf("it held nothing: %s", said)
	}
}
