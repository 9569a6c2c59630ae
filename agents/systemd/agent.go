package systemd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// units is what Agent needs of unit control.
type units interface {
	State(ctx context.Context, unit string) (agents.UnitState, error)
	StartUnit(ctx context.Context, unit string) error
	End(ctx context.Context, unit string, grace time.Duration) error
	Manage(ctx context.Context, unit string, lines ...string) error
	Release(ctx context.Context, unit string) error
	Journal(ctx context.Context, unit string, lines int) string
}

// lookAgain is how often a unit that is on its way up, or a check that does not
// answer yet, is looked at again.
const lookAgain = 250 * time.Millisecond

// Agent runs systemd units under the cluster. It holds no state and is safe
// for concurrent use.
type Agent struct {
	units units
	log   *zap.Logger
}

// New returns the agent. It does no I/O.
func New(control units, log *zap.Logger) *Agent { return &Agent{units: control, log: log} }

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "systemd",
		Summary: "any systemd unit; any exit of it is a failure",
		Suffix:  true,
		Params: []agents.Param{
			{Name: "check", Kind: agents.KindString, Description: "http://HOST:PORT/PATH, https://… or tcp://HOST:PORT that must answer while the unit runs; %{node}, %{address} and %{index} are replaced"},
			{Name: "check_verify_tls", Kind: agents.KindBool, Default: "true", Description: "verify the certificate of an https check"},
			{Name: "check_timeout", Kind: agents.KindDuration, Default: "5s", Description: "deadline of one check"},
			{Name: "stop_timeout", Kind: agents.KindDuration, Description: "how long a stop may take before every process is killed; default: 70 % of the stop operation's timeout"},
		},
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   100 * time.Second,
			resources.OpStop:    100 * time.Second,
			resources.OpMonitor: 30 * time.Second,
			resources.OpProbe:   30 * time.Second,
		},
		MonitorInterval: 10 * time.Second,
	}
}

// unitOf returns the unit that the request is about.
func unitOf(req agents.Request) string {
	_, unit, _ := strings.Cut(req.Agent, ":")
	return FullName(substitute(unit, req))
}

// substitute replaces %{node}, %{address} and %{index}.
func substitute(text string, req agents.Request) string {
	return strings.NewReplacer(
		"%{node}", string(req.Node),
		"%{address}", req.View.Nodes[req.Node].Address,
		"%{index}", strconv.Itoa(req.Instance.Index()),
	).Replace(text)
}

// Start puts the unit into the cluster's hands (drop-in with Restart=no),
// starts it and returns when it is active and its check answers.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	unit := unitOf(req)
	probe, _, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	before, err := a.units.State(ctx, unit)
	if err != nil {
		return failed(err)
	}
	if refused, result := notStartable(before); refused {
		return result
	}
	if strings.HasSuffix(unit, ".service") {
		if err := a.units.Manage(ctx, unit); err != nil {
			return failed(err)
		}
	}
	if err := a.units.StartUnit(ctx, unit); err != nil {
		return failed(err)
	}
	if result := a.awaitCheck(ctx, unit, probe); result.Outcome != agents.OutcomeOK {
		return result
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
	if before.AtBoot() {
		result.Reason = atBoot(unit)
	}
	return result
}

func atBoot(unit string) string {
	return unit + " is enabled, so systemd starts it at boot beside the cluster: run `belayctl resource take-over` for its resource"
}

// notStartable reports a unit that systemd cannot start on this host.
func notStartable(state agents.UnitState) (bool, agents.Result) {
	switch state.Load {
	case "not-found":
		return true, agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: state.Unit + " is not installed: systemd has no unit of this name"}
	case "masked":
		return true, agents.Result{Outcome: agents.OutcomeNotPermitted, Reason: fmt.Sprintf("%s is masked: run `systemctl unmask %s`", state.Unit, state.Unit)}
	case "bad-setting", "error":
		return true, agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: fmt.Sprintf("systemd cannot load %s (%s): see `systemd-analyze verify %s`", state.Unit, state.Load, state.Unit)}
	}
	return false, agents.Result{}
}

