package scheduler

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// byRule says which rules give what a reason is about: the values of a primitive
// whose names begin so. node is negative where it does not matter.
func (p *planner) byRule(q *prim, node int, prefix string) string {
	if !p.memory.ruled {
		return ""
	}
	at := resources.Scene{Now: p.now}
	if node >= 0 {
		at.Attributes = p.nodes[node].attrs
	}
	var told []string
	for _, given := range p.s.Definition.Given(q.id, at) {
		if strings.HasPrefix(given.Name, prefix) {
			told = append(told, given.String())
		}
	}
	if len(told) == 0 {
		return ""
	}
	return " (" + strings.Join(told, ", ") + ")"
}
