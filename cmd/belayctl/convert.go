package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/pcs"
)

func (a *app) convertCommand() *cobra.Command {
	return a.parent("convert", "Turn scripts for another cluster manager into a definition", "  belayctl convert pcs setup.sh > cluster.toml", a.convertPCSCommand())
}

const convertHelp = `Reads shell scripts, carries out their pcs commands on paper, one file after another, and
writes the definition that they end in. It asks no cluster and runs nothing.

What a definition cannot say, names of things that nothing creates, variables, and pcs
commands in loops and conditions are listed with file, line and column, all at once, and
nothing is written: exit code 2. With --lossy the rest is written, and what was left out
is listed on the standard error. Also listed there, always: passwords, which become
secret:// references, and what is to be done by hand. Commands that are not pcs' are
passed over. - is the standard input.`

func (a *app) convertPCSCommand() *cobra.Command {
	lossy := false
	cmd := &cobra.Command{
		Use: "pcs FILE...", Short: "Turn scripts of pcs commands into a definition", Args: arguments(1, -1), Long: convertHelp,
		Example: "  belayctl convert pcs setup.sh > cluster.toml\n  belayctl convert pcs setup.sh constraints.sh --lossy\n  belayctl convert pcs setup.sh -o json",
		RunE:    func(_ *cobra.Command, args []string) error { return a.convertPCS(args, lossy) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().BoolVar(&lossy, "lossy", false, "leave out what a definition cannot say, and list it")
	return cmd
}

// converted is the answer as JSON.
type converted struct {
	Definition *resources.Definition `json:"definition"`
	Left       []pcs.Problem         `json:"left,omitempty"`
	Notes      []pcs.Problem         `json:"notes,omitempty"`
}

func (a *app) convertPCS(names []string, lossy bool) error {
	files, err := a.readFiles(names)
	if err != nil {
		return err
	}
	scripts := make([]pcs.File, len(files))
	for i, f := range files {
		scripts[i] = pcs.File{Name: f.Name, Text: f.Text}
	}
	agentTable, fenceTable := a.tables()
	found := pcs.Convert(agentTable, fenceTable, scripts...)
	if len(found.Left) > 0 && !lossy {
		return &cannotConvertError{problems: fromPCS(found.Left), verb: "converted"}
	}
	for _, p := range found.Left {
		fmt.Fprintf(a.errOut, "left out: %s\n", p)
	}
	for _, p := range found.Notes {
		fmt.Fprintf(a.errOut, "note: %s\n", p)
	}
	return a.print(converted{found.Definition, found.Left, found.Notes}, func(w io.Writer) { w.Write(definition.Encode(found.Definition)) })
}
