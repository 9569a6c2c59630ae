// Package inspector runs numbered instances of ironic-inspector and, on the one
// that is promoted, the DHCP server that lets nodes boot into introspection:
// the one open door.
//
// All started instances answer API calls and ramdisks; the promoted one also
// has dnsmasq. The door opens only after its inspector is healthy and has
// written its filter, closes when the inspector ends for whatever reason
// (BindsTo=), and a demote proves that nobody answers DHCP there any more.
// The package starts no goroutine.
package inspector

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

// Units is the unit control that the agent needs; agents/systemd.Manager has it.
type Units interface {
	State(ctx context.Context, unit string) (agents.UnitState, error)
	StartUnit(ctx context.Context, unit string) error
	StartTransient(ctx context.Context, name string, spec agents.TransientSpec) error
	End(ctx context.Context, unit string, grace time.Duration) error
	Manage(ctx context.Context, unit string, lines ...string) error
	Release(ctx context.Context, unit string) error
	Journal(ctx context.Context, unit string, lines int) string
}

// Network is what the agent needs to know of the host's sockets.
type Network interface {
	// DHCPServers describes the sockets that receive DHCP requests on an
	// interface.
	DHCPServers(iface string) ([]string, error)
	// Connections counts the established connections to a local TCP port.
	Connections(port int) (int, error)
}

// Prober asks an inspector whether it works.
type Prober interface {
	// Probe returns nil when the whole chain behind the API answers.
	Probe(ctx context.Context, base string) error
}

// Host is everything outside that the agent uses. Nil fields mean the host's
// own.
type Host struct {
	Units   Units // required
	Network Network
	Prober  Prober
	// Dir is where configuration overrides go; "" is /run/belay-inspector.
	Dir string
}

// Agent runs inspectors. It holds no state and is safe for concurrent use.
type Agent struct {
	Host
	log *zap.Logger
}

// New returns the agent. It does no I/O.
func New(host Host, log *zap.Logger) *Agent {
	if host.Network == nil {
		host.Network = kernel{}
	}
	if host.Prober == nil {
		host.Prober = httpProber{}
	}
	if host.Dir == "" {
		host.Dir = "/run/belay-inspector"
	}
	return &Agent{Host: host, log: log}
}

const (
	lookAgain = 500 * time.Millisecond
	// probeTimeout bounds one probe: a broken message bus makes calls hang for
	// 60 s.
	probeTimeout = 5 * time.Second
	// doorGrace is what dnsmasq gets to end; it needs milliseconds.
	doorGrace = 3 * time.Second
	// stopGrace is what an inspector gets after the drain: idle it takes 2 s,
	// and with its message bus down it ignores SIGTERM for ever.
	stopGrace = 15 * time.Second
)

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:       "inspector",
		Summary:    "ironic-inspector, several at once, with one open DHCP door on the promoted one",
		Promotable: true,
		Params:     specParams(),
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   120 * time.Second,
			resources.OpStop:    60 * time.Second,
			resources.OpPromote: 60 * time.Second,
			resources.OpDemote:  20 * time.Second,
			resources.OpMonitor: 20 * time.Second,
			resources.OpProbe:   20 * time.Second,
		},
		MonitorInterval: 10 * time.Second,
	}
}

// Start runs the instance and returns when a probe shows that the chain behind
// its API works.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	if missing := s.missing(); missing != "" {
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: missing}
	}
	if err := a.prepare(s); err != nil {
		return a.failed(ctx, "", err)
	}
	err = a.Units.StartTransient(ctx, s.unit, agents.TransientSpec{
		Description: "ironic-inspector, Belay resource " + string(req.Instance),
		Command:     []string{s.program, "--config-file", s.config, "--config-file", a.override(s)},
		User:        s.user, OpenFiles: 65535, RuntimeDirectory: s.name, StopTimeout: stopGrace + 30*time.Second,
	})
	if err != nil {
		return a.failed(ctx, s.unit, err)
	}
	if err := a.awaitHealth(ctx, s); err != nil {
		return a.failed(ctx, s.unit, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// awaitHealth probes until the instance works, it ends, or ctx does. An
// inspector whose start goes wrong exits with status 0, so any exit is a
// failure.
func (a *Agent) awaitHealth(ctx context.Context, s settings) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	var problem error
	for {
		now := a.probe(ctx, s)
		if now == nil {
			return nil
		}
		if problem == nil || ctx.Err() == nil {
			problem = now // the last complaint that is not our own deadline
		}
		state, err := a.Units.State(ctx, s.unit)
		if err == nil && !state.Running() && !state.Changing() {
			return fmt.Errorf("%w: %s before it answered", errExited, state)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("it runs but does not work in time: %w", problem)
		}
	}
}

var errExited = errors.New("ironic-inspector ended by itself")

func (a *Agent) probe(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return a.Prober.Probe(ctx, s.url)
}

// Stop closes the door, lets connections finish for at most drain, and ends the
// instance for certain.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	if err := a.closeDoor(ctx, s); err != nil && !errors.Is(err, agents.ErrNoSystemd) {
		return a.failed(ctx, s.doorUnit, err)
	}
	state, err := a.Units.State(ctx, s.unit)
	if errors.Is(err, agents.ErrNoSystemd) {
		return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped} // nothing can run
	}
	if err != nil {
		return a.failed(ctx, "", err)
	}
	if state.Running() {
		a.drain(ctx, req, s)
	}
	if err := a.Units.End(ctx, s.unit, stopGrace); err != nil {
		return a.failed(ctx, s.unit, err)
	}
	if err := os.Remove(a.override(s)); err != nil && !os.IsNotExist(err) {
		a.log.Warn("remove the configuration override", zap.String("resource", string(req.Instance)), zap.Error(err))
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
}

