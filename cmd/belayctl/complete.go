package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// completeTimeout bounds what the shell waits for when somebody presses tab.
const completeTimeout = 2 * time.Second

// completeAll gives every command that has no completion of its own one by the
// words of its usage line: ID, NODE, AGENT and the like. Names come from the
// cluster; where it cannot be reached there are none.
func (a *app) completeAll(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		a.completeAll(child)
	}
	if cmd.ValidArgsFunction != nil || len(cmd.ValidArgs) > 0 {
		return
	}
	kinds := placeholders(cmd)
	if len(kinds) == 0 {
		return
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		kind := kinds[min(len(args), len(kinds)-1)]
		if len(args) >= len(kinds) && !strings.HasSuffix(kind, "...") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, space := a.candidates(cmd, strings.TrimSuffix(kind, "..."))
		if space {
			return found, cobra.ShellCompDirectiveNoFileComp
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// placeholders are the words of a usage line that stand for arguments, in order.
// What repeats ends in "...". Sentences, as of constraints, take resources.
func placeholders(cmd *cobra.Command) []string {
	words := strings.Fields(cmd.Use)[1:]
	var kinds []string
	for _, word := range words {
		word = strings.Trim(word, "[]|,")
		name, _, _ := strings.Cut(strings.TrimSuffix(word, "..."), "[") // DEVICE[,DEVICE...]
		if strings.HasPrefix(name, "-") || name == "or" || name == "rule" {
			break
		}
		switch name {
		case "ID", "NODE", "AGENT", "NAME", "NAME=VALUE", "DEVICE", "DEVICE,DEVICE", "GROUP", "LEVEL", "RESOURCE", "PEER", "PARAMETER", "REV", "SCOPE":
			if strings.HasSuffix(word, "...") {
				name += "..."
			}
			kinds = append(kinds, name)
		case "A":
			return append(kinds, "SENTENCE...")
		}
	}
	return kinds
}

// candidates are the names of a kind, and whether a space follows them.
func (a *app) candidates(cmd *cobra.Command, kind string) (names []string, space bool) {
	parent := ""
	if cmd.HasParent() {
		parent = cmd.Parent().Name()
	}
	def := a.completionDefinition(cmd)
	switch kind {
	case "AGENT":
		if parent == "fence" {
			for _, spec := range a.fences.Specs() {
				names = append(names, spec.Name)
			}
			return names, true
		}
		for _, spec := range a.agents.Specs() {
			if spec.Suffix {
				names = append(names, spec.Name+":")
			} else {
				names = append(names, spec.Name)
			}
		}
		return names, true
	case "SCOPE":
		return a.scopes(def), true
	case "NAME", "NAME=VALUE":
		if parent != "property" {
			return nil, true
		}
		names = edit.PropertyNames()
		if kind == "NAME" {
			return names, true
		}
		for i := range names {
			names[i] += "="
		}
		return names, false
	case "ID", "RESOURCE", "GROUP", "SENTENCE", "DEVICE", "DEVICE,DEVICE", "NODE":
		if kind == "ID" && (parent == "fence" || cmd.Name() == "remove" && parent == "constraint") {
			kind = map[string]string{"fence": "DEVICE", "constraint": "CONSTRAINT"}[parent]
		}
		return definedNames(def, kind), true
	}
	return nil, true
}

// definedNames are the names of a kind that a definition holds.
func definedNames(def *resources.Definition, kind string) []string {
	set := map[string]bool{}
	switch kind {
	case "NODE":
		for _, n := range def.Nodes {
			set[string(n.Name)] = true
		}
	case "DEVICE", "DEVICE,DEVICE":
		for _, f := range def.Fences {
			set[f.ID] = true
		}
	case "CONSTRAINT":
		for _, id := range edit.ConstraintIDs(def) {
			set[id] = true
		}
	case "GROUP":
		for _, g := range def.Groups {
			set[string(g.ID)] = true
		}
	default:
		for _, r := range def.Resources {
			set[string(r.ID)] = true
		}
		for _, g := range def.Groups {
			set[string(g.ID)] = true
		}
		for _, b := range def.Bundles {
			set[string(b.ID)] = true
		}
		if kind == "SENTENCE" {
			for _, word := range []string{"add", "remove", "set", "start", "promote", "stop", "demote", "then", "with", "promoted", "prefers", "avoids", "rule"} {
				set[word] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// completionDefinition is the cluster's definition, or an empty one: a tab is no
// place for errors.
func (a *app) completionDefinition(cmd *cobra.Command) *resources.Definition {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	c, err := a.cluster()
	if err != nil {
		return &resources.Definition{}
	}
	answer, err := c.Definition(ctx)
	if err != nil || answer.Definition == nil {
		return &resources.Definition{}
	}
	return answer.Definition
}
