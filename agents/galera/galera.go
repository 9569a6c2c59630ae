// Package galera runs one member of a MariaDB Galera cluster on this host, as
// mariadb.service, and decides as an Advisor which member may bootstrap the
// cluster after an outage.
//
// Start only records the member's position; mysqld runs from promote to
// demote, so nothing forms a cluster before every member's position has been
// compared. The package owns mysqld's unit, grastate.dat and gvwstate.dat, and
// touches no table but to move a data directory away, by renaming, in which a
// state transfer broke off and which the server cannot read. It never bootstraps without the Advisor's word. A promote
// owns one goroutine while it waits for systemd and ends it before it returns.
package galera

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// Server asks a running mysqld for its wsrep status. An error that wraps a
// context error means that nobody knows.
type Server interface {
	Status(ctx context.Context, at Login) (Status, error)
}

// Host is everything outside that the agent uses.
type Host struct {
	// Root is put before every path; "" on a real host.
	Root  string
	Units Units
	Run   Runner
	// Server nil means the unix socket.
	Server Server
	// Reachable reports whether something accepts connections at host:port; nil
	// means a TCP connection.
	Reachable func(ctx context.Context, address string) bool
	// Leaves reports whether the files of a directory can be renamed to beside it;
	// nil means a try.
	Leaves func(dir string) bool
	// Now nil means time.Now.
	Now func() time.Time
}

// Agent runs Galera members. It holds no state of its own and is safe for
// concurrent use.
type Agent struct {
	host Host
	log  *zap.Logger
}

// New returns the agent. It does no I/O.
func New(host Host, log *zap.Logger) *Agent {
	if host.Server == nil {
		host.Server = Socket{}
	}
	if host.Reachable == nil {
		host.Reachable = reachable
	}
	if host.Leaves == nil {
		host.Leaves = leaves
	}
	if host.Now == nil {
		host.Now = time.Now
	}
	return &Agent{host: host, log: log}
}

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:       "galera",
		Summary:    "MariaDB Galera cluster; bootstraps the newest member after an outage",
		Promotable: true,
		Params:     params(),
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   120 * time.Second,
			resources.OpStop:    180 * time.Second,
			resources.OpPromote: 300 * time.Second,
			resources.OpDemote:  180 * time.Second,
			resources.OpMonitor: 30 * time.Second,
			resources.OpProbe:   30 * time.Second,
		},
		MonitorInterval: 10 * time.Second,
		Monitors: []resources.Operation{
			{Name: resources.OpMonitor, Interval: resources.Duration(10 * time.Second), Timeout: resources.Duration(30 * time.Second), Role: resources.RolePromoted},
			{Name: resources.OpMonitor, Interval: resources.Duration(20 * time.Second), Timeout: resources.Duration(60 * time.Second), Role: resources.RoleStarted},
		},
	}
}

// call is one operation under way.
type call struct {
	*Agent
	settings
	req agents.Request
	// told is what a promote did to the data before mysqld started, or "".
	told string
}

// tell adds it to a result's reason.
func (c *call) tell(reason string) string {
	if c.told == "" {
		return reason
	}
	return reason + "; " + c.told
}

// begin reads the request's parameters.
func (a *Agent) begin(req agents.Request) (*call, agents.Result, bool) {
	settings, err := parse(req.Params)
	if err != nil {
		return nil, agents.Misconfigured(err), false
	}
	return &call{Agent: a, settings: settings, req: req}, agents.Result{}, true
}

// failure turns an error into a result (agents.CallOutcome).
func (c *call) failure(ctx context.Context, err error) agents.Result {
	var unit *agents.UnitError
	result := agents.Result{Outcome: agents.CallOutcome(ctx, err), Reason: c.reason(err)}
	if errors.As(err, &unit) {
		result.Output = c.output(unit.Journal)
	}
	return result
}

func reachable(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func failed(format string, args ...any) agents.Result {
	return agents.Result{Outcome: agents.OutcomeFailed, Reason: fmt.Sprintf(format, args...)}
}