// drain waits until nobody is connected, at least a second (so that load
// balancers have heard of the stop) and at most the drain time.
func (a *Agent) drain(ctx context.Context, req agents.Request, s settings) {
	limit := s.drain
	if req.Timeout > 0 {
		limit = min(limit, req.Timeout/3)
	}
	if limit <= 0 {
		return
	}
	end := time.NewTimer(limit)
	defer end.Stop()
	again := time.NewTicker(min(time.Second, limit))
	defer again.Stop()
	for {
		select {
		case <-again.C:
		case <-end.C:
			a.log.Warn("connections are cut by the stop", zap.String("resource", string(req.Instance)), zap.Duration("drained", limit))
			return
		case <-ctx.Done():
			return
		}
		if open, err := a.Network.Connections(s.port); err != nil || open == 0 {
			return
		}
	}
}

// Promote opens the door: it waits until the instance is healthy and has
// written its filter, and starts dnsmasq, bound to the instance's life.
func (a *Agent) Promote(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	if err := a.awaitHealth(ctx, s); err != nil {
		return a.failed(ctx, s.unit, err)
	}
	if err := a.openDoor(ctx, s); err != nil {
		return a.failed(ctx, s.doorUnit, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RolePromoted}
}

// Demote closes the door and proves that nobody answers DHCP on the interface.
func (a *Agent) Demote(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	if err := a.closeDoor(ctx, s); err != nil {
		return a.failed(ctx, s.doorUnit, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// Monitor reads both units and probes the instance.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	state, err := a.Units.State(ctx, s.unit)
	if errors.Is(err, agents.ErrNoSystemd) && req.Op != resources.OpProbe {
		return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Reason: err.Error()}
	}
	if err != nil {
		return a.failed(ctx, "", err)
	}
	open, err := a.doorOpen(ctx, s)
	if err != nil {
		return a.failed(ctx, "", err)
	}
	if state.Gone() && !open {
		result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
		if req.Role.Active() {
			result.Reason = state.String() + ": " + errExited.Error()
			result.Output = agents.Tail(a.Units.Journal(ctx, s.unit, 20))
		}
		return result
	}
	found := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
	if open {
		found.Role = resources.RolePromoted
	}
	problem := a.unwell(ctx, s, state, open)
	if problem != nil {
		result := a.failed(ctx, "", problem)
		result.Role = found.Role
		return result
	}
	if req.Role == resources.RolePromoted && !open {
		found.Reason = "it works, but its DHCP door is closed"
	}
	return found
}

// unwell says what is wrong with an instance of which something runs.
func (a *Agent) unwell(ctx context.Context, s settings, state agents.UnitState, open bool) error {
	switch {
	case state.Gone():
		return fmt.Errorf("%s is up without an inspector: nodes would boot by a stale filter", s.doorUnit)
	case !state.Running():
		return errors.New(state.String())
	}
	if open && s.door {
		servers, err := a.Network.DHCPServers(s.iface)
		if err != nil {
			return err
		}
		if len(servers) == 0 {
			return fmt.Errorf("%s runs, but nobody answers DHCP on %s", s.doorUnit, s.iface)
		}
	}
	if err := a.probe(ctx, s); err != nil {
		return fmt.Errorf("it runs but does not work: %w", err)
	}
	return nil
}

// failed turns an error into a result; unit's last words are added.
func (a *Agent) failed(ctx context.Context, unit string, err error) agents.Result {
	result := agents.Result{Outcome: agents.UnitOutcome(err), Reason: agents.OneLine(err)}
	switch {
	case ctx.Err() != nil && !errors.As(err, new(*agents.UnitError)):
		result.Outcome = agents.OutcomeUnknown
	case ctx.Err() == nil && result.Outcome == agents.OutcomeUnknown:
		result.Outcome = agents.OutcomeFailed // a probe's own deadline, a file: what failed is known
	}
	if unit != "" && ctx.Err() == nil {
		result.Output = agents.Tail(a.Units.Journal(ctx, unit, 20))
	}
	return result
}

// override is the instance's own configuration, read after the common one.
func (a *Agent) override(s settings) string { return filepath.Join(a.Dir, s.name+".conf") }
