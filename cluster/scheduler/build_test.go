package scheduler_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// cluster is a state in the making, and what Plan is told beside it. Nodes are
// alive, and everything was looked at and found stopped, unless said otherwise.
type cluster struct {
	s     *state.State
	d     *resources.Definition
	opts  scheduler.Options
	now   time.Time
	blind map[string]bool // "rsc@node" or "*@node": nobody has looked
	// unfenced are the nodes that were let in by the devices that are defined.
	unfenced []string
}

func newCluster(nodes ...string) *cluster {
	s := state.New()
	s.Index, s.Term, s.Version = 100, 3, state.Version
	c := &cluster{s: s, d: &resources.Definition{Name: "test"}, now: epoch, blind: map[string]bool{}}
	c.opts = scheduler.Options{Quorum: true, Agents: map[string]scheduler.AgentFacts{
		"sim":      {},
		"pair":     {Promotable: true},
		"pairfree": {Promotable: true, NeedsNoScore: true},
		"advised":  {Promotable: true, Advisor: true},
		"soft":     {Reloads: true},
		"told":     {Notified: true},
		"vm":       {Migrates: true},
		"toldpair": {Promotable: true, NeedsNoScore: true, Notified: true},
	}}
	for _, name := range nodes {
		n := resources.NodeName(name)
		c.d.Nodes = append(c.d.Nodes, resources.Node{Name: n})
		c.d.Fences = append(c.d.Fences, resources.FenceDevice{ID: "bmc-" + name, Agent: "redfish", Targets: []resources.NodeName{n}})
		c.join(name)
	}
	return c
}

func cluster3() *cluster { return newCluster("n1", "n2", "n3") }

func (c *cluster) join(name string) {
	n := resources.NodeName(name)
	c.s.Nodes[n] = &state.Node{
		Name: n, Liveness: state.LivenessAlive, Since: epoch.Add(-time.Hour), Incarnation: "i", BootID: "b",
		Instances: map[resources.InstanceID]*state.Instance{},
	}
}

// Down makes a node dead without proof.
func (c *cluster) Down(name string) *cluster {
	c.s.Nodes[resources.NodeName(name)].Liveness = state.LivenessDead
	return c
}

// build fills in what was not said and returns the state.
func (c *cluster) build() *state.State {
	c.s.Definition = c.d
	for _, name := range c.unfenced {
		c.s.Nodes[resources.NodeName(name)].Unfenced = &state.Unfenced{Digest: c.s.UnfencingDigest(resources.NodeName(name))}
	}
	for _, n := range c.s.Nodes {
		all := c.d.Everything()
		for i := range all {
			r := &all[i]
			for _, id := range c.ids(r) {
				inst := n.Instances[id]
				if inst == nil {
					if c.blind["*@"+string(n.Name)] || c.blind[string(id)+"@"+string(n.Name)] {
						continue
					}
					inst = &state.Instance{ID: id, Role: resources.RoleStopped, Probed: true}
					n.Instances[id] = inst
				}
				if inst.Role.Active() && inst.Digest == "" {
					inst.Digest = resources.Digest(r)
				}
			}
		}
	}
	return c.s
}

func (c *cluster) cloneOf(r *resources.Resource) *resources.Clone {
	if g, found := c.d.GroupOf(r.ID); found {
		return g.Clone
	}
	return r.Clone
}

func (c *cluster) ids(r *resources.Resource) []resources.InstanceID {
	clone := c.cloneOf(r)
	if clone == nil || (!clone.GloballyUnique && resources.Or(clone.NodeMax, 1) <= 1) {
		return []resources.InstanceID{resources.InstanceID(r.ID)}
	}
	var ids []resources.InstanceID
	for k := range resources.Or(clone.Max, len(c.d.Nodes)) {
		ids = append(ids, resources.NumberedInstance(r.ID, k))
	}
	return ids
}

// instance returns the record of "rsc@node", which it makes if needed.
func (c *cluster) instance(at string) *state.Instance {
	id, name, found := strings.Cut(at, "@")
	if !found {
		panic("instance " + at + " names no node")
	}
	n := c.s.Nodes[resources.NodeName(name)]
	if n == nil {
		panic("no node " + name)
	}
	inst := n.Instances[resources.InstanceID(id)]
	if inst == nil {
		inst = &state.Instance{ID: resources.InstanceID(id), Role: resources.RoleStopped, Probed: true}
		n.Instances[inst.ID] = inst
	}
	return inst
}

