package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/resources"
)

func (a *app) clusterCommand() *cobra.Command {
	cmd := a.parent("cluster", "Found a cluster and let hosts join", "  belayctl cluster init --name overcloud --address 192.0.2.10\n  belayctl cluster token create",
		a.clusterInitCommand(), a.clusterJoinCommand(),
		a.parent("token", "Tokens that let one host join", "  belayctl cluster token create --ttl 1h", a.tokenCreateCommand()))
	cmd.AddCommand(a.clusterWords()...)
	return cmd
}

// hostFlags are what a host says of itself when it becomes a member.
type hostFlags struct{ node, address, dataDir, config string }

func (f *hostFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.node, "node", "", "this host's name in the cluster (default: its host name)")
	flags.StringVar(&f.address, "address", "", "the address that other members dial, with :PORT if not 7450 (required)")
	flags.StringVar(&f.dataDir, "data-dir", "", "where the daemon keeps its data (default /var/lib/belay)")
	flags.StringVar(&f.config, "config", "/etc/belay/belayd.toml", "the daemon's settings, which are written")
}

// enrollment checks what the host says of itself: a name that no certificate can
// hold, or an address that nobody can dial, would come out when others join.
func (f *hostFlags) enrollment() (Enrollment, error) {
	if f.address == "" {
		return Enrollment{}, usage("say what other members dial: --address ADDRESS")
	}
	address, err := dialable(f.address)
	if err != nil {
		return Enrollment{}, err
	}
	e := Enrollment{Node: resources.NodeName(f.node), Address: address, DataDir: f.dataDir, ConfigFile: f.config}
	if e.Node == "" {
		name, err := os.Hostname()
		if err != nil {
			return e, fmt.Errorf("read the host's name: %w", err)
		}
		e.Node = resources.NodeName(name)
	}
	if err := security.CheckName(string(e.Node)); err != nil {
		return e, usage("this host's %v: write --node NAME", err)
	}
	return e, nil
}

func (a *app) clusterInitCommand() *cobra.Command {
	var host hostFlags
	var name string
	cmd := &cobra.Command{
		Use: "init --name CLUSTER --address ADDRESS", Short: "Make this host the first member of a new cluster", Args: arguments(0, 0),
		Long:    "Makes the cluster's authority and keys and writes the daemon's settings. Start the\ndaemon afterwards: systemctl enable --now belayd.\n\nA cluster does nothing without more than half of its voters: three members survive\nthe loss of one, two survive none. Give two nodes a witness: a third, small member\nanywhere that only votes (belayctl cluster join --witness).",
		Example: "  belayctl cluster init --name overcloud --address 192.0.2.10",
	}
	host.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "the cluster's name (required)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if name == "" {
			return usage("give the cluster a name: --name NAME")
		}
		if !resources.ValidName(name) {
			return usage("--name %q: use letters, digits, '-', '_' and '.', at most 128, beginning with a letter or a digit", name)
		}
		e, err := host.enrollment()
		if err != nil {
			return err
		}
		e.Cluster = name
		return a.enroll(e, founded(e), func(en Enroller) error { return en.Found(cmd.Context(), e) })
	}
	return cmd
}

func (a *app) clusterJoinCommand() *cobra.Command {
	var host hostFlags
	var token, tokenFile string
	var witness bool
	cmd := &cobra.Command{
		Use: "join PEER --address ADDRESS", Short: "Make this host a member of the cluster that PEER belongs to", Args: arguments(1, 1),
		Long: "Asks PEER, a member's address, to admit this host. The token of `belayctl cluster token\ncreate` is read from the terminal, the standard input or a file. --token takes it on the command\nline, where other users of this host can see it for a moment: it is good once, for one host.\nStart the daemon afterwards: systemctl enable --now belayd.\n\nWith --witness the host votes and keeps the log, and does nothing else: it runs no resource,\nneeds no fence device and fences nobody. Two nodes and a witness survive the loss of one.",
		Example: "  belayctl cluster join 192.0.2.10 --address 192.0.2.11 < token\n  belayctl cluster join 192.0.2.10 --address 203.0.113.9 --witness < token\n" +
			"  ssh controller-0 belayctl cluster token create -q | belayctl cluster join 192.0.2.10 --address 192.0.2.11",
	}
	host.add(cmd)
	cmd.Flags().StringVar(&token, "token", "", "the token itself; other users of this host can see it")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "read the token from this file")
	cmd.Flags().BoolVar(&witness, "witness", false, "vote only: run nothing, fence nobody")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := host.enrollment()
		if err != nil {
			return err
		}
		e.Witness = witness
		peer, err := dialable(args[0])
		if err != nil {
			return err
		}
		if token == "" {
			if token, err = a.readToken(tokenFile); err != nil {
				return err
			}
		}
		return a.enroll(e, "", func(en Enroller) error { return en.Join(cmd.Context(), e, peer, token) })
	}
	return cmd
}

func (a *app) readToken(file string) (string, error) {
	token, err := a.readValue(file)
	if err == nil && token == "" {
		err = usage("the token is empty; make one with: belayctl cluster token create")
	}
	return token, err
}

// founded says what comes after a cluster's first member.
func founded(e Enrollment) string {
	return "then, for each further host: belayctl cluster token create, here, and there\n" +
		"  belayctl cluster join " + e.Address + " --address ITS-ADDRESS < TOKEN\n" +
		"Three members survive the loss of one. Of two, the one that is left is no majority and stops\n" +
		"what it runs, because it cannot know that the other did: give two nodes a witness, a third\n" +
		"and small member anywhere that only votes (join with --witness).\n"
}

// enroll makes this host a member, and prints hints after that.
func (a *app) enroll(e Enrollment, hints string, do func(Enroller) error) error {
	if a.enroller == nil {
		return fmt.Errorf("this belayctl was built without the means to enroll a host")
	}
	if err := do(a.enroller); err != nil {
		return err
	}
	return a.print(enrolledAnswer{e.Node, e.Address, e.ConfigFile}, func(w io.Writer) {
		fmt.Fprintf(w, "this host is %s at %s; next: systemctl enable --now belayd\n%s", e.Node, e.Address, hints)
	})
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var ttl waitFlag
	var quiet bool
	cmd := &cobra.Command{
		Use: "create", Short: "Make a token that lets one host join", Args: arguments(0, 0), Example: "  belayctl cluster token create --ttl 30m\n  belayctl cluster token create -q > token",
	}
	cmd.Flags().Var(&ttl, "ttl", "how long it is good for (default 1h)")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the token alone")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.cluster()
		if err != nil {
			return err
		}
		life := time.Hour
		if ttl.time > 0 {
			life = ttl.time.Std()
		}
		answer, err := call(cmd.Context(), func(ctx context.Context) (api.TokenAnswer, error) { return c.CreateToken(ctx, life) })
		if err != nil {
			return err
		}
		return a.print(answer, func(w io.Writer) {
			fmt.Fprintln(w, answer.Token)
			if !quiet {
				fmt.Fprintf(a.errOut, "good for one host until %s; on that host: belayctl cluster join PEER --address ADDRESS\n", answer.ExpiresAt.Format(time.RFC3339))
			}
		})
	}
	return cmd
}
