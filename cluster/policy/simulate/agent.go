package simulate

import (
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
)

// agent names what runs a resource.
type agent struct{ class, provider, kind string }

var connectionAgent = agent{"ocf", "pacemaker", "remote"}

// agents finds the agent of a resource by its id, also of those that only a
// bundle or a guest implies.
type agents struct {
	by      map[string]agent
	bundles map[string]string // launcher, by the bundle's id
}

func agentsOf(in *policy.Input) agents {
	a := agents{by: map[string]agent{}, bundles: map[string]string{}}
	for i := range in.Resources {
		a.add(&in.Resources[i])
	}
	return a
}

func (a agents) add(c *policy.ResourceConfig) {
	switch c.Variant {
	case policy.Primitive:
		a.by[c.ID] = agent{c.Class, c.Provider, c.Type}
		for _, set := range c.Meta {
			for _, p := range set.Pairs {
				if p.Name == "remote-node" {
					a.by[p.Value] = connectionAgent
				}
			}
		}
	case policy.Bundle:
		if c.Bundle != nil {
			a.bundles[c.ID] = c.Bundle.Launcher
		}
	}
	for i := range c.Members {
		a.add(&c.Members[i])
	}
}

func (a agents) of(id string) agent {
	if found, ok := a.by[id]; ok {
		return found
	}
	before, _, _ := cutLast(id, "-")
	if _, bundle := a.bundles[before]; bundle {
		return connectionAgent
	}
	if owner, ok := strings.CutSuffix(before, "-ip"); ok {
		if _, bundle := a.bundles[owner]; bundle {
			return agent{"ocf", "heartbeat", "IPaddr2"}
		}
	}
	owner, launcher, _ := cutLast(before, "-")
	if a.bundles[owner] == launcher {
		return agent{"ocf", "heartbeat", launcher}
	}
	return agent{}
}
