// Package ocf runs OCF resource agents: the scripts below
// /usr/lib/ocf/resource.d that Pacemaker runs, by the Resource Agent API 1.1.
//
// Agents that promote, and agents that ask Pacemaker for its state, are refused
// before they are run: a wrong answer could cost them their data. The package
// starts no goroutine and keeps nothing between calls.
package ocf

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Root is where OCF agents are installed.
const Root = "/usr/lib/ocf"

// Runner runs the scripts; agents/command.Runner does.
type Runner interface {
	Run(ctx context.Context, c agents.Command) (agents.Exit, error)
}

// Host is what the agent needs of its host.
type Host struct {
	Run Runner
	// Root of the OCF tree; "" is the constant Root.
	Root string
}

// Agent runs OCF resource agents. It is safe for concurrent use.
type Agent struct{ host Host }

// New returns the agent. It does no I/O.
func New(host Host) *Agent {
	if host.Root == "" {
		host.Root = Root
	}
	return &Agent{host: host}
}

// Spec says what the agent supports. Parameters are those of the script, which
// only the nodes that have it know.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "ocf",
		Summary: "any OCF resource agent that neither promotes nor asks Pacemaker: ocf:PROVIDER:TYPE",
		Suffix:  true,
		// Those whose metadata say so; of the others, MigrateTo moves nothing.
		Migrates: true,
		Params: []agents.Param{
			{Name: "*", Kind: agents.KindString, Secret: true, Description: "a parameter of the script, passed as OCF_RESKEY_NAME; checked against its metadata when it starts"},
		},
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:       120 * time.Second,
			resources.OpStop:        120 * time.Second,
			resources.OpMonitor:     30 * time.Second,
			resources.OpProbe:       30 * time.Second,
			resources.OpMigrateTo:   120 * time.Second,
			resources.OpMigrateFrom: 120 * time.Second,
		},
		MonitorInterval: 20 * time.Second,
	}
}

// Start checks the parameters against the script's metadata and starts it.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	if refused := a.checkParams(ctx, s); refused != nil {
		return *refused
	}
	return a.result(ctx, s, "start", nil)
}

// Stop stops it. A script that is gone, or refused, stops nothing: the result is
// then never OK.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	return a.result(ctx, s, "stop", nil)
}

// Promote is not supported.
func (a *Agent) Promote(_ context.Context, req agents.Request) agents.Result {
	return unsupported(req)
}

// Demote is not supported.
func (a *Agent) Demote(_ context.Context, req agents.Request) agents.Result {
	return unsupported(req)
}

func unsupported(req agents.Request) agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: fmt.Sprintf("%s: promotion of OCF agents is not supported: it needs Pacemaker's scores", oneLine(req.Agent))}
}

// Monitor asks the script how the instance is.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	return a.result(ctx, s, "monitor", nil)
}

// Notify passes the notice on. What the script says of it changes nothing.
func (a *Agent) Notify(ctx context.Context, req agents.Request, n agents.Notification) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	return a.result(ctx, s, "notify", n.Variables(req))
}
