package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/edit"
)

// editing makes a command that edits the definition by pcs' words.
func (a *app) editing(use, short, example string, change func(*resources.Definition, []string) (*resources.Definition, error), concerns func([]string) []string) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{Use: use, Short: short, Example: example}
	flags.add(cmd)
	return raw(cmd, func(cmd *cobra.Command, words []string) error {
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) { return change(def, words) }, concerns(words)...)
	})
}

// all waits for every resource.
func all([]string) []string { return nil }

// firstWord waits for the resource that the first word names.
func firstWord(words []string) []string { return words[:min(1, len(words))] }

func (a *app) resourceCommand() *cobra.Command {
	return a.parent("resource", "Services under the cluster's control", "  belayctl resource list\n  belayctl resource create vip-web vip address=192.0.2.8/24 --wait",
		a.resourceCreateCommand(),
		a.editing("update ID [NAME=VALUE...] [op NAME NAME=VALUE...] [meta NAME=VALUE...]", "Change parameters, operations and meta-attributes; NAME= removes one",
			"  belayctl resource update vip address=192.0.2.8/24 --wait\n  belayctl resource update galera op promote timeout=600s meta resource-stickiness=100", edit.UpdateResource, firstWord),
		a.resourceDeleteCommand(),
		a.targetCommand("enable", "Let resources run", edit.Enable), a.targetCommand("disable", "Stop resources and keep them stopped", edit.Disable),
		a.editing("clone ID [NAME=VALUE...]", "Run a resource or group on several nodes", "  belayctl resource clone haproxy interleave=true",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				return edit.CloneResource(def, words, false)
			}, firstWord),
		a.editing("promotable ID [NAME=VALUE...]", "Run a resource or group on several nodes, some of them promoted", "  belayctl resource promotable galera promoted-max=3",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				return edit.CloneResource(def, words, true)
			}, firstWord),
		a.editing("unclone ID", "Run a resource or group once", "  belayctl resource unclone haproxy", func(def *resources.Definition, words []string) (*resources.Definition, error) {
			if len(words) != 1 {
				return nil, usage("write: belayctl resource unclone ID")
			}
			return edit.UncloneResource(def, words[0])
		}, firstWord),
		a.resourceGroupCommand(), a.resourceBundleCommand(), a.resourceMoveCommand(), a.resourceBanCommand(), a.resourceClearCommand(), a.resourceRestartCommand(), a.resourceRetryCommand(),
		a.resourceMetaCommand(), a.resourceTakeOverCommand(), a.resourceUtilizationCommand(),
		a.managingCommand("manage", "Let the cluster start and stop resources again", edit.Manage),
		a.managingCommand("unmanage", "Leave resources as they are: neither start nor stop them", edit.Unmanage),
		a.resourceShowCommand(), a.resourceListCommand(), a.resourceAgentsCommand(), a.resourceDescribeCommand(), a.resourceDefaultsCommand(),
	)
}

func (a *app) resourceCreateCommand() *cobra.Command {
	var flags changeFlags
	var ifAbsent, takeOver bool
	cmd := &cobra.Command{
		Use:   "create ID AGENT [NAME=VALUE...] [op NAME NAME=VALUE...] [meta NAME=VALUE...] [--clone [NAME=VALUE...] | --promotable [NAME=VALUE...] | --group GROUP] [--disabled] [--take-over]",
		Short: "Add a resource",
		Long:  "Adds a resource. The parts may stand in any order after the agent; every NAME=VALUE\nbelongs to the part before it. --master is --promotable, and pcs' dashed names and\nold words such as master-max are understood. Names of Pacemaker's agents that Belay has an\nown agent for (IPaddr2, galera, rabbitmq-cluster, Filesystem) stand for that; what is left\nout of their parameters is noted on the standard error.\n\n" + takeOverHelp,
		Example: "  belayctl resource create vip-db vip address=192.0.2.201/24 --wait\n" +
			"  belayctl resource create glance systemd:glance-api --clone interleave=true\n" +
			"  belayctl resource create db galera enable_creation=true op promote timeout=300s on-fail=block --promotable promoted-max=3\n" +
			"  belayctl resource create horizon systemd:apache2 --group front --disabled\n" +
			"  belayctl resource create cinder systemd:cinder-volume --take-over",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "let systemd start its unit no more; undone when it is deleted")
	cmd.Flags().BoolVar(&ifAbsent, "if-absent", false, "change nothing when there is a resource with this id")
	return raw(cmd, func(cmd *cobra.Command, words []string) error {
		words, notes := edit.Translate(words)
		for _, note := range notes {
			fmt.Fprintln(a.errOut, "note: "+note)
		}
		if len(words) > 0 {
			flags.after = func(ctx context.Context, c Cluster, def *resources.Definition) error {
				return a.ownUnit(ctx, c, def, resources.ResourceID(words[0]), takeOver)
			}
		}
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
			if _, exists := def.Resource(resources.ResourceID(append(words, "")[0])); exists && ifAbsent {
				return def, nil
			}
			return edit.CreateResource(def, words)
		}, firstWord(words)...)
	})
}

