// Package agenttest holds the contract that every agent must keep, as tests: an
// agent's own test builds a Harness over fakes of what the agent uses and runs
// it here. The package starts no goroutine but for the calls that it measures,
// and waits for each.
package agenttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// Harness is one instance of one agent over a host of fakes. A new one is made
// for each case; it registers its own clean-up.
type Harness interface {
	// Agent returns an agent over the host, fresh each time: agents keep nothing
	// between calls, because the daemon may restart between any two.
	Agent() agents.Agent
	// Request returns a call that is complete but for its context: parameters,
	// view, advice and directories, the same instance each time.
	Request(op resources.Op) agents.Request
	// Running reports whether the service, or a part of it, runs, by the fakes'
	// own books.
	Running() bool
	// Hang makes everything outside the agent block until its context ends, or
	// work again.
	Hang(hang bool)
	// Noise makes everything outside the agent fail, saying much more than
	// agents.MaxOutput, with every secret in it.
	Noise()
	// Secrets are the values of the secret parameters in Request.
	Secrets() []string
}

// Commander is a Harness that knows which programs its agent has run.
type Commander interface {
	Commands() []agents.Command
}

// Run checks the contract in real time.
func Run(t *testing.T, build func(t *testing.T) Harness) {
	run(t, build, func(t *testing.T, body func(*testing.T)) { body(t) })
}

// RunBubbled checks the contract in a synctest bubble per case, so that an
// agent's waiting takes no time. Only for harnesses without sockets or
// programs.
func RunBubbled(t *testing.T, build func(t *testing.T) Harness) {
	run(t, build, bubble.Test)
}

// deadline of the operations that are made to hang, and how much longer a call
// may take to return.
const (
	deadline = 2 * time.Second
	slack    = 2 * time.Second
)

func run(t *testing.T, build func(t *testing.T) Harness, within func(*testing.T, func(*testing.T))) {
	cases := []struct {
		name string
		body func(*testing.T, Harness)
	}{
		{"spec is complete", specIsComplete},
		{"probe of what never ran", probeOfStopped},
		{"start, monitor, stop, monitor", lifecycle},
		{"promote, monitor, demote, monitor", promotion},
		{"second start and second stop succeed", idempotence},
		{"stop of what never ran", stopOfStopped},
		{"start after stop", restart},
		{"migrate there and back", migration},
		{"a migration that does not arrive is stopped", strandedMigration},
		{"a hung host makes every result unknown, in time", hanging},
		{"an ended context is obeyed", ended},
		{"every secret is planted and searched for", searchable},
		{"output is bounded and holds no secret", discretion},
		{"parameters that cannot be read are misconfigured", misconfiguration},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(t *testing.T) { c.body(t, build(t)) })
		})
	}
}

// do calls the method for the operation with the request's own timeout.
func do(t *testing.T, h Harness, op resources.Op, role resources.Role) agents.Result {
	t.Helper()
	request := h.Request(op)
	request.Role = role
	timeout := request.Timeout
	if timeout <= 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	result := invoke(ctx, h.Agent(), request)
	if result.Attributes != nil && len(result.Attributes) == 0 {
		// The log would drop an empty map, and what was reported before would stay.
		t.Errorf("%s: attributes are empty but not nil", op)
	}
	return result
}

func invoke(ctx context.Context, agent agents.Agent, request agents.Request) agents.Result {
	switch request.Op {
	case resources.OpStart:
		return agent.Start(ctx, request)
	case resources.OpStop:
		return agent.Stop(ctx, request)
	case resources.OpPromote:
		return agent.Promote(ctx, request)
	case resources.OpDemote:
		return agent.Demote(ctx, request)
	case resources.OpMonitor, resources.OpProbe:
		return agent.Monitor(ctx, request)
	case resources.OpMigrateTo:
		return agent.(agents.Migrator).MigrateTo(ctx, request)
	case resources.OpMigrateFrom:
		return agent.(agents.Migrator).MigrateFrom(ctx, request)
	}
	panic("agenttest: no method for " + string(request.Op))
}

