package galera

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Start records where this member's data ends and starts no mysqld: whether it
// may run, and how, is decided when all members have said so. A mysqld that
// runs already is looked at instead.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 120*time.Second)
	defer cancel()
	state, err := c.host.Units.State(ctx, c.unit)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if refused, ok := c.startable(state); !ok {
		return refused
	}
	if state.Running() || state.Changing() || len(state.Processes) > 0 {
		return c.adopt(ctx, state)
	}
	if state.AtBoot() && !c.allowEnabled {
		return agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: fmt.Sprintf(
			"%s is %s in systemd, so two managers would start it: run `systemctl disable %s` on this node", c.unit, state.UnitFile, c.unit)}
	}
	if refused, ok := c.prepare(ctx, state); !ok {
		return refused
	}
	p, err := c.readPosition(ctx)
	if errors.Is(err, errUnreadable) && c.req.Advice[adviceMode] == modeJoin {
		err = fmt.Errorf("%w; the other members have it: move all files out of %s on %s, then `belayctl resource retry %s %s`: it joins by state transfer",
			err, c.datadir, req.Node, req.Instance.Resource(), req.Node)
	}
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if err := c.writeMarker(marker{Role: resources.RoleStarted, Position: &p}); err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	c.log.Info("position recorded", zap.String("resource", string(req.Instance)), zap.String("uuid", p.UUID),
		zap.Int64("seqno", p.Seqno), zap.String("grastate", p.Grastate), zap.String("recovered_by", p.RecoveredBy))
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: p.attributes()}
}

// startable refuses a unit that cannot be started on this host.
func (c *call) startable(state agents.UnitState) (agents.Result, bool) {
	switch state.Load {
	case "not-found":
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: fmt.Sprintf("systemd has no unit %s: install mariadb-server, or set the unit parameter", c.unit)}, false
	case "masked":
		return agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: fmt.Sprintf("%s is masked: run `systemctl unmask %s`", c.unit, c.unit)}, false
	case "bad-setting", "error":
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: fmt.Sprintf("systemd cannot load %s (%s): see `systemd-analyze verify %s`", c.unit, state.Load, c.unit)}, false
	}
	return agents.Result{}, true
}

// prepare takes the unit into the cluster's hands and makes sure that no word
// of an earlier bootstrap is left.
func (c *call) prepare(ctx context.Context, state agents.UnitState) (agents.Result, bool) {
	if pid := c.strayServer(state.Processes); pid != 0 {
		return failed("a mysqld outside %s (process %d) uses %s: stop it first", c.unit, pid, c.datadir), false
	}
	if err := c.checkConfig(ctx); err != nil {
		if errors.Is(err, errConfig) {
			return agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: c.reason(err)}, false
		}
		return c.failure(ctx, err), false
	}
	if err := c.clearNewCluster(); err != nil {
		return c.failure(ctx, err), false
	}
	if err := c.host.Units.Manage(ctx, c.unit, c.dropIn()...); err != nil {
		return c.failure(ctx, err), false
	}
	return agents.Result{}, true
}

// newClusterFile carries the one word that makes mysqld form a new cluster, to
// the next start and to no other.
func (c *call) newClusterFile() string { return filepath.Join(c.req.RunDir, "new-cluster.env") }

// dropIn are the unit's settings while the cluster manages it. systemd itself
// removes the bootstrap word when that start is over, however it ended, even if
// this daemon dies in between; a word in the manager's environment, or in a
// drop-in, would stay and split the cluster at the next start. Both time-outs
// are the operation's to keep, not systemd's.
func (c *call) dropIn() []string {
	remove := "+-/bin/rm -f " + c.newClusterFile()
	return []string{
		"EnvironmentFile=-" + c.newClusterFile(),
		"ExecStartPost=" + remove,
		"ExecStopPost=" + remove,
		"TimeoutStartSec=infinity",
		"TimeoutStopSec=900",
	}
}

// newClusterWord is what mariadb.service hands to mysqld (galera_new_cluster).
const newClusterWord = "_WSREP_NEW_CLUSTER=--wsrep-new-cluster\n"

func (c *call) writeNewCluster() error {
	if err := os.WriteFile(c.newClusterFile(), []byte(newClusterWord), 0o600); err != nil {
		return fmt.Errorf("write the bootstrap word: %w", err)
	}
	return nil
}

func (c *call) clearNewCluster() error {
	if err := os.Remove(c.newClusterFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the bootstrap word: %w", err)
	}
	return nil
}

// adopt takes over a mysqld that runs already.
func (c *call) adopt(ctx context.Context, state agents.UnitState) agents.Result {
	found := c.look(ctx, state)
	if found.Outcome != agents.OutcomeOK {
		return found
	}
	if err := c.host.Units.Manage(ctx, c.unit, c.dropIn()...); err != nil {
		return c.failure(ctx, err)
	}
	if found.Reason == "" {
		found.Reason = "mysqld runs already"
	}
	return found
}
