package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/metrics"
)

// Metrics implements Cluster.
func (f *fakeCluster) Metrics(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return metrics.Write(metrics.Cluster(f.state, epoch)), f.err
}

func TestMetrics(t *testing.T) {
	c := newConsole(t)
	c.must(t, "metrics")
	if !strings.Contains(c.out.String(), "\nbelay_node_online{node=\"controller-0\"} 1\n") {
		t.Errorf("%s", c.out.String())
	}
	if code := c.run(t, "metrics", "-o", "json"); code != exitInput {
		t.Errorf("as JSON: exit %d", code)
	}
}

// TestMetricsForACollector: it never reads half a file, and hears of a daemon that
// does not answer.
func TestMetricsForACollector(t *testing.T) {
	c := newConsole(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "belay.prom")
	c.must(t, "metrics", "--file", path)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "belay_cluster_info") {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	c.fake.err = errors.New("gone")
	if code := c.run(t, "metrics", "--file", path); code == exitDone {
		t.Error("nobody is told that the daemon does not answer")
	}
	if text, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(text), "\nbelay_up 0\n") {
		t.Errorf("%s, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if code := c.run(t, "metrics", "--file", filepath.Join(dir, "no", "belay.prom")); code == exitDone {
		t.Error("a file that cannot be written is no error")
	}
}
