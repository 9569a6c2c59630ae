// Command belayd is the daemon of one cluster member.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/raftlog"
)

// version is set when the program is linked.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "belayd: %v\n", err)
	}
	os.Exit(exitStatus(err))
}

// exitStatus is 0 done, 1 error, 2 wrong usage, or exitBadData.
func exitStatus(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	case errors.Is(err, raftlog.ErrCorrupt), errors.Is(err, raftlog.ErrNewerFormat):
		return exitBadData
	default:
		return 1
	}
}

// exitBadData is the exit status when this host's own data cannot be trusted:
// belayd.service does not try again after it, because only a person can help.
const exitBadData = 4

// usageError is wrong usage: exit code 2.
type usageError struct{ error }

// noArgs refuses arguments, and so commands that do not exist, as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return &usageError{fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())}
	}
	return nil
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "belayd",
		Short: "The daemon of a Belay cluster member",
		Long: `belayd keeps OpenStack control services running across controllers. It is
started by systemd as belayd.service; "belayctl cluster init" and "belayctl
cluster join" set it up.`,
		Example: `  belayd run
  belayd dev --data-dir /tmp/belay        # a whole cluster in one process
  belayd version`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{errors.New("say what to do: run, dev or version (see belayd --help)")}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(runCommand(), devCommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs, Example: "  belayd version",
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "belayd", version) },
	})
	return root
}