func (a *app) resourceDeleteCommand() *cobra.Command {
	var flags changeFlags
	var cascade, force bool
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Stop a resource, or a group with its members, and take it out", Args: arguments(1, 1),
		Example: "  belayctl resource delete reader --wait\n  belayctl resource delete vip --cascade --dry-run",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&cascade, "cascade", false, "take out the constraints and memberships that name it as well")
	cmd.Flags().BoolVar(&force, "force", false, "the same as --cascade")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
			return edit.DeleteResource(def, args[0], cascade || force)
		}, args...)
	}
	return cmd
}

func (a *app) targetCommand(verb, short string, change func(*resources.Definition, []string) (*resources.Definition, error)) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: verb + " ID...", Short: short, Args: arguments(1, -1),
		Example: fmt.Sprintf("  belayctl resource %s haproxy --wait=240\n  belayctl resource %s nova-api nova-scheduler", verb, verb),
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) { return change(def, args) }, args...)
	}
	return cmd
}

func (a *app) resourceGroupCommand() *cobra.Command {
	return a.parent("group", "Resources that run together, in order", "  belayctl resource group add web vip apache",
		a.editing("add GROUP ID... [--before ID | --after ID]", "Put resources in a group, and make the group when there is none",
			"  belayctl resource group add web vip apache\n  belayctl resource group add web certs --before apache", edit.AddToGroup, all),
		a.editing("remove GROUP [ID...]", "Take resources out of a group, or dissolve it", "  belayctl resource group remove web certs\n  belayctl resource group remove web",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				if len(words) == 0 {
					return nil, usage("write: belayctl resource group remove GROUP [ID...]")
				}
				return edit.RemoveFromGroup(def, words[0], words[1:])
			}, all),
	)
}

func (a *app) resourceRestartCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "restart ID [NODE]", Short: "Restart what runs of a resource, on one node or all", Args: arguments(1, 2),
		Example: "  belayctl resource restart haproxy --wait\n  belayctl resource restart galera controller-2 --wait=600s",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of, err := a.target(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		commands, err := a.restarts(cmd.Context(), of, resources.NodeName(append(args, "")[1]))
		if err != nil {
			return err
		}
		return a.commit(cmd.Context(), &flags, fmt.Sprintf("%s restarts", of.id), of.parts, commands...)
	}
	return cmd
}

// restarts are the commands that restart what runs of something on a node, or ""
// for all. Where nothing runs the one command is refused with that.
func (a *app) restarts(ctx context.Context, of target, on resources.NodeName) ([]state.Command, error) {
	status, err := a.status(ctx, false)
	if err != nil {
		return nil, err
	}
	var commands []state.Command
	for _, id := range of.parts {
		if slices.ContainsFunc(status.Resources, func(r instance) bool { return r.Resource == id && r.Role.Active() && (on == "" || r.Node == on) }) {
			commands = append(commands, &state.ResourceRestart{Resource: id, Node: on})
		}
	}
	if len(commands) == 0 {
		commands = []state.Command{&state.ResourceRestart{Resource: of.id, Node: on}}
	}
	return commands, nil
}

func (a *app) resourceRetryCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "retry [ID [NODE]]", Aliases: []string{"cleanup"}, Short: "Forget failures, so that what they block is tried again", Args: arguments(0, 2),
		Example: "  belayctl resource retry galera controller-1 --wait\n  belayctl resource retry",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.command(cmd.Context(), &flags, &state.FailuresCleared{}, "failures of every resource are forgotten")
		}
		of, err := a.target(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		var commands []state.Command
		for _, id := range of.parts {
			commands = append(commands, &state.FailuresCleared{Resource: id, Node: resources.NodeName(append(args, "")[1])})
		}
		return a.commit(cmd.Context(), &flags, fmt.Sprintf("failures of %s are forgotten", of.id), of.parts, commands...)
	}
	return cmd
}

