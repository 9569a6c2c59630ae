package main

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// What only a watchdog fences is not left off by it, and nobody waits for one that
// is not fed.
func TestFenceByWatchdogAlone(t *testing.T) {
	fed := &state.Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(10 * time.Second), Lease: resources.Duration(5 * time.Second)}
	for name, c := range map[string]struct {
		fed     *state.Watchdog
		refused string
		bmc     bool
		words   []string
		says    string
	}{
		"reboot":                       {fed: fed, words: []string{"fence", "controller-1"}},
		"off":                          {fed: fed, words: []string{"fence", "controller-1", "--off"}, says: "cannot be left off"},
		"off, only tried":              {fed: fed, words: []string{"fence", "controller-1", "--off", "--dry-run"}, says: "cannot be left off"},
		"not fed":                      {refused: "it is a virtual machine", words: []string{"fence", "controller-1"}, says: "feeds none: it is a virtual machine"},
		"not fed, nobody knows why":    {words: []string{"fence", "controller-1"}, says: "see its journal"},
		"off, with a power controller": {bmc: true, words: []string{"fence", "controller-1", "--off"}},
	} {
		t.Run(name, func(t *testing.T) {
			con := newConsole(t)
			con.app.fences = catalog.Fences()
			con.fake.state.Definition.Fences = []resources.FenceDevice{{ID: "own", Agent: "watchdog", Targets: []resources.NodeName{"controller-1"}}}
			if c.bmc {
				con.fake.state.Definition.Fences = append(con.fake.state.Definition.Fences, resources.FenceDevice{ID: "bmc", Agent: "redfish", Level: 2, Targets: []resources.NodeName{"controller-1"}})
			}
			con.fake.state.Nodes["controller-1"].Watchdog, con.fake.state.Nodes["controller-1"].WatchdogRefused = c.fed, c.refused
			code := con.run(t, c.words...)
			if (code == exitDone) != (c.says == "") || !strings.Contains(con.err.String(), c.says) {
				t.Errorf("exit %d: %s", code, con.err.String())
			}
			if _, open := con.fake.state.Fencing["controller-1"]; open != (c.says == "") {
				t.Errorf("a fencing is open: %v", open)
			}
		})
	}
}

func TestUnfence(t *testing.T) {
	c := newConsole(t)
	if code := c.run(t, "fence", "unfence", "controller-1"); code == exitDone || !strings.Contains(c.err.String(), "nothing to unfence") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c.must(t, "fence", "create", "scsi-1", "fence_scsi", "targets=controller-1", "provides=unfencing", "unsafe_cut=true", "level=2", "devices=/dev/sda")
	c.must(t, "fence", "unfence", "controller-1", "--reason", "storage replaced")
	if f := c.fake.state.Unfencing["controller-1"]; f == nil || f.Action != resources.FencingUnfence || f.Reason != "storage replaced" {
		t.Errorf("open unfencing %+v", f)
	}
	if out := c.must(t, "fence", "history", "controller-1"); !strings.Contains(out, "unfence controller-1  requested") || !strings.Contains(out, "storage replaced") {
		t.Errorf("the history does not tell:\n%s", out)
	}
}
