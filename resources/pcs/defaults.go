package pcs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// defaultSet is a set of defaults as pcs knows it. Those with a rule have the same
// numbers as in Defaults.When.
type defaultSet struct {
	id    string
	score resources.Score
	op    bool
	names []string // of what it gives, with underscores
}

// gives reports whether the set gives a value of the name.
func (s *defaultSet) gives(name string) bool { return slices.Contains(s.names, underscored(name)) }

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// defaultsKind is what tells the defaults of resources from those of operations.
type defaultsKind struct {
	op  bool
	set func(*resources.Definition, []string) (*resources.Definition, error)
	add func(def *resources.Definition, at int, rule string, words []string) (*resources.Definition, error)
}

// changeDefaults reads `[update] NAME=VALUE…` and `set create|delete|update …`.
func changeDefaults(kind defaultsKind) func(*converter, Position, []word) (*resources.Definition, error) {
	return func(c *converter, _ Position, words []word) (*resources.Definition, error) {
		said := texts(words)
		switch {
		case len(said) > 0 && said[0] == "update":
			said = said[1:]
		case len(said) > 1 && said[0] == "set" && said[1] == "create":
			return c.createDefaults(kind, said[2:])
		case len(said) > 1 && said[0] == "set" && (said[1] == "delete" || said[1] == "remove"):
			return c.deleteDefaults(kind, said[2:])
		case len(said) > 1 && said[0] == "set" && said[1] == "update":
			return nil, &edit.Error{Code: edit.CodeUsage, Text: "write the whole set of defaults where it is created"}
		case len(said) > 0 && said[0] == "set":
			said = said[1:]
		}
		if len(said) == 0 || said[0] == "config" {
			return c.def, nil // it asks
		}
		return kind.set(c.def, said)
	}
}

// createDefaults makes a set: [id=ID] [score=SCORE] [meta NAME=VALUE…] [rule …].
// One without a rule is what holds always.
func (c *converter) createDefaults(kind defaultsKind, words []string) (*resources.Definition, error) {
	set, meta, rule, err := splitDefaults(words)
	if err != nil {
		return nil, err
	}
	set.op = kind.op
	if len(rule) == 0 {
		return c.createPlain(kind, set, meta)
	}
	text, err := kind.rule(rule)
	if err != nil {
		return nil, err
	}
	if name, found := shared(&set, c.plainSets, func(plain *defaultSet) bool { return plain.score > set.score }); found {
		return nil, outranked(name)
	}
	// Of sets with the same score the last one counts first.
	at := 0
	for at < len(c.ruledSets) && c.ruledSets[at].score > set.score {
		at++
	}
	changed, err := kind.add(c.def, at, text, meta)
	if err == nil {
		c.ruledSets = slices.Insert(c.ruledSets, at, set)
	}
	return changed, err
}

// createPlain makes a set that holds always. What an earlier one of a higher score
// gives stays.
func (c *converter) createPlain(kind defaultsKind, set defaultSet, meta []string) (*resources.Definition, error) {
	if name, found := shared(&set, c.ruledSets, func(ruled *defaultSet) bool { return ruled.score <= set.score }); found {
		return nil, outranked(name)
	}
	meta = slices.DeleteFunc(slices.Clone(meta), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.ContainsFunc(c.plainSets, func(other defaultSet) bool {
			return other.op == set.op && other.score > set.score && other.gives(name)
		})
	})
	changed := c.def
	if len(meta) > 0 {
		var err error
		if changed, err = kind.set(c.def, meta); err != nil {
			return nil, err
		}
	}
	c.plainSets = append(c.plainSets, set)
	return changed, nil
}

// shared returns a value that the set gives and that one of the others gives that
// count.
func shared(set *defaultSet, others []defaultSet, counts func(*defaultSet) bool) (name string, found bool) {
	for i := range others {
		other := &others[i]
		if other.op != set.op || !counts(other) {
			continue
		}
		for _, name := range set.names {
			if other.gives(name) {
				return name, true
			}
		}
	}
	return "", false
}

// outranked: in a definition, what holds by a rule comes before what holds always.
func outranked(name string) error {
	return &edit.Error{Code: edit.CodeUsage, Text: fmt.Sprintf("%s is given by a set with a rule and by one without that goes before it, which cannot be converted", name), Hint: "give the set with the rule the highest score"}
}

// rule writes a set's rule, which is about the time, agents and operations.
func (kind *defaultsKind) rule(words []string) (string, error) {
	text, err := ruleText(words)
	if err != nil {
		return "", err
	}
	rule, err := resources.ParseRule(text)
	if err != nil {
		return "", fmt.Errorf("%w, in %q", err, text)
	}
	switch asks := rule.Asks(); {
	case asks.Node:
		return "", fmt.Errorf("a rule of defaults cannot ask for the node's %s", rule.Attributes()[0])
	case asks.Op && !kind.op:
		return "", errors.New("a rule of resources' defaults cannot ask for the operation")
	}
	return text, nil
}

// splitDefaults reads what a set says of itself, what it gives, and its rule.
func splitDefaults(words []string) (set defaultSet, meta, rule []string, err error) {
	for len(words) > 0 && words[0] != "meta" && words[0] != "rule" {
		name, value, _ := strings.Cut(words[0], "=")
		switch name {
		case "id":
			set.id = value
		case "score":
			set.score, err = resources.ParseScore(value)
		default:
			err = &edit.Error{Code: edit.CodeUsage, Text: fmt.Sprintf("unexpected %q", words[0]), Hint: "write id=ID, score=SCORE, meta NAME=VALUE… and rule EXPRESSION"}
		}
		if err != nil {
			return set, nil, nil, err
		}
		words = words[1:]
	}
	if at := slices.Index(words, "rule"); at >= 0 {
		words, rule = words[:at], words[at+1:]
		if len(rule) == 0 {
			return set, nil, nil, &edit.Error{Code: edit.CodeUsage, Text: "the rule is missing"}
		}
	}
	if len(words) > 0 {
		meta = words[1:] // after the word meta
	}
	for _, pair := range meta {
		name, _, _ := strings.Cut(pair, "=")
		set.names = append(set.names, underscored(name))
	}
	return set, meta, rule, nil
}

// deleteDefaults removes sets that hold by a rule.
func (c *converter) deleteDefaults(kind defaultsKind, ids []string) (*resources.Definition, error) {
	changed, sets := c.def.Clone(), slices.Clone(c.ruledSets)
	for _, id := range ids {
		at := slices.IndexFunc(sets, func(s defaultSet) bool { return s.id == id && s.op == kind.op && id != "" })
		if at < 0 {
			return nil, &edit.Error{Code: resources.ProblemUnknownName, Text: fmt.Sprintf("no set of defaults with a rule is called %q", id)}
		}
		sets = slices.Delete(sets, at, at+1)
		changed.Defaults.When = slices.Delete(changed.Defaults.When, at, at+1)
	}
	c.ruledSets = sets
	return changed, nil
}
