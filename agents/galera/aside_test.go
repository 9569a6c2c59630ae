package galera

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func (h *fakeHost) unreadable() {
	h.recovery = agents.Exit{Code: 1, Stderr: "[ERROR] InnoDB: Corrupted page\n"}
}

// asides lists what was set aside.
func (h *fakeHost) asides() []string {
	h.t.Helper()
	dirs, err := asides(h.path("/var/lib/mysql"))
	if err != nil {
		h.t.Fatal(err)
	}
	return dirs
}

// A power cut in the middle of a transfer: the member reports no usable data,
// whatever its files say, and joins with a whole copy, without a hand.
func TestMemberComesBackFromHalfATransfer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.served()
		h.ok(resources.OpStart)
		h.brokenOff()
		h.unreadable()
		h.write("/var/lib/mysql/server-key.pem", "key")
		started := h.do(resources.OpStart)
		if started.Outcome != agents.OutcomeOK || started.Attributes[attrTransfer] != transferHalf || started.Attributes[attrUUID] != zeroUUID || started.Attributes[attrGrastate] != grastateGarbled {
			t.Fatalf("%+v", started)
		}
		begun := h.units.OnStart
		h.units.OnStart = func(ctx context.Context) error {
			if h.read(grastateFile) != "" {
				t.Error("mysqld starts with the position of before")
			}
			if got := h.read("/var/lib/mysql/ibdata1") + h.read("/var/lib/mysql/nova/instances.ibd"); got != "" {
				t.Errorf("mysqld starts with %q", got)
			}
			if got := h.recorded(); got == nil || !got.Empty || got.Synced {
				t.Errorf("recorded %+v", got)
			}
			return begun(ctx)
		}
		promoted := h.do(resources.OpPromote)
		if promoted.Outcome != agents.OutcomeOK || !strings.Contains(promoted.Reason, "what it left is in "+h.path("/var/lib/mysql")+asideInfix) {
			t.Fatalf("%+v", promoted)
		}
		kept := h.asides()
		if len(kept) != 1 {
			t.Fatalf("kept %v", kept)
		}
		for name, want := range map[string]string{"ibdata1": "half", "nova/instances.ibd": "half"} {
			if got, err := os.ReadFile(filepath.Join(kept[0], name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if promoted.Attributes[attrSetAside] != kept[0] {
			t.Errorf("attributes %v", promoted.Attributes)
		}
		if onlyPieces(kept[0]) {
			t.Error("what may be the member's own counts as pieces of a copy")
		}
		if h.read("/var/lib/mysql/server-key.pem") != "key" {
			t.Error("the server's key is gone")
		}
		if copies, err := filepath.Glob(filepath.Join(h.data, "grastate.dat.*")); err != nil || len(copies) != 1 {
			t.Errorf("copies of grastate.dat: %v, %v", copies, err)
		}
		if got := h.recorded(); got != nil {
			t.Errorf("the transfer is over, but recorded: %+v", got)
		}
	})
}

// What the server can read stays where it is: the transfer overwrites it. Only the
// position goes, so that no incremental transfer is put on top.
func TestReadableRemainsStay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.served()
		h.ok(resources.OpStart)
		h.brokenOff()
		h.ok(resources.OpStart)
		begun := h.units.OnStart
		h.units.OnStart = func(ctx context.Context) error {
			if h.read(grastateFile) != "" || h.read("/var/lib/mysql/ibdata1") != "half" {
				t.Error("mysqld starts with the position of before, or without the data")
			}
			return begun(ctx)
		}
		promoted := h.do(resources.OpPromote)
		if promoted.Outcome != agents.OutcomeOK || !strings.Contains(promoted.Reason, "the whole state is transferred") || len(h.asides()) != 0 {
			t.Errorf("%+v, %v", promoted, h.asides())
		}
	})
}

