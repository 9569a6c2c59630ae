package main

import (
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// tables returns what validation needs to know of the agents.
func (a *app) tables() (resources.AgentTable, resources.FenceTable) {
	return definition.Agents(a.agents.Specs()), definition.Fences(a.fences)
}