func (a *app) resourceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [ID]", Aliases: []string{"config"}, Short: "Show a resource or group: its definition and where it runs", Args: arguments(0, 1),
		Example: "  belayctl resource show galera\n  belayctl resource show galera -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listResources(cmd)
			}
			def, err := a.definition(cmd.Context())
			if err != nil {
				return err
			}
			id, err := edit.Resolve(def, args[0])
			if err != nil {
				return err
			}
			status, err := a.status(cmd.Context(), false)
			if err != nil {
				return err
			}
			part := partOf(def, id)
			status.Resources = slices.DeleteFunc(status.Resources, func(r instance) bool { return !slices.Contains(ids(part), r.Resource) })
			answer := resourceAnswer{part, orEmpty(status.Resources)}
			return a.print(answer, func(w io.Writer) {
				w.Write(definition.Encode(part))
				fmt.Fprintln(w)
				for _, r := range status.Resources {
					fmt.Fprintln(w, a.instanceLine(r, true))
				}
			})
		},
	}
}

// partOf returns what a definition says of one resource, or group with its
// members, and the constraints on it.
func partOf(def *resources.Definition, id resources.ResourceID) *resources.Definition {
	part := &resources.Definition{}
	wanted := []resources.ResourceID{id}
	if b, isBundle := def.Bundle(id); isBundle {
		part.Bundles = append(part.Bundles, *b)
		wanted = append(wanted, b.Resource)
	}
	if g, isGroup := def.Group(id); isGroup {
		part.Groups = append(part.Groups, *g)
		wanted = append(wanted, g.Members...)
	}
	is := func(id resources.ResourceID) bool { return slices.Contains(wanted, id) }
	for _, r := range def.Resources {
		if is(r.ID) {
			part.Resources = append(part.Resources, r)
		}
	}
	for _, o := range def.Orders {
		if is(o.First) || is(o.Then) {
			part.Orders = append(part.Orders, o)
		}
	}
	for _, c := range def.Colocations {
		if is(c.Resource) || is(c.With) {
			part.Colocations = append(part.Colocations, c)
		}
	}
	for _, l := range def.Locations {
		if is(l.Resource) {
			part.Locations = append(part.Locations, l)
		}
	}
	return part
}

func ids(def *resources.Definition) []resources.ResourceID {
	var all []resources.ResourceID
	for _, r := range def.Resources {
		all = append(all, r.ID)
	}
	return all
}

func (a *app) resourceListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the resources and where they run", Args: arguments(0, 0), Example: "  belayctl resource list\n  belayctl resource list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listResources(cmd) },
	}
}

func (a *app) listResources(cmd *cobra.Command) error {
	status, err := a.status(cmd.Context(), false)
	if err != nil {
		return err
	}
	return a.print(orEmpty(status.Defined), func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "RESOURCE\tAGENT\tKIND\tON")
		for _, d := range status.Defined {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.ID, d.Agent, kindOf(d), places(status, d.ID))
		}
		table.Flush()
	})
}

func kindOf(d summary) string {
	switch {
	case d.Group != "":
		return "in group " + string(d.Group)
	case d.Bundle != "":
		return "in bundle " + string(d.Bundle)
	case d.Promotable:
		return "promotable clone"
	case d.Clone:
		return "clone"
	default:
		return "primitive"
	}
}

func unknownName(what, name string, names []string) error {
	return bad(codeUnknownName, "no %s is called %q: %s", what, name, hint(name, names))
}

func (a *app) resourceDefaultsCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "defaults [NAME=VALUE...]", Short: "Show or set what resources take that say nothing (as: defaults resource)",
		Example: "  belayctl resource defaults\n  belayctl resource defaults resource-stickiness=INFINITY",
	}
	flags.add(cmd)
	return raw(cmd, func(cmd *cobra.Command, words []string) error {
		if len(words) == 0 {
			return a.showPart(cmd, defaultsPart)
		}
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) {
			return edit.SetResourceDefaults(def, words)
		})
	})
}

// hint names the nearest of the known names, or, where none is near, a few of
// them.
func hint(name string, known []string) string {
	const most = 30
	if best, ok := resources.Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return "there is none"
	}
	return "there are " + few(slices.Sorted(slices.Values(known)), most)
}
