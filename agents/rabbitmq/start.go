package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Start brings the node up as a member of the cluster. A node that has data
// starts with it at once; after a full outage all of them start together, which
// is how each finds those that stopped after it. A node without data follows
// the cluster's word: it is the seed, or it joins.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 360*time.Second)
	defer cancel()
	state, err := c.host.Units.State(ctx, c.unit)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if refused, ok := c.startable(state); !ok {
		return refused
	}
	if state.Running() {
		return c.served(ctx)
	}
	if state.AtBoot() && !c.allowEnabled {
		return agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: fmt.Sprintf(
			"%s is %s in systemd, so two managers would start it: run `systemctl disable %s` on this node", c.unit, state.UnitFile, c.unit)}
	}
	here, err := c.inspect()
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if err := c.host.Units.Manage(ctx, c.unit); err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	return c.bringUp(ctx, here)
}

func (c *call) startable(state agents.UnitState) (agents.Result, bool) {
	switch state.Load {
	case "not-found":
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: fmt.Sprintf("systemd has no unit %s: install rabbitmq-server, or set the unit parameter", c.unit)}, false
	case "masked":
		return agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: fmt.Sprintf("%s is masked: run `systemctl unmask %s`", c.unit, c.unit)}, false
	case "bad-setting", "error":
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: fmt.Sprintf("systemd cannot load %s (%s): see `systemd-analyze verify %s`", c.unit, state.Load, c.unit)}, false
	}
	return agents.Result{}, true
}

// bringUp chooses by what this host holds; the cluster's word only counts
// where there is nothing to lose, or where losing it was agreed to.
func (c *call) bringUp(ctx context.Context, here local) agents.Result {
	mode := c.req.Advice[adviceMode]
	disposable := here.data == dataNone || (here.data == dataSingle && c.joining())
	switch {
	case disposable && mode == modeJoin:
		return c.join(ctx, here, "")
	case here.data == dataNone && mode == modeSeed:
		return c.plain(ctx, here)
	case here.data == dataNone:
		result := failed("this node has no data, and the cluster has not decided yet who begins it (mode %q)", mode)
		result.Attributes = c.attributes(here, answer{})
		return result
	case here.data == dataSingle && mode == modeJoin:
		return c.joinWithCopy(ctx, here)
	}
	return c.plain(ctx, here)
}

// force lets the node start although it was not the last to stop. Only on an
// operator's word: what the others held alone is lost.
func (c *call) force(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.deepTimeout)
	defer cancel()
	c.log.Warn("force_boot, as the operator said", zap.String("resource", string(c.req.Instance)))
	_, err := c.ctl(ctx, c.name, "force_boot")
	return err
}

// served asks the broker that is up now, and takes the unit into the cluster's
// hands if somebody else had started it.
func (c *call) served(ctx context.Context) agents.Result {
	if err := c.host.Units.Manage(ctx, c.unit); err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	a, err := c.ask(ctx, c.name)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if !a.AppRunning {
		return failed("the broker's application is stopped, by stop_app or because the node is paused in a minority")
	}
	here, err := c.inspect()
	if err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if err := c.remember(deep{At: c.host.Now(), Answer: a}); err != nil {
		return c.failure(ctx, err)
	}
	if err := c.keepVhosts(); err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	if err := c.endJoin(); err != nil {
		return c.failure(ctx, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: c.attributes(here, a),
		Reason: fmt.Sprintf("runs with %d of %d members", len(a.Running), len(a.Members))}
}

// maxLog bounds what is read of the node's log.
const maxLog = 256 << 10

func (c *call) logFile() string { return c.path(c.logDir, c.name+".log") }

// logEnd returns where the node's log ends now, so that only what this start
// writes is read afterwards.
func (c *call) logEnd() int64 {
	info, err := os.Stat(c.logFile())
	if err != nil {
		return 0
	}
	return info.Size()
}

// logSince returns the end of what was logged since, or "".
func (c *call) logSince(from int64) string {
	file, err := os.Open(c.logFile())
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	if info.Size() < from {
		from = 0 // rotated meanwhile
	}
	from = max(from, info.Size()-maxLog)
	data, err := io.ReadAll(io.NewSectionReader(file, from, maxLog))
	if err != nil {
		return ""
	}
	return string(data)
}

// cause is what a broker says when it does not start.
type cause struct {
	text, advice string
	// passes says that it may be gone a moment later.
	passes bool
}

// causes are known ones, most telling first.
var causes = []cause{
	{text: "inconsistent_cluster", advice: "the cluster does not know this node any more (inconsistent_cluster)"},
	{text: "Failed to merge schema", advice: "a running member has another database of the same name: one of the two lost its data; this node's is kept"},
	{text: "timeout_waiting_for_tables", advice: "it waited in vain for the nodes that stopped after it: start them, or override with force_boot = this node"},
	{text: "timeout_waiting_for_leader", advice: "Khepri found no majority: start more members"},
	{text: "khepri_db", advice: "a feature flag of the metadata store is not supported by this version"},
	{text: "incompatible_feature_flags", advice: "its feature flags do not match the cluster's"},
	{text: "eaddrinuse", advice: "its port is in use"},
	{text: "no_epmd_port", advice: "epmd does not answer: see epmd.socket", passes: true},
	{text: "duplicate_name", advice: "a node of its name runs already", passes: true},
	{text: "enospc", advice: "the disk is full"},
	{text: "scan_queue_segments", advice: "it cannot read the index of a queue (scan_queue_segments): is a .config below msg_stores/vhosts empty?"},
	{text: "schema_integrity_check_failed", advice: "its schema is damaged"},
}

func causeOf(said string) string {
	for _, cause := range causes {
		if strings.Contains(said, cause.text) {
			return cause.advice
		}
	}
	return ""
}

// Stop ends the broker and proves that no node of its name is left. epmd stays.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 120*time.Second)
	defer cancel()
	grace := c.grace(ctx)
	if state, err := c.host.Units.State(ctx, c.unit); err == nil && state.Active == "activating" {
		grace = min(grace, bootGrace)
	}
	if err := c.host.Units.End(ctx, c.unit, grace); err != nil {
		return c.failure(ctx, fmt.Errorf("stop: %w", err))
	}
	if registered, err := c.host.Wire.Registered(ctx, "127.0.0.1", c.short()); err == nil && registered {
		return failed("%s is stopped, but epmd knows a node %s that runs outside of it: stop it", c.unit, c.short())
	}
	if err := c.forgetRun(); err != nil {
		return c.failure(ctx, fmt.Errorf("stop: %w", err))
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
	if err := c.host.Units.Release(ctx, c.unit); err != nil {
		c.log.Warn("the broker is stopped, but its unit's drop-in stays", zap.String("resource", string(req.Instance)), zap.Error(err))
		result.Reason = "stopped; " + reason(err)
	}
	return result
}

// short is the part of the node's name that epmd knows.
func (c *call) short() string {
	name, _, _ := strings.Cut(c.name, "@")
	return name
}

// grace is how long the broker may take to stop by itself. Its own stop command
// can hang while a peer is silently gone.
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

// errNoPeer says that no member of the cluster could be joined in time.
var errNoPeer = errors.New("no member of the cluster answers")
