package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// settingNames complete NAME: of properties, secrets, attributes.
func (a *app) settingNames(cmd *cobra.Command, parent string) []string {
	switch parent {
	case "property":
		return edit.PropertyNames()
	case "secret":
		if cmd.Name() == "set" {
			return nil // most are new
		}
		return slices.Sorted(maps.Keys(a.completionState(cmd).Secrets))
	case "attribute":
		return a.attributeNames(cmd)
	}
	return nil
}

// attributeNames are those that any node has.
func (a *app) attributeNames(cmd *cobra.Command) []string {
	s, names := a.completionState(cmd), map[string]bool{}
	for _, n := range s.Definition.Nodes {
		for name := range n.Attributes {
			names[name] = true
		}
	}
	for _, n := range s.Nodes {
		for name := range n.Attributes {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// assignable complete NAME=VALUE after the words that are there: parameters of the
// agent, meta-attributes, properties, attributes.
func (a *app) assignable(cmd *cobra.Command, parent string, before []string) []string {
	switch command := parent + " " + cmd.Name(); command {
	case "property set":
		return edit.PropertyNames()
	case "resource meta", "defaults resource", "resource defaults":
		return edit.MetaNames()
	case "defaults op":
		return edit.OpNames()
	case "attribute set", "node attribute":
		return a.attributeNames(cmd)
	case "resource clone", "resource promotable":
		return edit.CloneNames()
	case "resource create", "resource update", "fence create", "fence update":
		return a.paramsAfter(cmd, command, before)
	}
	return nil
}

// paramsAfter are what may be given after the words of a sentence about a resource
// or a fence device: what the last part takes, else the agent's parameters.
func (a *app) paramsAfter(cmd *cobra.Command, command string, before []string) []string {
	for n, word := range slices.Backward(before) {
		switch {
		case word == "meta":
			return edit.MetaNames()
		case n > 0 && before[n-1] == "op":
			return edit.OpNames()
		}
	}
	if len(before) == 0 {
		return nil
	}
	agent := ""
	switch def := a.completionDefinition(cmd); command {
	case "resource create", "fence create":
		agent = append(slices.Clone(before), "")[1]
	case "resource update":
		if r, found := def.Effective(resources.ResourceID(before[0])); found {
			agent = r.Agent
		}
	case "fence update":
		if i := slices.IndexFunc(def.Fences, func(f resources.FenceDevice) bool { return f.ID == before[0] }); i >= 0 {
			agent = def.Fences[i].Agent
		}
	}
	var names []string
	if strings.HasPrefix(command, "fence") {
		spec, _ := a.fences.Find(agent)
		for _, p := range spec.Params {
			names = append(names, p.Name)
		}
		return append(names, "targets", "level", "delay", "delay_max", "timeout", "host_map", "host_param")
	}
	if found, known := a.agents.Find(agent); known {
		for _, p := range found.Spec().Params {
			if !strings.Contains(p.Name, "*") {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// wordsOfRaw completes flags, and their values, of a command whose words are pcs'.
func (a *app) wordsOfRaw(cmd *cobra.Command, args []string, begun string) ([]string, bool) {
	if len(args) > 0 {
		switch args[len(args)-1] {
		case "--group":
			return definedNames(a.completionDefinition(cmd), "GROUP"), true
		case "--before", "--after":
			return definedNames(a.completionDefinition(cmd), "ID"), true
		}
	}
	if !strings.HasPrefix(begun, "-") {
		return nil, false
	}
	var flags []string
	for word := range strings.FieldsSeq(cmd.Use) { // --clone, --group, …
		if word = strings.Trim(word, "[]|"); strings.HasPrefix(word, "--") {
			flags = append(flags, word)
		}
	}
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, "--"+f.Name)
		}
	}
	cmd.NonInheritedFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	slices.Sort(flags)
	return slices.Compact(flags), true
}

// completeFlags lets the values of flags complete that name something, where a
// command has no completion of its own for them.
func (a *app) completeFlags(cmd *cobra.Command) {
	names := map[string]func(*cobra.Command) []string{
		"node":     func(cmd *cobra.Command) []string { return definedNames(a.completionDefinition(cmd), "NODE") },
		"from":     func(cmd *cobra.Command) []string { return definedNames(a.completionDefinition(cmd), "NODE") },
		"resource": func(cmd *cobra.Command) []string { return definedNames(a.completionDefinition(cmd), "ID") },
		"role":     func(*cobra.Command) []string { return []string{state.RoleViewer, state.RoleOperator, state.RoleAdmin} },
		"prune":    func(*cobra.Command) []string { return []string{"owned", "all"} },
		"output":   func(*cobra.Command) []string { return []string{"text", "json"} },
	}
	register := func(f *pflag.Flag) {
		complete, named := names[f.Name]
		if _, own := cmd.GetFlagCompletionFunc(f.Name); own || !named || cmd.HasParent() && cmd.Parent().Name() == "cluster" {
			return // a host that joins has no name yet
		}
		err := cmd.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return complete(cmd), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag is there
		}
	}
	cmd.Flags().VisitAll(register) // LocalFlags would add those of the parents
	cmd.PersistentFlags().VisitAll(register)
}