func TestRemainsAreNotTouched(t *testing.T) {
	tests := []struct {
		name   string
		host   func(*fakeHost)
		reason string
	}{
		{"without a member elsewhere", func(h *fakeHost) { h.view.Peers["galera"] = nil }, "no member serves elsewhere"},
		{"with only its own word", func(h *fakeHost) { h.view.Peers["galera"][0].Node = "n1" }, "no member serves elsewhere"},
		{"with a member that failed", func(h *fakeHost) { h.view.Peers["galera"][0].Failed = true }, "no member serves elsewhere"},
		{"with a member outside a primary component", func(h *fakeHost) { h.view.Peers["galera"][0].Attributes[attrCluster] = "non-Primary" }, "no member serves elsewhere"},
		{"with a member on a dead node", func(h *fakeHost) { h.view.Nodes["n2"] = agents.NodeView{Expected: true} }, "no member serves elsewhere"},
		{"with another mysqld on the data", func(h *fakeHost) {
			h.recovery = agents.Exit{Code: 1, Stderr: "[ERROR] InnoDB: Unable to lock ./ibdata1 error: 11\n"}
		}, "Unable to lock"},
		{"with a full disk", func(h *fakeHost) {
			h.recovery = agents.Exit{Code: 1, Stderr: "[ERROR] mariadbd: Error writing file (Errcode: 28 \"No space left on device\")\n"}
		}, "No space left"},
		{"with tables outside the data directory", func(h *fakeHost) { h.defaults += "--innodb_data_home_dir=/srv/innodb\n" }, "innodb_data_home_dir is /srv/innodb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.served()
			h.ok(resources.OpStart)
			h.brokenOff()
			h.unreadable()
			h.ok(resources.OpStart)
			test.host(h)
			result := h.do(resources.OpPromote)
			if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, test.reason) {
				t.Errorf("%+v does not say %q", result, test.reason)
			}
			if h.Running() || len(h.asides()) != 0 || h.read("/var/lib/mysql/ibdata1") != "half" {
				t.Error("the data was touched")
			}
			if got := h.do(resources.OpDemote); got.Attributes[attrTransfer] != transferHalf {
				t.Errorf("it is forgotten what happened: %+v", got)
			}
		})
	}
}

// Nothing beside a mount point can take its files.
func TestAMountedDataDirectoryIsEmptiedBelow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.mounted = true
		h.served()
		h.ok(resources.OpStart)
		h.brokenOff()
		h.unreadable()
		h.ok(resources.OpStart)
		begun := h.units.OnStart
		h.units.OnStart = func(ctx context.Context) error {
			entries, err := os.ReadDir(h.path("/var/lib/mysql"))
			if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), asideInfix) {
				t.Errorf("mysqld starts with %v, %v", entries, err)
			}
			if data, err := os.ReadFile(h.path("/var/lib/mysql/" + entries[0].Name() + "/nova/instances.ibd")); err != nil || string(data) != "half" {
				t.Errorf("%q, %v", data, err)
			}
			return begun(ctx)
		}
		promoted := h.do(resources.OpPromote)
		if want := h.path("/var/lib/mysql/") + "/" + asideInfix; promoted.Outcome != agents.OutcomeOK || !strings.Contains(promoted.Reason, want) || !strings.HasPrefix(promoted.Attributes[attrSetAside], want) {
			t.Errorf("%+v", promoted)
		}
	})
}

func TestWhetherFilesLeave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !leaves(dir) {
		t.Error("a directory like others")
	}
	if leaves(filepath.Join(dir, "nowhere")) {
		t.Error("a directory that is not there")
	}
	for _, place := range []string{dir, filepath.Dir(dir)} {
		if entries, err := os.ReadDir(place); err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "data" }) {
			t.Errorf("left in %s: %v, %v", place, entries, err)
		}
	}
	// /proc is a file system of its own, on which nothing can be created.
	if leaves("/proc/self") {
		t.Error("/proc")
	}
}

