package leader

import (
	"slices"

	"github.com/belay-ha/belay/cluster/state"
)

// changeVoters brings the log's configuration into line with the state: members
// that have started get the vote they are due, removed ones leave. One change at
// a time.
func (c *Core) changeVoters() {
	if c.changing || len(c.in.Log.Members) == 0 {
		return
	}
	change := voterChange(c.s, c.in.Log)
	switch {
	case change == nil:
	case c.in.Now.Before(c.voteAfter):
		c.wakeAt(c.voteAfter)
	default:
		c.out.Voters, c.changing = change, true
		c.voteAfter = c.in.Now.Add(tick) // it may fail
	}
}

// voterChange returns the next change that is due, or nil.
func voterChange(s *state.State, log Configuration) *VoterChange {
	for _, member := range log.Members {
		node, known := s.Nodes[member.Name]
		switch {
		case !known && s.Cluster.ID != "":
			return &VoterChange{Remove, member.Name, "", log.Index}
		case known && node.Voter && !member.Voter && node.Liveness == state.LivenessAlive && node.Incarnation != "":
			return &VoterChange{AddVoter, member.Name, node.Address, log.Index}
		case known && !node.Voter && member.Voter:
			return &VoterChange{Demote, member.Name, "", log.Index}
		}
	}
	for _, name := range s.NodeNames() {
		listed := slices.ContainsFunc(log.Members, func(m LogMember) bool { return m.Name == name })
		if !listed && s.Nodes[name].Address != "" {
			return &VoterChange{AddNonvoter, name, s.Nodes[name].Address, log.Index}
		}
	}
	return nil
}

// raiseVersion lets the cluster use newer commands as soon as every member has
// said that it understands them.
func (c *Core) raiseVersion() {
	newest := state.Version
	for _, member := range c.s.Nodes {
		newest = min(newest, member.Software)
	}
	if newest > c.s.Version {
		c.propose(&state.VersionRaised{Version: newest})
	}
}
