package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

func upCommand() *cobra.Command {
	var bare bool
	var tree string
	c := &cobra.Command{
		Use:   "up",
		Short: "Build what is missing, connect the network, start the BMCs and boot all hosts",
		Example: `  belay-rig up
  belay-rig up --bare                 # network and BMCs only
  belay-rig up --tree ./hostfiles     # new disks also get ./hostfiles/common and ./hostfiles/controller-0, ...`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := open(c, seedsOf(tree)...)
			if err := r.Build(c.Context()); err != nil {
				return err
			}
			if err := r.Up(c.Context()); err != nil {
				return err
			}
			if bare {
				return nil
			}
			if err := r.Create(c.Context(), rig.Hosts()...); err != nil {
				return err
			}
			return switchOn(c.Context(), r, rig.Hosts(), true)
		},
	}
	c.Flags().BoolVar(&bare, "bare", false, "leave the hosts alone")
	c.Flags().StringVar(&tree, "tree", "", "directory with files for new disks: common/ and one per host name")
	return c
}

func seedsOf(tree string) []rig.Seed {
	if tree == "" {
		return nil
	}
	return []rig.Seed{rig.SeedTree(tree)}
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Cut all power and remove processes, mounts, networks; disks stay",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return open(c).Down(c.Context())
		},
	}
}

func destroyCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Take the rig down and delete the hosts' disks",
		Example: `  belay-rig destroy         # base and golden disks stay
  belay-rig destroy --all   # nothing stays under ` + rig.StateDir,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if all {
				return open(c).DestroyAll(c.Context())
			}
			return open(c).Destroy(c.Context())
		},
	}
	c.Flags().BoolVar(&all, "all", false, "delete base, package cache and golden disks too")
	return c
}

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Install what this machine lacks and build the hosts' base file system",
		Long: `Installs the Debian packages that the rig needs on this machine, then builds the
read-only file system under all hosts from the mirror that this machine's apt
uses. It is built again only when the recipe has changed. Takes some minutes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return open(c).Build(c.Context())
		},
	}
}

func createCommand() *cobra.Command {
	var tree string
	c := &cobra.Command{
		Use:     "create [HOST...]",
		Short:   "Make new disks for hosts that have none",
		Example: "  belay-rig create\n  belay-rig create 0 --tree ./hostfiles",
		RunE: func(c *cobra.Command, args []string) error {
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			return open(c, seedsOf(tree)...).Create(c.Context(), hosts...)
		},
	}
	c.Flags().StringVar(&tree, "tree", "", "directory with files for the disks: common/ and one per host name")
	return c
}

func saveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "save NAME",
		Short:   "Keep copies of all disks under a name; all hosts must be off",
		Example: "  belay-rig shutdown && belay-rig save formed",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return open(c).Save(c.Context(), args[0])
		},
	}
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "restore NAME",
		Short:   "Cut all power and put saved disks back",
		Example: "  belay-rig restore formed && belay-rig on",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return open(c).Restore(c.Context(), args[0])
		},
	}
}

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show every host: power, cables, BMC, memory",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			states, err := open(c).Status(c.Context())
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%-14s %-8s %-9s %-10s %-9s %-9s %8s %8s\n",
				"HOST", "POWER", "CLUSTER", "MANAGEMENT", "REDFISH", "IPMI", "MEMORY", "DISK")
			for _, s := range states {
				fmt.Fprintf(out, "%-14s %-8s %-9s %-10s %-9s %-9s %5d MB %5d MB\n", s.Host, s.Power,
					plugged(s.ClusterPlugged), plugged(s.OOBPlugged), s.Redfish, s.IPMI, s.MemoryBytes>>20, s.DiskBytes>>20)
			}
			return nil
		},
	}
}

func plugged(in bool) string {
	if in {
		return "plugged"
	}
	return "out"
}

// bootWait bounds a boot: 1 to 3 s on an idle machine.
const bootWait = 2 * time.Minute

// switchOn powers hosts on together and, if wait, waits until all have booted.
func switchOn(ctx context.Context, r *rig.Rig, hosts []rig.Host, wait bool) error {
	started := time.Now()
	for _, host := range hosts {
		if err := r.PowerOn(ctx, host); err != nil {
			return err
		}
	}
	if !wait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bootWait)
	defer cancel()
	for _, host := range hosts {
		if err := r.WaitBooted(ctx, host); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%7.1fs  %s booted\n", time.Since(started).Seconds(), host)
	}
	return nil
}

func consoleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "console HOST",
		Short: "Show what the host has printed on its console",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			text, err := os.ReadFile(open(c).ConsolePath(host))
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}
