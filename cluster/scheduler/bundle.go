package scheduler

import (
	"slices"
	"strconv"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// Bundles and guests. A bundle's parts (addresses, containers) are primitives of
// one unit; what runs in its containers is a clone of its own, on nodes that exist
// only in plans ("inner nodes"), as guests do. Production never has inner nodes:
// validation refuses what would need them.

// addBundle adds a bundle's parts, and what runs in its containers.
func (p *planner) addBundle(b *resources.Bundle, inside *resources.Resource) {
	var parts []*resources.Resource
	for replica := range b.Count() {
		for _, part := range b.Parts(replica) {
			parts = append(parts, &part)
		}
	}
	p.addUnit(unit{id: b.ID, bundle: b}, b.Meta, resources.Meta{}, parts)
	if inside == nil {
		return
	}
	count, perHost, promoted := b.Count(), resources.Or(b.PerHost, 1), resources.Or(b.PromotedMax, 0)
	clone := &resources.Clone{Max: &count, NodeMax: &perHost, Ordered: true, GloballyUnique: perHost > 1, Promotable: promoted > 0}
	if promoted > 0 {
		clone.PromotedMax = &promoted
	}
	p.addUnit(unit{id: inside.ID, clone: clone, inside: b}, inside.Meta, b.Meta, []*resources.Resource{inside})
}

// innerNodes returns the members' names with those of inner nodes last, guests
// before the replicas of bundles: the policy engine is told of what comes first.
func (p *planner) innerNodes(names []resources.NodeName) []resources.NodeName {
	p.inner = p.def.Inner()
	if len(p.inner) == 0 {
		return names
	}
	rank := func(name resources.NodeName) int {
		host, inner := p.inner[name]
		if !inner {
			return 0
		}
		if r, found := p.def.Resource(host); found && r.Meta.RemoteNode == name {
			return 1
		}
		return 2
	}
	slices.SortStableFunc(names, func(a, b resources.NodeName) int { return rank(a) - rank(b) })
	return names
}

// ofBundle returns what a constraint about a bundle is about: what runs in its
// containers, or the containers themselves.
func (p *planner) ofBundle(u *unit) []int {
	if inner, found := p.byPrim[u.bundle.Resource]; found && u.bundle.Resource != "" {
		return []int{inner}
	}
	var containers []int
	for _, qi := range u.prims {
		if p.prims[qi].res.Agent == string(u.bundle.Launches()) {
			containers = append(containers, qi)
		}
	}
	return containers
}

// wholeBundle returns the containers, and what runs in them: what waits for
// something before a bundle starts.
func (p *planner) wholeBundle(u *unit) []int {
	all := p.ofBundle(u)
	if u.bundle.Resource == "" {
		return all
	}
	for _, qi := range u.prims {
		if p.prims[qi].res.Agent == string(u.bundle.Launches()) {
			all = append(all, qi)
		}
	}
	return all
}

// capInner takes back what would run in something that does not.
func (p *planner) capInner() (changed bool) {
	for k := range p.insts {
		i := &p.insts[k]
		host, inner := p.inner[p.nodes[i.node].name]
		qi, known := p.byPrim[host]
		if !inner || !known || !i.tgt.Active() || i.pinned {
			continue
		}
		up := slices.ContainsFunc(p.prims[qi].insts, func(hk int) bool { return p.insts[hk].tgt.Active() && !p.nodes[p.insts[hk].node].unclean })
		if !up {
			i.tgt, i.why, changed = resources.RoleStopped, string(host)+" does not run", true
		}
	}
	return changed
}

// bundleOrders start a replica's address before its container.
func (p *planner) bundleOrders(u *unit) {
	for k := 1; k < len(u.prims); k++ {
		if p.prims[u.prims[k-1]].res.Agent != "vip" {
			continue
		}
		p.orders = append(p.orders, order{
			id: "bundle " + string(u.id), first: u.prims[k-1 : k], then: u.prims[k : k+1],
			firstOp: resources.OpStart, thenOp: resources.OpStart, kind: resources.OrderMandatory, symmetrical: true, requireAll: true,
		})
	}
}

// innerEdges: what is in something starts after it, and stops before it.
func (p *planner) innerEdges() {
	for k := range p.insts {
		i := &p.insts[k]
		host, inner := p.inner[p.nodes[i.node].name]
		qi, known := p.byPrim[host]
		if !inner || !known {
			continue
		}
		for _, hk := range p.prims[qi].insts {
			p.edge(p.insts[hk].acts[actStart], i.acts[actStart], false)
			p.edge(i.acts[actStop], p.insts[hk].acts[actStop], false)
		}
	}
}

// policyBundle describes a bundle to the engine.
func (p *planner) policyBundle(u *unit) policy.ResourceConfig {
	b := u.bundle
	number := func(n *int) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(*n)
	}
	config := &policy.BundleConfig{
		Launcher: string(b.Launches()), Image: b.Image, Replicas: strconv.Itoa(b.Count()), PerHost: number(b.PerHost), PromotedMax: number(b.PromotedMax),
		Network: b.Network, Options: b.Options, RunCommand: b.RunCommand, HasNetwork: true,
		IPRangeStart: b.IPRangeStart, HostNetmask: number(b.HostNetmask), HostInterface: b.HostInterface, ControlPort: number(b.ControlPort),
	}
	whole := policy.ResourceConfig{ID: string(b.ID), Variant: policy.Bundle, Bundle: config}
	if len(u.prims) > 0 {
		q := &p.prims[u.prims[0]]
		var pairs []policy.Pair
		for _, pair := range p.policyMeta(u, q) {
			if pair.Name != "resource-stickiness" || resources.Or(b.Meta.Stickiness, resources.Or(p.def.Defaults.Resource.Stickiness, 0)) != 0 {
				pairs = append(pairs, pair)
			}
		}
		whole.Meta = set(pairs)
	}
	if qi, found := p.byPrim[b.Resource]; found && b.Resource != "" {
		inner := &p.units[p.prims[qi].unit]
		whole.Members = []policy.ResourceConfig{p.policyPrimitive(inner, &p.prims[qi])}
	}
	return whole
}
