package edit

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// AddOrder adds an order, or replaces the one with the same id. Words are
//
//	[start|promote|stop|demote] A then [start|promote|stop|demote] B [kind=KIND] [symmetrical=BOOL] [require-all=BOOL] [id=ID]
//	set A… [sequential=BOOL] [require-all=BOOL] [action=ACTION] [set …] [setoptions [kind=KIND] [symmetrical=BOOL] [id=ID]]
//
// An action that is left out is start, on both sides, as in pcs.
func AddOrder(def *resources.Definition, words []string) (*resources.Definition, error) {
	changed := def.Clone()
	sets, pairs, isSet, err := splitSets(changed, words)
	if err != nil {
		return nil, err
	}
	o := resources.Order{Sets: sets}
	if !isSet {
		words, pairs = trailingPairs(words)
		if err := orderSides(changed, &o, words); err != nil {
			return nil, err
		}
	}
	if err := apply("option of orders", map[string]setter{
		"kind": plain(&o.Kind, word[resources.OrderKind]), "symmetrical": optional(&o.Symmetrical, parseTruth),
		"require_all": optional(&o.RequireAll, parseTruth), "id": plain(&o.ID, verbatim),
	}, nil, pairs); err != nil {
		return nil, err
	}
	if o.ID == "" {
		o.ID = o.DefaultID()
	}
	changed.Orders = replace(changed.Orders, o, func(o resources.Order) string { return o.ID })
	return changed, nil
}

// orderSides reads A then B.
func orderSides(def *resources.Definition, o *resources.Order, words []string) error {
	left, right, found := cutWord(words, "then")
	if !found {
		return errorf("write [start|promote] A then [start|promote] B", "an order needs the word then")
	}
	var err error
	if o.FirstAction, o.First, err = orderSide(def, left); err != nil {
		return err
	}
	if o.ThenAction, o.Then, err = orderSide(def, right); err != nil {
		return err
	}
	if o.FirstAction == resources.OpStart && o.ThenAction == resources.OpStart {
		o.FirstAction, o.ThenAction = "", "" // the defaults
	}
	return nil
}

func verbatim(text string) (string, error) { return text, nil }

var orderActions = []resources.Op{resources.OpStart, resources.OpPromote, resources.OpStop, resources.OpDemote}

func orderSide(def *resources.Definition, words []string) (resources.Op, resources.ResourceID, error) {
	action := resources.OpStart
	if len(words) == 2 {
		action = resources.Op(strings.ToLower(words[0]))
		if !slices.Contains(orderActions, action) {
			return "", "", unknown("action", words[0], orderActions)
		}
		words = words[1:]
	}
	if len(words) != 1 {
		return "", "", errorf("write [start|promote|stop|demote] RESOURCE", "%q is no action and resource", strings.Join(words, " "))
	}
	id, err := resolveName(def, words[0])
	return action, id, err
}

// trailingPairs splits the NAME=VALUE words from the end.
func trailingPairs(words []string) ([]string, []pair) {
	var pairs []pair
	for len(words) > 0 {
		p, ok := splitPair(words[len(words)-1])
		if !ok {
			break
		}
		pairs = append(pairs, p)
		words = words[:len(words)-1]
	}
	slices.Reverse(pairs)
	return words, pairs
}

func cutWord(words []string, at string) (before, after []string, found bool) {
	i := slices.Index(words, at)
	if i < 0 {
		return words, nil, false
	}
	return words[:i], words[i+1:], true
}

// replace puts a value in the place of the one with the same id, or at the end.
func replace[T any](list []T, value T, id func(T) string) []T {
	i := slices.IndexFunc(list, func(other T) bool { return id(other) == id(value) })
	if i < 0 {
		return append(list, value)
	}
	list[i] = value
	return list
}

// AddColocation adds a colocation, or replaces the one with the same id. Words
// are
//
//	[ROLE] A with [ROLE] B [SCORE] [score=SCORE] [node-attribute=NAME] [influence=BOOL] [id=ID]
//	set A… [sequential=BOOL] [role=ROLE] [score=SCORE] [set …] [setoptions [score=SCORE] [influence=BOOL] [id=ID]]
//
// ROLE is promoted, master, unpromoted, slave, started or stopped; the score is
// INFINITY when left out.
func AddColocation(def *resources.Definition, words []string) (*resources.Definition, error) {
	changed := def.Clone()
	sets, pairs, isSet, err := splitSets(changed, words)
	if err != nil {
		return nil, err
	}
	c := resources.Colocation{Score: resources.Infinity, Sets: sets}
	if !isSet {
		words, pairs = trailingPairs(words)
		if err := colocationSides(changed, &c, words); err != nil {
			return nil, err
		}
	}
	if err := apply("option of colocations", map[string]setter{
		"score": plain(&c.Score, resources.ParseScore), "node_attribute": plain(&c.NodeAttribute, verbatim),
		"influence": optional(&c.Influence, parseTruth), "id": plain(&c.ID, verbatim),
		"rsc_role": plain(&c.Role, resources.ParseRole), "with_rsc_role": plain(&c.WithRole, resources.ParseRole),
	}, nil, pairs); err != nil {
		return nil, err
	}
	if c.ID == "" {
		c.ID = c.DefaultID()
	}
	changed.Colocations = replace(changed.Colocations, c, func(c resources.Colocation) string { return c.ID })
	return changed, nil
}

