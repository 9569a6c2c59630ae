package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// dataKeyAnswer is what -o json prints of secret rotate-key.
type dataKeyAnswer struct {
	DryRun bool `json:"dry_run,omitempty"`
	api.DataKeyAnswer
}

const rotateKeyHelp = `Replaces the key under which the cluster seals secrets and join tokens: as a rule of
your own, or because somebody who left could read a member's disk. Their values stay;
to change those, too: belayctl secret rotate.

The leader makes the key and hands it to the other members over their own connections;
it is never in the log. Once a majority of the voters has it on disk, everything is
sealed anew in one entry. A member that is away fetches the key when it is back. The
old key is forgotten everywhere as soon as nothing is sealed with it.`

func (a *app) secretRotateKeyCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "rotate-key", Short: "Replace the key that seals the secrets, and seal all of them anew", Args: arguments(0, 0), Long: rotateKeyHelp,
		Example: "  belayctl secret rotate-key --dry-run\n  belayctl secret rotate-key",
	}
	addDryRun(cmd, &dryRun)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := a.rotateKey(cmd.Context(), dryRun)
		if err != nil {
			return err
		}
		return a.print(answer, func(w io.Writer) {
			if dryRun {
				fmt.Fprintf(w, "dry run: %d secrets and %d join tokens would be sealed anew\n", answer.Secrets, answer.Tokens)
				return
			}
			fmt.Fprintf(w, "data key %s is in use: %d secrets and %d join tokens are sealed anew\n", answer.Key, answer.Secrets, answer.Tokens)
			if len(answer.Away) > 0 {
				fmt.Fprintf(w, "without it so far: %s; they fetch it when they are back\n", listed(answer.Away))
			}
		})
	}
	return cmd
}

func (a *app) rotateKey(ctx context.Context, dryRun bool) (dataKeyAnswer, error) {
	c, err := a.cluster()
	if err != nil {
		return dataKeyAnswer{}, err
	}
	if dryRun {
		s, err := a.state(ctx, false)
		if err != nil {
			return dataKeyAnswer{}, err
		}
		return dataKeyAnswer{DryRun: true, DataKeyAnswer: api.DataKeyAnswer{Secrets: len(s.Secrets), Tokens: len(s.Tokens), Holders: []resources.NodeName{}, Away: []resources.NodeName{}}}, nil
	}
	answer, err := call(ctx, c.RotateKey)
	return dataKeyAnswer{DataKeyAnswer: answer}, err
}

func listed(names []resources.NodeName) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = string(name)
	}
	return strings.Join(words, ", ")
}