// awaitCheck returns OK once the check answers, and a failure when the unit
// ends before that or ctx does.
func (a *Agent) awaitCheck(ctx context.Context, unit string, probe check) agents.Result {
	if !probe.wanted() {
		return agents.Result{Outcome: agents.OutcomeOK}
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		problem := probe.run(ctx)
		if problem == nil {
			return agents.Result{Outcome: agents.OutcomeOK}
		}
		state, err := a.units.State(ctx, unit)
		if err == nil && !state.Running() && !state.Changing() {
			return agents.Result{Outcome: agents.OutcomeFailed, Reason: fmt.Sprintf("%s before its check answered", state), Output: a.journal(ctx, unit)}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return agents.Result{Outcome: agents.OutcomeFailed, Reason: fmt.Sprintf("%s runs, but its check does not answer in time: %v", unit, problem), Output: a.journal(ctx, unit)}
		}
	}
}

// Stop ends the unit for certain, with SIGKILL after stop_timeout, and hands it
// back to systemd.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	unit := unitOf(req)
	_, grace, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	err = a.units.End(ctx, unit, grace)
	if err != nil && !errors.Is(err, ErrNoSystemd) { // without systemd no unit runs
		return failed(err)
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
	if strings.HasSuffix(unit, ".service") {
		if err := a.units.Release(ctx, unit); err != nil {
			a.log.Warn("unit is stopped, but its drop-in stays", zap.String("resource", string(req.Instance)), zap.Error(err))
			result.Reason = "stopped; " + err.Error()
		}
	}
	return result
}

// parse reads every parameter and reports all problems at once.
func parse(req agents.Request) (check, time.Duration, error) {
	probe, problemOfCheck := newCheck(req)
	grace, problemOfGrace := graceOf(req)
	return probe, grace, errors.Join(problemOfCheck, problemOfGrace)
}

func graceOf(req agents.Request) (time.Duration, error) {
	if text := req.Params["stop_timeout"]; text != "" {
		grace, err := resources.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("stop_timeout: %w", err)
		}
		return grace.Std(), nil
	}
	if req.Timeout > 0 {
		return req.Timeout * 7 / 10, nil
	}
	return 70 * time.Second, nil
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result { return unsupported() }

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result { return unsupported() }

// Monitor judges the unit by its ActiveState and its check. A unit on its way
// up or down gets the operation's whole timeout to arrive.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	unit := unitOf(req)
	probe, _, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	state, err := a.settled(ctx, unit)
	if errors.Is(err, ErrNoSystemd) && req.Op != resources.OpProbe {
		return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Reason: err.Error()}
	}
	if err != nil {
		return failed(err)
	}
	switch {
	case state.Changing():
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: fmt.Sprintf("%s for longer than the monitor waits", state)}
	case !state.Running():
		return a.down(ctx, req, state)
	}
	if req.Op != resources.OpProbe && req.Role.Active() && strings.HasSuffix(unit, ".service") {
		// A unit that the cluster found running is now the cluster's.
		if err := a.units.Manage(ctx, unit); err != nil {
			return failed(err)
		}
	}
	if problem := probe.run(ctx); problem != nil {
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: fmt.Sprintf("%s runs but does not serve: %v", unit, problem)}
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// settled returns the unit's state once it is neither activating nor
// deactivating, or as it is shortly before ctx ends.
func (a *Agent) settled(ctx context.Context, unit string) (agents.UnitState, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	state, err := a.units.State(ctx, unit)
	for err == nil && state.Changing() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return state, nil
		}
		newer, problem := a.units.State(ctx, unit)
		if problem != nil && ctx.Err() != nil {
			return state, nil
		}
		state, err = newer, problem
	}
	return state, err
}

// down describes a unit that is inactive or failed.
func (a *Agent) down(ctx context.Context, req agents.Request, state agents.UnitState) agents.Result {
	if len(state.Processes) > 0 {
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: state.String()}
	}
	result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
	switch {
	case req.Role.Active():
		result.Reason = fmt.Sprintf("%s: it ended by itself", state)
		result.Output = a.journal(ctx, state.Unit)
	case state.Load == "not-found":
		result.Reason = state.Unit + " is not installed"
	case state.AtBoot():
		result.Reason = atBoot(state.Unit)
	}
	return result
}

// journal returns the unit's last words within agents.MaxOutput.
func (a *Agent) journal(ctx context.Context, unit string) string {
	return tail([]byte(a.units.Journal(ctx, unit, 20)))
}

func failed(err error) agents.Result {
	result := agents.Result{Outcome: agents.UnitOutcome(err), Reason: agents.OneLine(err)}
	var unit *agents.UnitError
	if errors.As(err, &unit) {
		result.Output = tail([]byte(unit.Journal))
	}
	return result
}

func unsupported() agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: "a systemd unit has no promoted role"}
}
