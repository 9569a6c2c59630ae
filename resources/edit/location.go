package edit

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

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
