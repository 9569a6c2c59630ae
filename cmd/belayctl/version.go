package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
)

// version is set when the program is linked.
var version = "devel"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show this program's version", Args: arguments(0, 0), Example: "  belayctl version -o json",
		RunE: func(*cobra.Command, []string) error {
			v := versionAnswer{Version: version, CommandSet: state.Version, Go: runtime.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			return a.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "belayctl %s, command set %d, %s\n", v.Version, v.CommandSet, v.Go)
			})
		},
	}
}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Write the completion script of a shell", Args: arguments(1, 1),
		Example: "  belayctl completion bash > /etc/bash_completion.d/belayctl",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			default:
				return unknownName("shell", args[0], []string{"bash", "zsh", "fish"})
			}
		},
	}
}
