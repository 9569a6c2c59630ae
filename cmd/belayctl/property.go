package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) propertyCommand() *cobra.Command {
	return a.parent("property", "Cluster-wide settings", "  belayctl property set maintenance-mode=true\n  belayctl property list", a.propertySetCommand(),
		a.editing("unset NAME...", "Set properties back to their defaults", "  belayctl property unset no-quorum-policy", edit.UnsetProperties, all),
		a.showing("list", "List the properties that are set", "  belayctl property list\n  belayctl property list -o json", func(def *resources.Definition) (any, *resources.Definition) {
			return def.Properties, &resources.Definition{Properties: def.Properties}
		}),
	)
}

func (a *app) propertySetCommand() *cobra.Command {
	var flags changeFlags
	var node string
	cmd := &cobra.Command{
		Use: "set NAME=VALUE...", Short: "Set cluster properties or, with --node, a node's attributes", Args: arguments(1, -1),
		Example: "  belayctl property set stonith-enabled=false\n  belayctl property set maintenance-mode=false --wait=600s\n  belayctl property set --node controller-0 osprole=controller",
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&node, "node", "", "set attributes of this node")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words, notes := args, []string(nil)
		if node == "" {
			words, notes = edit.Needless(args)
		}
		for _, note := range notes {
			fmt.Fprintln(a.errOut, "note: "+note)
		}
		if len(words) == 0 {
			return nil
		}
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
			if node != "" {
				return edit.SetNodeAttributes(def, node, args)
			}
			return edit.SetProperties(def, words)
		})
	}
	return cmd
}

// showing makes a command that shows a part of the definition.
func (a *app) showing(use, short, example string, part func(*resources.Definition) (any, *resources.Definition)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.showPart(cmd, part) },
	}
}

func (a *app) showPart(cmd *cobra.Command, part func(*resources.Definition) (any, *resources.Definition)) error {
	def, err := a.definition(cmd.Context())
	if err != nil {
		return err
	}
	value, shown := part(def)
	return a.print(value, func(w io.Writer) { fmt.Fprint(w, orNothing(string(definition.Encode(shown)))) })
}

func orNothing(text string) string {
	if strings.TrimSpace(text) == "" {
		return "nothing is set\n"
	}
	return text
}

func (a *app) defaultsCommand() *cobra.Command {
	return a.parent("defaults", "What resources and operations take that say nothing", "  belayctl defaults resource resource-stickiness=INFINITY\n  belayctl defaults list",
		a.editing("resource NAME=VALUE...", "Set default meta-attributes of resources", "  belayctl defaults resource resource-stickiness=INFINITY", edit.SetResourceDefaults, all),
		a.editing("op NAME=VALUE...", "Set defaults of operations", "  belayctl defaults op timeout=60s", edit.SetOpDefaults, all),
		a.showing("list", "List the defaults that are set", "  belayctl defaults list", defaultsPart),
	)
}

func defaultsPart(def *resources.Definition) (any, *resources.Definition) {
	return def.Defaults, &resources.Definition{Defaults: def.Defaults}
}
