package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
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
	if out := c.must(t, "resource", "take-over"); !strings.Contains(out, "the units of keystone are taken over, and no member has one of them") {
		t.Errorf("listed:\n%s", out)
	}
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

// held records that a member has begun to take a unit over.
func (c *console) held(t *testing.T, node resources.NodeName, unit string, resource resources.ResourceID) {
	t.Helper()
	next, result := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch, string(node), &state.UnitHeld{Node: node, Unit: unit, Resource: resource, Was: "enabled"})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	c.fake.state = next
}

// TestTakeOverOnSomeMembers: the list tells who has done it, who has not, and who has
// not the unit; --wait waits for those that are online.
func TestTakeOverOnSomeMembers(t *testing.T) {
	c := newConsole(t)
	c.fake.units = map[string]string{"controller-0 keystone.service": "disabled", "controller-1 keystone.service": "enabled", "controller-2 keystone.service": "enabled", "compute-7 keystone.service": "enabled"}
	c.must(t, "resource", "take-over", "keystone")
	c.held(t, "controller-0", "keystone.service", "keystone")
	c.held(t, "controller-1", "keystone.service", "keystone")
	c.fake.state.Nodes["compute-7"].Liveness = state.LivenessDead
	out := c.must(t, "resource", "take-over")
	for _, line := range []string{
		"controller-0  keystone.service  keystone  enabled  disabled\n", "controller-1  keystone.service  keystone  enabled  enabled: disabled as soon as the member does it\n",
		"controller-2  keystone.service  keystone  -        enabled: disabled as soon as the member does it\n", "compute-7     keystone.service  keystone  -        enabled: disabled",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q in:\n%s", line, out)
		}
	}
	if strings.Contains(out, "compute-0") {
		t.Errorf("that host has no such unit:\n%s", out)
	}
	clock := epoch
	c.app.now = func() time.Time { return clock }
	c.app.pause = func(_ context.Context, d time.Duration) { clock = clock.Add(d) }
	if code := c.run(t, "resource", "take-over", "keystone", "--wait=10s"); code != exitTimedOut || !strings.Contains(c.err.String(), "keystone.service on controller-1 (enabled: disabled as soon") {
		t.Errorf("exit %d, %s", code, c.err.String())
	}
	c.app.pause = func(_ context.Context, d time.Duration) {
		clock = clock.Add(d)
		c.held(t, "controller-2", "keystone.service", "keystone")
		c.fake.units["controller-1 keystone.service"], c.fake.units["controller-2 keystone.service"] = "disabled", "disabled"
	}
	c.must(t, "resource", "take-over", "keystone", "--wait=10s")
	if said := c.err.String(); !strings.Contains(said, "note: compute-7: away, and does it when it is back") {
		t.Errorf("said %s", said)
	}
	c.app.pause = func(_ context.Context, d time.Duration) {
		clock = clock.Add(d)
		for _, node := range []resources.NodeName{"controller-0", "controller-1", "controller-2"} {
			if _, held := c.fake.state.Nodes[node].Units["keystone.service"]; held {
				next, _ := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch, string(node), &state.UnitReleased{Node: node, Unit: "keystone.service"})
				c.fake.state = next
				return
			}
		}
	}
	c.must(t, "resource", "take-over", "keystone", "--end", "--wait=10s")
	if clock.Sub(epoch) < 3*unitsPause {
		t.Errorf("waited %s", clock.Sub(epoch))
	}
}

// TestApplyTakesOver: files warn of the units of their new resources as single commands
// do, once, and take them over when told.
func TestApplyTakesOver(t *testing.T) {
	c := newConsole(t)
	c.fake.units = map[string]string{"controller-0 web.service": "enabled", "controller-1 keystone.service": "enabled"}
	file := filepath.Join(t.TempDir(), "web.toml")
	if err := os.WriteFile(file, []byte("[[resource]]\nid = \"web-app\"\nagent = \"systemd:web\"\nclone = true\n[[resource]]\nid = \"plain\"\nagent = \"systemd:plain\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "apply", "-f", file, "--dry-run")
	if said := c.err.String(); strings.Contains(said, "systemd also starts") {
		t.Errorf("a dry run warns: %s", said)
	}
	c.must(t, "apply", "-f", file)
	if said := c.err.String(); !strings.Contains(said, "warning: systemd also starts these units at boot, beside the cluster: apply again with --take-over") || !strings.Contains(said, "  web.service of web-app, on controller-0\n") || strings.Contains(said, "keystone") || strings.Contains(said, "plain") {
		t.Errorf("said %s", said)
	}
	c.must(t, "apply", "-f", file)
	if said := c.err.String(); strings.Contains(said, "systemd also starts") {
		t.Errorf("warns of what is not new: %s", said)
	}
	for range 2 {
		c.must(t, "apply", "-f", file, "--take-over")
	}
	if taken := c.fake.state.TakeOvers; len(taken) != 2 || taken["web-app"] == nil || taken["plain"] == nil || taken["web-app"].Units[0].Unit != "web.service" {
		t.Errorf("taken over: %+v", taken)
	}
	given := 0
	for _, command := range c.fake.commands {
		if _, is := command.(*state.TakeOverSet); is {
			given++
		}
	}
	if given != 2 {
		t.Errorf("asked %d times", given)
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
