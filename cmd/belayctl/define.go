package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// maxFiles bounds how many files one command reads.
const maxFiles = 1000

// tomlFiles puts the files *.toml of a directory in its place, in the order of
// their names.
func tomlFiles(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			all = append(all, name) // what is not there is told when it is read
			continue
		}
		inside, err := filepath.Glob(filepath.Join(name, "*.toml"))
		if err != nil {
			return nil, bad(codeUnreadable, "%v", err)
		}
		if len(inside) == 0 {
			return nil, bad(codeUnreadable, "%s holds no file *.toml", name)
		}
		all = append(all, inside...)
	}
	if len(all) > maxFiles {
		return nil, usage("%d files at once: at most %d", len(all), maxFiles)
	}
	return all, nil
}

// readFiles reads definition files, of directories all; "-" is the standard
// input.
func (a *app) readFiles(names []string) ([]definition.File, error) {
	names, err := tomlFiles(names)
	if err != nil {
		return nil, err
	}
	files := make([]definition.File, 0, len(names))
	for _, name := range names {
		shown, text, err := a.readUpTo(name, definition.MaxSize)
		if err != nil && !errors.Is(err, errTooLong) { // that is told with the other problems
			return nil, bad(codeUnreadable, "%v", err)
		}
		files = append(files, definition.File{Name: shown, Text: text})
	}
	return files, nil
}

func (a *app) decode(names []string) (*resources.Definition, error) {
	files, err := a.readFiles(names)
	if err != nil {
		return nil, err
	}
	agentTable, fenceTable := a.tables()
	return a.warned(definition.Decode(agentTable, fenceTable, files...))
}

// warned tells what a definition says that can hardly be meant.
func (a *app) warned(def *resources.Definition, err error) (*resources.Definition, error) {
	if err == nil {
		a.warn(&resources.Definition{}, def)
	}
	return def, err
}

// warn tells what a definition says that can hardly be meant, and the one before
// did not.
func (a *app) warn(old, new *resources.Definition) {
	known := resources.Warnings(old)
	for _, p := range resources.Warnings(new) {
		if !slices.Contains(known, p) {
			fmt.Fprintf(a.errOut, "belayctl: warning: %s\n", p)
		}
	}
}

// decodeToPlan also takes what nobody could run, as imports have it.
func (a *app) decodeToPlan(names []string) (*resources.Definition, error) {
	files, err := a.readFiles(names)
	if err != nil {
		return nil, err
	}
	agentTable, fenceTable := a.tables()
	return a.warned(definition.Decode(agentTable.WithForeign(), fenceTable.WithForeign(), files...))
}

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE...", Short: "Check definition files, without a cluster", Args: arguments(1, -1),
		Long:    "Checks that the files make one definition that can be applied, and lists everything\nthat is wrong with file, line and column. It asks no cluster. Exit code 2 means that\nsomething is wrong; what is valid and can hardly be meant is a warning. Files of\nseveral owners that name each other's things are checked together, or by plan -f\nagainst what the cluster has.",
		Example: "  belayctl validate cluster.toml\n  belayctl validate base.toml site.toml",
		RunE: func(_ *cobra.Command, args []string) error {
			def, err := a.decode(args)
			if err != nil {
				return err
			}
			counts := validAnswer{len(def.Nodes), len(def.Fences), len(def.Resources), len(def.Groups), len(def.Orders) + len(def.Colocations) + len(def.Locations) + len(def.Tickets)}
			return a.print(counts, func(w io.Writer) {
				fmt.Fprintf(w, "%s: valid: %d nodes, %d fence devices, %d resources, %d groups, %d constraints\n", strings.Join(args, ", "),
					counts.Nodes, counts.Fences, counts.Resources, counts.Groups, counts.Constraints)
			})
		},
	}
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
