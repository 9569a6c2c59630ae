package cib

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// target finds what a constraint calls by a name. What Pacemaker does not know
// either makes no constraint; what the definition lacks is a loss.
func (m *importer) target(kind, constraint, id string, at place) (resources.ResourceID, bool) {
	if known, found := m.named[id]; found {
		return known, true
	}
	if why, gone := m.gone[id]; gone {
		if why == connection && kind == "location" && m.def.Remote(resources.NodeName(id)) {
			return resources.ResourceID(id), true // its node's name
		} else if why == connection && kind == "order" {
			m.note(at, "%s %q is about %q, %s, which its daemon makes by itself: it is left out", kind, constraint, id, why)
		} else if why == fenceDevice && kind != "colocation" {
			m.note(at, "%s %q is about fence device %q, which every member can always use: it is left out", kind, constraint, id)
		} else {
			m.lose(at, "%s %q is about %q, %s that is not in the definition", kind, constraint, id, why)
		}
		return "", false
	}
	base, _, numbered := strings.Cut(id, ":")
	if _, found := m.named[base]; numbered && found {
		m.lose(at, "%s %q is about one copy of %q, which cannot be represented", kind, constraint, base)
		return "", false
	}
	m.note(at, "%s %q names %q, which does not exist: Pacemaker ignores it too", kind, constraint, id)
	return "", false
}

// lifetime reports whether a constraint holds always.
func (m *importer) lifetime(kind, id string, rule *policy.Rule) bool {
	if rule == nil {
		return true
	}
	m.lose(m.at(id), "%s %q holds for a time only (lifetime), which cannot be represented", kind, id)
	return false
}

// lifetimeOf writes the time for which a location holds as a rule; "" for always.
func (m *importer) lifetimeOf(c *policy.LocationConfig) (string, bool) {
	if c.Lifetime == nil {
		return "", true
	}
	if d := strings.ToLower(c.Discovery); d != "" && d != "always" || m.asksMeta(c) {
		return "", m.lifetime("location", c.ID, c.Lifetime) // a rule that does not hold would say something
	}
	return m.whenText(&block{id: c.ID, rule: c.Lifetime}, resources.RuleAsks{})
}

// location takes a location: one for each resource and rule.
func (m *importer) location(c *policy.LocationConfig) {
	var ok bool
	if m.life, ok = m.lifetimeOf(c); !ok {
		return
	}
	if m.asksMeta(c) {
		m.locateByMeta(c)
		return
	}
	if len(c.Sets) == 0 {
		if s := m.selector(c); s != nil {
			m.locateFor(resources.Location{Selector: s}, c, c.Role, c.Score)
			return
		}
		for _, id := range m.located(c) {
			m.locate(c, id, c.Role, c.Score)
		}
		return
	}
	for i := range c.Sets {
		set := c.Sets[i]
		role, score := otherwise(set.Role, c.Role), otherwise(set.Score, c.Score)
		set.Role, set.Score = "", ""
		if s, ok := m.set("location", c.ID, &set, false); ok {
			s.Sequential = nil // it says nothing there
			m.locateFor(resources.Location{Sets: []resources.ResourceSet{s}}, c, role, score)
		}
	}
}

