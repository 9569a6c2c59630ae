package raftlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/belay-ha/belay/internal/bubble"
)

// single runs one node on real files until f returns.
func single(t *testing.T, dir string, m *listMachine, f func(t *testing.T, n *Node)) error {
	t.Helper()
	var err error
	bubble.Test(t, func(t *testing.T) {
		_, trans := raft.NewInmemTransport("n0:1")
		var n *Node
		n, err = New(Config{ID: "n0", DataDir: dir, Transport: trans, Machine: m, TrailingLogs: 1,
			OnFault: func(err error) { t.Errorf("fault: %v", err) }})
		if err != nil {
			t.Fatal(err)
		}
		if err = n.Start(); err != nil {
			return
		}
		defer func() { err = n.Shutdown(t.Context()) }()
		if n.Configuration().Index == 0 && n.Status().LastIndex == 0 {
			if err := n.Bootstrap(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		g := &group{t: t}
		g.until("it leads", func() bool { return n.Status().State == Leader })
		if err := n.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		f(t, n)
	})
	return err
}

func add(t *testing.T, n *Node, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if _, _, err := n.Propose(context.Background(), []byte(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestartKeepsLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "raft")
	if err := single(t, dir, &listMachine{}, func(t *testing.T, n *Node) { add(t, n, "a", "b") }); err != nil {
		t.Fatal(err)
	}
	var index uint64
	m := &listMachine{}
	err := single(t, dir, m, func(t *testing.T, n *Node) {
		if got := m.list(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("after a restart: %v", got)
		}
		if err := n.Snapshot(t.Context()); err != nil {
			t.Error(err)
		}
		add(t, n, "c")
		index = n.AppliedIndex()
	})
	if err != nil {
		t.Fatal(err)
	}
	m = &listMachine{}
	err = single(t, dir, m, func(t *testing.T, n *Node) {
		if got := m.list(); !slices.Equal(got, []string{"a", "b", "c"}) || n.AppliedIndex() != index {
			t.Errorf("after a restart from a snapshot: %v at %d, want index %d", got, n.AppliedIndex(), index)
		}
		if len(n.Configuration().Voters()) != 1 {
			t.Errorf("configuration %+v", n.Configuration())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v", info.Mode(), err)
	}
}

func TestStartRefusesDamage(t *testing.T) {
	newest := func(t *testing.T, dir string) string {
		all, err := filepath.Glob(filepath.Join(dir, snapshotDir, "*-*-*[0-9]"))
		if err != nil || len(all) == 0 {
			t.Fatalf("no snapshot: %v", err)
		}
		return slices.MaxFunc(all, func(a, b string) int {
			x, _ := snapshotOrder(filepath.Base(a))
			y, _ := snapshotOrder(filepath.Base(b))
			return slices.Compare(x, y)
		})
	}
	refused := errors.New("of a later version")
	cases := []struct {
		name    string
		damage  func(t *testing.T, dir string)
		machine listMachine
		want    error
		says    string
	}{
		{name: "snapshot altered", damage: func(t *testing.T, dir string) {
			flip(t, filepath.Join(newest(t, dir), "state.bin"), snapshotHeader+3)
		}, want: ErrCorrupt, says: "CRC"},
		{name: "snapshot without metadata", damage: func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(newest(t, dir), "meta.json")))
		}, want: ErrCorrupt, says: "meta.json"},
		{name: "snapshots gone", damage: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, snapshotDir)))
		}, want: ErrCorrupt, says: "newest snapshot ends at 0"},
		{name: "log gone", damage: func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, StoreFile)))
		}, want: ErrCorrupt, says: "snapshots but no log"},
		{name: "log and snapshots gone", damage: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
		}, want: ErrCorrupt, says: "it is gone"},
		{name: "log altered", damage: func(t *testing.T, dir string) {
			flipAt(t, filepath.Join(dir, StoreFile), []byte("precious"), 2)
		}, want: ErrCorrupt, says: "index"},
		{name: "state refused by the machine", damage: func(*testing.T, string) {}, want: refused},
	}
	cases[len(cases)-1].machine.refuse = refused
	for i := range cases {
		c := &cases[i]
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "raft")
			err := single(t, dir, &listMachine{}, func(t *testing.T, n *Node) {
				for range 2 {
					add(t, n, "a", "b", "c", "d")
					must(t, n.Snapshot(t.Context()))
				}
				add(t, n, "precious")
			})
			must(t, err)
			must(t, os.MkdirAll(filepath.Join(dir, snapshotDir, "9-9-9.tmp"), 0o700))
			c.damage(t, dir)
			err = single(t, dir, &c.machine, func(t *testing.T, _ *Node) { t.Error("the damaged files were accepted") })
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, snapshotDir, "9-9-9.tmp")); err == nil {
				t.Error("the unfinished snapshot is still there")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecoverSingle(t *testing.T) {
	dir := t.TempDir()
	must(t, single(t, dir, &listMachine{}, func(t *testing.T, n *Node) {
		add(t, n, "a", "b")
		// From now on it needs a majority that it will never have.
		go n.AddVoter(context.Background(), "n1", "n1:1", 0)
		bubble.Wait()
	}))
	out, err := RecoverSingle(RecoverConfig{ID: "n0", Addr: "n0:2", DataDir: dir, Machine: &listMachine{}})
	must(t, err)
	if out.LastIndex == 0 || out.LastTerm == 0 {
		t.Errorf("recovered %+v", out)
	}
	m := &listMachine{}
	must(t, single(t, dir, m, func(t *testing.T, n *Node) {
		add(t, n, "c")
		if got := m.list(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("after the recovery: %v", got)
		}
		if c := n.Configuration(); len(c.Members) != 1 || c.Members[0].Addr != "n0:2" {
			t.Errorf("configuration %+v", c)
		}
		if _, err := RecoverSingle(RecoverConfig{ID: "n0", Addr: "n0:2", DataDir: dir, Machine: &listMachine{}}); !errors.Is(err, ErrLocked) {
			t.Errorf("recovery of a running node: %v", err)
		}
	}))
	if _, err := RecoverSingle(RecoverConfig{ID: "n0", Addr: "n0:2", DataDir: t.TempDir(), Machine: &listMachine{}}); err == nil {
		t.Error("a node without a log was recovered")
	}
}
