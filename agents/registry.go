package agents

import (
	"maps"
	"slices"
	"strings"
)

// Registry finds agents by the name that a definition uses. The caller builds
// it once, from an explicit table; afterwards it is read-only and safe for
// concurrent use.
type Registry struct{ byName map[string]Agent }

// NewRegistry returns a registry of the agents under their specs' names.
func NewRegistry(all ...Agent) Registry {
	byName := make(map[string]Agent, len(all))
	for _, agent := range all {
		byName[agent.Spec().Name] = agent
	}
	return Registry{byName: byName}
}

// Find returns the agent for a definition's agent name, such as "vip" or
// "systemd:nova-api".
func (r Registry) Find(name string) (Agent, bool) {
	base, suffix, hasSuffix := strings.Cut(name, ":")
	agent, found := r.byName[base]
	if !found || agent.Spec().Suffix != (hasSuffix && suffix != "") {
		return nil, false
	}
	return agent, true
}

// Specs returns every agent's spec, by name.
func (r Registry) Specs() []Spec {
	specs := make([]Spec, 0, len(r.byName))
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		specs = append(specs, r.byName[name].Spec())
	}
	return specs
}
