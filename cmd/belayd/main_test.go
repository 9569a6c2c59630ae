package main

import (
	"fmt"
	"testing"

	"github.com/belay-ha/belay/cluster/raftlog"
)

// Scripts and belayd.service lean on the exit status.
func TestExitStatus(t *testing.T) {
	for _, args := range [][]string{{}, {"nosuch"}, {"dev", "extra"}, {"run", "extra"}, {"version", "extra"}, {"dev", "--nosuch"}, {"dev", "--nodes", "0"}, {"dev", "--nodes", "x"}, {"dev", "--log-level", "loud"}} {
		root := command()
		if len(args) > 0 && args[0] == "dev" {
			args = append(args, "--data-dir", t.TempDir())
		}
		root.SetArgs(args)
		if got := exitStatus(root.ExecuteContext(t.Context())); got != 2 {
			t.Errorf("belayd %v: exit %d, want 2", args, got)
		}
	}
	for _, err := range []error{raftlog.ErrCorrupt, raftlog.ErrNewerFormat} {
		if got := exitStatus(fmt.Errorf("controller-0: %w", err)); got != exitBadData {
			t.Errorf("%v: exit %d, want %d", err, got, exitBadData)
		}
	}
}
