// Package podman runs containers by podman's command line: one container an
// instance, made from an image when it starts and removed when it stops.
//
// A container is the cluster's own by its labels. One that anybody else has made is
// never started, stopped or removed, whatever its name. The package starts no
// goroutine and keeps nothing between calls: what runs is asked of podman each time.
package podman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Program is where podman is installed.
const Program = "/usr/bin/podman"

// Runner runs podman; agents/command.Runner does.
type Runner interface {
	Run(ctx context.Context, c agents.Command) (agents.Exit, error)
}

// Host is what the agent needs of its host.
type Host struct {
	Run Runner
	// Program is podman's absolute path; "" is the constant Program.
	Program string
	// MakeDir makes a directory with its parents; nil is os.MkdirAll, readable by all.
	MakeDir func(path string) error
	// Began tells when a container's first process began, in any form; "" if it is gone,
	// or a zombie. nil asks /proc.
	Began func(pid int) string
}

// Agent runs containers. It is safe for concurrent use.
type Agent struct {
	host Host
	log  *zap.Logger
}

// New returns the agent. It does no I/O.
func New(host Host, log *zap.Logger) *Agent {
	if host.Program == "" {
		host.Program = Program
	}
	if host.MakeDir == nil {
		host.MakeDir = func(path string) error { return os.MkdirAll(path, 0o755) }
	}
	if host.Began == nil {
		host.Began = began
	}
	return &Agent{host: host, log: log}
}

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "podman",
		Summary: "a container of podman's; what bundles are made of",
		Params: []agents.Param{
			{Name: "image", Kind: agents.KindString, Required: true, Description: "the image, as podman names it"},
			{Name: "pull", Kind: agents.KindEnum, Enum: []string{"never", "missing"}, Default: "never", Description: "whether a start may fetch an image that the node lacks"},
			{Name: "command", Kind: agents.KindString, Description: "what runs in the container, split as a shell does; default the image's own"},
			{Name: "options", Kind: agents.KindString, Description: "further options of podman run, split as a shell does; visible to every user of the node"},
			{Name: "network", Kind: agents.KindString, Description: "podman's --network, such as host; default podman's own"},
			{Name: "hostname", Kind: agents.KindString, Description: "the container's host name; default podman's choice"},
			{Name: "host.*", Kind: agents.KindAddress, Description: "a host name that the container knows, with its address"},
			{Name: "port.*", Kind: agents.KindString, Description: "a port of the host that leads into the container: [ADDRESS:]PORT:PORT, or ranges"},
			{Name: "mount.*", Kind: agents.KindString, Description: "a directory or file of the host in the container: SOURCE:TARGET[:OPTIONS]"},
			{Name: "directory.*", Kind: agents.KindPath, Description: "a directory of the host that is made before the container starts"},
			{Name: "env.*", Kind: agents.KindString, Secret: true, Description: "environment variables of the container"},
			{Name: "settle", Kind: agents.KindDuration, Default: "1s", Description: "how long the container must stay up before the start counts"},
			{Name: "check_timeout", Kind: agents.KindDuration, Default: "10s", Description: "deadline of one health check, where the image or options (--health-cmd) define one"},
			{Name: "stop_timeout", Kind: agents.KindDuration, Description: "how long the container may take to stop before its processes get SIGKILL; default its own (--stop-timeout), 10s"},
		},
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   120 * time.Second,
			resources.OpStop:    90 * time.Second,
			resources.OpMonitor: 30 * time.Second,
			resources.OpProbe:   30 * time.Second,
		},
		MonitorInterval: 20 * time.Second,
	}
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result { return unsupported() }

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result { return unsupported() }

func unsupported() agents.Result {
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: "a container has no promoted role"}
}

// Monitor looks at the container, and asks its health check where it has one. Bad
// parameters hide no container that runs with older ones.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, bad := parse(req)
	c, err := a.look(ctx, req, req.Op == resources.OpProbe)
	switch {
	case err != nil:
		return a.failed(ctx, s, err)
	case c == nil && bad != nil:
		return misconfigured(bad)
	case c == nil:
		return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Reason: absence(req)}
	case c.condition() == down:
		result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
		if req.Role.Active() {
			result.Reason, result.Output = c.String(), s.hide(a.words(ctx, c))
		}
		return result
	case c.condition() == between:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: c.String()}
	}
	if err := a.healthy(ctx, s, c); err != nil {
		result := a.failed(ctx, s, fmt.Errorf("it runs but does not serve: %w", err))
		result.Role = resources.RoleStarted
		return result
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// absence says that what should run is not there at all.
func absence(req agents.Request) string {
	if !req.Role.Active() {
		return ""
	}
	return fmt.Sprintf("there is no container %s any more: somebody has removed it", containerName(req.Instance))
}

// errMissing says that the node lacks something; errForbidden that it has something
// which must not be touched.
var errMissing, errForbidden = errors.New("missing"), errors.New("forbidden")

// failed turns an error into a result: unknown when the operation's time was up.
func (a *Agent) failed(ctx context.Context, s settings, err error) agents.Result {
	result := agents.Result{Outcome: agents.OutcomeFailed, Reason: s.hide(oneLine(err))}
	switch {
	case ctx.Err() != nil:
		result.Outcome = agents.OutcomeUnknown
	case errors.Is(err, agents.ErrNoProgram):
		result.Outcome = agents.OutcomeNotInstalled
		result.Reason = fmt.Sprintf("%s is not on this node: apt-get install podman", a.host.Program)
	case errors.Is(err, errMissing):
		result.Outcome = agents.OutcomeNotInstalled
	case errors.Is(err, errForbidden):
		result.Outcome = agents.OutcomeNotPermitted
	}
	return result
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func misconfigured(err error) agents.Result {
	return agents.Result{Outcome: agents.OutcomeMisconfigured, Reason: oneLine(err)}
}

// began returns when a container's process began, in ticks since the host's start:
// another one may have its number later. One that shares belayd's own process table is
// such another: containers have tables of their own.
func began(pid int) string {
	own, err := os.Readlink("/proc/self/ns/pid")
	if table, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err == nil && err2 == nil && table == own {
		return ""
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything; fields 3 and 22 of proc(5).
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}
