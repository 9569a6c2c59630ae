package resources

import "testing"

// TestForeignAgentsThatRun takes OCF agents that can run as they are, and refuses
// what is known to need Pacemaker; on paper, everything goes.
func TestForeignAgentsThatRun(t *testing.T) {
	table := NewAgentTable(AgentInfo{Name: "ocf", Suffix: true, Params: []ParamInfo{{Name: "*", Kind: ParamString, Secret: true}}})
	for agent, runs := range map[string]bool{
		"ocf:heartbeat:Filesystem": true, "ocf:heartbeat:Dummy": true, "ocf:heartbeat:apache": true,
		"ocf:heartbeat:redis": false, "ocf:pacemaker:remote": false, "ocf:neutron:OVSCleanup": false, "ocf:heartbeat": false, "lsb:x": false,
	} {
		def := &Definition{Resources: []Resource{{ID: "x", Agent: agent, Params: Params{"directory": "/srv", "password": "secret://x"}}}}
		if refused := hasUnknownAgent(def, table); refused == runs {
			t.Errorf("%s: refused %v", agent, refused)
		}
		if hasUnknownAgent(def, table.WithForeign()) {
			t.Errorf("%s cannot be planned with", agent)
		}
	}
}

func hasUnknownAgent(def *Definition, table AgentTable) bool {
	for _, p := range Validate(def, table, FenceTable{}) {
		if p.Code == ProblemUnknownAgent || p.Code == ProblemUnknownParam || p.Code == ProblemInvalidParam {
			return true
		}
	}
	return false
}
