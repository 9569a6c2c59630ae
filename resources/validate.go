package resources

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Validate returns everything that is wrong with the definition, in the
// definition's order, and nil when it can be applied. It changes nothing.
// A zero table leaves out what it is needed for.
func Validate(def *Definition, agents AgentTable, fences FenceTable) []Problem {
	v := newValidator(def, agents, fences)
	v.cluster()
	v.nodes()
	v.fenceDevices()
	v.fenceLevels()
	v.defaults()
	v.templates()
	v.resources()
	v.groups()
	v.tags()
	v.bundles()
	v.orders()
	v.colocations()
	v.locations()
	v.tickets()
	v.cycles()
	v.contradictions()
	return v.problems
}

// validator holds the definition, what was found by name, and the problems.
type validator struct {
	def *Definition
	// resolved is the definition with everything written out; tooMany are the
	// paths of constraints that stand for too many.
	resolved *Definition
	tooMany  []string
	agents   AgentTable
	fences   FenceTable

	resource map[ResourceID]*Resource
	group    map[ResourceID]*Group
	groupOf  map[ResourceID]*Group // of a member
	// alias holds what tags and templates stand for, never nil.
	alias map[ResourceID][]ResourceID
	// names that constraints may use, and the nodes' names, in order.
	names, nodeNames []string

	problems []Problem
}

func newValidator(def *Definition, agents AgentTable, fences FenceTable) *validator {
	v := &validator{
		def: def, agents: agents, fences: fences,
		resource: make(map[ResourceID]*Resource, len(def.Resources)),
		group:    make(map[ResourceID]*Group, len(def.Groups)),
		groupOf:  map[ResourceID]*Group{}, alias: map[ResourceID][]ResourceID{},
	}
	resolved, x := def.resolve()
	v.resolved, v.tooMany = resolved, x.over
	for id, meant := range x.means {
		v.alias[id] = append([]ResourceID{}, meant...)
		v.names = append(v.names, string(id))
	}
	for i := range def.Resources {
		r := &def.Resources[i]
		v.resource[r.ID] = r
		v.names = append(v.names, string(r.ID))
	}
	for i := range def.Groups {
		g := &def.Groups[i]
		v.group[g.ID] = g
		v.names = append(v.names, string(g.ID))
		for _, m := range g.Members {
			if _, taken := v.groupOf[m]; !taken {
				v.groupOf[m] = g
			}
		}
	}
	for _, b := range def.Bundles {
		v.names = append(v.names, string(b.ID))
	}
	for _, n := range def.Nodes {
		v.nodeNames = append(v.nodeNames, string(n.Name))
	}
	for _, name := range def.InnerNames() {
		v.nodeNames = append(v.nodeNames, string(name))
	}
	return v
}

func (v *validator) add(code ProblemCode, path, suggestion, format string, args ...any) {
	v.problems = append(v.problems, Problem{Code: code, Path: path, Text: fmt.Sprintf(format, args...), Suggestion: suggestion})
}

// Paths hands out the paths of named things: the second thing with the same
// name gets "[name#2]". The zero value is ready for use; it is not safe for
// concurrent use.
type Paths struct{ seen map[string]int }

// Next returns the path of the next thing of a kind with a name.
func (p *Paths) Next(kind, name string) string {
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	key := kind + "[" + name
	p.seen[key]++
	if n := p.seen[key]; n > 1 {
		return fmt.Sprintf("%s#%d]", key, n)
	}
	return key + "]"
}

func repeated(path string) bool { return strings.Contains(path, "#") && strings.HasSuffix(path, "]") }

// id reports an id that is missing, unusable or taken.
func (v *validator) id(path, key, id string) {
	switch {
	case id == "":
		v.add(ProblemMissing, path, "", "%s is missing", key)
	case !ValidName(id):
		v.add(ProblemInvalid, path+"."+key, "use letters, digits, '-', '_' and '.', at most 128, beginning with a letter or a digit",
			"%s %q is not a usable name", key, id)
	case repeated(path):
		v.add(ProblemDuplicate, path+"."+key, "", "%s %q is taken already", key, id)
	}
}

// ValidName reports whether the text can name something in paths, instance ids
// and on command lines: letters, digits, '-', '_' and '.', at most 128, beginning
// with a letter, a digit or '_'.
func ValidName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// oneOf reports a word that is not in the list; the empty word is the default.
func oneOf[T ~string](v *validator, path string, value T, allowed ...T) {
	if value == "" || slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, word := range allowed {
		words[i] = string(word)
	}
	v.add(ProblemInvalid, path, didYouMean(string(value), words), "%q is not one of %s", string(value), strings.Join(words, ", "))
}

func (v *validator) notNegative(path string, n int) {
	if n < 0 {
		v.add(ProblemInvalid, path, "", "%d is negative", n)
	}
}

func (v *validator) spans(path string, spans map[string]Duration) {
	for _, name := range sortedKeys(spans) {
		if spans[name] < 0 {
			v.add(ProblemInvalid, path+"."+name, "", "the time %s is negative", spans[name])
		}
	}
}

