package galera

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Monitor says what this host's member is: promoted when it is in the primary
// component and serves, started when it was started and runs no mysqld (or one
// that is on its way up), failed when it should serve and does not, or tries to
// join what is not there any more.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 30*time.Second)
	defer cancel()
	state, err := c.host.Units.State(ctx, c.unit)
	if errors.Is(err, agents.ErrNoSystemd) {
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: c.reason(err)}
	}
	if err != nil {
		return c.failure(ctx, fmt.Errorf("look: %w", err))
	}
	if state.Load == "not-found" && state.Gone() {
		refused, _ := c.startable(state)
		return refused
	}
	return c.look(ctx, state)
}

// look judges the unit, mysqld and the marker.
func (c *call) look(ctx context.Context, state agents.UnitState) agents.Result {
	m, marked, err := c.readMarker()
	if err != nil {
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: err.Error() + ": stop the instance"}
	}
	if pid := c.strayServer(state.Processes); pid != 0 {
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RolePromoted, Attributes: stateOnly("unmanaged"),
			Reason: fmt.Sprintf("a mysqld outside %s (process %d) uses %s: stop it", c.unit, pid, c.datadir)}
	}
	switch {
	case state.Running():
		return c.lookServer(ctx, m)
	case state.Active == "activating" && c.req.Advice[adviceMode] == modeWait:
		// There is no primary component that it could join, and none is formed before
		// every mysqld is stopped: left alone it would look for one for ever, and all
		// others would wait for it.
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Attributes: stateOnly("starting"),
			Reason: "mysqld is on its way up, but there is no primary component to join: it is stopped, so that positions can be compared"}
	case state.Active == "activating":
		// A state transfer, or a start that this daemon no longer waits for:
		// promote waits for its end.
		return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: stateOnly("starting"), Reason: "mysqld is on its way up"}
	case state.Active == "deactivating", len(state.Processes) > 0:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Attributes: stateOnly("stopping"), Reason: "mysqld is on its way down: " + state.String()}
	case marked && m.Role == resources.RolePromoted:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Attributes: noPosition(),
			Reason: "mysqld is gone: " + state.String() + c.why(ctx), Output: c.journal(ctx)}
	case marked:
		return c.lookStarted(ctx, m)
	}
	return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Attributes: noPosition()}
}

// lookStarted reports a started member without mysqld. A position that could
// not be read when mysqld stopped is read now: the others wait for it.
func (c *call) lookStarted(ctx context.Context, m marker) agents.Result {
	if m.Position == nil {
		p, err := c.readPosition(ctx)
		if err != nil {
			result := c.failure(ctx, err)
			result.Role = resources.RoleStarted
			return result
		}
		m.Position = &p
		if err := c.writeMarker(m); err != nil {
			return c.failure(ctx, err)
		}
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: m.Position.attributes()}
}

// lookSyncTimeout bounds how long a look waits for the disk.
const lookSyncTimeout = 10 * time.Second

// lookServer asks a running mysqld. A query without an answer is unknown, and
// leaves the attributes as they are.
func (c *call) lookServer(ctx context.Context, m marker) agents.Result {
	status, err := c.host.Server.Status(ctx, c.login)
	if err != nil {
		outcome := agents.OutcomeFailed
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			outcome = agents.OutcomeUnknown
		}
		return agents.Result{Outcome: outcome, Role: resources.RolePromoted, Reason: c.reason(adviseAccess(err))}
	}
	if m.Role != resources.RolePromoted {
		if err := c.writeMarker(marker{Role: resources.RolePromoted}); err != nil {
			return c.failure(ctx, err)
		}
	}
	if t, err := c.readTransfer(); status.serving() && (t != nil || err != nil) {
		c.arrived(ctx, lookSyncTimeout) // a promote that this daemon did not see to its end
	}
	result := agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RolePromoted, Attributes: c.steady(status)}
	switch {
	case !status.primary():
		result.Reason = fmt.Sprintf("mysqld is not in the primary component (%s, sees %d members): it lost the majority or the network", status.ClusterStatus, status.Size)
	case status.serving():
		result.Outcome = agents.OutcomeOK
		if status.State != stateSynced {
			result.Reason = "serves while it is " + status.Comment
		}
	case status.State == stateJoining && c.req.Role != resources.RolePromoted:
		result.Outcome, result.Role, result.Reason = agents.OutcomeOK, resources.RoleStarted, "mysqld receives its state"
		result.Attributes = stateOnly(status.Comment)
	default:
		result.Reason = fmt.Sprintf("mysqld is in the primary component but does not serve (%s, ready: %t)", status.Comment, status.Ready)
	}
	return result
}

// stateOnly are the attributes of a mysqld that has nothing else to say: they
// take the place of its last position, which no longer holds.
func stateOnly(state string) map[string]string { return map[string]string{attrState: state} }

// journal returns the end of what the unit said, without secrets.
func (c *call) journal(ctx context.Context) string {
	return c.output(c.host.Units.Journal(ctx, c.unit, 30))
}

// why returns the journal's own reason, after a colon, or "".
func (c *call) why(ctx context.Context) string {
	if cause := causeOf(c.journal(ctx)); cause != "" {
		return ": " + cause
	}
	return ""
}
