package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Held is something that the cluster would do to one instance, and does not
// because somebody has it left alone.
type Held struct {
	Instance resources.InstanceID
	Node     resources.NodeName
	// Does says in one word what is not done: started, stopped, restarted, promoted,
	// demoted, reloaded or moved.
	Does string
	// Why says who leaves what alone, why and until when; Next ends that.
	Why, Next string
	// Defined says that the definition itself has it left alone, and no command.
	Defined bool
}

// Problem tells of it.
func (h *Held) Problem() transition.Problem {
	return transition.Problem{
		Code: "held_back", Severity: transition.SeverityWarning, Node: h.Node, Resource: h.Instance.Resource(),
		Text: fmt.Sprintf("%s on %s is not %s: %s", h.Instance, h.Node, h.Does, h.Why), Next: h.Next,
	}
}

// HeldBack compares the plan with the one that would be made if nothing were in
// maintenance and everything managed, and returns what is missing, in the order of
// instances and nodes. It is empty where nothing is left alone. What a node in
// maintenance would take over from elsewhere does not count: it is asked for
// nowhere. Nor do restarts that were asked for: the plan tells of those itself.
func HeldBack(s *state.State, now time.Time, opts Options) []Held {
	if !opts.Quorum {
		return nil
	}
	opts.Explain, opts.unheld = false, false
	view := planner{s: s, now: now, opts: opts, memory: &memory{}, unmovable: map[int]bool{}}
	view.memory.forDefinition(s.Definition, now)
	view.def = view.memory.resolved
	view.unpackMaintenance()
	view.unpackNodes()
	view.unpackUnits()
	view.unpackLocations()
	view.unpackStatus()
	if !view.holdsAnything() {
		return nil
	}
	is := plan(s, now, opts, &memory{})
	opts.unheld = true
	would := plan(s, now, opts, &memory{})
	return (&comparison{view: &view, is: &is, would: &would}).held()
}

// holdsAnything reports whether anything is left alone.
func (p *planner) holdsAnything() bool {
	return p.maintenance ||
		slices.ContainsFunc(p.nodes, func(n node) bool { return n.maintenance }) ||
		slices.ContainsFunc(p.prims, func(q prim) bool { return !q.managed })
}

// comparison finds what one plan lacks of another.
type comparison struct {
	view      *planner
	is, would *transition.Transition
	holds     []*Held // by the actions of would; nil for what nothing holds
}

// at is one instance on one node.
type at struct {
	instance resources.InstanceID
	node     resources.NodeName
}

func (c *comparison) held() []Held {
	planned := map[string]bool{}
	for i := range c.is.Actions {
		planned[c.is.Actions[i].Key] = true
	}
	c.holds = make([]*Held, len(c.would.Actions))
	for i := range c.would.Actions {
		if a := &c.would.Actions[i]; !planned[a.Key] && a.InFlight == "" && does[a.Kind] != "" {
			c.holds[i] = c.view.holder(a)
			if c.holds[i] != nil && c.preference(a) {
				c.holds[i] = nil
			}
		}
	}
	// What waits for something that is held is held by the same.
	for changed := true; changed; {
		changed = false
		for i := range c.would.Actions {
			a := &c.would.Actions[i]
			if c.holds[i] != nil || planned[a.Key] || does[a.Kind] == "" {
				continue
			}
			for _, before := range a.After {
				if first := c.holds[before]; first != nil {
					c.holds[i], changed = c.because(a, before), true
					break
				}
			}
		}
	}
	return c.gather()
}

// does are the words for what actions of a kind do; none for those that only look
// or tell, or are about no instance.
var does = map[transition.Kind]string{
	transition.KindStart: "started", transition.KindStop: "stopped", transition.KindPromote: "promoted", transition.KindDemote: "demoted",
	transition.KindReload: "reloaded", transition.KindMigrateTo: "moved", transition.KindMigrateFrom: "moved",
}

// because says that an action waits for another that is held.
func (c *comparison) because(a *transition.Action, before int) *Held {
	held := *c.holds[before]
	if first := c.would.Actions[before].Instance; first != a.Instance {
		held.Why = fmt.Sprintf("it waits for %s: %s", first, held.Why)
	}
	return &held
}

// preference reports whether an action only takes something to a node in
// maintenance that runs elsewhere or is not needed there.
func (c *comparison) preference(a *transition.Action) bool {
	up := a.Kind == transition.KindStart || a.Kind == transition.KindPromote || a.Kind == transition.KindMigrateFrom
	ni, known := c.view.byNode[a.Node]
	if !up || !known || c.view.maintenance || !c.view.nodes[ni].maintenance {
		return false
	}
	if st := c.view.nodes[ni].st.Instances[a.Instance]; st != nil && (st.Role.Active() || st.Failed) {
		return false
	}
	for _, targets := range c.is.Targets {
		for id, role := range targets {
			if id.Resource() == a.Instance.Resource() && role.Active() {
				return true
			}
		}
	}
	return false
}

