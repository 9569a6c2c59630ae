// Package rabbitmq runs one node of a RabbitMQ cluster on this host, as
// rabbitmq-server.service, and decides as an Advisor who forms the cluster,
// who joins it, and which removed nodes are forgotten.
//
// A node that has data starts with it, at the same time as the others. Only a
// node without data, or one that the cluster has forgotten, is reset, and
// nothing is ever wiped without a copy. The package owns rabbitmq-server's unit
// and node directory; no goroutine of it outlives a call.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Units is what the agent needs of unit control. Calls block until they are
// done or ctx ends.
type Units interface {
	// State reads a unit; one that systemd does not know is "not-found".
	State(ctx context.Context, unit string) (agents.UnitState, error)
	// StartUnit returns nil only when the unit is active afterwards.
	StartUnit(ctx context.Context, unit string) error
	// End stops the unit, kills what is left after grace, and returns nil only
	// when no process of it is left.
	End(ctx context.Context, unit string, grace time.Duration) error
	// Manage installs a runtime drop-in with Restart=no and the lines.
	Manage(ctx context.Context, unit string, lines ...string) error
	// Release removes the drop-in.
	Release(ctx context.Context, unit string) error
	// Journal returns the unit's last lines, bounded, or "".
	Journal(ctx context.Context, unit string, lines int) string
}

// Runner runs one program to its end (agents/command).
type Runner interface {
	Run(ctx context.Context, c agents.Command) (agents.Exit, error)
}

// Wire asks a node's sockets, which costs nothing, where rabbitmqctl costs
// seconds of CPU.
type Wire interface {
	// Registered reports whether the port mapper at host knows the node's short
	// name. The error is one of asking.
	Registered(ctx context.Context, host, name string) (bool, error)
	// Greets returns nil when an AMQP 0-9-1 server answers at host:port.
	Greets(ctx context.Context, address string) error
}

// Host is everything outside that the agent uses.
type Host struct {
	// Root is put before every path; "" on a real host.
	Root  string
	Units Units
	Run   Runner
	// Wire nil means TCP.
	Wire Wire
	// Now nil means time.Now.
	Now func() time.Time
}

// Agent runs RabbitMQ nodes. It holds no state of its own and is safe for
// concurrent use.
type Agent struct {
	host Host
	log  *zap.Logger
}

// New returns the agent. It does no I/O.
func New(host Host, log *zap.Logger) *Agent {
	if host.Wire == nil {
		host.Wire = TCP{}
	}
	if host.Now == nil {
		host.Now = time.Now
	}
	return &Agent{host: host, log: log}
}

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "rabbitmq",
		Summary: "RabbitMQ cluster; comes back with its messages after an outage",
		Params:  params(),
		Timeouts: map[resources.Op]time.Duration{
			// After a full outage a node waits up to 5 minutes for those that stopped
			// after it (mnesia_table_loading_retry_timeout).
			resources.OpStart:   360 * time.Second,
			resources.OpStop:    120 * time.Second,
			resources.OpMonitor: 40 * time.Second,
			resources.OpProbe:   40 * time.Second,
		},
		MonitorInterval: 10 * time.Second,
	}
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result { return unsupported() }

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result { return unsupported() }

func unsupported() agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: "a RabbitMQ node has no promoted role"}
}

// call is one operation under way.
type call struct {
	*Agent
	settings
	req agents.Request
	// name is the node's Erlang name, such as rabbit@controller-0.
	name string
}

// begin reads the request's parameters and the node's name.
func (a *Agent) begin(req agents.Request) (*call, agents.Result, bool) {
	settings, err := parse(req.Params)
	if err != nil {
		return nil, agents.Misconfigured(err), false
	}
	c := &call{Agent: a, settings: settings, req: req}
	if c.name, err = c.nodeName(); err != nil {
		return nil, agents.Result{Outcome: agents.OutcomeFailed, Reason: err.Error()}, false
	}
	return c, agents.Result{}, true
}

// failure turns an error into a result (agents.CallOutcome).
func (c *call) failure(ctx context.Context, err error) agents.Result {
	result := agents.Result{Outcome: agents.CallOutcome(ctx, err), Reason: reason(err)}
	var unit *agents.UnitError
	if errors.As(err, &unit) {
		result.Output = output(unit.Journal)
	}
	return result
}

// reason returns an error as one line without secrets.
func reason(err error) string {
	return strings.TrimSpace(strings.ReplaceAll(discreet(err.Error()), "\n", "; "))
}

// output returns the end of a text, without secrets, within agents.MaxOutput.
func output(text string) string {
	text = strings.ToValidUTF8(discreet(text), "?")
	if over := len(text) - agents.MaxOutput; over > 0 {
		text = strings.ToValidUTF8(text[over:], "")
	}
	return text
}

// discreet cuts lines where they begin to speak of a password or the Erlang
// cookie, whose hash rabbitmqctl prints.
func discreet(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lower := strings.ToLower(line)
		for _, word := range []string{"cookie hash", "password", "passphrase"} {
			if at := strings.Index(lower, word); at >= 0 {
				lines[i] = line[:min(at+len(word), len(line))] + " ***\n"
				break
			}
		}
	}
	return strings.Join(lines, "")
}

func failed(format string, args ...any) agents.Result {
	return agents.Result{Outcome: agents.OutcomeFailed, Reason: fmt.Sprintf(format, args...)}
}