func (v *validator) cluster() {
	if v.def.Name != "" && !ValidName(v.def.Name) {
		v.id("cluster", "name", v.def.Name)
	}
	const path = "cluster.properties"
	p := v.def.Properties
	oneOf(v, path+".no_quorum_policy", p.NoQuorumPolicy, NoQuorumPolicies...)
	oneOf(v, path+".fencing_action", p.FencingAction, FencingReboot, FencingOff)
	oneOf(v, path+".placement_strategy", p.PlacementStrategy, PlacementStrategies...)
	oneOf(v, path+".node_health_strategy", p.NodeHealthStrategy, NodeHealthStrategies...)
	v.notNegative(path+".fence_budget", p.FenceBudget)
	v.notNegative(path+".fence_limit", p.FenceLimit)
	v.spans(path, map[string]Duration{
		"fencing_timeout": p.FencingTimeout, "lease": p.Lease, "startup_grace": p.StartupGrace, "fence_window": p.FenceWindow, "fence_limit_window": p.FenceLimitWindow,
		"priority_fencing_delay": p.PriorityFencingDelay,
		"fence_quarantine":       Or(p.FenceQuarantine, 0),
		"fence_check_interval":   Or(p.FenceCheckInterval, 0),
	})
	v.propertyWhens()
}

// NoQuorumPolicies lists every policy that a definition may name.
var NoQuorumPolicies = []NoQuorumPolicy{NoQuorumStop, NoQuorumFreeze, NoQuorumIgnore, NoQuorumDemote, NoQuorumSuicide}

func (v *validator) nodes() {
	var paths Paths
	if len(v.def.Nodes) > 0 && !slices.ContainsFunc(v.def.Nodes, func(n Node) bool { return n.Kind != NodeRemote }) {
		v.add(ProblemConflict, "node["+string(v.def.Nodes[0].Name)+"].kind", "leave kind out for up to 7 nodes", "every node is remote: nobody would vote")
	}
	owner := map[netip.Addr]NodeName{}
	for _, n := range v.def.Nodes {
		path := paths.Next("node", string(n.Name))
		v.id(path, "name", string(n.Name))
		v.attributes(path, n.Attributes)
		v.utilization(path, n.Utilization)
		v.nodeWhens(path, &n)
		oneOf(v, path+".kind", n.Kind, NodeMember, NodeRemote)
		if n.Address == "" {
			continue
		}
		v.nodeAddress(path+".address", n, owner)
	}
}

// attributes reports names that no attribute can have.
func (v *validator) attributes(path string, attributes map[string]string) {
	for _, name := range sortedKeys(attributes) {
		if name == "" || strings.HasPrefix(name, "#") && !strings.HasPrefix(name, HealthAttribute) || strings.ContainsAny(name, " \t\r\n") {
			v.add(ProblemInvalid, path+".attributes."+name, "", "%q cannot name an attribute", name)
		}
	}
}

// utilization reports amounts that are none.
func (v *validator) utilization(path string, amounts Utilization) {
	for _, name := range sortedKeys(amounts) {
		at := path + ".utilization." + name
		if name == "" || strings.ContainsAny(name, " \t\r\n") {
			v.add(ProblemInvalid, at, "", "%q cannot name what is used", name)
		}
		v.notNegative(at, amounts[name])
	}
}

func (v *validator) nodeAddress(path string, n Node, owner map[netip.Addr]NodeName) {
	address, err := netip.ParseAddr(n.Address)
	if err != nil {
		if !validHostName(n.Address) {
			v.add(ProblemInvalid, path, "write it without port and prefix, such as 192.0.2.10", "%q is neither an IP address nor a host name", n.Address)
		}
		return
	}
	if address.IsUnspecified() || address.IsMulticast() {
		v.add(ProblemInvalid, path, "", "%s is not the address of one host", n.Address)
		return
	}
	if other, taken := owner[address]; taken && other != n.Name && !address.IsLoopback() {
		v.add(ProblemDuplicate, path, "", "%s is already the address of node %q", n.Address, other)
	}
	owner[address] = n.Name
}

// validHostName follows RFC 1123, section 2.1; a name that looks like a
// mistyped address is none.
func validHostName(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}

func (v *validator) nodeRef(path string, name NodeName) {
	if !slices.Contains(v.nodeNames, string(name)) {
		v.add(ProblemUnknownName, path, didYouMean(string(name), v.nodeNames), "no node is called %q", name)
	}
}

// resourceRef reports a name that is neither a resource nor a group, and
// returns whether it is one.
func (v *validator) resourceRef(path string, id ResourceID) bool {
	if id == "" {
		key := path[strings.LastIndexByte(path, '.')+1:]
		v.add(ProblemMissing, path, "", "%s is missing", key)
		return false
	}
	if v.exists(id) {
		return true
	}
	v.add(ProblemUnknownName, path, didYouMean(string(id), v.names), "no resource or group is called %q", id)
	return false
}

func (v *validator) exists(id ResourceID) bool {
	_, isResource := v.resource[id]
	_, isGroup := v.group[id]
	_, isBundle := v.def.Bundle(id)
	return isResource || isGroup || isBundle
}
