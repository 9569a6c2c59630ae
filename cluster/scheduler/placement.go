package scheduler

import (
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// The policy engine decides where everything runs. It is told of a cluster in
// its own terms: what runs where (with what is in flight counted as done), what
// is to be left alone, which nodes take resources, and who was banned. What led
// to that, failures, fencing and unknown outcomes, is judged here.

// cloneSuffix tells a clone from what is cloned: they share an id in
// definitions, and no id holds the sign.
const cloneSuffix = "*"

// placeAll asks the engine and files its answer with the units.
func (p *planner) placeAll() {
	in := p.policyInput()
	answer := p.memory.engine.Place(in, p.opts.Explain)
	for ui := range p.units {
		p.units[ui].at = nil
	}
	for _, placed := range answer.Placed {
		qi, known := p.byPrim[resources.ResourceID(placed.Base)]
		n, found := p.byNode[resources.NodeName(placed.Node)]
		if !known || !found {
			continue
		}
		u := &p.units[p.prims[qi].unit]
		role := resources.RoleStarted
		if placed.Role == policy.RolePromoted {
			role = resources.RolePromoted
		}
		if u.at == nil {
			u.at = make(map[placeKey]resources.Role, len(u.prims)*max(u.max, 1))
		}
		u.at[placeKey{qi, p.copyNumber(u, placed.Resource), n}] = role
	}
	p.scores = answer.Scores
}

// placeKey is one copy of a primitive on a node.
type placeKey struct{ prim, copy, node int }

// copyNumber reads an instance's number; copies of anonymous clones have none
// that means anything.
func (p *planner) copyNumber(u *unit, instance string) int {
	if !u.unique {
		return 0
	}
	_, number, _ := strings.Cut(instance, ":")
	copy, err := strconv.Atoi(number)
	if err != nil || copy >= u.max {
		return 0
	}
	return copy
}

// policyInput describes the cluster to the engine.
func (p *planner) policyInput() *policy.Input {
	in := &policy.Input{Quorum: true, Now: p.now, Own: true, Locations: p.locations, Options: []policy.AttributeSet{{Pairs: p.policyOptions()}}}
	told := len(p.nodes) // the replicas of bundles are known to the engine by themselves
	for told > 0 && p.nodes[told-1].inner && !p.isGuest(told-1) {
		told--
	}
	in.Nodes = make([]policy.NodeConfig, told)
	in.Status = make([]policy.NodeStatus, len(p.nodes))
	for n := range p.nodes {
		if n >= told {
			in.Status[n] = p.policyStatus(n)
			continue
		}
		name := string(p.nodes[n].name)
		in.Nodes[n] = policy.NodeConfig{ID: name, Name: name, Attributes: set(attributePairs(p.nodes[n].attrs))}
		if defined, found := p.def.Node(p.nodes[n].name); found {
			in.Nodes[n].Utilization = policyUtilization(defined.Utilization)
		}
		in.Status[n] = p.policyStatus(n)
		if p.nodes[n].inner {
			in.Nodes[n].Kind = policy.KindRemote
		}
	}
	in.Resources = p.policyResources()
	for ui := range p.units {
		p.policyPromotion(in, &p.units[ui])
	}
	p.connectRemotes(in)
	active := make([]int, len(p.nodes))
	for k := range p.insts {
		if i := &p.insts[k]; i.active() {
			active[i.node]++
		}
	}
	for n := range in.Status {
		in.Status[n].History = make([]policy.ResourceHistory, 0, active[n])
	}
	for qi := range p.prims {
		p.policyHistory(in, qi)
	}
	for n := range in.Status {
		in.Status[n].History = p.sameHistory(p.nodes[n].name, in.Status[n].History)
	}
	for i := range p.def.Colocations {
		in.Colocations = append(in.Colocations, p.policyColocation(&p.def.Colocations[i]))
	}
	return in
}

// policyOptions says that nothing but placing is the engine's: neither quorum
// nor fencing.
func (p *planner) policyOptions() []policy.Pair {
	given := &p.def.Properties
	pairs := []policy.Pair{
		{Name: "fencing-enabled", Value: "false"}, {Name: "no-quorum-policy", Value: "ignore"},
		{Name: "symmetric-cluster", Value: strconv.FormatBool(resources.Or(given.SymmetricCluster, true))},
		{Name: "placement-strategy", Value: string(given.PlacementStrategy)},
		{Name: "node-health-strategy", Value: strings.ReplaceAll(string(given.NodeHealthStrategy), "_", "-")},
	}
	for _, health := range []struct {
		name  string
		score *resources.Score
	}{
		{"node-health-base", given.NodeHealthBase}, {"node-health-green", given.NodeHealthGreen},
		{"node-health-yellow", given.NodeHealthYellow}, {"node-health-red", given.NodeHealthRed},
	} {
		if health.score != nil {
			pairs = append(pairs, policy.Pair{Name: health.name, Value: health.score.String()})
		}
	}
	return pairs
}

// policyUtilization describes amounts: their order means nothing.
func policyUtilization(amounts resources.Utilization) []policy.AttributeSet {
	if len(amounts) == 0 {
		return nil
	}
	pairs := make([]policy.Pair, 0, len(amounts))
	for name, amount := range amounts {
		pairs = append(pairs, policy.Pair{Name: name, Value: strconv.Itoa(amount)})
	}
	return set(pairs)
}

// policyStatus describes a node: one that takes nothing new is in standby, one
// that may run nothing any more, or whose end is awaited, is gone.
func (p *planner) policyStatus(n int) policy.NodeStatus {
	node := &p.nodes[n]
	s := policy.NodeStatus{ID: string(node.name), Name: string(node.name), InMembership: "true", Peer: "online", Join: "member", Expected: "member"}
	switch {
	case node.inner:
		return policy.NodeStatus{ID: s.ID, Name: s.Name, Remote: true}
	case node.unclean || !node.alive:
		s.InMembership, s.Peer, s.Join, s.Expected = "false", "offline", "down", "down"
	case !node.usable():
		s.Attributes = set([]policy.Pair{{Name: "standby", Value: "true"}})
	}
	return s
}

// policyResources describes what is defined. Nobody may write into the result.
func (p *planner) policyResources() []policy.ResourceConfig {
	if wishes := p.wishes(); p.memory.resources == nil || !slices.Equal(wishes, p.memory.wishes) {
		all := make([]policy.ResourceConfig, 0, len(p.units))
		for ui := range p.units {
			if p.units[ui].inside == nil { // what runs in a bundle is told with it
				all = append(all, p.policyResource(&p.units[ui]))
			}
		}
		p.memory.resources, p.memory.wishes = slices.Clip(all), wishes
	}
	return p.memory.resources
}

func (p *planner) policyResource(u *unit) policy.ResourceConfig {
	if u.bundle != nil {
		return p.policyBundle(u)
	}
	members := make([]policy.ResourceConfig, len(u.prims))
	for k, qi := range u.prims {
		members[k] = p.policyPrimitive(u, &p.prims[qi])
	}
	var whole policy.ResourceConfig
	switch {
	case u.group:
		whole = policy.ResourceConfig{ID: string(u.id), Variant: policy.Group, Members: members, Meta: set(p.groupMeta(u))}
	case len(members) > 0:
		whole = members[0]
	}
	if u.clone != nil {
		whole = policy.ResourceConfig{ID: string(u.id) + cloneSuffix, Variant: policy.Clone, Members: []policy.ResourceConfig{whole}, Meta: set(p.cloneMeta(u))}
	}
	whole.Meta = append(whole.Meta, policy.AttributeSet{Pairs: []policy.Pair{{Name: "priority", Value: u.priority.String()}}})
	return whole
}

func (p *planner) policyPrimitive(u *unit, q *prim) policy.ResourceConfig {
	return policy.ResourceConfig{ID: string(q.id), Variant: policy.Primitive, Class: "ocf", Provider: "belay", Type: q.res.Agent, Meta: set(p.policyMeta(u, q)), Utilization: policyUtilization(q.res.Utilization)}
}

// isGuest reports whether a node is one that a resource makes.
func (p *planner) isGuest(n int) bool {
	r, found := p.def.Resource(p.inner[p.nodes[n].name])
	return found && r.Meta.RemoteNode == p.nodes[n].name
}

func (p *planner) policyMeta(u *unit, q *prim) []policy.Pair {
	pairs := []policy.Pair{
		{Name: "resource-stickiness", Value: q.stickiness.String()}, {Name: "critical", Value: strconv.FormatBool(q.critical)},
		{Name: "is-managed", Value: strconv.FormatBool(q.managed)}, {Name: "priority", Value: u.priority.String()},
	}
	if q.unhealthy {
		pairs = append(pairs, policy.Pair{Name: "allow-unhealthy-nodes", Value: "true"})
	}
	if q.res.Meta.RemoteNode != "" {
		pairs = append(pairs, policy.Pair{Name: "remote-node", Value: string(q.res.Meta.RemoteNode)})
	}
	if q.res.Meta.AttributeTarget != "" {
		pairs = append(pairs, policy.Pair{Name: "container-attribute-target", Value: string(q.res.Meta.AttributeTarget)})
	}
	if q.stopped {
		pairs = append(pairs, policy.Pair{Name: "target-role", Value: "Stopped"})
	}
	return pairs
}

// groupMeta says how the members of a group belong together.
func (p *planner) groupMeta(u *unit) []policy.Pair {
	g, found := p.def.Group(u.id)
	if !found {
		return nil
	}
	var pairs []policy.Pair
	if g.Ordered != nil {
		pairs = append(pairs, policy.Pair{Name: "ordered", Value: strconv.FormatBool(*g.Ordered)})
	}
	if g.Collocated != nil {
		pairs = append(pairs, policy.Pair{Name: "collocated", Value: strconv.FormatBool(*g.Collocated)})
	}
	return pairs
}

func (p *planner) cloneMeta(u *unit) []policy.Pair {
	number := func(name string, n int) policy.Pair { return policy.Pair{Name: name, Value: strconv.Itoa(n)} }
	flag := func(name string, on bool) policy.Pair { return policy.Pair{Name: name, Value: strconv.FormatBool(on)} }
	most := number("clone-max", u.max)
	if u.clone.Max == nil && len(p.inner) > 0 && !u.unique {
		most = policy.Pair{} // inner nodes count, as far as the engine knows them by then
	}
	return []policy.Pair{
		most, number("clone-node-max", u.nodeMax), number("clone-min", u.min),
		number("promoted-max", u.promotedMax), number("promoted-node-max", u.promotedNodeMax),
		flag("globally-unique", u.unique), flag("interleave", u.interleave && !p.keptApart(u)), flag("ordered", u.clone.Ordered), flag("promotable", u.promotable),
	}
}

// keptApart reports whether a clone is to stay away from another resource. An
// interleaved one would keep each of its copies away from one copy of the other
// only, so that the copies change places for ever.
func (p *planner) keptApart(u *unit) bool {
	return slices.ContainsFunc(p.def.Colocations, func(c resources.Colocation) bool {
		if c.Score >= 0 {
			return false
		}
		ui, found := p.byUnit[c.Resource]
		if !found {
			qi, member := p.byPrim[c.Resource]
			if !member {
				return false
			}
			ui = p.prims[qi].unit
		}
		return ui >= 0 && &p.units[ui] == u
	})
}

// policyHistory says where a primitive runs, as far as that counts for placing
// it: also where it was stopped a moment ago, so that a restart stays where it
// is although the plan is made anew after its stop.
func (p *planner) policyHistory(in *policy.Input, qi int) {
	q := &p.prims[qi]
	if q.unit < 0 {
		return
	}
	u := &p.units[q.unit]
	active := make([]int, len(q.ids))
	for _, k := range q.insts {
		i := &p.insts[k]
		n := &p.nodes[i.node]
		if i.copy < 0 || !i.active() || i.left || n.gone || n.unclean {
			continue
		}
		active[i.copy]++
		record(in, i.node, policy.ResourceHistory{Resource: string(q.ids[i.copy]), Held: i.pinned, Blocked: i.pinned && !i.alone}, i.cur == resources.RolePromoted)
	}
	for copy, count := range active {
		wanted := 1
		if u.clone != nil && !u.unique {
			wanted = u.max
		}
		for _, n := range p.lastRan(qi, copy, wanted-count) {
			record(in, n, policy.ResourceHistory{Resource: string(q.ids[copy])}, false)
		}
	}
}

// record adds a history that amounts to: it runs there.
func record(in *policy.Input, n int, h policy.ResourceHistory, promoted bool) {
	h.Ops = startedOps[:1:1]
	if promoted {
		h.Ops = startedOps[:]
	}
	in.Status[n].History = append(in.Status[n].History, h)
}

// startedOps are a start and a promotion. All histories share them: nobody
// writes into an Input.
var startedOps = [...]policy.HistoryOp{{ID: "start", Op: "start", CallID: 1}, {ID: "promote", Op: "promote", CallID: 2}}

// policyPromotion turns what is known of the members' wish to be promoted into
// the node attributes that the engine reads. Nobody is promoted who does not
// ask, whatever constraints say.
func (p *planner) policyPromotion(in *policy.Input, u *unit) {
	if !u.promotable || len(u.prims) == 0 {
		return
	}
	allowed := p.promotionAllowed(u)
	copies := 1
	if u.unique {
		copies = u.max
	}
	for n := range p.nodes {
		node := string(p.nodes[n].name)
		asks := u.inside != nil && p.nodes[n].inner // its host may ask for it
		for copy := range copies {
			for _, qi := range u.prims {
				score := p.promotionScore(qi, copy, n)
				if p.promotedNow(qi, copy, n) && (!allowed || p.pinnedAt(qi, copy, n)) {
					score = resources.Infinity
				} else if !allowed {
					score = noScore
				}
				if score == noScore {
					continue
				}
				asks = true
				in.Status[n].Attributes = append(in.Status[n].Attributes, policy.AttributeSet{
					Pairs: []policy.Pair{{Name: "master-" + string(p.prims[qi].ids[copy]), Value: score.String()}},
				})
			}
		}
		if !asks {
			in.Locations = append(in.Locations, policy.LocationConfig{
				ID: "not asked for promotion", Resource: string(u.id), Role: "Promoted", Node: node, Score: (-resources.Infinity).String(),
			})
		}
	}
}

func (p *planner) policyColocation(c *resources.Colocation) policy.ColocationConfig {
	out := policy.ColocationConfig{
		ID: "colocation " + c.ID, Dependent: string(c.Resource), Primary: string(c.With), DependentRole: p.placedRole(c.Resource, c.Role), PrimaryRole: p.placedRole(c.With, c.WithRole),
		Score: c.Score.String(), NodeAttribute: c.NodeAttribute,
	}
	if c.Influence != nil {
		out.Influence = c.Influence
	}
	return out
}

// policyRole names a role in a constraint; only promotion makes a difference.
func policyRole(role resources.Role) string {
	if role == resources.RolePromoted {
		return "Promoted"
	}
	return ""
}

// placedRole names a role in a colocation: of what can be promoted, started means
// what is not.
func (p *planner) placedRole(id resources.ResourceID, role resources.Role) string {
	if role == resources.RoleStarted && p.canPromote(id) {
		return "Unpromoted"
	}
	return policyRole(role)
}

// canPromote reports whether a resource or group is promotable.
func (p *planner) canPromote(id resources.ResourceID) bool {
	members := p.members(id)
	return len(members) > 0 && p.prims[members[0]].unit >= 0 && p.units[p.prims[members[0]].unit].promotable
}

func set(pairs []policy.Pair) []policy.AttributeSet { return []policy.AttributeSet{{Pairs: pairs}} }

func attributePairs(attrs map[string]string) []policy.Pair {
	pairs := make([]policy.Pair, 0, len(attrs))
	for name, value := range attrs {
		if (!strings.HasPrefix(name, "#") || strings.HasPrefix(name, resources.HealthAttribute)) && !strings.HasPrefix(name, "master-") {
			pairs = append(pairs, policy.Pair{Name: name, Value: value})
		}
	}
	return pairs // one set: their order means nothing
}