func otherwise(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// selector returns what chooses the same resources as a location's pattern; nil
// if a clone, which has the name of what it clones here, is chosen otherwise.
func (m *importer) selector(c *policy.LocationConfig) *resources.Selector {
	s := &resources.Selector{ID: c.Pattern}
	if c.Negated {
		s.ID = "!" + c.Pattern
	}
	chosen := s.IDs()
	if c.Resource != "" || c.Pattern == "" || chosen == nil {
		return nil
	}
	for _, id := range m.top {
		name, known := m.named[id]
		if known && chosen(name) != chosen(resources.ResourceID(id)) || !known && chosen(resources.ResourceID(id)) {
			return nil
		}
	}
	return s
}

// located lists what a location without sets is about. A pattern stands for the
// outermost resources that match now.
func (m *importer) located(c *policy.LocationConfig) []string {
	if c.Resource != "" || c.Pattern == "" {
		return []string{c.Resource}
	}
	pattern, err := regexp.CompilePOSIX(c.Pattern)
	if err != nil {
		pattern, err = regexp.Compile(c.Pattern)
	}
	if err != nil {
		m.lose(m.attribute(c.ID, "rsc-pattern"), "location %q: %v", c.ID, err)
		return nil
	}
	var found []string
	for _, id := range m.top {
		if pattern.MatchString(id) != c.Negated {
			found = append(found, id)
		}
	}
	if !m.room("location", c.ID, len(found)*max(len(c.Rules), 1)) {
		return nil
	}
	m.note(m.attribute(c.ID, "rsc-pattern"), "location %q is written for each of those that match rsc-pattern now: %d", c.ID, len(found))
	return found
}

func (m *importer) locate(c *policy.LocationConfig, id, role, score string) {
	at := m.attribute(c.ID, "rsc")
	target, found := m.target("location", c.ID, id, at)
	if !found {
		return
	}
	m.locateFor(resources.Location{Resource: target}, c, role, score)
}

// locateFor adds the locations of what was found.
func (m *importer) locateFor(l resources.Location, c *policy.LocationConfig, role, score string) {
	l.Discovery = resources.Discovery(strings.ToLower(c.Discovery))
	if c.Node != "" && score != "" {
		node, found := m.node(c.Node)
		if !found {
			m.note(m.attribute(c.ID, "node"), "location %q names node %q, which does not exist: Pacemaker ignores it too", c.ID, c.Node)
			return
		}
		l.Node = node
		if m.life != "" {
			l.Node, l.Rule = "", fmt.Sprintf("#uname == %q and (%s)", node, m.life)
		}
		m.addLocation(l, c.ID, c.ID, score, role)
		return
	}
	for i := range c.Rules {
		m.locateByRule(l, c, &c.Rules[i])
	}
}

func (m *importer) locateByRule(l resources.Location, c *policy.LocationConfig, rule *policy.LocationRule) {
	if rule.Rule == nil {
		return
	}
	at := m.within(rule.Rule.ID, m.at(c.ID))
	score := otherwise(rule.Score, "0")
	if rule.Score == "" {
		l.ScoreAttribute = rule.ScoreAttribute
	}
	m.ruleParams = m.paramsKept(c)
	text, ok := m.ruleText(rule.Rule, at, false)
	m.ruleParams = false
	if !ok {
		return
	}
	if c.Pattern != "" && strings.Contains(text+l.ScoreAttribute, "%") {
		m.lose(at, "rule %q of location %q uses parts of the resource's name, which cannot be represented", rule.Rule.ID, c.ID)
		return
	}
	l.Rule = text
	if m.life != "" {
		l.Rule = fmt.Sprintf("(%s) and (%s)", text, m.life)
	}
	m.addLocation(l, c.ID, otherwise(rule.Rule.ID, c.ID), score, rule.Role)
}

// addLocation adds a location. Roles but promoted and stopped are any role.
func (m *importer) addLocation(l resources.Location, constraint, id, score, role string) {
	switch role {
	case "Stopped":
		m.lose(m.attribute(constraint, "role"), "location %q for role Stopped cannot be represented", constraint)
		return
	case "Promoted":
		l.Role = resources.RolePromoted
	}
	l.Score = m.scoreOf(score, constraint)
	l.ID = m.uniqueID(id)
	m.origin["location["+l.ID+"]"] = m.at(constraint)
	m.def.Locations = append(m.def.Locations, l)
}

func (m *importer) scoreOf(text, constraint string) resources.Score {
	if text == "" {
		return 0
	}
	score, err := resources.ParseScore(strings.TrimSpace(text))
	if err != nil {
		m.lose(m.attribute(constraint, "score"), "%v", err)
	}
	return score
}

// node finds a node by its name, in any case.
func (m *importer) node(name string) (resources.NodeName, bool) {
	for i := range m.def.Nodes {
		if string(m.def.Nodes[i].Name) == name {
			return m.def.Nodes[i].Name, true
		}
	}
	for i := range m.def.Nodes {
		if strings.EqualFold(string(m.def.Nodes[i].Name), name) {
			return m.def.Nodes[i].Name, true
		}
	}
	for _, inner := range m.def.InnerNames() {
		if strings.EqualFold(string(inner), name) {
			return inner, true
		}
	}
	return "", false
}

// colocation takes a colocation.
func (m *importer) colocation(c *policy.ColocationConfig) {
	if !m.lifetime("colocation", c.ID, c.Lifetime) {
		return
	}
	score := m.scoreOf(c.Score, c.ID)
	if m.amongFenceDevices(c) {
		m.note(m.at(c.ID), "colocation %q is about fence devices alone, which every member can always use: it is left out", c.ID)
		return
	}
	if len(c.Sets) == 0 {
		m.colocate(c, c.Dependent, c.Primary, c.DependentRole, c.PrimaryRole, score)
		return
	}
	out := resources.Colocation{Score: score, Influence: c.Influence}
	for i := range c.Sets {
		s, ok := m.set("colocation", c.ID, &c.Sets[i], false)
		if !ok {
			return
		}
		if out.Score == 0 && i > 0 {
			// The sets have nothing to do with each other.
			m.addColocation(c, out)
			out.Sets = nil
		}
		out.Sets = append(out.Sets, s)
	}
	m.addColocation(c, out)
}

// addColocation adds a colocation of sets. One without a score of its own does
// what its set says.
func (m *importer) addColocation(c *policy.ColocationConfig, out resources.Colocation) {
	if out.Score == 0 {
		out.Score = resources.Or(out.Sets[0].Score, 0)
		out.Sets[0].Score = nil
	}
	if out.Score == 0 {
		m.note(m.at(c.ID), "colocation %q has the score 0: Pacemaker ignores it too", c.ID)
		return
	}
	out.ID = m.uniqueID(c.ID)
	m.origin["colocation["+out.ID+"]"] = m.at(c.ID)
	m.def.Colocations = append(m.def.Colocations, out)
}

// amongFenceDevices reports whether a colocation places nothing but fence devices.
func (m *importer) amongFenceDevices(c *policy.ColocationConfig) bool {
	named := []string{c.Dependent, c.Primary}
	if len(c.Sets) > 0 {
		named = nil
		for i := range c.Sets {
			named = append(named, c.Sets[i].Resources...)
		}
	}
	return !slices.ContainsFunc(named, func(id string) bool { return m.gone[id] != fenceDevice })
}

func (m *importer) colocate(c *policy.ColocationConfig, dependent, primary, role, withRole string, score resources.Score) {
	at := m.at(c.ID)
	resource, found := m.target("colocation", c.ID, dependent, at)
	with, found2 := m.target("colocation", c.ID, primary, at)
	if !found || !found2 {
		return
	}
	if score == 0 {
		m.note(at, "colocation %q has the score 0: Pacemaker ignores it too", c.ID)
		return
	}
	out := resources.Colocation{Resource: resource, With: with, Score: score, Influence: c.Influence}
	if len(c.Sets) == 0 {
		out.NodeAttribute = c.NodeAttribute
	}
	var ok bool
	if out.Role, ok = m.colocatedRole(c.ID, role, m.promotable(resource)); !ok {
		return
	}
	if out.WithRole, ok = m.colocatedRole(c.ID, withRole, m.promotable(with)); !ok {
		return
	}
	out.ID = m.uniqueID(c.ID)
	m.origin["colocation["+out.ID+"]"] = at
	m.def.Colocations = append(m.def.Colocations, out)
}

// colocatedRole reads a role in a constraint. promotable says that not being promoted
// is a role there.
func (m *importer) colocatedRole(id, role string, promotable bool) (resources.Role, bool) {
	switch {
	case role == "" || role == "Started":
		return resources.RoleUnknown, true
	case role == "Promoted":
		return resources.RolePromoted, true
	case role == "Unpromoted" && promotable:
		return resources.RoleStarted, true
	}
	m.lose(m.at(id), "colocation %q in role %s cannot be represented", id, role)
	return resources.RoleUnknown, false
}

// promotable reports whether something of the definition can be promoted.
func (m *importer) promotable(id resources.ResourceID) bool {
	if r, found := m.def.Resource(id); found && r.Clone != nil {
		return r.Clone.Promotable
	}
	g, found := m.def.Group(id)
	return found && g.Clone != nil && g.Clone.Promotable
}

// validate removes what a definition cannot hold although it can be written, and
// tells why.
func (m *importer) validate() {
	const rounds = 50 // each takes something away
	for range rounds {
		problems := resources.Validate(m.def, resources.AgentTable{}, resources.FenceTable{}.WithForeign())
		if len(problems) == 0 {
			return
		}
		for _, p := range problems {
			head, _, _ := strings.Cut(p.Path, "].")
			kind, name, _ := strings.Cut(strings.TrimSuffix(head, "]"), "[")
			at, known := m.origin[fmt.Sprintf("%s[%s]", kind, name)]
			if !known {
				at = place{1, 1}
			}
			text := p.Path + ": " + p.Text
			if p.Suggestion != "" {
				text += " (" + p.Suggestion + ")"
			}
			m.lose(at, "%s", text)
			m.remove(kind, name, p.Path)
		}
	}
}
