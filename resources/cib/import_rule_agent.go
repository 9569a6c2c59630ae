package cib

import (
	"path"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// agentText writes which resources a rule is about by the names that their agents
// have in the definition: one pattern where that chooses the same, else all names.
func (m *importer) agentText(x *policy.ResourceExpression, at place) (string, bool) {
	var meant []string // agents
	wanted := map[resources.ResourceID]bool{}
	for _, c := range m.primitives(m.in.Resources) {
		fits := (x.Class == "" || x.Class == c.Class) && (x.Provider == "" || x.Provider == c.Provider) && (x.Type == "" || x.Type == c.Type)
		if r, found := m.def.Resource(resources.ResourceID(c.ID)); found && fits {
			wanted[r.ID] = true
			meant = append(meant, r.Agent)
		}
	}
	pattern := agentPattern(x)
	if m.chooses(wanted, func(agent string) bool { fits, _ := path.Match(pattern, agent); return fits }) {
		return "agent in " + quoteText(pattern), true
	}
	if !m.chooses(wanted, func(agent string) bool { return slices.Contains(meant, agent) }) {
		m.lose(at, "resource expression %q cannot be represented: it tells resources apart that have the same agent in Belay", x.ID)
		return "", false
	}
	slices.Sort(meant)
	meant = slices.Compact(meant)
	parts := make([]string, len(meant))
	for i, agent := range meant {
		parts[i] = "agent in " + quoteText(agent)
	}
	if len(parts) == 1 {
		return parts[0], true
	}
	return "(" + strings.Join(parts, " or ") + ")", true
}

// primitives returns all primitives, inside of others, too.
func (m *importer) primitives(all []policy.ResourceConfig) []*policy.ResourceConfig {
	var found []*policy.ResourceConfig
	for i := range all {
		if all[i].Variant == policy.Primitive {
			found = append(found, &all[i])
		}
		found = append(found, m.primitives(all[i].Members)...)
	}
	return found
}

// chooses reports whether a check of agents chooses just the wanted resources.
func (m *importer) chooses(wanted map[resources.ResourceID]bool, fits func(agent string) bool) bool {
	return !slices.ContainsFunc(m.def.Resources, func(r resources.Resource) bool { return fits(r.Agent) != wanted[r.ID] })
}

// agentPattern is what the expression chooses as a pattern for agents' names.
func agentPattern(x *policy.ResourceExpression) string {
	if own, found := resources.OwnAgent(strings.Join([]string{x.Class, x.Provider, x.Type}, ":")); found && x.Class != "" && x.Provider != "" && x.Type != "" {
		return own
	}
	class, provider, kind := otherwise(x.Class, "*"), otherwise(x.Provider, "*"), otherwise(x.Type, "*")
	switch {
	case x.Provider == "" && x.Type == "":
		return class + ":*"
	case x.Provider == "" && x.Class != "ocf":
		return class + ":" + kind
	}
	return class + ":" + provider + ":" + kind
}

// operationText writes which operations a rule is about. A monitor that does not
// recur is a probe in Belay.
func operationText(x *policy.OpExpression) string {
	switch {
	case x.Name == "monitor" && x.Interval == nil:
		return `(op in "monitor" or op in "probe")`
	case x.Name == "monitor" && *x.Interval == 0:
		return `op in "probe"`
	case x.Interval == nil:
		return "op in " + quoteText(x.Name)
	}
	return "op in " + quoteText(x.Name+"/"+resources.Duration(*x.Interval).String())
}
