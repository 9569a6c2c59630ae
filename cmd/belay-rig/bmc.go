package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

func bmcCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bmc",
		Short: "The hosts' BMCs: behaviour and faults",
		Example: `  belay-rig bmc status
  belay-rig bmc fault 1 hang            # accepts requests and never answers
  belay-rig bmc fault 1 stop --only ipmi
  belay-rig bmc fault 1 ok
  belay-rig bmc set --boot-delay 5s     # on all BMCs
  belay-rig outside ipmitool -I lanplus -C 3 -H 10.78.0.101 -U ` + rig.BMCUser + ` -P ` + rig.BMCPassword + ` chassis power status`,
	}
	c.AddCommand(bmcServeCommand(), bmcChassisCommand(), bmcStatusCommand(), bmcFaultCommand(), bmcSetCommand())
	return c
}

func bmcServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Start the BMC server in the background, if it does not run (up does so)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return open(c).Up(c.Context())
		},
	}
}

func bmcChassisCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "chassis HOST ADDRESS get|set|check NAME [VALUE]...",
		Short:   "Do what ipmi_sim asks of a chassis-control program",
		Example: "  belay-rig bmc chassis 0 0x20 get power\n  belay-rig bmc chassis 0 0x20 set power 1",
		Args:    cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			output, err := open(c).Chassis(c.Context(), host, args[1:]...)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), output)
			return err
		},
	}
}

func bmcStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show every BMC: power as it sees it, faults, delays",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := open(c).BMCs(c.Context())
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%-14s %-13s %-6s %-8s %-8s %-10s %-10s %s\n", "HOST", "ADDRESS", "POWER", "REDFISH", "IPMI", "OFF-DELAY", "BOOT-DELAY", "STRICT")
			for _, s := range all {
				power := "off"
				if s.Power {
					power = "on"
				}
				fmt.Fprintf(out, "%-14s %-13s %-6s %-8s %-8s %-10s %-10s %v\n", s.Host, s.Host.BMCAddr(), power,
					s.Redfish, s.IPMI, s.Behaviour.OffDelay, s.Behaviour.BootDelay, s.Behaviour.Strict)
			}
			return nil
		},
	}
}

func bmcFaultCommand() *cobra.Command {
	var only string
	c := &cobra.Command{
		Use:   "fault HOST FAULT",
		Short: "Break a BMC, or mend it with ok",
		Long: `Faults:
  hang    accepts requests and never answers
  stop    nothing listens: connections are refused
  error   answers every request with an internal error
  ignore  answers that a reset is done, and does nothing
  silent  its address is gone from the network (both protocols)
  ok      nothing is wrong`,
		Example: "  belay-rig bmc fault controller-1 silent\n  belay-rig bmc fault 1 ok",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			fault := bmc.Fault(args[1])
			if !slices.Contains(bmc.Faults(), fault) {
				return fmt.Errorf("no fault %q: use one of %v", fault, bmc.Faults())
			}
			var protocols []rig.Protocol
			if only != "" {
				protocols = []rig.Protocol{rig.Protocol(only)}
			}
			return open(c).SetBMCFault(c.Context(), host, fault, protocols...)
		},
	}
	c.Flags().StringVar(&only, "only", "", "one protocol: redfish or ipmi")
	return c
}

func bmcSetCommand() *cobra.Command {
	var behaviour bmc.Behaviour
	c := &cobra.Command{
		Use:     "set [HOST...]",
		Short:   "Set how BMCs switch; what is not given goes back to its default",
		Example: "  belay-rig bmc set --off-delay 3s --boot-delay 20s\n  belay-rig bmc set 1 --strict\n  belay-rig bmc set",
		RunE: func(c *cobra.Command, args []string) error {
			hosts, err := parseHosts(args)
			if err != nil {
				return err
			}
			r := open(c)
			return together(hosts, func(host rig.Host) error {
				return r.SetBMCBehaviour(c.Context(), host, behaviour)
			})
		},
	}
	c.Flags().DurationVar(&behaviour.OffDelay, "off-delay", time.Duration(0), "power is gone so long after the answer; 0: before it")
	c.Flags().DurationVar(&behaviour.BootDelay, "boot-delay", 0, "the host boots so long after power-on")
	c.Flags().BoolVar(&behaviour.Strict, "strict", false, "answer 409 to a request for the state that the host has")
	c.Flags().BoolVar(&behaviour.LieOnce, "lie-once", false, "ignore the next power-off, and then say once that the power is off")
	return c
}