func expect(t *testing.T, what string, got agents.Result, outcome agents.Outcome, role resources.Role) {
	t.Helper()
	if got.Outcome != outcome {
		t.Fatalf("%s: outcome %s, want %s (%s)\n%s", what, got.Outcome, outcome, got.Reason, got.Output)
	}
	if role != resources.RoleUnknown && got.Role != role {
		t.Fatalf("%s: role %s, want %s (%s)", what, got.Role, role, got.Reason)
	}
}

func ok(t *testing.T, h Harness, op resources.Op, role resources.Role) {
	t.Helper()
	expect(t, string(op), do(t, h, op, role), agents.OutcomeOK, resources.RoleUnknown)
}

func expectStopped(t *testing.T, h Harness) {
	t.Helper()
	expect(t, "probe", do(t, h, resources.OpProbe, resources.RoleUnknown), agents.OutcomeNotRunning, resources.RoleStopped)
	if h.Running() {
		t.Fatal("a probe says stopped, but something runs")
	}
}

func specIsComplete(t *testing.T, h Harness) {
	spec := h.Agent().Spec()
	if spec.Name == "" || spec.Summary == "" || strings.Contains(spec.Summary, "\n") {
		t.Errorf("name %q, summary %q", spec.Name, spec.Summary)
	}
	if _, migrates := h.Agent().(agents.Migrator); migrates != spec.Migrates {
		t.Errorf("Spec.Migrates is %v, and whether it is a Migrator %v", spec.Migrates, migrates)
	}
	wanted := []resources.Op{resources.OpStart, resources.OpStop, resources.OpMonitor}
	if spec.Migrates {
		wanted = append(wanted, resources.OpMigrateTo, resources.OpMigrateFrom)
	}
	if spec.Promotable {
		wanted = append(wanted, resources.OpPromote, resources.OpDemote)
	}
	for _, op := range wanted {
		if spec.Timeouts[op] <= 0 {
			t.Errorf("no timeout for %s", op)
		}
	}
	if spec.MonitorInterval <= 0 {
		t.Error("no monitor interval")
	}
	kinds := []agents.Kind{agents.KindString, agents.KindInt, agents.KindBool, agents.KindDuration, agents.KindAddress, agents.KindPrefix, agents.KindEndpoint, agents.KindPath, agents.KindEnum, agents.KindResource}
	seen := map[string]bool{}
	for _, param := range spec.Params {
		if seen[param.Name] || param.Name == "" || param.Description == "" || !slices.Contains(kinds, param.Kind) {
			t.Errorf("parameter %+v is incomplete or stands twice", param)
		}
		seen[param.Name] = true
		if (param.Kind == agents.KindEnum) != (len(param.Enum) > 0) {
			t.Errorf("parameter %s: kind %s, values %v", param.Name, param.Kind, param.Enum)
		}
		if param.Kind == agents.KindEnum && param.Default != "" && !slices.Contains(param.Enum, param.Default) {
			t.Errorf("parameter %s: default %q is not among %v", param.Name, param.Default, param.Enum)
		}
	}
	if again := h.Agent().Spec(); fmt.Sprint(again) != fmt.Sprint(spec) {
		t.Error("the spec changes from call to call")
	}
}

func probeOfStopped(t *testing.T, h Harness) { expectStopped(t, h) }

func lifecycle(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	expect(t, "probe", do(t, h, resources.OpProbe, resources.RoleUnknown), agents.OutcomeOK, resources.RoleStarted)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

func promotion(t *testing.T, h Harness) {
	if !h.Agent().Spec().Promotable {
		expect(t, "promote", do(t, h, resources.OpPromote, resources.RoleUnknown), agents.OutcomeUnsupported, resources.RoleUnknown)
		expect(t, "demote", do(t, h, resources.OpDemote, resources.RoleUnknown), agents.OutcomeUnsupported, resources.RoleUnknown)
		return
	}
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	for range 2 {
		ok(t, h, resources.OpPromote, resources.RoleUnknown)
		expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RolePromoted), agents.OutcomeOK, resources.RolePromoted)
	}
	for range 2 {
		ok(t, h, resources.OpDemote, resources.RoleUnknown)
		expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	}
	ok(t, h, resources.OpPromote, resources.RoleUnknown)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

