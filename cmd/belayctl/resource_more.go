package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) resourceAgentsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agents [AGENT]", Short: "List the agents, or one agent's parameters", Args: arguments(0, 1), Example: "  belayctl resource agents\n  belayctl resource agents galera",
		RunE: func(_ *cobra.Command, args []string) error {
			specs := a.agents.Specs()
			if len(args) == 0 {
				list := make([]agentAnswer, len(specs))
				for i, s := range specs {
					list[i] = resourceAgentAnswer(s)
				}
				return a.print(list, func(w io.Writer) {
					table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					for _, s := range specs {
						name := s.Name
						if s.Suffix {
							name += ":NAME"
						}
						fmt.Fprintf(table, "%s\t%s\n", name, s.Summary)
					}
					table.Flush()
				})
			}
			return a.describeAgent(args[0])
		},
	}
}

func (a *app) resourceDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe AGENT", Short: "Say what an agent does, and its parameters", Args: arguments(1, 1), Example: "  belayctl resource describe vip",
		RunE: func(_ *cobra.Command, args []string) error { return a.describeAgent(args[0]) },
	}
}

func (a *app) describeAgent(name string) error {
	var names []string
	base, _, _ := strings.Cut(name, ":")
	for _, s := range a.agents.Specs() {
		names = append(names, s.Name)
		if s.Name == base {
			return a.print([]agentAnswer{resourceAgentAnswer(s)}, func(w io.Writer) { printSpec(w, s) })
		}
	}
	return unknownName("agent", name, names)
}

func (a *app) resourceMetaCommand() *cobra.Command {
	return a.editing("meta ID NAME=VALUE...", "Change meta-attributes of a resource or group; NAME= removes one", "  belayctl resource meta vip resource-stickiness=INFINITY --wait",
		onFirst("meta ID NAME=VALUE...", edit.SetMeta), firstWord)
}

func (a *app) resourceUtilizationCommand() *cobra.Command {
	return a.editing("utilization ID NAME=AMOUNT...", "Say what each copy of a resource uses of its node; NAME= removes one", "  belayctl resource utilization keystone cpu=2 memory=4096",
		onFirst("utilization ID NAME=AMOUNT...", edit.SetUtilization), all)
}

// onFirst gives an edit the first word apart from the others.
func onFirst(use string, change func(*resources.Definition, string, []string) (*resources.Definition, error)) func(*resources.Definition, []string) (*resources.Definition, error) {
	return func(def *resources.Definition, words []string) (*resources.Definition, error) {
		if len(words) < 2 {
			return nil, usage("write: belayctl resource %s", use)
		}
		return change(def, words[0], words[1:])
	}
}

// managingCommand changes whether the cluster manages several resources.
func (a *app) managingCommand(verb, short string, change func(*resources.Definition, []string) (*resources.Definition, error)) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{Use: verb + " ID...", Short: short, Args: arguments(1, -1), Example: fmt.Sprintf("  belayctl resource %s vip haproxy", verb)}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.edit(cmd.Context(), &flags, func(def *resources.Definition) (*resources.Definition, error) { return change(def, args) }, args...)
	}
	return cmd
}
