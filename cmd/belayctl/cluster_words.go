package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// clusterWords are pcs' ways to make and start a cluster. Belay makes one host by
// host, because each makes its own key, so these name the commands to type where.
func (a *app) clusterWords() []*cobra.Command {
	setup := a.otherwise("setup [NAME] NODE...", "Say how a cluster of these nodes is made", "  belayctl cluster setup --name overcloud controller-0 controller-1",
		func(cmd *cobra.Command, args []string) string {
			name := cmd.Flag("name").Value.String()
			if name == "" {
				name, args = args[0], args[1:]
			}
			text := "Belay makes a cluster host by host"
			for n, node := range args {
				if n == 0 {
					text += fmt.Sprintf("\n  on %s: belayctl cluster init --name %s --address ADDRESS-OF-%s && systemctl enable --now belayd", node, name, node)
					continue
				}
				text += fmt.Sprintf("\n  on %s: ssh %s belayctl cluster token create -q | belayctl cluster join %s --address ADDRESS-OF-%s && systemctl enable --now belayd", node, args[0], args[0], node)
			}
			return text
		})
	setup.Flags().String("name", "", "the cluster's name")
	auth := a.otherwise("auth NODE...", "Say what takes the place of passwords between hosts", "  belayctl cluster auth controller-0 controller-1", func(*cobra.Command, []string) string {
		return "members prove themselves by certificates, and no host has a password; each gets its own with a token when it joins:\n  belayctl cluster token create"
	})
	auth.Flags().StringP("user", "u", "", "not needed")
	auth.Flags().StringP("password", "p", "", "not needed: never write one on a command line")
	all := []*cobra.Command{setup, auth}
	for _, verb := range []string{"enable", "start", "stop", "disable"} {
		cmd := a.otherwise(verb+" [NODE...]", "Say how the daemon is brought to "+verb, "  belayctl cluster "+verb+" --all", func(_ *cobra.Command, args []string) string {
			where := "each member"
			if len(args) > 0 {
				where = strings.Join(args, ", ")
			}
			return fmt.Sprintf("the daemon is a unit of systemd; on %s: systemctl %s belayd", where, verb)
		})
		cmd.Args = cobra.ArbitraryArgs
		cmd.Flags().Bool("all", false, "every member")
		all = append(all, cmd)
	}
	return all
}

// otherwise makes a command that does nothing but say what to type instead: exit
// code 2, because a script that goes on would be wrong.
func (a *app) otherwise(use, short, example string, say func(*cobra.Command, []string) string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: arguments(1, -1), Example: example, Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error { return usage("%s", say(cmd, args)) },
	}
}
