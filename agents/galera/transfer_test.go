package galera

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestWhatATransferLeft(t *testing.T) {
	joining, synced, moving := &transfer{Boot: "b"}, &transfer{Boot: "b", Synced: true}, &transfer{Boot: "b", Aside: "/x"}
	history, zeros := grastate{UUID: uuidA, Seqno: -1}, grastate{UUID: zeroUUID, Seqno: -1}
	tests := []struct {
		name      string
		t         *transfer
		boot      string
		state     grastate
		condition string
		want      string
	}{
		{"no transfer", nil, "b", zeros, grastateAbsent, transferNone},
		{"mysqld ended while grastate.dat names no history", joining, "b", zeros, grastatePresent, transferHalf},
		{"mysqld ended before or after the copy", joining, "b", history, grastatePresent, transferNone},
		{"mysqld ended, no grastate.dat", joining, "b", zeros, grastateAbsent, transferHalf},
		{"mysqld ended, garbled grastate.dat", joining, "b", zeros, grastateGarbled, transferHalf},
		{"the power went, whatever grastate.dat says", joining, "c", grastate{UUID: uuidA, Seqno: 12, Safe: true}, grastatePresent, transferHalf},
		{"nobody knows whether the power went", joining, "", history, grastatePresent, transferHalf},
		{"a record of which nothing is known", &transfer{}, "", history, grastatePresent, transferHalf},
		{"synced, then mysqld ended", synced, "b", zeros, grastatePresent, transferNone},
		{"synced, then the power went", synced, "c", history, grastatePresent, transferUnsynced},
		{"while the data is moved", moving, "b", history, grastatePresent, transferHalf},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.t.left(test.boot, test.state, test.condition); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// brokenOff brings a member into the middle of a state transfer and cuts the power.
// The disk has the grastate.dat of before, which Galera does not sync.
func (h *fakeHost) brokenOff() {
	h.t.Helper()
	start := h.units.OnStart
	h.units.OnStart = func(ctx context.Context) error {
		h.grastate(zeroUUID, "-1", "0")
		h.write("/var/lib/mysql/ibdata1", "half")
		h.write("/var/lib/mysql/nova/instances.ibd", "half")
		h.units.Said = "[ERROR] WSREP: SST failed\n"
		return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "mariadb.service", Active: "failed", Result: "exit-code"}}
	}
	if result := h.do(resources.OpPromote); result.Outcome != agents.OutcomeFailed {
		h.t.Fatalf("%+v", result)
	}
	h.units.OnStart = start
	h.powerCut()
	h.grastate(uuidA, "12", "0")
}

// powerCut empties what a restart of the host empties.
func (h *fakeHost) powerCut() {
	h.t.Helper()
	h.boot("boot after " + h.read("/proc/sys/kernel/random/boot_id"))
	h.units.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.Processes = "inactive", "dead", nil })
	if err := os.RemoveAll(h.run); err != nil {
		h.t.Fatal(err)
	}
	if err := os.MkdirAll(h.run, 0o700); err != nil {
		h.t.Fatal(err)
	}
}

// served makes another member serve.
func (h *fakeHost) served() {
	h.view.Nodes["n2"] = agents.NodeView{Address: "192.0.2.2", Alive: true, Expected: true}
	h.view.Peers["galera"] = []agents.Peer{{Node: "n2", Role: resources.RolePromoted, Attributes: map[string]string{attrCluster: primary, attrState: "Synced"}}}
}

func (h *fakeHost) recorded() *transfer {
	h.t.Helper()
	c, _, _ := h.agent().begin(h.Request(resources.OpStart))
	t, err := c.readTransfer()
	if err != nil {
		h.t.Fatal(err)
	}
	return t
}

// A join whose end this daemon did not see is ended by the monitor.
func TestMonitorEndsATransfer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart, resources.OpPromote)
		c, _, _ := h.agent().begin(h.Request(resources.OpPromote))
		if err := c.beginTransfer(); err != nil {
			t.Fatal(err)
		}
		h.syncing = agents.Exit{Code: 1}
		h.ok(resources.OpMonitor)
		if got := h.recorded(); got == nil || !got.Synced {
			t.Errorf("before the disk had it: %+v", got)
		}
		h.syncing = agents.Exit{}
		h.ok(resources.OpMonitor)
		if got := h.recorded(); got != nil {
			t.Errorf("%+v", got)
		}
		syncs := len(h.synced)
		h.ok(resources.OpMonitor)
		if len(h.synced) != syncs {
			t.Error("every look syncs the disk")
		}
	})
}

// Only mysqld died: its files are in the page cache, and grastate.dat is true.
func TestADeadServerKeepsItsPosition(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.syncing = agents.Exit{Code: 1} // the record stays
		h.ok(resources.OpStart, resources.OpPromote)
		h.units.Die(syscall.SIGKILL)
		if got := h.do(resources.OpDemote); got.Outcome != agents.OutcomeOK || got.Attributes[attrSeqno] != "4" || got.Attributes[attrTransfer] != "" {
			t.Errorf("%+v", got)
		}
		h.powerCut()
		if got := h.do(resources.OpStart); got.Outcome != agents.OutcomeOK || got.Attributes[attrTransfer] != transferUnsynced {
			t.Errorf("%+v", got)
		}
	})
}

// The scripts of a transfer that was killed leave their process ids, and those of
// the next one wait for whoever has the number by now.
func TestOldScriptsAreNotWaitedFor(t *testing.T) {
	for _, mode := range []string{modeJoin, modeBootstrap} {
		bubble.Test(t, func(t *testing.T) {
			h := newHost(t).bootstraps(uuidA, "12")
			h.advice[adviceMode] = mode
			h.ok(resources.OpStart)
			files := []string{"wsrep_sst.pid", "rsync_sst.pid", "stunnel.pid"}
			for _, name := range files {
				h.write("/var/lib/mysql/"+name, "1\n")
			}
			begun := h.units.OnStart
			h.units.OnStart = func(ctx context.Context) error {
				for _, name := range files {
					if h.read("/var/lib/mysql/"+name) != "" {
						t.Errorf("%s: mysqld starts with %s", mode, name)
					}
				}
				return begun(ctx)
			}
			h.ok(resources.OpPromote)
		})
	}
}

// An operator who bootstraps from such a member makes its data the history.
func TestAnOverrideForgetsTheTransfer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.ok(resources.OpStart)
		h.brokenOff()
		h.ok(resources.OpStart)
		h.bootstraps(uuidA, "12")
		if result := h.do(resources.OpPromote); result.Outcome != agents.OutcomeFailed || h.Running() {
			t.Errorf("without the operator's word: %+v", result)
		}
		h.advice[adviceOverride] = "true"
		h.ok(resources.OpPromote)
		if got := h.recorded(); got != nil || !h.newCluster {
			t.Errorf("%+v, new cluster: %t", got, h.newCluster)
		}
	})
}
