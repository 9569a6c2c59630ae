package galera

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Stop ends mysqld and forgets the instance.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 180*time.Second)
	defer cancel()
	if refused, ok := c.end(ctx); !ok {
		return refused
	}
	if err := c.removeMarker(); err != nil {
		return c.failure(ctx, fmt.Errorf("stop: %w", err))
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped, Attributes: noPosition()}
	if err := c.host.Units.Release(ctx, c.unit); err != nil {
		c.log.Warn("mysqld is stopped, but its unit's drop-in stays", zap.String("resource", string(req.Instance)), zap.Error(err))
		result.Reason = "stopped; " + c.reason(err)
	}
	return result
}

// Demote ends mysqld and records where its data ends now.
func (a *Agent) Demote(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 180*time.Second)
	defer cancel()
	if refused, ok := c.end(ctx); !ok {
		return refused
	}
	if err := c.writeMarker(marker{Role: resources.RoleStarted}); err != nil {
		return c.failure(ctx, fmt.Errorf("demote: %w", err))
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: noPosition()}
	p, err := c.readPosition(ctx)
	if err != nil {
		// mysqld is down, as asked. The monitor reads the position again; until
		// then the others wait for it.
		result.Reason = "mysqld is stopped; " + c.reason(err)
		return result
	}
	if err := c.writeMarker(marker{Role: resources.RoleStarted, Position: &p}); err != nil {
		return c.failure(ctx, fmt.Errorf("demote: %w", err))
	}
	result.Attributes = p.attributes()
	return result
}

// How long a mysqld that is not up yet may take to stop. It has no clients, may
// not listen before it has found a primary component, and is what the other
// members wait for.
const (
	startingGrace = 20 * time.Second // it may be copying the data
	aloneGrace    = 5 * time.Second  // nobody is there to copy from
)

// end stops mysqld for certain. mariadb.service waits 900 s and never kills
// (SendSIGKILL=no), and mysqld has been seen to hang in its shutdown: SIGKILL
// follows after stop_timeout, and what it committed is safe.
func (c *call) end(ctx context.Context) (agents.Result, bool) {
	if err := c.clearNewCluster(); err != nil {
		return c.failure(ctx, err), false
	}
	grace := c.grace(ctx)
	if state, err := c.host.Units.State(ctx, c.unit); err == nil && state.Active == "activating" {
		bound := startingGrace
		if c.req.Advice[adviceMode] == modeWait {
			bound = aloneGrace
		}
		grace = min(grace, bound)
	}
	if err := c.host.Units.End(ctx, c.unit, grace); err != nil {
		return c.failure(ctx, fmt.Errorf("stop mysqld: %w", err)), false
	}
	if pid := c.strayServer(nil); pid != 0 {
		return failed("%s is stopped, but a mysqld outside it (process %d) uses %s: stop it, or fence the node", c.unit, pid, c.datadir), false
	}
	return agents.Result{}, true
}

// grace is how long mysqld may take to stop by itself.
func (c *call) grace(ctx context.Context) time.Duration {
	grace := c.stop
	deadline, has := ctx.Deadline()
	if !has {
		return grace
	}
	share := time.Until(deadline) * 7 / 10
	if grace <= 0 || grace > share {
		return share // the kill and its proof need time, too
	}
	return grace
}
