package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// stopWait bounds an orderly shutdown: MariaDB's unit alone may take minutes.
const stopWait = 5 * time.Minute

func powerCommands() []*cobra.Command {
	var async bool
	on := &cobra.Command{
		Use:   "on [HOST...]",
		Short: "Power on and wait until systemd is up",
		RunE: func(c *cobra.Command, args []string) error {
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			return switchOn(c.Context(), open(c), hosts, !async)
		},
	}
	on.Flags().BoolVar(&async, "async", false, "do not wait for the boot")
	return []*cobra.Command{
		on,
		eachHost("off", "Cut the power: cables silent, unsynced writes lost, everything killed", (*rig.Rig).PowerOff),
		eachHost("kill", "Kill every process, leaving cables and writes alone", (*rig.Rig).Kill),
		eachHost("shutdown", "Press the power button and wait for an orderly stop", func(r *rig.Rig, ctx context.Context, host rig.Host) error {
			ctx, cancel := context.WithTimeout(ctx, stopWait)
			defer cancel()
			return r.Shutdown(ctx, host)
		}),
		eachHost("reboot", "Reboot in order and wait until systemd is up again", func(r *rig.Rig, ctx context.Context, host rig.Host) error {
			ctx, cancel := context.WithTimeout(ctx, stopWait)
			defer cancel()
			if err := r.Reboot(ctx, host); err != nil {
				return err
			}
			return r.WaitBooted(ctx, host)
		}),
		eachHost("reset", "Cut the power, give it back, wait until systemd is up again", func(r *rig.Rig, ctx context.Context, host rig.Host) error {
			if err := r.Reset(ctx, host); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, bootWait)
			defer cancel()
			return r.WaitBooted(ctx, host)
		}),
	}
}

func faultCommands() []*cobra.Command {
	commands := []*cobra.Command{
		eachHost("freeze", "Stop every process; the kernel goes on answering ping and TCP", (*rig.Rig).Freeze),
		eachHost("thaw", "Undo freeze", (*rig.Rig).Thaw),
		eachHost("unplug", "Pull the cluster cable", (*rig.Rig).Unplug),
		eachHost("plug", "Undo unplug", (*rig.Rig).Plug),
		eachHost("oobunplug", "Pull the management cable", (*rig.Rig).OOBUnplug),
		eachHost("oobplug", "Undo oobunplug", (*rig.Rig).OOBPlug),
		pair("cut", "Drop everything between two hosts on the cluster network", (*rig.Rig).Cut),
		pair("cut1", "Drop what goes from the first host to the second", (*rig.Rig).CutOneWay),
		healCommand(),
		loseCommand(),
		eachHost("diskhang", "Make every write of the host wait", (*rig.Rig).DiskHang),
		eachHost("diskok", "Undo diskhang", (*rig.Rig).DiskOK),
		slowCommand(),
		eachHost("fast", "Undo slow", (*rig.Rig).Fast),
	}
	return commands
}

// eachHost is a command that does one thing to hosts, all at once.
func eachHost(name, short string, do func(*rig.Rig, context.Context, rig.Host) error) *cobra.Command {
	return &cobra.Command{
		Use:     name + " [HOST...]",
		Short:   short,
		Example: fmt.Sprintf("  belay-rig %s controller-1\n  belay-rig %s 0 1\n  belay-rig %s        # all hosts", name, name, name),
		RunE: func(c *cobra.Command, args []string) error {
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			r := open(c)
			return together(hosts, func(host rig.Host) error { return do(r, c.Context(), host) })
		},
	}
}

func pair(name, short string, do func(*rig.Rig, context.Context, rig.Host, rig.Host) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " HOST HOST", Short: short,
		Example: fmt.Sprintf("  belay-rig %s 0 2", name),
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			if hosts[0] == hosts[1] {
				return fmt.Errorf("%s %s %s: want two different hosts", name, hosts[0], hosts[1])
			}
			return do(open(c), c.Context(), hosts[0], hosts[1])
		},
	}
}

func healCommand() *cobra.Command {
	return &cobra.Command{
		Use: "heal [HOST HOST]", Short: "Undo cut and cut1 between two hosts, or all",
		Example: "  belay-rig heal 0 2\n  belay-rig heal",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return fmt.Errorf("heal wants two hosts, or none for all cuts")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return open(c).HealAll(c.Context())
			}
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			return open(c).Heal(c.Context(), hosts[0], hosts[1])
		},
	}
}

func loseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lose PERCENT", Short: "Drop that share of all packets between hosts; 0 undoes it",
		Example: "  belay-rig lose 30\n  belay-rig lose 0",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			percent, err := strconv.Atoi(args[0])
			if err != nil {
				return fmt.Errorf("lose: %q is not a number of percent", args[0])
			}
			return open(c).Lose(c.Context(), percent)
		},
	}
}

func slowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "slow HOST PERCENT", Short: "Bound the host to a percentage of one core",
		Example: "  belay-rig slow 0 10",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			percent, err := strconv.Atoi(args[1])
			if err != nil {
				return fmt.Errorf("slow: %q is not a number of percent", args[1])
			}
			return open(c).Slow(c.Context(), host, percent)
		},
	}
}