func idempotence(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

func stopOfStopped(t *testing.T, h Harness) {
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

func restart(t *testing.T, h Harness) {
	for range 2 {
		ok(t, h, resources.OpStart, resources.RoleUnknown)
		expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
		ok(t, h, resources.OpStop, resources.RoleUnknown)
		expectStopped(t, h)
	}
}

// hanging checks that no method outlives its context by much, and that what it
// could not find out is not reported as done or as not done.
func hanging(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	h.Hang(true)
	for _, op := range operations(h) {
		request := h.Request(op)
		request.Role = resources.RoleStarted
		request.Timeout = deadline
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		result := inTime(t, ctx, h.Agent(), request)
		cancel()
		if result.Outcome != agents.OutcomeUnknown {
			t.Errorf("%s on a hung host: outcome %s, want unknown (%s)", op, result.Outcome, result.Reason)
		}
	}
	h.Hang(false)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

// ended checks that a method whose context has ended before it begins returns
// at once, and does not claim that it did something.
func ended(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	h.Hang(true)
	for _, op := range operations(h) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result := inTime(t, ctx, h.Agent(), h.Request(op))
		if result.Outcome != agents.OutcomeUnknown && result.Outcome != agents.OutcomeCancelled {
			t.Errorf("%s with an ended context: outcome %s, want unknown or cancelled (%s)", op, result.Outcome, result.Reason)
		}
	}
	h.Hang(false)
}

func operations(h Harness) []resources.Op {
	ops := []resources.Op{resources.OpMonitor, resources.OpProbe, resources.OpStart, resources.OpStop}
	if mover, moves := h.(Mover); moves && mover.Other() != nil {
		ops = append(ops, resources.OpMigrateTo, resources.OpMigrateFrom)
	}
	if h.Agent().Spec().Promotable {
		ops = append(ops, resources.OpPromote, resources.OpDemote)
	}
	return ops
}

func inTime(t *testing.T, ctx context.Context, agent agents.Agent, request agents.Request) agents.Result {
	t.Helper()
	results := make(chan agents.Result, 1)
	go func() { results <- invoke(ctx, agent, request) }()
	select {
	case <-ctx.Done():
	case result := <-results:
		return result
	}
	late := time.NewTimer(slack)
	defer late.Stop()
	select {
	case result := <-results:
		return result
	case <-late.C:
		t.Fatalf("%s has not returned %s after its deadline", request.Op, slack)
		return agents.Result{}
	}
}

// misconfiguration gives each parameter that has a grammar a value outside of
// it.
func misconfiguration(t *testing.T, h Harness) {
	for _, param := range h.Agent().Spec().Params {
		switch param.Kind {
		case agents.KindInt, agents.KindBool, agents.KindDuration, agents.KindEnum, agents.KindPath:
		default:
			continue
		}
		if strings.Contains(param.Name, "*") {
			continue
		}
		for _, op := range []resources.Op{resources.OpStart, resources.OpMonitor} {
			request := h.Request(op)
			params := resources.Params{}
			for name, value := range request.Params {
				params[name] = value
			}
			params[param.Name] = "no such value"
			request.Params = params
			result := invoke(t.Context(), h.Agent(), request)
			if result.Outcome != agents.OutcomeMisconfigured {
				t.Errorf("%s with %s = %q: outcome %s, want misconfigured", op, param.Name, params[param.Name], result.Outcome)
			}
			if !strings.Contains(result.Reason, param.Name) {
				t.Errorf("%s: the reason does not name %s: %q", op, param.Name, result.Reason)
			}
		}
	}
	if h.Running() {
		t.Error("a misconfigured start started something")
	}
}
