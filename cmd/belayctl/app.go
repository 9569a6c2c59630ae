package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cmd/belayctl/internal/top"
	"github.com/belay-ha/belay/fencing"
)

// app is one run of belayctl: the outside world, and the flags of every command.
type app struct {
	out, errOut io.Writer
	in          io.Reader
	getenv      func(string) string
	now         func() time.Time
	// pause waits for a time, or until ctx ends.
	pause func(ctx context.Context, d time.Duration)
	// terminal: a person looks at out; interactive: a person is at in.
	terminal, interactive bool
	// readSecret reads a line from the terminal without showing it.
	readSecret func(prompt string) (string, error)
	dial       func(addr string, getenv func(string) string) (Cluster, error)
	enroller   Enroller
	// screen takes the terminal over until somebody ends it.
	screen func(context.Context, top.Options) error
	// examine looks at this host.
	examine func(context.Context, examine.Options) doctor.Host
	agents  agents.Registry
	fences  fencing.Registry
	// collectLate puts the garbage collector off, for a command that reads a CIB.
	collectLate func()

	addr, output string
	reached      string // the address in use, for errors
}

// run carries out one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	out := &written{to: a.out}
	a.out = out
	defer func() { a.out = out.to }()
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if lost := out.failure(); err == nil && lost != nil {
		err = fmt.Errorf("the answer could not be written whole: %w", lost)
	}
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errShown) {
		return exitInput
	}
	a.tell(err, args)
	return exitCode(err)
}

// errShown ends a run whose help is the message.
var errShown = errors.New("the help was shown")

func (a *app) root() *cobra.Command {
	root := a.parent("belayctl", "Control a Belay cluster", "  belayctl status\n  belayctl apply -f cluster.toml --wait")
	root.Long = `belayctl controls a Belay cluster.

It talks to the member on this host, or to the one that BELAY_ADDR or --addr
names: unix:///PATH, or https://HOST:7450 with the client certificate of
BELAY_CERT, BELAY_KEY and BELAY_CA.

Exit codes: 0 done; 1 error; 2 bad input or usage; 3 no quorum, or no member
in reach; 4 settled, but not as asked; 5 not settled in time. Every error ends in
its code in brackets: belayctl help errors CODE tells what it means.`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	help := a.helpCommand()
	root.SetHelpCommand(help)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagError(cmd, err)
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.addr, "addr", "", "the member to talk to (default BELAY_ADDR, or "+defaultAddr+")")
	flags.StringVarP(&a.output, "output", "o", "text", "text or json")
	// Scripts for pcs are full of it. Belay checks what can be checked, always.
	flags.BoolVar(new(bool), "force", false, "understood for the sake of scripts, and means nothing where a command does not say otherwise")
	if err := flags.MarkHidden("force"); err != nil {
		panic(err) // the line above has made it
	}
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkOutput() }
	root.AddCommand(
		a.maintenanceCommand(), a.auditCommand(), a.roleCommand(),
		a.statusCommand(), a.topCommand(), a.historyCommand(), a.doctorCommand(), a.metricsCommand(), a.bundleCommand(), a.explainCommand(), a.waitCommand(), a.planCommand(), a.applyCommand(), a.configCommand(), a.validateCommand(), a.exportCommand(),
		a.resourceCommand(), a.constraintCommand(), a.tagCommand(), a.ticketCommand(), a.nodeCommand(), a.attributeCommand(), a.propertyCommand(), a.defaultsCommand(),
		a.fenceCommand(), a.secretCommand(), a.galeraCommand(), a.clusterCommand(), a.simulateCommand(), a.stateCommand(), a.importCommand(), a.convertCommand(), a.schemaCommand(), a.versionCommand(), a.completionCommand(), help,
	)
	a.completeAll(root)
	return root
}

func (a *app) checkOutput() error {
	if a.output != "text" && a.output != "json" {
		return usage("output %q: write text or json", a.output)
	}
	return nil
}

// parent returns a command that only holds others. Cobra would print its help
// and exit 0 for a sub-command that does not exist.
func (a *app) parent(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.ArbitraryArgs, RunE: noSubcommand}
	cmd.AddCommand(children...)
	return cmd
}

func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		cmd.SetOut(cmd.ErrOrStderr())
		if err := cmd.Help(); err != nil {
			return err
		}
		return errShown
	}
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	return bad(codeUnknownCommand, "%s has no command %q: %s", cmd.CommandPath(), args[0], hint(args[0], names))
}

// arguments returns a check of the number of arguments that says how the
// command is written.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usage("write: %s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		return nil
	}
}

// print writes one answer: as JSON if that was asked for, else as text does.
func (a *app) print(value any, text func(io.Writer)) error {
	if a.output != "json" {
		text(a.out)
		return nil
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
