// Package simulated stands in for real services in the embedded development
// cluster (`belayd dev`): an instance is an entry in its host's memory, which a
// power cut empties. It starts no goroutine and touches nothing of the machine.
package simulated

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Host is the simulated host of one member. All methods are safe for
// concurrent use.
type Host struct {
	mu      sync.Mutex
	powered bool
	roles   map[resources.InstanceID]resources.Role
	broken  map[resources.InstanceID]string
}

// NewHost returns a host that is switched on and runs nothing.
func NewHost() *Host {
	return &Host{powered: true, roles: map[resources.InstanceID]resources.Role{}, broken: map[resources.InstanceID]string{}}
}

// Power switches the host; off loses everything that ran.
func (h *Host) Power(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.powered = on
	if !on {
		clear(h.roles)
		clear(h.broken)
	}
}

// Break makes the instance's monitors fail with the reason until it is
// restarted; Kill ends it as a crash does.
func (h *Host) Break(id resources.InstanceID, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken[id] = reason
}

// Kill ends the instance as a crash does.
func (h *Host) Kill(id resources.InstanceID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.roles, id)
}

// Running returns the instance's role on this host; RoleStopped if it does not
// run.
func (h *Host) Running(id resources.InstanceID) resources.Role {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.roles[id], resources.RoleStopped)
}

// agent simulates any agent with the given spec.
type agent struct {
	spec agents.Spec
	host *Host
	// delay is how long each action takes.
	delay time.Duration
}

// New returns an agent that has the given spec, and so takes the same
// definitions as the real one, but runs its instances on the host.
func New(spec agents.Spec, host *Host, delay time.Duration) agents.Agent {
	return &agent{spec: spec, host: host, delay: delay}
}

// Spec returns the imitated agent's spec.
func (a *agent) Spec() agents.Spec { return a.spec }

// Start makes the instance run.
func (a *agent) Start(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RoleStarted)
}

// Stop ends the instance.
func (a *agent) Stop(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RoleStopped)
}

// Promote raises the instance.
func (a *agent) Promote(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RolePromoted)
}

// Demote lowers the instance.
func (a *agent) Demote(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RoleStarted)
}

// MigrateTo hands the instance over: it runs here no more.
func (a *agent) MigrateTo(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RoleStopped)
}

// MigrateFrom takes the instance over.
func (a *agent) MigrateFrom(ctx context.Context, r agents.Request) agents.Result {
	return a.act(ctx, r, resources.RoleStarted)
}

func (a *agent) act(ctx context.Context, r agents.Request, role resources.Role) agents.Result {
	timer := time.NewTimer(a.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return agents.Result{Outcome: agents.OutcomeUnknown, Reason: fmt.Sprintf("%s was cut short: %v", r.Op, context.Cause(ctx))}
	}
	a.host.mu.Lock()
	defer a.host.mu.Unlock()
	if !a.host.powered {
		return agents.Result{Outcome: agents.OutcomeUnknown, Reason: "the simulated host has no power"}
	}
	if role == resources.RoleStopped {
		delete(a.host.roles, r.Instance)
	} else {
		a.host.roles[r.Instance] = role
	}
	if role <= resources.RoleStarted {
		delete(a.host.broken, r.Instance)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: role}
}

// Monitor looks at the host's memory.
func (a *agent) Monitor(_ context.Context, r agents.Request) agents.Result {
	a.host.mu.Lock()
	defer a.host.mu.Unlock()
	role, runs := a.host.roles[r.Instance]
	switch reason, broken := a.host.broken[r.Instance]; {
	case !a.host.powered:
		return agents.Result{Outcome: agents.OutcomeUnknown, Reason: "the simulated host has no power"}
	case !runs:
		return agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped}
	case broken:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: role, Reason: reason}
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: role}
}
