package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
)

func (a *app) stateCommand() *cobra.Command {
	return a.parent("state", "The cluster's replicated state as a file", "  belayctl state save cluster.json", a.stateSaveCommand())
}

func (a *app) stateSaveCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "save FILE", Short: "Write what the cluster knows to a file, to simulate it elsewhere", Args: arguments(1, 1),
		Long: "Writes the replicated state (nodes, what runs there, failures, fencing, the definition)\n" +
			"to a file, or with - to the standard output. Sealed secrets, join tokens and revoked\n" +
			"certificates are left out. belayctl simulate --state and belayctl explain --state read it.",
		Example: "  belayctl state save cluster.json\n  belayctl state save cluster.json && belayctl simulate --state cluster.json --node-fail controller-1",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "what this member knows, without quorum")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		current, err := a.state(cmd.Context(), stale)
		if err != nil {
			return err
		}
		bare := *current
		bare.Secrets, bare.Tokens, bare.Revoked = nil, nil, nil
		var text bytes.Buffer
		if err := bare.WriteSnapshot(&text); err != nil {
			return err
		}
		if args[0] == "-" {
			_, err := a.out.Write(text.Bytes())
			return err
		}
		// The definition names hosts, addresses and accounts.
		if err := os.WriteFile(args[0], text.Bytes(), 0o600); err != nil {
			return err
		}
		answer := savedAnswer{args[0], bare.Index, text.Len()}
		return a.print(answer, func(w io.Writer) {
			fmt.Fprintf(w, "%s: state of cluster %s at index %d\n", args[0], bare.Cluster.Name, bare.Index)
		})
	}
	return cmd
}

// decodeState reads a saved state. Files are edited by hand: what does not hold
// together is an error.
func decodeState(name string, text []byte) (*state.State, error) {
	s, err := state.ReadSnapshot(bytes.NewReader(text))
	if err != nil {
		return nil, bad(codeBadFile, "%s: %v; belayctl state save writes such files", name, err)
	}
	for node, n := range s.Nodes {
		if n == nil || n.Name != node {
			return nil, bad(codeBadFile, "%s: node %q is incomplete", name, node)
		}
		for id, i := range n.Instances {
			if i == nil || i.ID != id {
				return nil, bad(codeBadFile, "%s: instance %q on node %q is incomplete", name, id, node)
			}
			if _, found := s.Operations[i.Action]; i.Action != "" && !found {
				return nil, bad(codeBadFile, "%s: instance %q on node %q waits for operation %s, which is not there", name, id, node, i.Action)
			}
		}
	}
	for id, op := range s.Operations {
		if op == nil || op.ID != id || s.Nodes[op.Node] == nil {
			return nil, bad(codeBadFile, "%s: operation %s is incomplete", name, id)
		}
	}
	for node, f := range s.Fencing {
		if f == nil || f.Node != node || s.Nodes[node] == nil {
			return nil, bad(codeBadFile, "%s: the fencing of node %q is incomplete", name, node)
		}
	}
	return s, nil
}