// gather makes one of what is held of each instance on each node.
func (c *comparison) gather() []Held {
	found := map[at]*Held{}
	var order []at
	for i := range c.would.Actions {
		a, held := &c.would.Actions[i], c.holds[i]
		if held == nil {
			continue
		}
		key := at{a.Instance, a.Node}
		if st := c.view.nodes[c.view.byNode[a.Node]].st.Instances[a.Instance]; st != nil && st.Digest == state.RestartDigest && st.Role.Active() {
			continue // restart_held
		}
		one := found[key]
		if one == nil {
			one = &Held{Instance: a.Instance, Node: a.Node, Does: does[a.Kind], Why: held.Why, Next: held.Next, Defined: held.Defined}
			found[key] = one
			order = append(order, key)
			continue
		}
		one.Does = both(one.Does, does[a.Kind])
	}
	slices.SortFunc(order, func(a, b at) int { return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.node, b.node)) })
	list := make([]Held, len(order))
	for i, key := range order {
		list[i] = *found[key]
	}
	return list
}

// both is one word for two steps of the same instance.
func both(one, other string) string {
	for _, pair := range [][2]string{{one, other}, {other, one}} {
		if (pair[0] == "stopped" && pair[1] == "started") || pair[0] == "restarted" {
			return "restarted"
		}
	}
	for _, stronger := range []string{"moved", "stopped", "promoted", "started"} {
		if one == stronger || other == stronger {
			return stronger
		}
	}
	return one
}

// holder says who has left alone what an action is about; nil for nobody.
func (p *planner) holder(a *transition.Action) *Held {
	ni, known := p.byNode[a.Node]
	qi := slices.IndexFunc(p.prims, func(q prim) bool { return q.id == a.Instance.Resource() })
	if !known || qi < 0 {
		return nil
	}
	return p.heldBy(&p.prims[qi], ni)
}

// heldBy says who has left a primitive alone, on a node or, with -1, anywhere; nil
// for nobody. Only Why, Next and Defined are filled in.
func (p *planner) heldBy(q *prim, ni int) *Held {
	switch m := p.maintenanceOf(q, ni); {
	case m != nil:
		return &Held{Why: m.Words(), Next: "belayctl maintenance end " + m.Scope.Typed()}
	case p.maintenance:
		held := &Held{Why: "maintenance_mode is set", Next: "belayctl property set maintenance_mode=false", Defined: true}
		return p.orRule(held, q, "cluster.maintenance_mode")
	case !q.managed && q.unit >= 0:
		return p.unmanaged(q)
	}
	return nil
}

// maintenanceOf returns the maintenance by command that holds a primitive on a
// node, or with -1 anywhere, the widest first; nil for none.
func (p *planner) maintenanceOf(q *prim, ni int) *state.ScopedMaintenance {
	if m := p.s.Maintenance[state.ScopeCluster]; m.Holds(p.now) {
		return &state.ScopedMaintenance{Scope: state.ScopeCluster, Maintenance: m}
	}
	if p.maintenance {
		return nil // the definition's
	}
	if ni >= 0 && p.nodes[ni].st.InMaintenance(p.now) {
		return &state.ScopedMaintenance{Scope: "node/" + state.Scope(p.nodes[ni].name), Maintenance: p.nodes[ni].st.Maintenance}
	}
	unit := resources.ResourceID("")
	if q.unit >= 0 {
		unit = p.units[q.unit].id
	}
	return p.s.MaintenanceOf(p.now, q.res.Agent, q.id, unit)
}

// unmanaged says what in the definition has a primitive unmanaged: its own
// meta-attributes, those of its group or bundle, or the defaults.
func (p *planner) unmanaged(q *prim) *Held {
	u := &p.units[q.unit]
	of, says, parent := q.id, string(q.id), resources.Meta{}
	if g, found := p.def.Group(u.id); found {
		parent = g.Meta
	}
	defaults := p.def.MetaDefaults(q.res.Agent, p.now)
	name, setting, end := "managed", "managed = false", "belayctl resource manage %s"
	own, whole := q.res.Meta.Managed, parent.Managed
	if meta(own, whole, defaults.Managed, true) {
		name, setting, end = "maintenance", "maintenance = true", "belayctl resource meta %s maintenance=false"
		own, whole = q.res.Meta.Maintenance, parent.Maintenance
	}
	switch {
	case u.bundle != nil:
		of, says = u.id, "bundle "+string(u.id)
	case own != nil:
	case whole != nil:
		of, says = u.id, "group "+string(u.id)
	default:
		says = "what it takes by default"
	}
	held := &Held{Why: fmt.Sprintf("%s has %s", says, setting), Next: fmt.Sprintf(end, of), Defined: true}
	return p.orRule(held, q, "meta."+name)
}

// orRule says of what a rule gives that it does: no command ends that.
func (p *planner) orRule(held *Held, q *prim, value string) *Held {
	if rule := p.byRule(q, -1, value); rule != "" {
		held.Why, held.Next = held.Why+rule, "belayctl explain "+string(q.id)
	}
	return held
}
