package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Empty returns a cluster with a definition whose nodes are all up, where
// nothing runs and nobody has looked at anything yet.
func Empty(def *resources.Definition, now time.Time) *state.State {
	s := state.New()
	s.Index, s.Term, s.Revision, s.At, s.Version = 1, 1, 1, now, state.Version
	s.Cluster.Name, s.Definition = def.Name, def
	for _, n := range def.Nodes {
		s.Nodes[n.Name] = fresh(n.Name, now, len(s.Nodes) < state.MaxVoters && n.Kind != resources.NodeRemote)
	}
	for _, name := range def.InnerNames() {
		s.Nodes[name] = fresh(name, now, false)
	}
	return s
}

func fresh(name resources.NodeName, now time.Time, voter bool) *state.Node {
	return &state.Node{
		Name: name, Voter: voter, JoinedAt: now, Liveness: state.LivenessAlive, Since: now, Incarnation: supposedRun, BootID: supposedRun,
		Instances: map[resources.InstanceID]*state.Instance{},
	}
}

// supposedRun names a run of a daemon, or of a host, that a simulation supposes.
const supposedRun = "simulated"

// Changes are supposed to have happened before a simulation begins.
type Changes struct {
	// Down nodes have stopped everything and left, Lost ones are dead without
	// proof, Up ones have just started.
	Down, Lost, Up, Standby []resources.NodeName
	// Tickets are granted, revoked, put on standby or taken back from there.
	Tickets []state.TicketSet
}

// Apply returns the state after the changes; it fails for a node that is none, and
// for a ticket that nothing needs and nobody has heard of.
func Apply(s *state.State, now time.Time, changes Changes) (*state.State, error) {
	for _, list := range [][]resources.NodeName{changes.Down, changes.Lost, changes.Up, changes.Standby} {
		for _, name := range list {
			if err := known(s, name); err != nil {
				return nil, err
			}
		}
	}
	apply := func(command state.Command) error {
		next, result := state.ApplyCommand(s, s.Index+1, s.Term, now, "simulation", command)
		s = next
		return result.Err
	}
	for _, name := range changes.Up {
		if _, member := s.Nodes[name]; !member {
			joined := *s
			joined.Nodes = maps.Clone(s.Nodes)
			joined.Nodes[name] = fresh(name, now, false)
			s = &joined
			continue
		}
		if s.Nodes[name].Liveness == state.LivenessAlive {
			continue
		}
		run := fmt.Sprintf("%s-%d", supposedRun, s.Index)
		if err := apply(&state.MemberBooted{Node: name, Incarnation: run, BootID: run}); err != nil {
			return nil, err
		}
	}
	verdicts := map[state.Liveness][]resources.NodeName{state.LivenessLeft: changes.Down, state.LivenessDead: changes.Lost}
	for _, verdict := range []state.Liveness{state.LivenessLeft, state.LivenessDead} {
		for _, name := range verdicts[verdict] {
			if s.Nodes[name] == nil {
				return nil, fmt.Errorf("node %q has never joined: it cannot be lost", name)
			}
			if err := apply(&state.MemberVerdict{Node: name, Liveness: verdict, Incarnation: s.Nodes[name].Incarnation}); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range changes.Standby {
		if s.Nodes[name] == nil {
			return nil, fmt.Errorf("node %q has never joined: it cannot be in standby", name)
		}
		if err := apply(&state.NodeStandby{Node: name, Standby: true}); err != nil {
			return nil, err
		}
	}
	for i := range changes.Tickets {
		if err := knownTicket(s, changes.Tickets[i].Ticket); err != nil {
			return nil, err
		}
		if err := apply(&changes.Tickets[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func known(s *state.State, name resources.NodeName) error {
	names := Nodes(s)
	if slices.Contains(names, string(name)) {
		return nil
	}
	if best, close := resources.Nearest(string(name), names); close {
		return fmt.Errorf("no node is called %q: did you mean %q?", name, best)
	}
	return fmt.Errorf("no node is called %q", name)
}

func knownTicket(s *state.State, name resources.TicketName) error {
	if names := Tickets(s); !slices.Contains(names, string(name)) {
		return fmt.Errorf("nothing needs a ticket %q%s", name, orMeant(string(name), names))
	}
	return nil
}

// Tickets lists the names of tickets that the definition needs or the state knows.
func Tickets(s *state.State) []string {
	names := make([]string, 0, len(s.Tickets)+len(s.Definition.Tickets))
	for name := range s.Tickets {
		names = append(names, string(name))
	}
	for _, use := range s.Definition.Tickets {
		names = append(names, string(use.Ticket))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Nodes lists the names of members and of defined nodes.
func Nodes(s *state.State) []string {
	var names []string
	for name := range s.Nodes {
		names = append(names, string(name))
	}
	for _, n := range s.Definition.Nodes {
		names = append(names, string(n.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func sortedIDs(n *state.Node) []resources.InstanceID { return slices.Sorted(maps.Keys(n.Instances)) }

// orMeant asks whether one of the known names was meant.
func orMeant(name string, known []string) string {
	if best, close := resources.Nearest(name, known); close {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ""
}
