package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fenceagent"
	"github.com/belay-ha/belay/resources"
)

// TestSecretsInTheClearAreRefused: whoever sends them; those that an earlier
// release took stay, so that everything else can still be changed.
func TestSecretsInTheClearAreRefused(t *testing.T) {
	device := func(password string) *resources.Definition {
		return &resources.Definition{
			Name: "c", Nodes: []resources.Node{{Name: "a"}},
			Fences: []resources.FenceDevice{{ID: "pdu", Agent: "fence_apc", Targets: []resources.NodeName{"a"}, Params: resources.Params{"ip": "192.0.2.1", "passwd": password}}},
		}
	}
	n := &Node{config: Config{Agents: agents.NewRegistry(), Fences: fencing.NewRegistry(nil, fenceagent.Pattern())}, machine: newMachine(func(*state.State) {})}
	refused := func(password string) bool {
		t.Helper()
		err := n.refuse(&state.DefinitionSet{Definition: device(password)})
		var wire *api.Error
		if err != nil && (!errors.As(err, &wire) || len(wire.Details) != 1 || !strings.Contains(wire.Details[0], "belayctl secret set pdu-passwd") || strings.Contains(wire.Details[0], password)) {
			t.Errorf("refused %s: %v", password, err)
		}
		return err != nil
	}
	if refused("secret://pdu") || !refused("hunter2") {
		t.Error("a reference is refused, or a secret in the clear is not")
	}
	s := state.New()
	s.Definition = device("hunter2")
	n.machine.current.Store(s)
	if refused("hunter2") {
		t.Error("what an earlier release took is refused")
	}
	s.Definition = device("secret://pdu")
	if !refused("hunter2") {
		t.Error("it may come back")
	}
}