// parse reads a scenario's lines; see testdata/README.md for the words.
func (c *cluster) parse(text string) *cluster {
	for number, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line+" ", "# ") // an attribute may begin with the sign
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := c.line(words); err != nil {
			panic(fmt.Sprintf("line %d %q: %v", number+1, line, err))
		}
	}
	return c
}

// options splits "key=value" words from the others.
func options(words []string) (plain []string, set map[string]string) {
	set = map[string]string{}
	for _, w := range words {
		if key, value, found := strings.Cut(w, "="); found {
			set[key] = value
		} else {
			plain = append(plain, w)
		}
	}
	return plain, set
}

func (c *cluster) line(words []string) error {
	plain, set := options(words[1:])
	switch words[0] {
	case "nodes":
		*c = *newCluster(plain...)
	case "nofence":
		c.d.Fences = nil
	case "property":
		return c.property(set)
	case "defaults":
		return readMeta(&c.d.Defaults.Resource, set)
	case "rsc", "clone":
		return c.resource(words[0] == "clone", plain, set)
	case "bundle":
		b := resources.Bundle{ID: resources.ResourceID(plain[0]), Image: "i", IPRangeStart: set["ip"], Resource: resources.ResourceID(set["inside"])}
		for key, to := range map[string]**int{"replicas": &b.Replicas, "per_host": &b.PerHost, "promoted": &b.PromotedMax, "control": &b.ControlPort} {
			if value, found := set[key]; found {
				n := number(value)
				*to = &n
			}
		}
		c.d.Bundles = append(c.d.Bundles, b)
		for _, name := range c.d.InnerNames() {
			c.join(string(name))
		}
	case "group":
		return c.group(plain, set)
	case "op":
		return c.operation(plain, set)
	case "order", "together", "apart", "location":
		return c.constraint(words[0], plain, set)
	case "leader":
		c.opts.Leader = resources.NodeName(plain[0])
	case "ticket":
		return c.ticket(plain, set)
	case "holds":
		c.holds(plain)
	case "sets":
		return c.sets(plain, set)
	case "tag":
		tag := resources.Tag{ID: resources.ResourceID(plain[0])}
		for _, id := range plain[1:] {
			tag.Members = append(tag.Members, resources.ResourceID(id))
		}
		c.d.Tags = append(c.d.Tags, tag)
	case "node":
		return c.node(plain, set)
	case "uses":
		r, found := c.d.Resource(resources.ResourceID(plain[0]))
		if !found {
			return fmt.Errorf("no resource %s", plain[0])
		}
		r.Utilization = amounts(set)
	case "has":
		n, found := c.d.Node(resources.NodeName(plain[0]))
		if !found {
			return fmt.Errorf("no node %s", plain[0])
		}
		n.Utilization = amounts(set)
	case "attr":
		n := c.s.Nodes[resources.NodeName(plain[0])]
		n.Attributes = set
	case "left-definition":
		for i, n := range c.d.Nodes {
			if string(n.Name) == plain[0] {
				c.d.Nodes = append(c.d.Nodes[:i], c.d.Nodes[i+1:]...)
				break
			}
		}
	case "remote":
		n, found := c.d.Node(resources.NodeName(plain[0]))
		if !found {
			return fmt.Errorf("no node %s", plain[0])
		}
		n.Kind = resources.NodeRemote
	case "never-joined":
		c.d.Nodes = append(c.d.Nodes, resources.Node{Name: resources.NodeName(plain[0])})
	case "blind":
		c.blind[plain[0]] = true
	case "is":
		return c.is(plain, set)
	case "failure":
		return c.failure(plain, set)
	case "flying":
		c.flying(plain)
	case "told", "owes":
		c.notices(words[0], plain, set)
	case "migrates":
		c.s.Migrations = append(c.s.Migrations, &state.Migration{
			Instance: resources.InstanceID(plain[0]), Source: resources.NodeName(plain[1]), Target: resources.NodeName(plain[2]), Phase: state.MigrationPhase(plain[3]), Since: epoch,
		})
	case "fencing":
		return c.fencing(plain, set)
	case "cuts":
		c.cuts(plain)
	case "unfenced":
		c.unfenced = plain
	case "unfencing":
		return c.unfencing(plain, set)
	case "move":
		c.s.Moves[resources.ResourceID(plain[0])] = &state.Move{
			Resource: resources.ResourceID(plain[0]), To: resources.NodeName(set["to"]), From: resources.NodeName(set["from"]), By: "admin", Until: at(set["until"]),
		}
	case "maintenance":
		if c.s.Maintenance == nil {
			c.s.Maintenance = map[state.Scope]*state.Maintenance{}
		}
		c.s.Maintenance[state.Scope(plain[0])] = &state.Maintenance{By: "admin", Until: at(set["until"])}
	case "advice":
		return c.advice(plain, set)
	case "no-quorum":
		c.opts.Quorum = false
	default:
		return fmt.Errorf("unknown word %q", words[0])
	}
	return nil
}

