// Package process runs any program that stays in the foreground: as a transient
// systemd unit, or, on a host without systemd (a development cluster), in a
// session of its own that outlives the daemon. Either way a stop is proven: no
// process of it is left.
//
// The package starts no goroutine. A forked program is reaped by the next
// monitor or stop.
package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Units is the unit control that the agent needs; agents/systemd.Manager has it.
type Units interface {
	// Available returns agents.ErrNoSystemd on a host without systemd.
	Available() error
	State(ctx context.Context, unit string) (agents.UnitState, error)
	StartTransient(ctx context.Context, name string, spec agents.TransientSpec) error
	End(ctx context.Context, unit string, grace time.Duration) error
	Journal(ctx context.Context, unit string, lines int) string
}

// Runner runs the check command; agents/command.Runner does.
type Runner interface {
	Run(ctx context.Context, c agents.Command) (agents.Exit, error)
}

// Agent runs programs. It holds no state and is safe for concurrent use.
type Agent struct {
	units Units
	run   Runner
	log   *zap.Logger
}

// New returns the agent. It does no I/O.
func New(units Units, run Runner, log *zap.Logger) *Agent {
	return &Agent{units: units, run: run, log: log}
}

// lookAgain is how often a program that comes up is looked at.
const lookAgain = 200 * time.Millisecond

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "process",
		Summary: "any program that stays in the foreground; any exit of it is a failure",
		Params: []agents.Param{
			{Name: "command", Kind: agents.KindPath, Required: true, Description: "the program"},
			{Name: "args", Kind: agents.KindString, Description: "its arguments, split as a shell does; %{index}, %{node} and %{address} are replaced; visible to every user of the node"},
			{Name: "user", Kind: agents.KindString, Description: "who runs it; default root"},
			{Name: "directory", Kind: agents.KindPath, Description: "where it runs; default /"},
			{Name: "env.*", Kind: agents.KindString, Secret: true, Description: "environment variables; %{index}, %{node} and %{address} are replaced"},
			{Name: "check", Kind: agents.KindString, Description: "what must answer while it runs: tcp://HOST:PORT, http://…, https://…, or command:PROGRAM ARGS that must exit 0"},
			{Name: "check_timeout", Kind: agents.KindDuration, Default: "5s", Description: "deadline of one check"},
			{Name: "check_verify_tls", Kind: agents.KindBool, Default: "true", Description: "verify the certificate of an https check"},
			{Name: "settle", Kind: agents.KindDuration, Default: "1s", Description: "how long the program must stay up before the start counts"},
			{Name: "stop_signal", Kind: agents.KindString, Default: "SIGTERM", Description: "the signal that asks it to stop"},
			{Name: "stop_timeout", Kind: agents.KindDuration, Default: "20s", Description: "how long it may take before every process of it gets SIGKILL"},
		},
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   60 * time.Second,
			resources.OpStop:    60 * time.Second,
			resources.OpMonitor: 20 * time.Second,
			resources.OpProbe:   20 * time.Second,
		},
		MonitorInterval: 10 * time.Second,
	}
}

// status is what is known of a program.
type status struct {
	running  bool
	leftover bool   // it does not run, but processes of it do
	text     string // for people
}

// host runs one program in one way.
type host interface {
	look(ctx context.Context) (status, error)
	start(ctx context.Context, s settings) error
	// end returns nil only when nothing of the program is left.
	end(ctx context.Context, s settings) error
	words(ctx context.Context) string
}

// on returns how programs run on this host. The unit bears the node's name,
// too, because several daemons of a development cluster may share a host.
func (a *Agent) on(req agents.Request) host {
	if a.units.Available() == nil && os.Geteuid() == 0 {
		name := fmt.Sprintf("belay-%s-%s.service", req.Node, strings.ReplaceAll(string(req.Instance), ":", "-"))
		return unitHost{units: a.units, unit: name}
	}
	return forkHost{dir: req.RunDir, log: a.log}
}

// Start runs the program and returns when it has stayed up for settle and its
// check answers.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	h := a.on(req)
	before, err := h.look(ctx)
	if err != nil {
		return a.failed(ctx, h, s, err)
	}
	if !before.running {
		if before.leftover {
			return a.failed(ctx, h, s, fmt.Errorf("start: %s; stop it first", before.text))
		}
		if err := h.start(ctx, s); err != nil {
			return a.failed(ctx, h, s, err)
		}
	}
	if err := a.serves(ctx, h, s, before.running); err != nil {
		return a.failed(ctx, h, s, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// errDown says that the program ended while it was waited for.
var errDown = errors.New("it ended by itself")

// serves waits until the program has stayed up for settle and its check
// answers.
func (a *Agent) serves(ctx context.Context, h host, s settings, wasUp bool) error {
	settled := time.NewTimer(s.settle)
	defer settled.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	stayed := wasUp
	var problem error
	for {
		if problem = a.check(ctx, s); problem == nil && stayed {
			return nil
		}
		select {
		case <-settled.C:
			stayed = true
		case <-again.C:
		case <-ctx.Done():
			if problem != nil {
				return fmt.Errorf("it runs but does not serve in time: %w", problem)
			}
			return context.Cause(ctx)
		}
		now, err := h.look(ctx)
		if err == nil && !now.running {
			return fmt.Errorf("%w: %s", errDown, now.text)
		}
	}
}

// Stop asks the program to stop, kills it after stop_timeout, and returns OK
// only when no process of it is left.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	h := a.on(req)
	if err := h.end(ctx, s); err != nil {
		return a.failed(ctx, h, s, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result { return unsupported() }

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result { return unsupported() }

// Monitor looks whether the program runs and asks its check.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return agents.Misconfigured(err)
	}
	h := a.on(req)
	now, err := h.look(ctx)
	switch {
	case err != nil:
		return a.failed(ctx, h, s, err)
	case now.leftover:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: now.text}
	case !now.running:
		result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
		if req.Role.Active() {
			result.Reason = now.text + ": " + errDown.Error()
			result.Output = s.hide(h.words(ctx))
		}
		return result
	}
	if err := a.check(ctx, s); err != nil {
		result := a.failed(ctx, h, s, fmt.Errorf("it runs but does not serve: %w", err))
		result.Role = resources.RoleStarted
		return result
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

func (a *Agent) failed(ctx context.Context, h host, s settings, err error) agents.Result {
	result := agents.Result{Outcome: agents.UnitOutcome(err), Reason: s.hide(agents.OneLine(err))}
	var known *processError
	switch {
	case ctx.Err() != nil && !errors.As(err, &known) && !errors.As(err, new(*agents.UnitError)):
		result.Outcome = agents.OutcomeUnknown
	case result.Outcome == agents.OutcomeUnknown && ctx.Err() == nil:
		result.Outcome = agents.OutcomeFailed
	case errors.As(err, &known):
		result.Outcome = agents.OutcomeFailed
	}
	if errors.Is(err, errMissing) {
		result.Outcome = agents.OutcomeNotInstalled
	}
	if ctx.Err() == nil {
		result.Output = s.hide(h.words(ctx))
	}
	return result
}

// hide bounds a text and removes what the environment's values say in it.
func (s settings) hide(text string) string {
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if value := s.env[name]; len(value) >= secretLength {
			text = strings.ReplaceAll(text, value, "[hidden]")
		}
	}
	if len(text) > agents.MaxOutput {
		text = strings.ToValidUTF8(text[len(text)-agents.MaxOutput:], "")
	}
	return text
}

// secretLength is the length from which a value of the environment is taken
// for a secret: shorter ones are words such as "true".
const secretLength = 6

func unsupported() agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: "a process has no promoted role"}
}
