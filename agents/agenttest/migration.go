package agenttest

import (
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Mover is a Harness of an agent that migrates (agents.Spec.Migrates).
type Mover interface {
	// Other returns the host that the instance can be moved to live: the same instance
	// on another node, the same host each time. It is nil where this instance cannot be
	// moved live although the agent can move others. Requests of migrations have their
	// Peer.
	Other() Harness
}

// otherHost returns the host to move to, or nil if the instance cannot be moved.
func otherHost(t *testing.T, h Harness) Harness {
	t.Helper()
	mover, is := h.(Mover)
	if !is {
		t.Fatal("Spec.Migrates is set, and the harness is no Mover")
	}
	return mover.Other()
}

// migration moves an instance there and back: it runs on one host at a time, and
// the stop that cleans up behind it does not reach it.
func migration(t *testing.T, h Harness) {
	if !h.Agent().Spec().Migrates {
		return
	}
	other := otherHost(t, h)
	if other == nil {
		staysPut(t, h)
		return
	}
	expectStopped(t, other)
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	for _, way := range [][2]Harness{{h, other}, {other, h}} {
		from, to := way[0], way[1]
		ok(t, from, resources.OpMigrateTo, resources.RoleUnknown)
		ok(t, from, resources.OpMigrateTo, resources.RoleUnknown) // the daemon may ask again
		expectStopped(t, from)
		ok(t, to, resources.OpMigrateFrom, resources.RoleUnknown)
		expect(t, "monitor where it has arrived", do(t, to, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
		ok(t, from, resources.OpStop, resources.RoleUnknown)
		expectStopped(t, from)
		expect(t, "monitor after the stop where it was", do(t, to, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	}
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

// staysPut: what cannot be moved live is not moved, and runs on.
func staysPut(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	result := do(t, h, resources.OpMigrateTo, resources.RoleUnknown)
	if result.Outcome == agents.OutcomeOK || result.Outcome.Hard() || result.Outcome.Fatal() {
		t.Errorf("migrate_to of what cannot be moved live: outcome %s, want one that says nothing against its node (%s)", result.Outcome, result.Reason)
	}
	expect(t, "monitor", do(t, h, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	ok(t, h, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, h)
}

// strandedMigration: what has left and is not to arrive ends by a stop on both
// hosts, and starts again on either.
func strandedMigration(t *testing.T, h Harness) {
	if !h.Agent().Spec().Migrates {
		return
	}
	other := otherHost(t, h)
	if other == nil {
		return
	}
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	ok(t, h, resources.OpMigrateTo, resources.RoleUnknown)
	for _, host := range []Harness{h, other} {
		ok(t, host, resources.OpStop, resources.RoleUnknown)
		expectStopped(t, host)
	}
	ok(t, other, resources.OpStart, resources.RoleUnknown)
	expect(t, "monitor", do(t, other, resources.OpMonitor, resources.RoleStarted), agents.OutcomeOK, resources.RoleStarted)
	expectStopped(t, h)
	ok(t, other, resources.OpStop, resources.RoleUnknown)
	expectStopped(t, other)
}
