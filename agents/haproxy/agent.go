// Package haproxy runs a load balancer whose servers are the instances of other
// resources, as the cluster sees them: whom the cluster suspects, stops or
// found failed gets no connection, whatever a port check says.
//
// The configuration is a function of the parameters and the view. What happens
// to servers is set over HAProxy's admin socket within milliseconds and then
// written to the file; a reload is needed only when servers come or go. The
// package starts no goroutine.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/durable"
	"github.com/belay-ha/belay/resources"
)

// Units is the unit control that the agent needs; agents/systemd.Manager has it.
type Units interface {
	State(ctx context.Context, unit string) (agents.UnitState, error)
	StartUnit(ctx context.Context, unit string) error
	RestartUnit(ctx context.Context, unit string) error
	ReloadUnit(ctx context.Context, unit string) error
	End(ctx context.Context, unit string, grace time.Duration) error
	Manage(ctx context.Context, unit string, lines ...string) error
	Release(ctx context.Context, unit string) error
	Journal(ctx context.Context, unit string, lines int) string
}

// Runner runs a short-lived program; agents/command.Runner does.
type Runner interface {
	Run(ctx context.Context, c agents.Command) (agents.Exit, error)
}

// Agent runs HAProxy. It holds no state and is safe for concurrent use.
type Agent struct {
	units Units
	run   Runner
	log   *zap.Logger
}

// New returns the agent. It does no I/O.
func New(units Units, run Runner, log *zap.Logger) *Agent {
	return &Agent{units: units, run: run, log: log}
}

// lookAgain is how often the socket is asked while HAProxy comes up.
const lookAgain = 50 * time.Millisecond

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "haproxy",
		Summary: "HAProxy with servers that follow the cluster's view of other resources",
		Params:  specParams(),
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   60 * time.Second,
			resources.OpStop:    60 * time.Second,
			resources.OpMonitor: 15 * time.Second,
			resources.OpProbe:   15 * time.Second,
			resources.OpReload:  20 * time.Second,
		},
		MonitorInterval: 5 * time.Second,
	}
}

// Watches names the backends.
func (a *Agent) Watches(params resources.Params) []resources.ResourceID {
	var watched []resources.ResourceID
	for _, name := range listenNames(params) {
		if id := resources.ResourceID(params["listen."+name+".backend"]); id != "" && !slices.Contains(watched, id) {
			watched = append(watched, id)
		}
	}
	return watched
}

// Start writes the configuration, has HAProxy check it, and starts the unit
// with it.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	before, err := a.units.State(ctx, s.unit)
	if err != nil {
		return failed(err)
	}
	if before.Load == "not-found" {
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: s.unit + " is not installed: install the package haproxy"}
	}
	if err := os.MkdirAll(filepath.Dir(s.socket), 0o755); err != nil {
		return failed(fmt.Errorf("directory of the admin socket: %w", err))
	}
	if err := a.install(ctx, s, render(s, req.View)); err != nil {
		return failed(err)
	}
	if err := a.units.Manage(ctx, s.unit, `Environment="CONFIG=`+s.config+`"`); err != nil {
		return failed(err)
	}
	if err := a.bringUp(ctx, s, before); err != nil {
		return failed(err)
	}
	if _, err := steer(ctx, s.socket, wants(s, req.View)); err != nil {
		return failed(err)
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
	if before.AtBoot() {
		result.Reason = fmt.Sprintf("%s is enabled, so systemd starts it at boot beside the cluster: run `systemctl disable %s` on every node", s.unit, s.unit)
	}
	return result
}

// bringUp makes the unit run the configuration that was just installed.
func (a *Agent) bringUp(ctx context.Context, s settings, before agents.UnitState) error {
	old, asked := pid(ctx, s.socket)
	switch {
	case before.Running() && asked == nil:
		return a.reload(ctx, s, old)
	case before.Running():
		// It runs with another configuration, perhaps since boot.
		if err := a.units.RestartUnit(ctx, s.unit); err != nil {
			return err
		}
	default:
		if err := a.units.StartUnit(ctx, s.unit); err != nil {
			return err
		}
	}
	return a.awaitWorker(ctx, s, 0)
}

// reload hands the listening sockets to a new worker and returns when that one
// answers. The old worker finishes its connections.
func (a *Agent) reload(ctx context.Context, s settings, old int) error {
	if err := a.units.ReloadUnit(ctx, s.unit); err != nil {
		return err
	}
	return a.awaitWorker(ctx, s, old)
}

// awaitWorker returns when a worker other than old answers.
func (a *Agent) awaitWorker(ctx context.Context, s settings, old int) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		now, err := pid(ctx, s.socket)
		if err == nil && now != old {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("worker %d still answers: the new configuration does not run", old)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return &agents.UnitError{Verb: "reload", Job: err.Error(), State: agents.UnitState{Unit: s.unit}, Journal: a.units.Journal(context.WithoutCancel(ctx), s.unit, 20)}
		}
	}
}

