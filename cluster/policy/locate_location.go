package policy

import (
	"regexp"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// unpackLocations turns configured locations into scores, later ones first.
// Those with a mistake are left out with a warning.
func (e *engine) unpackLocations() []placed {
	u := locationUnpacker{e: e}
	for i := range e.in.Locations {
		if c := &e.in.Locations[i]; e.holds(c.Lifetime, ruleContext{}) {
			u.unpack(c)
		}
	}
	return u.made
}

// locationUnpacker turns location constraints into locations.
type locationUnpacker struct {
	e      *engine
	made   []placed
	shared map[*LocationRule]*location
}

func (u *locationUnpacker) unpack(c *LocationConfig) {
	if len(c.Sets) > 0 {
		u.unpackSets(c)
		return
	}
	if c.Resource != "" {
		r := u.e.constrained(c.Resource)
		if r == nil {
			u.e.warn("unknown_resource", c.ID, "no resource "+c.Resource)
		} else {
			u.unpackFor(c, r, c.Role, c.Score, nil)
		}
	}
	if c.Pattern != "" {
		u.unpackPattern(c)
	}
}

// unpackSets stops at the first resource that does not exist.
func (u *locationUnpacker) unpackSets(c *LocationConfig) {
	for i := range c.Sets {
		set := &c.Sets[i]
		score := set.Score
		if score == "" {
			score = c.Score
		}
		role := set.Role
		if role == "" {
			role = c.Role
		}
		for _, id := range set.Resources {
			r := u.e.constrained(id)
			if r == nil {
				u.e.warn("unknown_resource", c.ID, "no resource "+id)
				return
			}
			u.unpackFor(c, r, role, score, nil)
		}
	}
}

// unpackPattern applies the constraint to the outermost resources that match,
// or to those that do not.
func (u *locationUnpacker) unpackPattern(c *LocationConfig) {
	pattern, err := compilePattern(c.Pattern)
	if err != nil {
		u.e.warn("bad_pattern", c.ID, "no pattern: "+c.Pattern)
		return
	}
	for _, r := range u.e.top {
		match := pattern.FindStringSubmatch(r.id)
		switch {
		case match != nil && !c.Negated:
			u.unpackFor(c, r, c.Role, c.Score, match)
		case match == nil && c.Negated:
			u.unpackFor(c, r, c.Role, c.Score, nil)
		}
	}
}

// compilePattern reads an extended regular expression of POSIX. Where it uses
// extensions that many systems have (\w), Go's own syntax is close enough.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if re, err := regexp.CompilePOSIX(pattern); err == nil {
		return re, nil
	}
	return regexp.Compile(pattern)
}

// unpackFor makes the locations of one constraint for one resource.
func (u *locationUnpacker) unpackFor(c *LocationConfig, r *resource, role, score string, match []string) {
	discovery, ok := parseDiscovery(c.Discovery)
	if !ok {
		u.e.warn("bad_discovery", c.ID, "no kind of discovery: "+c.Discovery)
	}
	if c.Node != "" && score != "" {
		u.unpackNode(c, r, role, score, discovery)
		return
	}
	for i := range c.Rules {
		u.unpackRule(c, &c.Rules[i], r, discovery, match)
	}
}

func (u *locationUnpacker) unpackNode(c *LocationConfig, r *resource, role, score string, d discovery) {
	n := u.e.nodeBy[c.Node]
	if n == nil {
		n = u.e.nodeByFoldedName(c.Node)
	}
	if n == nil {
		u.e.warn("unknown_node", c.ID, "no node "+c.Node)
		return
	}
	where, ok := parseLocationRole(role)
	if !ok {
		u.e.warn("bad_role", c.ID, "no role: "+role)
	}
	u.add(r, &location{id: c.ID, role: where, discovery: d, node: n, score: u.e.parseScore(score, c.ID)})
}

// nodeByFoldedName finds a node whose name differs only in case.
func (e *engine) nodeByFoldedName(name string) *node {
	for _, n := range e.nodes {
		if strings.EqualFold(n.name, name) {
			return n
		}
	}
	return nil
}

