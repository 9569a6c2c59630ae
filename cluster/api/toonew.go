package api

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// maxNeeds bounds how much of a definition a refusal lists.
const maxNeeds = 20

// TooNew refuses a command that some member would stop at, because it runs an older
// release: the error, of type *Error, says what of it is too new, and whom to upgrade.
// It is nil where every member understands the command.
func TooNew(s *state.State, command state.Command) error {
	needs := state.Needs(command)
	if needs <= s.Version {
		return nil
	}
	refused := &Error{Code: CodeRefused, Reason: ReasonNeedsUpgrade}
	var asking []resources.Need
	if set, ok := command.(*state.DefinitionSet); ok {
		asking = set.Definition.Needs(s.Version)
	}
	what := fmt.Sprintf("this needs command set %d", needs)
	if len(asking) > 0 {
		what = asking[0].String()
		for _, n := range asking[:min(len(asking), maxNeeds)] {
			refused.Details = append(refused.Details, n.String())
		}
		if more := len(asking) - maxNeeds; more > 0 {
			refused.Details = append(refused.Details, fmt.Sprintf("and %d more", more))
		}
	}
	cure, old := upgrades(s, needs)
	refused.Text = fmt.Sprintf("nothing was changed: %s, and the cluster is at %d: %s", what, s.Version, cure)
	refused.Details = append(refused.Details, old...)
	return refused
}

// upgrades says what brings the cluster to a command set, and which members keep it
// from there.
func upgrades(s *state.State, needs int) (cure string, old []string) {
	var upgrade, start []string
	for _, name := range s.NodeNames() {
		switch software := s.Nodes[name].Software; {
		case software == 0: // it has joined and was never there
			start = append(start, string(name))
			old = append(old, fmt.Sprintf("%s has not been there yet", name))
		case software < needs:
			upgrade = append(upgrade, string(name))
			old = append(old, fmt.Sprintf("%s understands command set %d", name, software))
		}
	}
	var cures []string
	if len(upgrade) > 0 {
		cures = append(cures, "upgrade belayd on "+strings.Join(upgrade, ", "))
	}
	if len(start) > 0 {
		cures = append(cures, "start belayd on "+strings.Join(start, ", "))
	}
	if len(cures) == 0 {
		return "every member understands it, and the leader is about to say so: try again in a few seconds", nil
	}
	return strings.Join(cures, " and ") + " first", old
}
