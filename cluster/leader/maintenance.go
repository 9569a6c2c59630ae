package leader

import "github.com/belay-ha/belay/cluster/state"

// expireMaintenance records which maintenance is over by this leader's clock. The
// planner looks at the time itself and waits for no record: this is for people,
// and so that a clock that is set back brings none to life again.
func (c *Core) expireMaintenance() {
	if c.s.Version < state.VersionAdmin {
		return
	}
	for _, m := range c.s.Maintenances() {
		switch {
		case m.Until.IsZero() || !m.ExpiredAt.IsZero():
		case c.in.Wall.Before(m.Until):
			c.wakeAt(c.monotonic(m.Until))
		default:
			c.propose(&state.MaintenanceEnded{Scope: m.Scope, Expired: true})
		}
	}
}
