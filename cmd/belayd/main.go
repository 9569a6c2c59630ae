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
	var usage *usageError
	switch {
	case err == nil:
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "belayd: %v\n", err)
		os.Exit(2)
	case errors.Is(err, raftlog.ErrCorrupt), errors.Is(err, raftlog.ErrNewerFormat):
		fmt.Fprintf(os.Stderr, "belayd: %v\n", err)
		os.Exit(exitBadData)
	default:
		fmt.Fprintf(os.Stderr, "belayd: %v\n", err)
		os.Exit(1)
	}
}

// exitBadData is the exit status when this host's own data cannot be trusted:
// belayd.service does not try again after it, because only a person can help.
const exitBadData = 4

// usageError is wrong usage: exit code 2.
type usageError struct{ error }

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
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{errors.New("say what to do: run, dev or version (see belayd --help)")}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(runCommand(), devCommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  belayd version",
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "belayd", version) },
	})
	return root
}
