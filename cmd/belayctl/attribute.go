package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) attributeCommand() *cobra.Command {
	return a.parent("attribute", "Nodes' attributes, which rules compare and agents read", "  belayctl attribute list\n  belayctl attribute set controller-0 osprole=controller",
		a.attributeSetCommand(), a.attributeUnsetCommand(), a.attributeListCommand())
}

const attributeHelp = "Attributes are part of the definition. With --transient they are not, and vanish\nwhen the node is lost or restarts. A transient attribute hides a permanent one of its name."

func (a *app) attributeSetCommand() *cobra.Command {
	return a.attributeChange("set NODE NAME=VALUE...", "Set attributes of a node", "  belayctl attribute set controller-0 osprole=controller\n  belayctl attribute set compute-0 --transient evacuate=yes",
		func(words []string) ([]string, error) {
			for _, word := range words {
				if name, value, ok := strings.Cut(word, "="); !ok || name == "" || value == "" {
					return nil, usage("unexpected %q: write NAME=VALUE", word)
				}
			}
			return words, nil
		})
}

func (a *app) attributeUnsetCommand() *cobra.Command {
	return a.attributeChange("unset NODE NAME...", "Remove attributes of a node", "  belayctl attribute unset controller-0 osprole\n  belayctl attribute unset compute-0 --transient evacuate",
		func(words []string) ([]string, error) {
			pairs := make([]string, len(words))
			for i, word := range words {
				if word == "" || strings.Contains(word, "=") {
					return nil, usage("unexpected %q: write NAME", word)
				}
				pairs[i] = word + "="
			}
			return pairs, nil
		})
}

// attributeChange makes a command whose words are turned into NAME=VALUE, or
// NAME= for one that goes.
func (a *app) attributeChange(use, short, example string, pairs func([]string) ([]string, error)) *cobra.Command {
	var flags changeFlags
	var transient bool
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments(2, -1), Long: attributeHelp, Example: example}
	flags.add(cmd)
	cmd.Flags().BoolVar(&transient, "transient", false, "until the node is lost or restarts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words, err := pairs(args[1:])
		if err != nil {
			return err
		}
		if transient {
			return a.setTransient(cmd, &flags, args[0], words)
		}
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
			return edit.SetNodeAttributes(def, args[0], words)
		})
	}
	return cmd
}

// setTransient sets or, with an empty value, removes transient attributes.
func (a *app) setTransient(cmd *cobra.Command, flags *changeFlags, node string, words []string) error {
	for _, word := range words {
		if name, _, ok := strings.Cut(word, "="); !ok || name == "" {
			return usage("unexpected %q: write NAME=VALUE", word)
		}
	}
	var commands []state.Command
	var done []string
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		set, what := &state.NodeAttribute{Node: resources.NodeName(node), Key: name, Value: &value}, "is set"
		if value == "" {
			set.Value, what = nil, "is removed"
		}
		commands, done = append(commands, set), append(done, fmt.Sprintf("%s: %s %s", node, name, what))
	}
	return a.commit(cmd.Context(), flags, strings.Join(done, "\n"), nil, commands...)
}

func (a *app) attributeListCommand() *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use: "list [NAME]", Aliases: []string{"query", "show"}, Short: "List attributes: of every node or one, all or one of them", Args: arguments(0, 1),
		Example: "  belayctl attribute list\n  belayctl attribute list osprole --node controller-0\n  belayctl attribute list osprole -o json",
	}
	cmd.Flags().StringVar(&node, "node", "", "of this node only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.showAttributes(cmd, node, append(args, "")[0], false)
	}
	return cmd
}

// attributeValue is one attribute of one node.
type attributeValue struct {
	Node      resources.NodeName `json:"node"`
	Name      string             `json:"name"`
	Value     string             `json:"value"`
	Transient bool               `json:"transient,omitempty"`
}

// showAttributes lists the attributes of one node, or "" for all; of one name, or
// "" for all. pairs shows NAME=VALUE alone.
func (a *app) showAttributes(cmd *cobra.Command, node, name string, pairs bool) error {
	def, err := a.definition(cmd.Context())
	if err != nil {
		return err
	}
	status, err := a.status(cmd.Context(), false)
	if err != nil {
		return err
	}
	values := map[resources.NodeName]map[string]attributeValue{}
	add := func(of resources.NodeName, attributes map[string]string, transient bool) {
		if values[of] == nil {
			values[of] = map[string]attributeValue{}
		}
		for key, value := range attributes {
			values[of][key] = attributeValue{of, key, value, transient}
		}
	}
	for _, n := range def.Nodes {
		add(n.Name, n.Attributes, false)
	}
	for _, n := range status.Nodes {
		add(n.Name, n.Attributes, true)
	}
	known := make([]string, 0, len(values))
	for _, of := range slices.Sorted(maps.Keys(values)) {
		known = append(known, string(of))
	}
	if node != "" && !slices.Contains(known, node) {
		return unknownName("node", node, known)
	}
	list, names := []attributeValue{}, []string{}
	for _, of := range known {
		if node != "" && of != node {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(values[resources.NodeName(of)])) {
			names = append(names, key)
			if name == "" || key == name {
				list = append(list, values[resources.NodeName(of)][key])
			}
		}
	}
	if name != "" && len(list) == 0 {
		fmt.Fprintf(a.errOut, "note: nothing has an attribute %q: %s\n", name, hint(name, slices.Compact(slices.Sorted(slices.Values(names)))))
	}
	if pairs {
		return a.printPairs(list)
	}
	return a.print(list, func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, v := range list {
			note := ""
			if v.Transient {
				note = "transient"
			}
			fmt.Fprintf(table, "%s\t%s=%s\t%s\n", v.Node, v.Name, v.Value, note)
		}
		table.Flush()
	})
}

// printPairs shows NAME=VALUE, or as JSON an object.
func (a *app) printPairs(list []attributeValue) error {
	all := map[string]string{}
	for _, v := range list {
		all[v.Name] = v.Value
	}
	return a.print(all, func(w io.Writer) {
		for _, v := range list {
			fmt.Fprintf(w, "%s=%s\n", v.Name, v.Value)
		}
	})
}

func (a *app) nodeAttributeCommand() *cobra.Command {
	var flags changeFlags
	var transient bool
	cmd := &cobra.Command{
		Use: "attribute NODE [NAME=VALUE...]", Short: "Show or set a node's attributes; NAME= removes one", Args: arguments(1, -1),
		Long:    "Attributes are part of the definition. With --transient they are not, and vanish\nwhen the node is lost or restarts.",
		Example: "  belayctl node attribute controller-0\n  belayctl node attribute controller-0 osprole=controller\n  belayctl node attribute controller-0 --transient evacuate=yes",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&transient, "transient", false, "until the node is lost or restarts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 1:
			return a.showAttributes(cmd, args[0], "", true)
		case !transient:
			return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
				return edit.SetNodeAttributes(def, args[0], args[1:])
			})
		}
		return a.setTransient(cmd, &flags, args[0], args[1:])
	}
	return cmd
}

func (a *app) nodeUtilizationCommand() *cobra.Command {
	return a.editing("utilization NODE NAME=AMOUNT...", "Say what a node has of what resources use; NAME= removes one", "  belayctl node utilization controller-0 cpu=8 memory=65536",
		func(def *resources.Definition, words []string) (*resources.Definition, error) {
			if len(words) < 2 {
				return nil, usage("write: belayctl node utilization NODE NAME=AMOUNT...")
			}
			return edit.SetNodeUtilization(def, words[0], words[1:])
		}, all)
}
