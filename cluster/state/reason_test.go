package state

import (
	"errors"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// TestReasons: why a command is rejected has a name of its own where people can do
// something about it.
func TestReasons(t *testing.T) {
	s := New()
	s.Version, s.Definition = Version, &resources.Definition{Resources: []resources.Resource{{ID: "web", Agent: "vip"}}}
	s.Nodes["a"] = &Node{Name: "a", Liveness: LivenessAlive, Voter: true, Instances: map[resources.InstanceID]*Instance{"web": {ID: "web", Role: resources.RoleStarted, Probed: true}}}
	s.Nodes["b"] = &Node{Name: "b", Liveness: LivenessDead, Voter: true, Instances: map[resources.InstanceID]*Instance{"web": {ID: "web", Role: resources.RoleStarted}}}
	s.Tokens["old"] = &Token{ID: "old", ExpiresAt: epoch.Add(-time.Hour)}
	full := *s
	full.Tickets = map[resources.TicketName]*Ticket{}
	for n := range MaxTickets {
		full.Tickets[resources.TicketName(rune('A'+n))] = &Ticket{}
	}
	if _, result := ApplyCommand(s, s.Index+1, 1, epoch, "alice", &ResourceRestart{Resource: "wbe"}); result.Err == nil || result.Err.Error() != `resource "wbe" is not defined: did you mean "web"?` {
		t.Errorf("a restart of what is not defined: %v", result.Err)
	}
	for want, tc := range map[RejectionReason]struct {
		s *State
		c Command
	}{
		ReasonDefinitionChanged: {s, &DefinitionSet{Base: 99, Definition: &resources.Definition{}}},
		ReasonUnknownNode:       {s, &NodeStandby{Node: "z"}},
		ReasonUnknownResource:   {s, &ResourceMoved{Resource: "z"}},
		ReasonUnknownSecret:     {s, &SecretSet{Secret: "z"}},
		ReasonTokenUnusable:     {s, &MemberJoined{Node: "c", Token: "old"}},
		ReasonNothingRuns:       {s, &ResourceRestart{Resource: "web", Node: "c"}},
		ReasonNodeInUse:         {s, &MemberRemoved{Node: "a"}},
		ReasonNodeNotOff:        {s, &MemberRemoved{Node: "b"}},
		ReasonNodeNotLost:       {s, &FenceConfirmed{Node: "a", Reason: "x"}},
		ReasonAlreadyMember:     {s, &MemberJoined{Node: "a", Token: "old"}},
		ReasonLimitReached:      {&full, &TicketSet{Ticket: "one-more", Granted: new(true)}},
	} {
		_, result := ApplyCommand(tc.s, tc.s.Index+1, 1, epoch, "alice", tc.c)
		var rejection *Rejection
		if !errors.As(result.Err, &rejection) || rejection.Reason != want {
			t.Errorf("want %s, got %+v", want, result.Err)
		}
	}
}