func (u *locationUnpacker) unpackRule(c *LocationConfig, rule *LocationRule, r *resource, d discovery, match []string) {
	where, ok := parseLocationRole(rule.Role)
	if !ok {
		u.e.warn("bad_role", c.ID, "no role: "+rule.Role)
		return
	}
	id := c.ID
	if rule.Rule != nil && rule.Rule.ID != "" {
		id = rule.Rule.ID
	}
	if rule.Nodes != nil {
		u.add(r, u.judged(id, where, d, rule))
		return
	}
	width := len(u.e.nodes)
	l := &location{
		id: id, role: where, discovery: d,
		scores: make([]resources.Score, width), in: make([]bool, width),
	}
	var fixed resources.Score
	byAttribute := rule.Score == "" && rule.ScoreAttribute != ""
	attribute := replaceGroups(rule.ScoreAttribute, match)
	if rule.Score != "" {
		fixed = u.e.parseScore(rule.Score, id)
	}
	wantsParams := usesParams(rule.Rule, 0)
	for _, n := range u.e.nodes {
		ctx := ruleContext{node: n, rsc: r, meta: r.meta, match: match}
		if wantsParams {
			ctx.params = u.e.params(r, n)
		}
		if !u.e.holds(rule.Rule, ctx) {
			continue
		}
		score := fixed
		if byAttribute {
			value, known := u.e.nodeAttribute(n, attribute, r.meta["container-attribute-target"], false)
			if !known {
				continue
			}
			score = u.e.parseScore(value, id)
		}
		l.in[n.index], l.scores[n.index] = true, score
	}
	u.add(r, l)
}

// judged makes the location of a rule that the caller has judged. Resources that
// share the rule share what it says.
func (u *locationUnpacker) judged(id string, role Role, d discovery, rule *LocationRule) *location {
	if l := u.shared[rule]; l != nil {
		return l
	}
	width := len(u.e.nodes)
	l := &location{id: id, role: role, discovery: d, scores: make([]resources.Score, width), in: make([]bool, width)}
	score := u.e.parseScore(rule.Score, id)
	for i, holds := range rule.Nodes {
		if i >= len(u.e.in.Nodes) || !holds {
			continue
		}
		if n := u.e.nodeBy[u.e.in.Nodes[i].Name]; n != nil {
			l.in[n.index], l.scores[n.index] = true, score
		}
	}
	if u.shared == nil {
		u.shared = map[*LocationRule]*location{}
	}
	u.shared[rule] = l
	return l
}

func (u *locationUnpacker) add(r *resource, l *location) {
	if l.discovery == discoverExclusive {
		r.set(flagExclusive)
	}
	r.locations = append(r.locations, l)
	u.made = append(u.made, placed{r, l})
}

// usesParams reports whether a rule compares with the resource's parameters,
// which are only then worth resolving for every node.
func usesParams(rule *Rule, depth int) bool {
	if rule == nil || depth > maxRuleDepth {
		return false
	}
	for i := range rule.Parts {
		part := &rule.Parts[i]
		if part.Attribute != nil && part.Attribute.Source == "param" {
			return true
		}
		if usesParams(part.Rule, depth+1) {
			return true
		}
	}
	return false
}

// maxRuleDepth bounds how deep rules in rules are followed.
const maxRuleDepth = 64

// replaceGroups puts the groups of a pattern's match in place of %0 to %9.
func replaceGroups(text string, match []string) string {
	if len(match) == 0 || !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' {
			if group := int(text[i+1] - '0'); group < len(match) {
				b.WriteString(match[group])
			}
			i++
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// parseLocationRole reads the role of a location. What is started or
// unpromoted may become anything, so that these mean any role.
func parseLocationRole(word string) (Role, bool) {
	if word == "" {
		return RoleUnknown, true
	}
	switch role := parseRole(word); role {
	case RoleUnknown:
		return RoleUnknown, false
	case RoleStarted, RoleUnpromoted:
		return RoleUnknown, true
	default:
		return role, true
	}
}

func parseDiscovery(word string) (discovery, bool) {
	switch strings.ToLower(word) {
	case "", "always":
		return discoverAlways, true
	case "never":
		return discoverNever, true
	case "exclusive":
		return discoverExclusive, true
	default:
		return discoverAlways, false
	}
}

// parseScore reads a score of a constraint; what is none counts as 0.
func (e *engine) parseScore(text, subject string) resources.Score {
	score, ok := e.readScore(text)
	if !ok && text != "" {
		e.warn("bad_score", subject, "no score: "+text)
	}
	return score
}

// readScore reads a score. The colours of node health are scores, too.
func (e *engine) readScore(text string) (resources.Score, bool) {
	switch strings.ToLower(text) {
	case "red":
		return e.opt.red, true
	case "yellow":
		return e.opt.yellow, true
	case "green":
		return e.opt.green, true
	}
	score, err := resources.ParseScore(text)
	return score, err == nil
}

// warn records something that has no effect.
func (e *engine) warn(code, subject, text string) {
	e.warnings = append(e.warnings, Warning{Code: code, Subject: subject, Text: text})
}