// wants returns what every server should be doing, by "PROXY/SERVER".
func wants(s settings, view agents.View) map[string]want {
	wanted := map[string]want{}
	for _, l := range s.listens {
		for _, one := range serversOf(l, view) {
			wanted[l.name+"/"+one.name] = one.want
		}
	}
	return wanted
}

// Refresh brings the running HAProxy into line with the view: first over its
// socket, which takes milliseconds, then in the file. Only when servers, or
// anything else that the socket cannot change, differ does it reload.
func (a *Agent) Refresh(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	present, err := os.ReadFile(s.config)
	if err != nil {
		return failed(fmt.Errorf("configuration: %w", err))
	}
	text := render(s, req.View)
	ok := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
	wanted := wants(s, req.View)
	changed, steering := steer(ctx, s.socket, wanted)
	if steering == nil && string(present) == text {
		return ok
	}
	if err := a.install(ctx, s, text); err != nil {
		return failed(err)
	}
	if steering == nil && structure(string(present)) == structure(text) {
		a.log.Info("servers changed", zap.String("resource", string(req.Instance)), zap.Int("servers", changed))
		return ok
	}
	old, err := pid(ctx, s.socket)
	if err == nil {
		err = a.reload(ctx, s, old)
	}
	if err == nil {
		_, err = steer(ctx, s.socket, wanted) // a drain is no word of the file
	}
	if err != nil {
		// The file says what does not run yet; put the old one back, so that the
		// next refresh tries again.
		return failed(errors.Join(err, durable.Replace(s.config, present, 0o640)))
	}
	a.log.Info("configuration reloaded", zap.String("resource", string(req.Instance)))
	return ok
}

// Stop ends the unit with everything that it runs.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	grace := 10 * time.Second
	if req.Timeout > 0 {
		grace = min(grace, req.Timeout/2)
	}
	err = a.units.End(ctx, s.unit, grace)
	if err != nil && !errors.Is(err, agents.ErrNoSystemd) {
		return failed(err)
	}
	result := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
	if err := a.units.Release(ctx, s.unit); err != nil {
		result.Reason = "stopped; " + err.Error()
	}
	return result
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result { return unsupported() }

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result { return unsupported() }

// Monitor reads the unit's state and asks the admin socket. It reports which
// server each one_active listen uses.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	state, err := a.units.State(ctx, s.unit)
	if errors.Is(err, agents.ErrNoSystemd) && req.Op != resources.OpProbe {
		return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Reason: err.Error()}
	}
	if err != nil {
		return failed(err)
	}
	if state.Gone() {
		result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
		if req.Role.Active() {
			result.Reason = state.String() + ": it ended by itself"
			result.Output = agents.Tail(a.units.Journal(ctx, s.unit, 20))
		}
		return result
	}
	unwell := agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted}
	if !state.Running() {
		unwell.Reason = state.String()
		return unwell
	}
	present, err := actuals(ctx, s.socket)
	if err != nil {
		unwell.Reason = fmt.Sprintf("%s runs but does not answer, or not with the cluster's configuration: %v", s.unit, err)
		return unwell
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: activeOf(s, req.View, present)}
}

// activeOf names the server in use of each one_active listen, as
// "active.LISTEN".
func activeOf(s settings, view agents.View, present map[string]actual) map[string]string {
	active := map[string]string{}
	for _, l := range s.listens {
		if l.policy != oneActive {
			continue
		}
		active["active."+l.name] = "none"
		for _, one := range serversOf(l, view) {
			if state := present[l.name+"/"+one.name]; state.up && state.want == ready {
				active["active."+l.name] = one.name
				break
			}
		}
	}
	return active
}

func failed(err error) agents.Result {
	result := agents.Result{Outcome: agents.UnitOutcome(err), Reason: agents.OneLine(err)}
	var unit *agents.UnitError
	var refused *checkError
	switch {
	case errors.As(err, &unit):
		result.Output = agents.Tail(unit.Journal)
	case errors.As(err, &refused):
		result.Outcome, result.Output = agents.OutcomeFailed, agents.Tail(refused.output)
	case errors.Is(err, agents.ErrNoProgram):
		result.Outcome = agents.OutcomeNotInstalled
	case errors.Is(err, fs.ErrPermission):
		result.Outcome = agents.OutcomeNotPermitted
	case result.Outcome == agents.OutcomeUnknown && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		result.Outcome = agents.OutcomeFailed // a file or the socket: what failed is known
	}
	return result
}

func unsupported() agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: "a load balancer has no promoted role"}
}
