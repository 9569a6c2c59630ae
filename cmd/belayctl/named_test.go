package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// withBundle adds a bundle of two replicas, the first of which runs.
func withBundle(c *console) {
	two := 2
	c.fake.state.Definition.Bundles = []resources.Bundle{{ID: "box", Image: "i", Replicas: &two, Network: "host"}}
	c.fake.runs("controller-1", "box-podman-0", resources.RoleStarted)
}

// waitedFor are the resources of the last wait.
func waitedFor(c *console) []resources.ResourceID {
	return c.fake.waited[len(c.fake.waited)-1].Resources
}

// TestWholesAreWaitedFor: what is named stands for all that it consists of, also
// when the definition does not hold it any more.
func TestWholesAreWaitedFor(t *testing.T) {
	box := []resources.ResourceID{"box", "box-podman-0", "box-podman-1"}
	for line, want := range map[string][]resources.ResourceID{
		"resource delete box --wait":                        box,
		"resource disable box --wait":                       box,
		"resource delete web --wait":                        {"apache", "certs", "web"},
		"resource enable web-clone --wait":                  {"apache", "certs", "web"},
		"resource ban box --wait":                           box[1:],
		"resource move web compute-0 --wait":                {"apache", "certs"},
		"resource restart web --wait":                       {"apache", "certs"},
		"resource retry box --wait":                         box[1:],
		"wait web vip":                                      {"apache", "certs", "vip"},
		"resource create x vip address=192.0.2.3/24 --wait": {"x"},
	} {
		c := newConsole(t)
		withBundle(c)
		c.fake.runs("controller-0", "apache", resources.RoleStarted)
		c.must(t, strings.Fields(line)...)
		if got := waitedFor(c); !slices.Equal(got, want) {
			t.Errorf("%s: waited for %v, want %v", line, got, want)
		}
	}
}

// TestNamesThatAreNone: each is refused with the name that was likely meant, and
// nothing is changed.
func TestNamesThatAreNone(t *testing.T) {
	for line, want := range map[string]string{
		"wait galrea":                                      `did you mean "galera"?`,
		"resource retry galrea":                            `did you mean "galera"?`,
		"resource restart galrea":                          `did you mean "galera"?`,
		"resource move galrea controller-0":                `did you mean "galera"?`,
		"resource ban galrea":                              `did you mean "galera"?`,
		"resource clear galrea":                            `did you mean "galera"?`,
		"resource move vip controler-1":                    `did you mean "controller-1"?`,
		"resource retry vip controler-1":                   `did you mean "controller-1"?`,
		"resource move box-podman-0 controller-0":          "box-podman-0 is a part of bundle box: name the bundle",
		"resource ban box-podman-0":                        "box-podman-0 is a part of bundle box: name the bundle",
		"maintenance set resource/box-podman-0 --reason x": "box-podman-0 is a part of bundle box: name the bundle",
		"maintenance set resource/galrea --reason x":       `did you mean "galera"?`,
		"maintenance set resource/bax --reason x":          `did you mean "box"?`,
		"fence history controler-1":                        `did you mean "controller-1"?`,
		"fence controler-1":                                `no node is called "controler-1": did you mean "controller-1"?`,
		"fence nosuch":                                     `no node is called "nosuch": there are compute-0, compute-7, controller-0, controller-1, controller-2`,
		"fence histroy":                                    "did you mean `belayctl fence history`?",
	} {
		c := newConsole(t)
		withBundle(c)
		before := c.fake.state.Index
		if code := c.run(t, strings.Fields(line)...); code == exitDone || !strings.Contains(c.err.String(), want) || strings.Contains(c.err.String(), "[local_error]") {
			t.Errorf("%s: exit %d, %s", line, code, c.err.String())
		}
		if c.fake.state.Revision != before || len(c.fake.state.Moves) > 0 || len(c.fake.state.Maintenance) > 0 {
			t.Errorf("%s: something was changed", line)
		}
	}
}

