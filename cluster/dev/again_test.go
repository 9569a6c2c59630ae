package dev

import (
	"testing"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
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
