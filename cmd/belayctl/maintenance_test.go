package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func TestMaintenanceVerbs(t *testing.T) {
	c := newConsole(t)
	c.fake.runs("controller-0", "galera", resources.RolePromoted)
	if code := c.run(t, "maintenance", "set", "resource/galera"); code != exitInput {
		t.Errorf("without a reason: exit %d", code)
	}
	c.must(t, "maintenance", "set", "resource/galera", "--for", "2h", "--reason", "new disks", "--owner", "storage team")
	if out := c.must(t, "status"); !strings.Contains(out, "resource/galera by storage team (new disks) until 2026-03-04T07:06:08Z") || !strings.Contains(out, "next: belayctl maintenance end resource/galera") {
		t.Errorf("status says:\n%s", out)
	}
	if out := c.must(t, "explain", "galera"); !strings.Contains(out, "belayctl maintenance end resource/galera") {
		t.Errorf("explain says:\n%s", out)
	}
	c.must(t, "maintenance", "set", "agent/systemd:nova-*", "--reason", "upgrade")
	if out := c.must(t, "status"); !strings.Contains(out, "maintenance end 'agent/systemd:nova-*'") {
		t.Errorf("status says:\n%s", out)
	}
	var listed []api.MaintenanceStatus
	if err := json.Unmarshal([]byte(c.must(t, "maintenance", "list", "-o", "json")), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 2 || listed[1].Scope != "resource/galera" || listed[1].Owner != "storage team" || listed[1].By != "tester" || listed[1].Expired {
		t.Errorf("listed %+v", listed)
	}
	c.must(t, "maintenance", "end", "resource/galera")
	if code := c.run(t, "maintenance", "end", "resource/galera"); code != exitInput || !strings.Contains(c.err.String(), "no maintenance of resource/galera") {
		t.Errorf("ended twice: exit %d, %s", code, c.err.String())
	}
}

// TestMaintenanceScopes: what is no scope is refused with what was meant, and a pattern
// that chooses nothing is told of.
func TestMaintenanceScopes(t *testing.T) {
	c := newConsole(t)
	for scope, want := range map[string]string{
		"galera": "did you mean resource/galera?", "controller-1": "did you mean node/controller-1?", "web": "did you mean resource/web?", "nod/x": "is no scope: write cluster, node/NAME", "agent/": "is no scope",
	} {
		if code := c.run(t, "maintenance", "set", scope, "--reason", "x"); code != exitInput || !strings.Contains(c.err.String(), want) || len(c.fake.commands) > 0 {
			t.Errorf("%s: exit %d, %s", scope, code, c.err.String())
		}
	}
	c.must(t, "maintenance", "set", "agent/sytemd", "--reason", "x")
	if said := c.err.String(); !strings.Contains(said, "note: agent/sytemd chooses none of the resources that are defined now; their agents are galera, haproxy, systemd:apache2") {
		t.Errorf("said %s", said)
	}
	c.must(t, "maintenance", "set", "agent/systemd", "--reason", "x")
	if said := c.err.String(); said != "" {
		t.Errorf("said %s", said)
	}
	if out := c.must(t, "maintenance", "list"); !strings.Contains(out, "  it is ended  x") {
		t.Errorf("listed:\n%s", out)
	}
	if code := c.run(t, "maintenance", "end", "resource/vip"); code != exitInput || !strings.Contains(c.err.String(), "see `belayctl maintenance list`") {
		t.Errorf("exit %d, %s", code, c.err.String())
	}
}

// TestExpiredMaintenanceIsTold: of what expired status says so, and treats the
// node as it is.
func TestExpiredMaintenanceIsTold(t *testing.T) {
	c := newConsole(t)
	c.must(t, "node", "maintenance", "controller-1", "--for", "1h", "--reason", "fans")
	if out := c.must(t, "status"); !strings.Contains(out, "maintenance by tester (fans) until") {
		t.Errorf("status says:\n%s", out)
	}
	next, result := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch.Add(2*time.Hour), state.ByCluster, &state.MaintenanceEnded{Scope: "node/controller-1", Expired: true})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	c.fake.state = next
	out := c.must(t, "status")
	if !strings.Contains(out, "node/controller-1 by tester (fans) has expired at") || strings.Contains(out, "maintenance by tester") {
		t.Errorf("status says:\n%s", out)
	}
	if code := c.run(t, "wait", "--for", "node/controller-1 maintenance", "--timeout", "2s"); code == exitDone {
		t.Error("a condition takes an expired maintenance for one that holds")
	}
	c.must(t, "node", "unmaintenance", "controller-1")
	if out := c.must(t, "maintenance", "list"); !strings.Contains(out, "nothing is in maintenance") {
		t.Errorf("left:\n%s", out)
	}
}
