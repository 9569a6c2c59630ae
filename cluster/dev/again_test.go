package dev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/redfish"
)

// A cluster that is ended and run again from its directory is the same cluster.
func TestRunAgainFromTheSameDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same := func(config *Config) { config.DataDir = dir }
	c, stop := startAndStop(t, same)
	define(t, c, nil)
	everythingRuns(t, c, outage)
	client := c.Client()
	if _, err := client.Command(t.Context(), &state.NodeStandby{Node: "controller-2", Standby: true}); err != nil {
		t.Fatal(err)
	}
	stop()

	again := startWith(t, same)
	until(t, again, "the change is kept and the service runs again", outage, func(s api.Status) bool {
		return holder(s, "vip") != "" && count(s, "web") == 2 && len(s.Nodes) == 3 && s.Nodes[2].Standby
	})
}

// A cluster that was killed while it was formed is formed by the next run: the log may
// name a member whose host does not know of it.
func TestFormedByTwoRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same := func(config *Config) { config.DataDir = dir }
	_, stop := startAndStop(t, same)
	stop()
	for _, left := range []string{"tls", "raft", "raft.made", "belayd.toml"} {
		if err := os.RemoveAll(filepath.Join(dir, "controller-2", left)); err != nil {
			t.Fatal(err)
		}
	}
	again := startWith(t, same)
	until(t, again, "all members take part", outage, func(s api.Status) bool {
		return len(s.Nodes) == 3 && s.Nodes[0].Online && s.Nodes[1].Online && s.Nodes[2].Online
	})
}

// A second cluster in a directory must leave the first one alone.
func TestOneClusterADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same := func(config *Config) { config.DataDir = dir }
	_, stop := startAndStop(t, same)
	second, err := New(Config{DataDir: dir, Nodes: 3, Log: newLogger(t), Fences: fencing.NewRegistry([]fencing.Spec{redfish.Spec()})})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context(), func() { t.Error("it formed") }); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	stop()
}

// A log that cannot be trusted ends the cluster at once, with what was found.
func TestDamagedLogEndsTheCluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same := func(config *Config) { config.DataDir = dir }
	_, stop := startAndStop(t, same)
	stop()
	path := filepath.Join(dir, "controller-0", "raft", "raft.db")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{DataDir: dir, Nodes: 3, Log: newLogger(t), Fences: fencing.NewRegistry([]fencing.Spec{redfish.Spec()})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), outage)
	defer cancel()
	if err := again.Run(ctx, func() { t.Error("it formed") }); !errors.Is(err, raftlog.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

// A path that is too long for a socket is refused before anything is made.
func TestSocketPathTooLong(t *testing.T) {
	if _, err := New(Config{DataDir: filepath.Join(t.TempDir(), strings.Repeat("x", 100)), Nodes: 1, Log: newLogger(t)}); err == nil || !strings.Contains(err.Error(), "shorter --data-dir") {
		t.Errorf("got %v", err)
	}
}
