package enroll

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/security"
)

func host(dir string) node.Host {
	return node.Host{Node: "controller-0", Address: "192.0.2.1:7450", DataDir: dir, RunDir: dir}.WithDefaults()
}

func TestFoundMakesAMember(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "etc", "belayd.toml")
	if err := Found(host(dir), "overcloud", config, time.Now()); err != nil {
		t.Fatal(err)
	}
	files := security.Files{Dir: filepath.Join(dir, node.TLSDir)}
	if _, err := files.LoadNode(); err != nil {
		t.Error(err)
	}
	if _, err := files.LoadCA(); err != nil {
		t.Error(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Join(files.Dir, "node.key"): 0o600, filepath.Join(files.Dir, "ca.key"): 0o600, filepath.Join(dir, node.FoundingFile): 0o600, config: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, want mode %o", path, err, mode)
		}
	}
	if err := Found(host(dir), "another", config, time.Now()); !errors.Is(err, ErrMember) {
		t.Errorf("a second founding: %v", err)
	}
}

// A host whose keys could not all be written is no member: it can try again.
func TestFailedFoundingLeavesNoMember(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, node.TLSDir, "gossip.key")
	if err := os.MkdirAll(filepath.Join(blocked, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Found(host(dir), "overcloud", filepath.Join(dir, "belayd.toml"), time.Now()); err == nil {
		t.Fatal("the gossip key was not written, and nobody noticed")
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if err := Found(host(dir), "overcloud", filepath.Join(dir, "belayd.toml"), time.Now()); err != nil {
		t.Errorf("the second try: %v", err)
	}
}
