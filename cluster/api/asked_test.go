package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestCommandsInEveryVersion: who may give a command may give it in each version
// of it, such as a definition that says more than the first release could.
func TestCommandsInEveryVersion(t *testing.T) {
	plain := &resources.Definition{Fences: []resources.FenceDevice{{ID: "pdu", Agent: "fence_apc", Targets: []resources.NodeName{"a"}}}}
	more := plain.Clone()
	more.Fences[0].HostMap = map[resources.NodeName]string{"a": "1"}
	cut := plain.Clone()
	cut.Fences[0].Provides = resources.ProvidesUnfencing
	names := map[string]bool{}
	for _, command := range []state.Command{
		&state.DefinitionSet{Definition: plain}, &state.DefinitionSet{Definition: more}, &state.DefinitionSet{Definition: cut},
		&state.FenceRequested{Node: "a"}, &state.FenceRequested{Node: "a", Level: 2}, &state.UnfenceRequested{Node: "a"},
	} {
		entry, err := state.Encode(command, time.Time{}, "")
		if err != nil {
			t.Fatal(err)
		}
		var envelope state.Envelope
		if err := json.Unmarshal(entry, &envelope); err != nil {
			t.Fatal(err)
		}
		names[envelope.Name] = true
		body, err := json.Marshal(CommandRequest{Name: envelope.Name, Data: envelope.Data})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := commandOf(body, Identity{Name: "op", Role: RoleOperator}, asked); err != nil {
			t.Errorf("%s: %v", envelope.Name, err)
		}
		if _, err := commandOf(body, Identity{Name: "v", Role: RoleViewer}, asked); err == nil {
			t.Errorf("%s: a viewer may give it", envelope.Name)
		}
	}
	if len(names) != 6 {
		t.Errorf("the commands are %v", names)
	}
}
