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
		return nil, errorf("see: belayctl constraint list", "there is no order of %q and %q", a, b)
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
		return nil, errorf("see: belayctl constraint list", "there is no colocation of %q with %q", a, b)
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
