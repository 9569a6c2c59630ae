package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// A member of an older release would stop at a command that it does not know.
func TestNewerDefinitionsWaitForTheLastUpgrade(t *testing.T) {
	const newest = state.Version
	s := &state.State{Version: state.VersionMore - 1, Nodes: map[resources.NodeName]*state.Node{
		"a": {Name: "a", Software: newest}, "b": {Name: "b", Software: state.VersionMore - 1}, "c": {Name: "c"},
	}}
	newer := &state.DefinitionSet{Definition: &resources.Definition{Fences: []resources.FenceDevice{{ID: "pdu", Agent: "plug", DelayMax: 1}}}}
	wire := refusal(t, s, newer)
	want := "nothing was changed: fence[pdu].delay_max needs command set 3, and the cluster is at 2: upgrade belayd on b and start belayd on c first"
	if wire.Text != want || wire.Reason != ReasonNeedsUpgrade || wire.Code != CodeRefused {
		t.Errorf("%+v", wire)
	}
	details := "fence[pdu].delay_max needs command set 3; b understands command set 2; c has not been there yet"
	if got := strings.Join(wire.Details, "; "); got != details {
		t.Errorf("%s", got)
	}
	if err := TooNew(s, &state.DefinitionSet{Definition: &resources.Definition{}}); err != nil {
		t.Errorf("a definition that all understand: %v", err)
	}
	if wire := refusal(t, s, &state.TicketSet{}); !strings.Contains(wire.Text, "this needs command set 3, and the cluster is at 2") || len(wire.Details) != 2 {
		t.Errorf("a command that is no definition: %+v", wire)
	}
	s.Nodes["b"].Software, s.Nodes["c"].Software = newest, newest
	if wire := refusal(t, s, newer); !strings.Contains(wire.Text, "try again in a few seconds") {
		t.Errorf("all have upgraded: %s", wire.Text)
	}
	s.Version = state.VersionMore
	if err := TooNew(s, newer); err != nil {
		t.Errorf("after the upgrade: %v", err)
	}
}

// A refusal stays short, whatever was asked for.
func TestARefusalForAnUpgradeIsBounded(t *testing.T) {
	d := &resources.Definition{}
	for i := range 2 * maxNeeds {
		d.Tags = append(d.Tags, resources.Tag{ID: resources.ResourceID(fmt.Sprintf("t%d", i))})
	}
	wire := refusal(t, &state.State{Version: 1}, &state.DefinitionSet{Definition: d})
	if len(wire.Details) != maxNeeds+1 || wire.Details[maxNeeds] != "and 20 more" {
		t.Errorf("%q", wire.Details)
	}
}

func refusal(t *testing.T, s *state.State, c state.Command) *Error {
	t.Helper()
	var wire *Error
	if err := TooNew(s, c); !errors.As(err, &wire) {
		t.Fatalf("%v", err)
	}
	return wire
}
