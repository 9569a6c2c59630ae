package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// readFiles reads definition files; "-" is the standard input.
func (a *app) readFiles(names []string) ([]definition.File, error) {
	files := make([]definition.File, 0, len(names))
	for _, name := range names {
		var text []byte
		var err error
		if name == "-" {
			name = "<stdin>"
			text, err = io.ReadAll(io.LimitReader(a.in, definition.MaxSize+1))
		} else {
			text, err = os.ReadFile(name)
		}
		if err != nil {
			return nil, usage("%v", err)
		}
		files = append(files, definition.File{Name: name, Text: text})
	}
	return files, nil
}

func (a *app) decode(names []string) (*resources.Definition, error) {
	files, err := a.readFiles(names)
	if err != nil {
		return nil, err
	}
	agentTable, fenceTable := a.tables()
	return definition.Decode(agentTable, fenceTable, files...)
}

// decodeToPlan also takes what nobody could run, as imports have it.
func (a *app) decodeToPlan(names []string) (*resources.Definition, error) {
	files, err := a.readFiles(names)
	if err != nil {
		return nil, err
	}
	agentTable, fenceTable := a.tables()
	return definition.Decode(agentTable.WithForeign(), fenceTable.WithForeign(), files...)
}

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE...", Short: "Check definition files, without a cluster", Args: arguments(1, -1),
		Long:    "Checks that the files make one definition that can be applied, and lists everything\nthat is wrong with file, line and column. It asks no cluster. Exit code 2 means that\nsomething is wrong.",
		Example: "  belayctl validate cluster.toml\n  belayctl validate base.toml site.toml",
		RunE: func(_ *cobra.Command, args []string) error {
			def, err := a.decode(args)
			if err != nil {
				return err
			}
			counts := map[string]int{"nodes": len(def.Nodes), "fences": len(def.Fences), "resources": len(def.Resources), "groups": len(def.Groups),
				"constraints": len(def.Orders) + len(def.Colocations) + len(def.Locations)}
			return a.print(counts, func(w io.Writer) {
				fmt.Fprintf(w, "%s: valid: %d nodes, %d fence devices, %d resources, %d groups, %d constraints\n", strings.Join(args, ", "),
					counts["nodes"], counts["fences"], counts["resources"], counts["groups"], counts["constraints"])
			})
		},
	}
}

func (a *app) applyCommand() *cobra.Command {
	flags := changeFlags{diff: true}
	var names []string
	var prune bool
	cmd := &cobra.Command{
		Use: "apply -f FILE...", Short: "Make the cluster what definition files say", Args: arguments(0, 0),
		Long: `Replaces the cluster's definition by that of the files, shows what differs, and
changes nothing when nothing does. Several files add up; - is the standard input.

Nodes, fence devices, resources and groups that the cluster has and the files do
not are taken out only with --prune.`,
		Example: "  belayctl apply -f cluster.toml --dry-run\n  belayctl apply -f base.toml -f site.toml --wait=600s\n  belayctl export | belayctl apply -f -",
	}
	flags.add(cmd)
	cmd.Flags().StringArrayVarP(&names, "file", "f", nil, "a definition file, or -; may be given several times")
	cmd.Flags().BoolVar(&prune, "prune", false, "take out what the files do not hold")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(names) == 0 {
			return usage("write: belayctl apply -f FILE")
		}
		wanted, err := a.decode(names)
		if err != nil {
			return err
		}
		return a.edit(cmd.Context(), &flags, func(current *resources.Definition) (*resources.Definition, error) {
			return a.applied(current, wanted, prune, flags.dryRun)
		})
	}
	return cmd
}

func (a *app) applied(current, wanted *resources.Definition, prune, dryRun bool) (*resources.Definition, error) {
	result := wanted.Clone()
	switch {
	case result.Name == "":
		result.Name = current.Name
	case current.Name != "" && result.Name != current.Name:
		return nil, usage("the files are for cluster %q, and this is %q", result.Name, current.Name)
	}
	if lost := definition.Losses(current, result); len(lost) > 0 && !prune && !dryRun {
		return nil, usage("the files do not hold %s: add --prune to take them out of the cluster", strings.Join(lost, ", "))
	}
	return result, nil
}

// printDiff shows changes as lines of the file.
func (a *app) printDiff(w io.Writer, changes []definition.Change) {
	for _, change := range changes {
		fmt.Fprintf(w, "%s %s\n", a.paint(bold, change.Path), change.Kind)
		for _, line := range change.Lines {
			switch {
			case strings.HasPrefix(line, "+"):
				line = a.paint(green, line)
			case strings.HasPrefix(line, "-"):
				line = a.paint(red, line)
			}
			fmt.Fprintln(w, "  "+line)
		}
	}
}

func (a *app) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Write the cluster's definition as a file that applies with an empty diff", Args: arguments(0, 0),
		Example: "  belayctl export > cluster.toml\n  belayctl export -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			def, err := a.definition(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(def, func(w io.Writer) { w.Write(definition.Encode(def)) })
		},
	}
}

func (a *app) definition(ctx context.Context) (*resources.Definition, error) {
	c, err := a.cluster()
	if err != nil {
		return nil, err
	}
	answer, err := call(ctx, c.Definition)
	return answer.Definition, err
}
