package state

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// TestRemoteNodesNeverVote: by the definition, whenever it comes.
func TestRemoteNodesNeverVote(t *testing.T) {
	w := newWorld(t)
	set := func(remote ...resources.NodeName) {
		def := w.s.Definition.Clone()
		def.Nodes = []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
		for i := range def.Nodes {
			for _, name := range remote {
				if def.Nodes[i].Name == name {
					def.Nodes[i].Kind = resources.NodeRemote
				}
			}
		}
		w.do(&DefinitionSet{Base: w.s.Revision, Definition: def})
	}
	votes := func(want string) {
		t.Helper()
		got := ""
		for _, name := range w.s.NodeNames() {
			if w.s.Nodes[name].Voter {
				got += string(name)
			}
		}
		if got != want {
			t.Errorf("voters %q, want %q", got, want)
		}
	}
	set("c", "d")
	votes("ab")
	w.do(&TokenCreated{ID: "t-d", ExpiresAt: epoch.Add(time.Hour)})
	w.do(&MemberJoined{Node: "d", Address: "192.0.2.4:7450", Voter: true, Serial: "s-d", Token: "t-d"})
	votes("ab")
	w.rejected(&MemberVoting{Node: "c", Voter: true}, Refused, "never votes")
	set("d")
	votes("abc")
}
