// Package edit holds the imperative verbs: each function takes a definition
// and the words of a command, and returns a changed copy. The words follow pcs,
// so that what people know goes on working; names may be written with dashes or
// underscores, and the old suffixes -clone and -master are understood.
//
// The package is pure. It does not validate the result: the caller does, with
// resources.Validate, before it hands the result on.
package edit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// CodeUsage is the code of words that make no command.
const CodeUsage resources.ProblemCode = "usage"

// Error is a command that cannot be carried out as it was written.
type Error struct {
	// Code is stable: CodeUsage, or that of a problem in definitions.
	Code resources.ProblemCode
	Text string
	// Hint is what to write instead, or empty.
	Hint string
}

// Error returns one line.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + ": " + e.Hint
}

func errorf(hint, format string, args ...any) *Error {
	return &Error{Code: CodeUsage, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// unknown returns an error for a name that is not in the list.
func unknown[T ~string](what, name string, known []T) *Error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	hint := ""
	if best, ok := resources.Nearest(name, names); ok {
		hint = fmt.Sprintf("did you mean %q?", best)
	} else if len(names) > 0 && len(names) <= 20 {
		hint = "there are " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
	}
	err := errorf(hint, "no %s is called %q", what, name)
	err.Code = resources.ProblemUnknownName
	return err
}

// snake turns pcs' dashed names into the definition's.
func snake(name string) string { return strings.ReplaceAll(name, "-", "_") }

// pair is one NAME=VALUE.
type pair struct{ name, value string }

func splitPair(word string) (pair, bool) {
	name, value, found := strings.Cut(word, "=")
	return pair{name, value}, found && name != ""
}

func splitPairs(words []string) ([]pair, error) {
	pairs := make([]pair, 0, len(words))
	for _, word := range words {
		p, ok := splitPair(word)
		if !ok {
			return nil, errorf("write NAME=VALUE", "unexpected %q", word)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// ids returns the names of every resource, group and bundle.
func ids(def *resources.Definition) []string {
	var all []string
	for _, r := range def.Resources {
		all = append(all, string(r.ID))
	}
	for _, g := range def.Groups {
		all = append(all, string(g.ID))
	}
	for _, b := range def.Bundles {
		all = append(all, string(b.ID))
	}
	return all
}

// Resolve returns the resource, group or bundle that a name means: itself, or without
// Pacemaker's suffixes for what wraps it (galera-clone, galera-master).
func Resolve(def *resources.Definition, name string) (resources.ResourceID, error) {
	all := ids(def)
	if slices.Contains(all, name) {
		return resources.ResourceID(name), nil
	}
	for _, suffix := range []string{"-clone", "-master", "-promotable"} {
		if base, found := strings.CutSuffix(name, suffix); found && slices.Contains(all, base) {
			return resources.ResourceID(base), nil
		}
	}
	return "", unknown("resource or group", name, all)
}

func findResource(def *resources.Definition, name string) (*resources.Resource, error) {
	id, err := Resolve(def, name)
	if err != nil {
		return nil, err
	}
	if r, ok := def.Resource(id); ok {
		return r, nil
	}
	if _, isBundle := def.Bundle(id); isBundle {
		return nil, errorf("", "%q is a bundle", id)
	}
	return nil, errorf("name one of its members", "%q is a group", id)
}

// meta returns the meta-attributes of a resource, group or bundle.
func meta(def *resources.Definition, name string) (*resources.Meta, error) {
	id, err := Resolve(def, name)
	if err != nil {
		return nil, err
	}
	if r, ok := def.Resource(id); ok {
		return &r.Meta, nil
	}
	if b, ok := def.Bundle(id); ok {
		return &b.Meta, nil
	}
	g, _ := def.Group(id)
	return &g.Meta, nil
}

func findNode(def *resources.Definition, name string) (*resources.Node, error) {
	if n, ok := def.Node(resources.NodeName(name)); ok {
		return n, nil
	}
	var names []string
	for _, n := range def.Nodes {
		names = append(names, string(n.Name))
	}
	return nil, unknown("node", name, names)
}

func parseTruth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1", "y":
		return true, nil
	case "false", "no", "off", "0", "n":
		return false, nil
	}
	return false, errorf("", "%q is neither true nor false", text)
}

func parseCount(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errorf("", "%q is not a whole number", text)
	}
	return int(n), nil
}

// setter stores a value, which is never empty, or with "" goes back to the default.
type setter func(value string) error

// optional returns a setter of a pointer field.
func optional[T any](field **T, parse func(string) (T, error)) setter {
	return func(value string) error {
		if value == "" {
			*field = nil
			return nil
		}
		parsed, err := parse(value)
		if err != nil {
			return err
		}
		*field = &parsed
		return nil
	}
}

// plain returns a setter of a field whose zero value is the default.
func plain[T any](field *T, parse func(string) (T, error)) setter {
	return func(value string) error {
		var zero T
		*field = zero
		if value == "" {
			return nil
		}
		parsed, err := parse(value)
		if err != nil {
			return err
		}
		*field = parsed
		return nil
	}
}

func word[T ~string](text string) (T, error) { return T(strings.ToLower(text)), nil }

// apply sets each pair by the setter under its name.
func apply(what string, setters map[string]setter, aliases map[string]string, pairs []pair) error {
	for _, p := range pairs {
		name := snake(p.name)
		if alias, ok := aliases[name]; ok {
			name = alias
		}
		set, ok := setters[name]
		if !ok {
			known := slices.Collect(maps.Keys(setters))
			if _, near := resources.Nearest(p.name, known); !near {
				if short, near := resources.Nearest(p.name, slices.Collect(maps.Keys(aliases))); near {
					known = []string{short}
				}
			}
			return unknown(what, p.name, known)
		}
		if err := set(p.value); err != nil {
			return errorf("", "%s=%s: %v", p.name, p.value, err)
		}
	}
	return nil
}
