package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/cib"
	"github.com/belay-ha/belay/resources/definition"
)

func (a *app) importCommand() *cobra.Command {
	return a.parent("import", "Turn another cluster manager's configuration into a definition",
		"  belayctl import cib cluster.xml > cluster.toml", a.importCIBCommand())
}

const importHelp = `Reads a Pacemaker CIB and writes a definition that, planned, places everything as the
CIB does. It asks no cluster and changes nothing; the status in the file is left out.

What a definition cannot say is listed with file, line and column, all at once, and
nothing is written: exit code 2. With --lossy the rest is written, and what was left
out is listed on the standard error. Also listed there, always: secrets that are to be
sealed, agents that Belay does not have, settings that it does not need, and the
commands that set what is no part of a definition, such as nodes in standby. They
stand at the end of the definition too.

docs/import.md says what becomes of what.`

func (a *app) importCIBCommand() *cobra.Command {
	lossy := false
	cmd := &cobra.Command{
		Use: "cib FILE", Short: "Turn a Pacemaker CIB into a definition", Args: arguments(1, 1), Long: importHelp,
		Example: `  belayctl import cib cluster.xml > cluster.toml
  belayctl import cib cluster.xml --lossy
  belayctl import cib cluster.xml -o json`,
		RunE: func(_ *cobra.Command, args []string) error { return a.importCIB(args[0], lossy) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"xml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&lossy, "lossy", false, "leave out what a definition cannot say, and list it")
	return cmd
}

// imported is the answer as JSON.
type imported struct {
	Definition *resources.Definition `json:"definition"`
	Left       []cib.Problem         `json:"left,omitempty"`
	Notes      []cib.Problem         `json:"notes,omitempty"`
	Setup      cib.Setup             `json:"setup,omitzero"`
	// Commands set what Setup says, once the definition is applied.
	Commands []string `json:"commands,omitempty"`
}

func (a *app) importCIB(name string, lossy bool) error {
	source := a.in
	if name == "-" {
		name = "<stdin>"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return bad(codeUnreadable, "%v", err)
		}
		defer f.Close()
		source = f
	}
	a.collectLate()
	found, err := cib.Import(source, name)
	if err != nil {
		return notCIB(err)
	}
	if len(found.Left) > 0 && !lossy {
		return &cannotConvertError{problems: fromCIB(found.Left, codeCannotConvert), verb: "imported"}
	}
	for _, p := range found.Left {
		fmt.Fprintf(a.errOut, "left out: %s\n", p)
	}
	for _, p := range found.Notes {
		fmt.Fprintf(a.errOut, "note: %s\n", p)
	}
	commands := found.Setup.Commands()
	for _, line := range commands {
		fmt.Fprintf(a.errOut, "then run: %s\n", line)
	}
	answer := imported{found.Definition, found.Left, found.Notes, found.Setup, commands}
	return a.print(answer, func(w io.Writer) {
		w.Write(definition.Encode(found.Definition))
		if len(commands) > 0 {
			fmt.Fprint(w, "\n# No part of a definition; run these once it is applied:\n")
		}
		for _, line := range commands {
			fmt.Fprintf(w, "#   %s\n", line)
		}
	})
}

// notCIB is what a file that is no CIB ends in. Its problems, if it has any, have
// places of their own.
func notCIB(err error) error {
	var problems *cib.Error
	if errors.As(err, &problems) {
		return err
	}
	return bad(codeBadFile, "%v", err)
}
