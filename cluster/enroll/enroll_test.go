package enroll

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/raftlog"
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

// A member whose keys are damaged is still a member: who founds it anew has two
// clusters.
func TestDamagedKeysAreAMembers(t *testing.T) {
	assemble := func(dir string) string {
		_, err := node.Assemble(node.Parts{Host: host(dir), Log: zap.NewNop()})
		if err == nil {
			t.Fatal("it was assembled")
		}
		return err.Error()
	}
	if text := assemble(t.TempDir()); !strings.Contains(text, "this host is no member") {
		t.Errorf("a fresh host: %s", text)
	}
	for _, file := range []string{"node.crt", "node.key", "ca.crt", "ca.key", "gossip.key", "data.keys"} {
		dir := t.TempDir()
		if err := Found(host(dir), "overcloud", filepath.Join(dir, "belayd.toml"), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, node.TLSDir, file), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		if text := assemble(dir); strings.Contains(text, "no member") || strings.Contains(text, "cluster init") || !strings.Contains(text, "node remove controller-0") {
			t.Errorf("%s: %s", file, text)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(raftlog.MadeFile(filepath.Join(dir, "raft")), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Found(host(dir), "overcloud", filepath.Join(dir, "belayd.toml"), time.Now()); !errors.Is(err, ErrMember) {
		t.Errorf("a founding where a log was: %v", err)
	}
}