// at reads a time as an offset from the epoch ("+30s", "-1m"); "" is zero.
func at(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return epoch.Add(d)
}

func (c *cluster) property(set map[string]string) error {
	p := &c.d.Properties
	for key, value := range set {
		yes := value == "true"
		switch key {
		case "symmetric_cluster":
			p.SymmetricCluster = &yes
		case "maintenance_mode":
			p.MaintenanceMode = yes
		case "stop_all_resources":
			p.StopAllResources = yes
		case "fencing_enabled":
			p.FencingEnabled = &yes
		case "fencing_action":
			p.FencingAction = resources.FencingAction(value)
		case "start_failure_is_fatal":
			p.StartFailureIsFatal = &yes
		case "placement_strategy":
			p.PlacementStrategy = resources.PlacementStrategy(value)
		case "node_health_strategy":
			p.NodeHealthStrategy = resources.NodeHealthStrategy(value)
		case "node_health_base":
			p.NodeHealthBase = scorePtr(score(value))
		case "node_health_red":
			p.NodeHealthRed = scorePtr(score(value))
		case "fence_limit":
			p.FenceLimit = number(value)
		case "fence_limit_window":
			d, err := resources.ParseDuration(value)
			if err != nil {
				return err
			}
			p.FenceLimitWindow = d
		case "fence_quarantine":
			d, err := resources.ParseDuration(value)
			if err != nil {
				return err
			}
			p.FenceQuarantine = &d
		case "fence_budget":
			p.FenceBudget = number(value)
		default:
			return fmt.Errorf("unknown property %q", key)
		}
	}
	return nil
}

