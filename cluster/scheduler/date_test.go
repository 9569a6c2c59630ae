package scheduler_test

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/resources"
)

// TestLocationByDate moves a resource when a date passes, and asks to be asked
// again then.
func TestLocationByDate(t *testing.T) {
	c := cluster3().parse("rsc a")
	due := epoch.Add(time.Hour)
	c.d.Locations = []resources.Location{
		{ID: "before", Resource: "a", Rule: "#uname == n2 and date < " + due.Format(time.RFC3339), Score: 10},
		{ID: "after", Resource: "a", Rule: "#uname == n3", Score: 5},
	}
	s := c.build()
	for now, want := range map[time.Time]resources.NodeName{epoch: "n2", due: "n3"} {
		plan := scheduler.Plan(s, now, c.opts)
		if plan.Targets[want]["a"] != resources.RoleStarted {
			t.Errorf("at %s it runs on %v, want %s", now, plan.Targets, want)
		}
		again := due
		if now.Equal(due) {
			again = time.Time{} // never
		}
		if !plan.RecheckAt.Equal(again) {
			t.Errorf("at %s the next plan is due %s, want %s", now, plan.RecheckAt, again)
		}
	}
}
