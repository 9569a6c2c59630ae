package galera

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// lookInterval is how often a member that starts is looked at.
const lookInterval = time.Second

// Promote starts mysqld as the cluster decided, to form a new cluster or to
// join the one there is, and returns when it is synced. A state transfer that
// moves reports progress, which keeps the operation alive. When the deadline
// comes first mysqld is left to go on, and the result is unknown.
func (a *Agent) Promote(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	if _, has := ctx.Deadline(); !has && req.Timeout > 0 && req.Progress == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.Timeout)
		defer cancel()
	}
	state, err := c.host.Units.State(ctx, c.unit)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("promote: %w", err))
	}
	if refused, ok := c.startable(state); !ok {
		return refused
	}
	if state.Running() || state.Active == "activating" {
		return c.synced(ctx) // someone's start is under way, or over
	}
	if !state.Gone() {
		return failed("promote: %s", state.String())
	}
	if refused, ok := c.prepare(ctx, state); !ok {
		return refused
	}
	if refused, ok := c.ready(ctx); !ok {
		return refused
	}
	return c.synced(ctx)
}

// ready does what the chosen mode needs before mysqld starts.
func (c *call) ready(ctx context.Context) (agents.Result, bool) {
	mode := c.req.Advice[adviceMode]
	switch mode {
	case modeJoin:
		if err := c.readyToJoin(ctx); err != nil {
			return c.failure(ctx, fmt.Errorf("promote: %w", err)), false
		}
	case modeBootstrap:
		if refused, ok := c.mayBootstrap(ctx); !ok {
			return refused, false
		}
		if err := errors.Join(c.ownTransfer(), c.allowBootstrap()); err != nil {
			return c.failure(ctx, fmt.Errorf("promote: %w", err)), false
		}
	default:
		return failed("promote: the cluster has not decided how this member starts (mode %q)", mode), false
	}
	if err := errors.Join(c.dropView(), c.dropProcessIDs()); err != nil {
		return c.failure(ctx, err), false
	}
	// From here on the recorded position no longer holds.
	if err := c.writeMarker(marker{Role: resources.RolePromoted}); err != nil {
		return c.failure(ctx, err), false
	}
	if mode == modeBootstrap {
		if err := c.writeNewCluster(); err != nil {
			return c.failure(ctx, err), false
		}
	}
	c.log.Info("mysqld starts", zap.String("resource", string(c.req.Instance)), zap.String("mode", mode))
	return agents.Result{}, true
}

// readyToJoin prepares the data of a member that joins for a state transfer.
func (c *call) readyToJoin(ctx context.Context) error {
	told, err := c.clearRemains(ctx)
	if err != nil {
		return err
	}
	c.told = told
	return c.beginTransfer()
}

// mayBootstrap looks once more for anything that speaks against a new cluster:
// the decision may be older than what happened since.
func (c *call) mayBootstrap(ctx context.Context) (agents.Result, bool) {
	for _, peer := range c.req.View.Peers[c.req.Instance.Resource()] {
		if peer.Node == c.req.Node {
			continue
		}
		if peer.Role == resources.RolePromoted || peer.Attributes[attrCluster] != "" || peer.Attributes[attrState] != "" {
			return failed("promote: no bootstrap while %s runs mysqld, or may", peer.Node), false
		}
	}
	for _, node := range slices.Sorted(maps.Keys(c.req.View.Nodes)) {
		view := c.req.View.Nodes[node]
		if node == c.req.Node || !view.Expected || view.Address == "" {
			continue
		}
		host := view.Address
		if bare, _, err := net.SplitHostPort(host); err == nil {
			host = bare
		}
		if address := net.JoinHostPort(host, strconv.Itoa(c.port)); c.host.Reachable(ctx, address) {
			return failed("promote: no bootstrap while a member answers at %s (%s): stop its mysqld", address, node), false
		}
	}
	if c.req.Advice[adviceOverride] == "true" {
		return agents.Result{}, true
	}
	p, err := c.readPosition(ctx)
	if err != nil {
		return c.failure(ctx, err), false
	}
	if uuid, seqno := c.req.Advice[adviceUUID], c.req.Advice[adviceSeqno]; p.UUID != uuid || strconv.FormatInt(p.Seqno, 10) != seqno {
		if err := c.writeMarker(marker{Role: resources.RoleStarted, Position: &p}); err != nil {
			return c.failure(ctx, err), false
		}
		return agents.Result{Outcome: agents.OutcomeFailed, Attributes: p.attributes(), Reason: fmt.Sprintf(
			"promote: this member is at %s:%d, the decision was made for %s:%s; compare again", p.UUID, p.Seqno, uuid, seqno)}, false
	}
	return agents.Result{}, true
}

// synced starts the unit if need be and waits until the member is synced.
func (c *call) synced(ctx context.Context) agents.Result {
	started := make(chan error, 1)
	life, cancel := context.WithCancel(ctx)
	go func() { started <- c.host.Units.StartUnit(life, c.unit) }()
	result, waiting := c.await(ctx, started)
	cancel()
	if waiting {
		<-started // the unit goes on; this call does not
	}
	return result
}

