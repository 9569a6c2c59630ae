package process

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

func TestAUnitThatEndsAtOnceIsAFailure(t *testing.T) {
	h := newHarness(t).(*harness)
	h.units.Change(func(s *agents.UnitState) { s.Load = "not-found" })
	gone := &agents.UnitError{Verb: "start", Job: "done", State: agents.UnitState{Unit: "belay-node-1-web.service", Load: "not-found", Active: "inactive"}}
	h.units.OnStart = func(context.Context) error { return gone }
	got := New(h.units, h.runner, zap.NewNop()).Start(t.Context(), h.Request(resources.OpStart))
	if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "ended at once") {
		t.Errorf("got %+v", got)
	}
}
