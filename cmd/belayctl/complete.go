package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
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
	a.completeFlags(cmd)
	if cmd.ValidArgsFunction != nil || len(cmd.ValidArgs) > 0 {
		return
	}
	kinds := placeholders(cmd)
	if len(kinds) == 0 {
		return
	}
	raw := cmd.DisableFlagParsing
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if raw {
			if found, done := a.wordsOfRaw(cmd, args, begun); done {
				return found, cobra.ShellCompDirectiveNoFileComp
			}
			args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "-") })
		}
		kind := kinds[min(len(args), len(kinds)-1)]
		if len(args) >= len(kinds) && !strings.HasSuffix(kind, "...") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, space := a.candidates(cmd, strings.TrimSuffix(kind, "..."), args)
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
		case "ID", "NODE", "AGENT", "NAME", "NAME=VALUE", "DEVICE", "DEVICE,DEVICE", "GROUP", "LEVEL", "RESOURCE", "SCOPE", "TICKET":
			if strings.HasSuffix(word, "...") {
				return append(kinds, name+"...") // what follows belongs to some of these words
			}
			kinds = append(kinds, name)
		case "A":
			return append(kinds, "SENTENCE...")
		}
	}
	return kinds
}

// candidates are the names of a kind, after the words that are there already, and
// whether a space follows them.
func (a *app) candidates(cmd *cobra.Command, kind string, before []string) (names []string, space bool) {
	parent := ""
	if cmd.HasParent() {
		parent = cmd.Parent().Name()
	}
	switch kind {
	case "AGENT":
		return a.agentNames(parent == "fence"), true
	case "SCOPE":
		return a.scopes(a.completionDefinition(cmd)), true
	case "TICKET":
		return belay.Tickets(a.completionState(cmd)), true
	case "NAME":
		return a.settingNames(cmd, parent), true
	case "NAME=VALUE":
		names = a.assignable(cmd, parent, before)
		for i := range names {
			names[i] += "="
		}
		return names, len(names) == 0
	case "ID", "RESOURCE", "GROUP", "SENTENCE", "DEVICE", "DEVICE,DEVICE", "NODE":
		if of := map[string]string{"fence": "DEVICE", "constraint": "CONSTRAINT", "tag": "TAG"}[parent]; kind == "ID" && of != "" {
			kind = of
		}
		return definedNames(a.completionDefinition(cmd), kind), true
	}
	return nil, true
}

func (a *app) agentNames(fences bool) (names []string) {
	if fences {
		for _, spec := range a.fences.Specs() {
			names = append(names, spec.Name)
		}
		return names
	}
	for _, spec := range a.agents.Specs() {
		if spec.Suffix {
			names = append(names, spec.Name+":")
		} else {
			names = append(names, spec.Name)
		}
	}
	return names
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
	case "TAG":
		for _, t := range def.Tags {
			set[string(t.ID)] = true
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

// completionState is the cluster's state, or an empty one.
func (a *app) completionState(cmd *cobra.Command) *state.State {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	s, err := a.state(ctx, false)
	if err != nil {
		return state.New()
	}
	return s
}
