package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(filepath.Join(dir, ".file.new"), []byte("half of an earlier one"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "", "second"} {
		if err := Replace(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v; want the file alone", left, err)
	}
}

// What cannot be put in place leaves nothing behind, and says which file it was.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Replace(taken, []byte("text"), 0o600); err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("over a directory: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v; want only what was there", left, err)
	}
	absent := filepath.Join(dir, "absent", "file")
	if err := Replace(absent, nil, 0o600); err == nil || !strings.Contains(err.Error(), absent) {
		t.Errorf("in a directory that does not exist: %v", err)
	}
	if err := SyncDir(filepath.Join(dir, "absent")); err == nil {
		t.Error("a directory that does not exist was synced")
	}
}