// TestWhatIsLeftOfSomething: what is defined no more can be tried again.
func TestWhatIsLeftOfSomething(t *testing.T) {
	c := newConsole(t)
	c.fake.runs("controller-0", "old", resources.RoleStarted).Failed = true
	c.must(t, "resource", "retry", "old")
	if c.fake.state.Nodes["controller-0"].Instances["old"].Failed {
		t.Error("its failure is not forgotten")
	}
}

// TestWholesAreMovedAndRestarted: a bundle by its name, a group's members each.
func TestWholesAreMovedAndRestarted(t *testing.T) {
	c := newConsole(t)
	withBundle(c)
	c.must(t, "resource", "ban", "box")
	if m := c.fake.state.Moves["box"]; m == nil || m.From != "controller-1" {
		t.Errorf("moves: %+v", c.fake.state.Moves)
	}
	c.must(t, "maintenance", "set", "resource/box", "--reason", "x")
	for _, id := range []resources.InstanceID{"apache", "certs"} {
		c.fake.runs("controller-0", id, resources.RoleStarted)
	}
	c.must(t, "resource", "restart", "web")
	for _, id := range []resources.InstanceID{"apache", "certs"} {
		if i := c.fake.state.Nodes["controller-0"].Instances[id]; i.Digest != state.RestartDigest {
			t.Errorf("%s does not restart", id)
		}
	}
	if code := c.run(t, "resource", "restart", "keystone"); code != exitInput || !strings.Contains(c.err.String(), "no instance of keystone runs") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
}

// TestWaitKnowsOfChangesThatLeaveAlone: what such a change holds back is as asked.
func TestWaitKnowsOfChangesThatLeaveAlone(t *testing.T) {
	for line, want := range map[string]bool{
		"maintenance set resource/vip --reason x --wait":   true,
		"node maintenance controller-0 --wait":             true,
		"node maintenance controller-0 --end --wait":       false,
		"resource unmanage vip --wait":                     true,
		"resource update vip meta is-managed=false --wait": true,
		"resource meta web maintenance=true --wait":        true,
		"resource manage vip --wait":                       false,
		"property set maintenance-mode=true --wait":        true,
		"defaults resource is-managed=false --wait":        true,
		"resource update vip address=192.0.2.7/24 --wait":  false,
		"property set maintenance-mode=false --wait":       false,
	} {
		c := newConsole(t)
		c.must(t, strings.Fields(line)...)
		if got := c.fake.waited[0].Holding; got != want {
			t.Errorf("%s: holding %v", line, got)
		}
	}
}

// TestDryRunTellsWhatIsHeldBack: of the change alone.
func TestDryRunTellsWhatIsHeldBack(t *testing.T) {
	c := newConsole(t)
	galera := c.fake.runs("controller-0", "galera", resources.RoleStarted)
	galera.Digest = "other" // held back already
	c.fake.state.Maintenance = map[state.Scope]*state.Maintenance{state.ScopeCluster: {By: "ops", Reason: "disks", Until: epoch.Add(time.Hour)}}
	for _, n := range c.fake.state.Nodes {
		for _, r := range c.fake.state.Definition.Resources {
			if id := resources.InstanceID(r.ID); n.Instances[id] == nil {
				n.Instances[id] = &state.Instance{ID: id, Role: resources.RoleStopped, Probed: true}
			}
		}
	}
	vip := c.fake.runs("controller-1", "vip", resources.RoleStarted)
	vip.Digest = resources.Digest(&c.fake.state.Definition.Resources[2])
	out := c.must(t, "resource", "disable", "vip", "--dry-run")
	want := "warning: vip on controller-1 is not stopped: the cluster is in maintenance by ops (disks) until 2026-03-04T06:06:07Z; next: belayctl maintenance end cluster"
	if !strings.Contains(out, want) || strings.Contains(out, "galera") {
		t.Errorf("dry run says:\n%s", out)
	}
}
