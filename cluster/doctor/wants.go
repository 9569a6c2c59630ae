package doctor

import (
	"path"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Wants is what a definition needs of one host, to be looked for there.
type Wants struct {
	Units    []Unit    `json:"units,omitempty"`
	Programs []Program `json:"programs,omitempty"`
}

// ocfRoot is where OCF agents live (OCF Resource Agent API 1.1, "Agents and
// Directories").
const ocfRoot = "/usr/lib/ocf"

// The most that one host is searched for.
const (
	maxUnits    = 512
	maxPrograms = 512
)

// WantsOf lists what a node needs by the definition: the units of resources and
// the programs of resources and fence devices.
func WantsOf(def *resources.Definition, specs []agents.Spec) Wants {
	var wants Wants
	for _, r := range def.Resolved().Everything() {
		kind, rest, _ := strings.Cut(r.Agent, ":")
		switch unit := unitOf(&r, specs); {
		case unit != "":
			wants.unit(unit, r.ID)
		case kind == "ocf":
			if provider, name, ok := strings.Cut(rest, ":"); ok {
				wants.program(Program{Path: path.Join(ocfRoot, "resource.d", provider, name), For: string(r.ID)})
			}
		case kind == "process" && strings.HasPrefix(r.Params["command"], "/"):
			wants.program(Program{Path: r.Params["command"], For: string(r.ID)})
		}
	}
	for _, f := range def.Fences {
		if strings.HasPrefix(f.Agent, "fence_") {
			wants.program(Program{Path: f.Agent, For: f.ID, Fence: true})
		}
	}
	return wants
}

// UnitOf returns the systemd unit that a resource manages, "" for none.
func UnitOf(r *resources.Resource, specs []agents.Spec) string { return unitOf(r, specs) }

// unitOf is the systemd unit that a resource manages: its agent's suffix, or what
// the agent calls its unit parameter.
func unitOf(r *resources.Resource, specs []agents.Spec) string {
	if unit, is := strings.CutPrefix(r.Agent, "systemd:"); is {
		if !strings.Contains(unit, ".") {
			unit += ".service"
		}
		return unit
	}
	i := slices.IndexFunc(specs, func(s agents.Spec) bool { return s.Name == r.Agent })
	if i < 0 {
		return ""
	}
	for _, p := range specs[i].Params {
		if p.Name != "unit" {
			continue
		}
		if unit := r.Params["unit"]; unit != "" {
			return unit
		}
		return p.Default
	}
	return ""
}

func (w *Wants) unit(name string, of resources.ResourceID) {
	if len(w.Units) < maxUnits && !slices.ContainsFunc(w.Units, func(u Unit) bool { return u.Name == name }) {
		w.Units = append(w.Units, Unit{Name: name, Resource: of})
	}
}

func (w *Wants) program(p Program) {
	if len(w.Programs) < maxPrograms && !slices.ContainsFunc(w.Programs, func(q Program) bool { return q.Path == p.Path }) {
		w.Programs = append(w.Programs, p)
	}
}

// anywhere reports whether a resource has no constraint about nodes, so that each
// of them must be able to run it.
func anywhere(def *resources.Definition, id resources.ResourceID) bool {
	resolved := def.Resolved()
	ids := []resources.ResourceID{id}
	if g, member := resolved.GroupOf(id); member {
		ids = append(ids, g.ID)
	}
	r, found := resolved.Resource(id)
	return !slices.ContainsFunc(resolved.Locations, func(l resources.Location) bool {
		return slices.Contains(ids, l.Resource) || l.Selector != nil && (!found || l.Selector.Agent == "" || l.Selector.Matches(r))
	})
}