// A transfer that breaks off again and again fills no disk, and what may be the
// member's own stays.
func TestWhatIsSetAsideIsBounded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.served()
		h.ok(resources.OpStart)
		first := ""
		for range 5 {
			h.now = h.now.Add(time.Hour)
			h.brokenOff()
			h.unreadable()
			h.ok(resources.OpStart)
			if got := h.asides(); first == "" && len(got) > 0 {
				first = got[0]
			}
		}
		kept := h.asides()
		if len(kept) != 2 || kept[0] != first || onlyPieces(kept[0]) || !onlyPieces(kept[1]) {
			t.Errorf("kept %v, first %s", kept, first)
		}
	})
}

// A second directory that may hold the member's own data needs room.
func TestASecondDirectoryNeedsRoom(t *testing.T) {
	h := newHost(t)
	h.mkdir("/var/lib/mysql" + asideInfix + "20260101T000000Z")
	c, _, _ := h.agent().begin(h.Request(resources.OpPromote))
	if err := c.makeRoom(h.path("/var/lib/mysql"), transfer{}); err != nil || len(h.asides()) != 1 {
		t.Errorf("with room: %v, kept %v", err, h.asides())
	}
	if err := roomBeside("kept", 1<<30, 1<<30); err != nil {
		t.Error(err)
	}
	if err := roomBeside("kept", 1<<30+1, 1<<30); err == nil || !strings.Contains(err.Error(), "1024 MiB free are too few") {
		t.Errorf("without room: %v", err)
	}
}

// A daemon that is killed while it moves the data goes on with the same directory.
func TestSettingAsideGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.served()
		h.ok(resources.OpStart)
		h.brokenOff()
		h.unreadable()
		h.ok(resources.OpStart)
		c, _, _ := h.agent().begin(h.Request(resources.OpPromote))
		record := *h.recorded()
		record.Aside = h.path("/var/lib/mysql") + asideInfix + "20260101T000000Z"
		if err := c.writeTransfer(record); err != nil {
			t.Fatal(err)
		}
		// Half of a directory is moved: an overlay's is moved file by file.
		h.mkdir("/var/lib/mysql" + asideInfix + "20260101T000000Z/nova")
		h.write("/var/lib/mysql"+asideInfix+"20260101T000000Z/nova/moved.ibd", "moved")
		h.recovery = agents.Exit{Stdout: "--wsrep_start_position=" + uuidA + ":4\n"} // what is left may be readable
		h.ok(resources.OpPromote)
		kept := h.asides()
		if len(kept) != 1 || kept[0] != record.Aside {
			t.Fatalf("kept %v", kept)
		}
		for _, name := range []string{"ibdata1", "nova/moved.ibd", "nova/instances.ibd"} {
			if _, err := os.Stat(filepath.Join(kept[0], name)); err != nil {
				t.Error(err)
			}
		}
	})
}

// A link where the directory should be leads elsewhere.
func TestMkdirFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := mkdir(link); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("a link: %v", err)
	}
	if err := mkdir(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory: %v", err)
	}
}

// Nothing is replaced by what is moved.
func TestMoveTreeReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := moveTree(filepath.Join(dir, "a"), filepath.Join(dir, "b")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(data) != "b" {
		t.Errorf("%q, %v", data, err)
	}
}

// No bootstrap of what is half moved away.
func TestNoBootstrapWhileTheDataIsElsewhere(t *testing.T) {
	h := newHost(t)
	h.ok(resources.OpStart)
	h.brokenOff()
	h.ok(resources.OpStart)
	c, _, _ := h.agent().begin(h.Request(resources.OpPromote))
	record := *h.recorded()
	record.Aside = "/var/lib/mysql.half-transfer-x"
	if err := c.writeTransfer(record); err != nil {
		t.Fatal(err)
	}
	h.bootstraps(uuidA, "12").advice[adviceOverride] = "true"
	if result := h.do(resources.OpPromote); result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "moved to "+record.Aside) || h.Running() {
		t.Errorf("%+v", result)
	}
}