// await looks at the member until it is synced, its start failed, or ctx ends.
// waiting says that started has not spoken yet.
func (c *call) await(ctx context.Context, started <-chan error) (result agents.Result, waiting bool) {
	again := time.NewTicker(lookInterval)
	defer again.Stop()
	moved := c.newMovement()
	waiting = true
	last := "mysqld has not answered yet"
	for {
		select {
		case err := <-started:
			waiting = false
			if err != nil {
				return c.notStarted(ctx, err), waiting
			}
		case <-again.C:
		case <-ctx.Done():
			return c.tooLate(ctx, last), waiting
		}
		state, err := c.host.Units.State(ctx, c.unit)
		if err != nil {
			last = c.reason(err)
			continue
		}
		if !waiting && !state.Running() && !state.Changing() {
			return c.notStarted(ctx, &agents.UnitError{Verb: "start", Job: "done", State: state}), waiting
		}
		status, err := c.host.Server.Status(ctx, c.login)
		switch {
		case err != nil:
			last = c.reason(adviseAccess(err))
		case !waiting && status.primary() && status.Ready && status.State == stateSynced:
			return c.promoted(ctx, status), waiting
		default:
			last = fmt.Sprintf("mysqld is %s, %s", status.Comment, status.ClusterStatus)
		}
		c.progress(moved, state, status)
	}
}

// promoted records the member as it serves.
func (c *call) promoted(ctx context.Context, status Status) agents.Result {
	if err := c.clearNewCluster(); err != nil {
		return c.failure(ctx, err)
	}
	if err := c.writeMarker(marker{Role: resources.RolePromoted}); err != nil {
		return c.failure(ctx, err)
	}
	c.arrived(ctx, syncTimeout)
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RolePromoted, Attributes: c.steady(status),
		Reason: c.tell(fmt.Sprintf("synced in a component of %d at %d", status.Size, status.Seqno))}
}

// syncTimeout bounds how long what was transferred may take to the disk.
const syncTimeout = time.Minute

// runSync brings the data directory's file system to the disk.
func (c *call) runSync(ctx context.Context) error {
	command := agents.Command{Path: "/bin/sync", Args: []string{"-f", c.path(c.datadir)}, Env: recoverEnv, MaxOutput: 4 << 10}
	exit, err := c.host.Run.Run(ctx, command)
	if err == nil {
		err = exit.Error(command)
	}
	return err
}

// notStarted explains a start that failed. The member's position is unknown
// until it has been read again: a state transfer may have broken off.
func (c *call) notStarted(ctx context.Context, err error) agents.Result {
	_ = c.clearNewCluster() // systemd has removed it, too
	result := c.failure(ctx, fmt.Errorf("promote: %w", err))
	result.Attributes = noPosition()
	if said := c.journal(ctx); said != "" {
		result.Output = said
	}
	if cause := causeOf(result.Output); cause != "" {
		result.Reason = "promote: mysqld did not start: " + cause
	}
	result.Reason = c.tell(result.Reason)
	return result
}

// tooLate is the result when the deadline, or the cluster's change of mind,
// came before the end.
func (c *call) tooLate(ctx context.Context, last string) agents.Result {
	result := c.failure(ctx, fmt.Errorf("promote: not synced in time (%s): %w", last, context.Cause(ctx)))
	result.Reason = c.tell(result.Reason)
	result.Attributes = stateOnly("starting")
	result.Output = c.journal(context.WithoutCancel(ctx))
	return result
}

// causes are what mysqld and Galera say when a start fails, most telling
// first, each with what to do.
var causes = []struct{ text, advice string }{
	{"It may not be safe to bootstrap", "grastate.dat forbids the bootstrap"},
	{"Failed to reach primary view", "no primary component answered: check the network and wsrep_cluster_address"},
	{"failed to open gcomm backend connection", "no member answered: check the network and wsrep_cluster_address"},
	{"Will never receive state", "no donor gave its state: see the donor's log"},
	{"State transfer request failed unrecoverably", "no donor gave its state: see the donor's log"},
	{"SST failed", "the state transfer failed: see the donor's log"},
	{"SST script aborted", "the state transfer failed: see the donor's log"},
	{"Address already in use", "another process holds its port"},
	{"unknown variable", "my.cnf has a variable that mysqld does not know"},
	{"No space left on device", "the disk is full"},
	{"Unable to lock", "another mysqld holds the data directory"},
}

// causeOf picks the reason out of mysqld's last words, or returns "".
func causeOf(said string) string {
	lines := strings.Split(said, "\n")
	for _, cause := range causes {
		for _, line := range slices.Backward(lines) {
			if strings.Contains(line, cause.text) {
				return cause.advice
			}
		}
	}
	for _, line := range slices.Backward(lines) {
		if _, message, found := strings.Cut(line, "[ERROR] "); found && !strings.HasPrefix(message, "Aborting") {
			return clip(message, 200)
		}
	}
	return ""
}

func clip(text string, limit int) string {
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