// colocationSides reads A with B [SCORE].
func colocationSides(def *resources.Definition, c *resources.Colocation, words []string) error {
	left, right, found := cutWord(words, "with")
	if !found {
		return errorf("write A with B [SCORE]", "a colocation needs the word with")
	}
	if n := len(right); n > 1 {
		if score, err := resources.ParseScore(right[n-1]); err == nil {
			c.Score, right = score, right[:n-1]
		}
	}
	var err error
	if c.Role, c.Resource, err = placedSide(def, left); err != nil {
		return err
	}
	c.WithRole, c.With, err = placedSide(def, right)
	return err
}

func placedSide(def *resources.Definition, words []string) (resources.Role, resources.ResourceID, error) {
	role := resources.RoleUnknown
	if len(words) == 2 {
		var err error
		if role, err = resources.ParseRole(words[0]); err != nil {
			return role, "", errorf("", "%v", err)
		}
		words = words[1:]
	}
	if len(words) != 1 {
		return role, "", errorf("write [ROLE] RESOURCE", "%q is no role and resource", strings.Join(words, " "))
	}
	id, err := resolveName(def, words[0])
	return role, id, err
}

// AddLocation adds locations, or replaces those with the same ids. Words are one of
//
//	A prefers NODE[=SCORE]…
//	A avoids NODE[=SCORE]…
//	A rule [id=ID] [score=SCORE] [role=ROLE] [resource-discovery=always|never|exclusive] EXPRESSION
//
// A is a resource, a group, agent=PATTERN for all resources of some agents, or
// id=EXPRESSION for all whose ids match. pcs' resource%ID and regexp%EXPRESSION are
// understood, and its form
//
//	add ID A NODE [SCORE] [resource-discovery=always|never|exclusive]
//
// Scores are INFINITY when left out. The expression may be one word or several.
func AddLocation(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 3 {
		return nil, errorf("write RESOURCE prefers|avoids NODE[=SCORE], or RESOURCE rule EXPRESSION", "a location needs a resource and a place")
	}
	changed := def.Clone()
	if words[0] == "add" && len(words) > 3 {
		return changed, addPlace(changed, words[1:])
	}
	var l resources.Location
	if err := chosen(changed, words[0], &l); err != nil {
		return nil, err
	}
	switch words[1] {
	case "prefers", "avoids":
		return changed, addPlaces(changed, l, words[2:], words[1] == "avoids")
	case "rule":
		return changed, addRule(changed, l, words[2:])
	default:
		return nil, unknown("kind of location", words[1], []string{"prefers", "avoids", "rule"})
	}
}

// chosen reads what a location is about.
func chosen(def *resources.Definition, word string, l *resources.Location) error {
	for prefix, selector := range map[string]func(string) *resources.Selector{
		"agent=":  func(text string) *resources.Selector { return &resources.Selector{Agent: text} },
		"id=":     func(text string) *resources.Selector { return &resources.Selector{ID: text} },
		"regexp%": func(text string) *resources.Selector { return &resources.Selector{ID: text} },
	} {
		if pattern, found := strings.CutPrefix(word, prefix); found {
			l.Selector = selector(pattern)
			return nil
		}
	}
	id, err := resolveName(def, strings.TrimPrefix(word, "resource%"))
	l.Resource = id
	return err
}

// addPlace reads ID A NODE [SCORE] [resource-discovery=…].
func addPlace(def *resources.Definition, words []string) error {
	words, pairs := trailingPairs(words)
	if len(words) < 3 || len(words) > 4 {
		return errorf("write ID RESOURCE NODE [SCORE]", "a location needs an id, a resource and a node")
	}
	l := resources.Location{ID: words[0], Score: resources.Infinity}
	if err := chosen(def, words[1], &l); err != nil {
		return err
	}
	n, err := findNode(def, words[2])
	if err != nil {
		return err
	}
	l.Node = n.Name
	if len(words) == 4 {
		if l.Score, err = resources.ParseScore(words[3]); err != nil {
			return errorf("", "%v", err)
		}
	}
	if err := apply("option of locations", map[string]setter{
		"score": plain(&l.Score, resources.ParseScore), "resource_discovery": plain(&l.Discovery, word[resources.Discovery]),
	}, nil, pairs); err != nil {
		return err
	}
	def.Locations = replace(def.Locations, l, func(l resources.Location) string { return l.ID })
	return nil
}