func amounts(set map[string]string) resources.Utilization {
	all := resources.Utilization{}
	for name, value := range set {
		all[name] = number(value)
	}
	return all
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func scorePtr(s resources.Score) *resources.Score { return &s }

func score(text string) resources.Score {
	s, err := resources.ParseScore(text)
	if err != nil {
		panic(err)
	}
	return s
}

func readMeta(m *resources.Meta, set map[string]string) error {
	for key, value := range set {
		yes := value == "true"
		switch key {
		case "priority":
			s := score(value)
			m.Priority = &s
		case "target":
			r, err := resources.ParseRole(value)
			if err != nil {
				return err
			}
			m.TargetRole = &r
		case "managed":
			m.Managed = &yes
		case "maintenance":
			m.Maintenance = &yes
		case "migrate":
			m.AllowMigrate = &yes
		case "sticky":
			s := score(value)
			m.Stickiness = &s
		case "requires":
			q := resources.Requires(value)
			m.Requires = &q
		case "threshold":
			n := number(value)
			m.MigrationThreshold = &n
		case "failure_timeout":
			d, err := resources.ParseDuration(value)
			if err != nil {
				return err
			}
			m.FailureTimeout = &d
		case "multiple":
			a := resources.MultipleActive(value)
			m.MultipleActive = &a
		case "critical":
			m.Critical = &yes
		case "unhealthy":
			m.AllowUnhealthyNodes = &yes
		}
	}
	return nil
}

func readClone(plain []string, set map[string]string) *resources.Clone {
	clone := &resources.Clone{}
	for _, w := range plain {
		switch w {
		case "unique":
			clone.GloballyUnique = true
		case "interleave":
			clone.Interleave = true
		case "ordered":
			clone.Ordered = true
		case "promotable":
			clone.Promotable = true
		case "notify":
			clone.Notify = true
		}
	}
	for key, to := range map[string]**int{"max": &clone.Max, "node_max": &clone.NodeMax, "min": &clone.Min, "promoted_max": &clone.PromotedMax} {
		if value, found := set[key]; found {
			n := number(value)
			*to = &n
		}
	}
	return clone
}

func (c *cluster) resource(clone bool, plain []string, set map[string]string) error {
	r := resources.Resource{ID: resources.ResourceID(plain[0]), Agent: "sim"}
	if agent := set["agent"]; agent != "" {
		r.Agent = agent
	}
	if clone {
		r.Clone = readClone(plain[1:], set)
	}
	if err := readMeta(&r.Meta, set); err != nil {
		return err
	}
	c.d.Resources = append(c.d.Resources, r)
	return nil
}

func (c *cluster) group(plain []string, set map[string]string) error {
	g := resources.Group{ID: resources.ResourceID(plain[0])}
	for _, w := range plain[1:] {
		switch w {
		case "clone":
			g.Clone = readClone(plain[1:], set)
		case "unique", "interleave", "ordered", "promotable", "notify":
		default:
			g.Members = append(g.Members, resources.ResourceID(w))
			if _, found := c.d.Resource(resources.ResourceID(w)); !found {
				c.d.Resources = append(c.d.Resources, resources.Resource{ID: resources.ResourceID(w), Agent: "sim"})
			}
		}
	}
	c.d.Groups = append(c.d.Groups, g)
	return readMeta(&c.d.Groups[len(c.d.Groups)-1].Meta, set)
}

// operation: op RSC NAME [on_fail=] [timeout=]
func (c *cluster) operation(plain []string, set map[string]string) error {
	r, found := c.d.Resource(resources.ResourceID(plain[0]))
	if !found {
		return fmt.Errorf("no resource %s", plain[0])
	}
	o := resources.Operation{Name: resources.Op(plain[1]), OnFail: resources.OnFail(set["on_fail"])}
	if set["timeout"] != "" {
		d, err := resources.ParseDuration(set["timeout"])
		if err != nil {
			return err
		}
		o.Timeout = d
	}
	r.Ops = append(r.Ops, o)
	return nil
}

// constraint: order A B, together A B, apart A B, location RSC NODE|rule.
func (c *cluster) constraint(kind string, plain []string, set map[string]string) error {
	role, err := resources.ParseRole(set["role"])
	if err != nil {
		return err
	}
	a, b := resources.ResourceID(plain[0]), ""
	if len(plain) > 1 {
		b = plain[1]
	}
	id := fmt.Sprintf("%s-%s-%s", kind, a, b)
	value := func(byDefault resources.Score) resources.Score {
		if set["score"] == "" {
			return byDefault
		}
		return score(set["score"])
	}
	flag := func(key string) *bool {
		if set[key] == "" {
			return nil
		}
		yes := set[key] == "true"
		return &yes
	}
	switch kind {
	case "order":
		c.d.Orders = append(c.d.Orders, resources.Order{
			ID: id, First: a, Then: resources.ResourceID(b), FirstAction: resources.Op(set["first"]), ThenAction: resources.Op(set["then"]),
			Kind: resources.OrderKind(set["kind"]), Symmetrical: flag("symmetrical"), RequireAll: flag("require_all"),
		})
	case "together", "apart":
		s := resources.Infinity
		if kind == "apart" {
			s = -s
		}
		withRole, err := resources.ParseRole(set["with_role"])
		if err != nil {
			return err
		}
		c.d.Colocations = append(c.d.Colocations, resources.Colocation{
			ID: id, Resource: a, With: resources.ResourceID(b), Role: role, WithRole: withRole, Score: value(s),
			NodeAttribute: set["by"], Influence: flag("influence"),
		})
	case "location":
		l := resources.Location{ID: id, Resource: a, Node: resources.NodeName(b), Score: value(0), Role: role, Discovery: resources.Discovery(set["discovery"]), ScoreAttribute: set["score_attribute"]}
		if rule := set["rule"]; rule != "" {
			l.Rule = strings.NewReplacer("~", " == ", ",", " and ").Replace(rule)
		}
		if set["agent"] != "" {
			l.Resource, l.Selector = "", &resources.Selector{Agent: set["agent"]}
		}
		if set["ids"] != "" {
			l.Resource, l.Selector = "", &resources.Selector{ID: set["ids"]}
		}
		c.d.Locations = append(c.d.Locations, l)
	}
	return nil
}