func addPlaces(def *resources.Definition, l resources.Location, words []string, avoids bool) error {
	for _, place := range words {
		name, text, given := strings.Cut(place, "=")
		n, err := findNode(def, name)
		if err != nil {
			return err
		}
		l.Node, l.Score = n.Name, resources.Infinity
		if given {
			if l.Score, err = resources.ParseScore(text); err != nil {
				return errorf("", "%s: %v", place, err)
			}
		}
		if avoids {
			l.Score = -l.Score
		}
		l.ID = l.DefaultID()
		def.Locations = replace(def.Locations, l, func(l resources.Location) string { return l.ID })
	}
	return nil
}

func addRule(def *resources.Definition, l resources.Location, words []string) error {
	l.Score = resources.Infinity
	setters := map[string]setter{
		"id": plain(&l.ID, verbatim), "constraint_id": plain(&l.ID, verbatim), "score": plain(&l.Score, resources.ParseScore),
		"role": plain(&l.Role, resources.ParseRole), "resource_discovery": plain(&l.Discovery, word[resources.Discovery]),
	}
	for len(words) > 0 {
		p, ok := splitPair(words[0])
		if _, known := setters[snake(p.name)]; !ok || !known {
			break
		}
		if err := apply("option of rules", setters, nil, []pair{p}); err != nil {
			return err
		}
		words = words[1:]
	}
	l.Rule = joinRule(words)
	if _, err := resources.ParseRule(l.Rule); err != nil {
		return errorf("", "%v, in %q", err, l.Rule)
	}
	if l.ID == "" {
		l.ID = l.DefaultID()
	}
	def.Locations = replace(def.Locations, l, func(l resources.Location) string { return l.ID })
	return nil
}

// joinRule makes one text of the words of a rule. A single word is the whole
// rule; of several, those that hold spaces lost their quotes in the shell.
func joinRule(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.ContainsAny(word, " \t") && !strings.ContainsAny(word, `"'=()&|`) {
			quoted[i] = `"` + strings.ReplaceAll(word, `\`, `\\`) + `"`
		}
	}
	return strings.Join(quoted, " ")
}

// RemoveConstraints removes constraints by their ids.
func RemoveConstraints(def *resources.Definition, names []string) (*resources.Definition, error) {
	if len(names) == 0 {
		return nil, errorf("name a constraint", "nothing to remove")
	}
	changed := def.Clone()
	for _, name := range names {
		before := len(ConstraintIDs(changed))
		changed.Orders = slices.DeleteFunc(changed.Orders, func(o resources.Order) bool { return o.ID == name })
		changed.Colocations = slices.DeleteFunc(changed.Colocations, func(c resources.Colocation) bool { return c.ID == name })
		changed.Locations = slices.DeleteFunc(changed.Locations, func(l resources.Location) bool { return l.ID == name })
		changed.Tickets = slices.DeleteFunc(changed.Tickets, func(t resources.TicketUse) bool { return t.ID == name })
		if before == len(ConstraintIDs(changed)) {
			return nil, unknown("constraint", name, ConstraintIDs(def))
		}
	}
	return changed, nil
}

// ConstraintIDs returns the ids of every constraint.
func ConstraintIDs(def *resources.Definition) []string {
	var all []string
	for _, o := range def.Orders {
		all = append(all, o.ID)
	}
	for _, c := range def.Colocations {
		all = append(all, c.ID)
	}
	for _, l := range def.Locations {
		all = append(all, l.ID)
	}
	for _, t := range def.Tickets {
		all = append(all, t.ID)
	}
	return all
}

// RemoveOrder removes every order from the first resource to the second.
func RemoveOrder(def *resources.Definition, first, then string) (*resources.Definition, error) {
	changed := def.Clone()
	a, b, err := resolveBoth(changed, first, then)
	if err != nil {
		return nil, err
	}
	changed.Orders = slices.DeleteFunc(changed.Orders, func(o resources.Order) bool { return o.First == a && o.Then == b })
	if len(changed.Orders) == len(def.Orders) {
		return nil, errorf("see: constraint list", "there is no order of %q and %q", a, b)
	}
	return changed, nil
}

// RemoveColocation removes every colocation of the resource with the other.
func RemoveColocation(def *resources.Definition, resource, with string) (*resources.Definition, error) {
	changed := def.Clone()
	a, b, err := resolveBoth(changed, resource, with)
	if err != nil {
		return nil, err
	}
	changed.Colocations = slices.DeleteFunc(changed.Colocations, func(c resources.Colocation) bool { return c.Resource == a && c.With == b })
	if len(changed.Colocations) == len(def.Colocations) {
		return nil, errorf("see: constraint list", "there is no colocation of %q with %q", a, b)
	}
	return changed, nil
}

func resolveBoth(def *resources.Definition, a, b string) (resources.ResourceID, resources.ResourceID, error) {
	first, err := resolveName(def, a)
	if err != nil {
		return "", "", err
	}
	second, err := resolveName(def, b)
	return first, second, err
}
