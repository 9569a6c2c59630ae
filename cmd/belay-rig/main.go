// Command belay-rig turns one Debian machine into three controller hosts with
// BMCs, and breaks them: the ground on which Belay's demo, system tests and
// benchmarks run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// version is set when the program is linked.
var version = "devel"

func main() {
	if code, is := rig.Child(os.Args[1:]); is {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode()) // a command that ran in a host or outside has said why
	default:
		fmt.Fprintf(os.Stderr, "belay-rig: %v\n", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:     "belay-rig",
		Version: version,
		Short:   "Three controller hosts with BMCs on one machine, and ways to break them",
		Long: `belay-rig turns one Debian 12 machine into three controller hosts, controller-0
to controller-2, each with a real systemd, a disk, two network cables and a BMC.

A HOST is a name or a number: controller-0 or 0. Commands that take HOST...
mean all hosts when none is given. Needs root.

  cluster network     10.77.0.11-13 (host0), the machine is 10.77.0.1, VIPs from 10.77.0.100
  management network  10.78.0.11-13 (oob0), the machine is 10.78.0.1
  BMCs                10.78.0.101-103: Redfish on 443, IPMI on 623, user ` + rig.BMCUser + `, password ` + rig.BMCPassword,
		Example: `  belay-rig up                      # build, create, connect and boot all three
  belay-rig status
  belay-rig exec 0 systemctl status
  belay-rig off 1                   # cut the power of controller-1
  belay-rig on 1
  belay-rig cut 0 2                 # no traffic between controller-0 and controller-2
  belay-rig heal
  belay-rig down`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().String("rig", envOr("BELAY_RIG", rig.DefaultName),
		"name of the rig; each has its own hosts, disks and network (environment BELAY_RIG)")
	root.AddGroup(
		&cobra.Group{ID: "rig", Title: "The rig:"},
		&cobra.Group{ID: "power", Title: "Power:"},
		&cobra.Group{ID: "use", Title: "Using hosts:"},
		&cobra.Group{ID: "fault", Title: "Faults:"},
		&cobra.Group{ID: "show", Title: "Belay on the rig:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("rig", upCommand(), downCommand(), buildCommand(), createCommand(), destroyCommand(),
		saveCommand(), restoreCommand(), statusCommand(), bmcCommand())
	add("power", powerCommands()...)
	add("use", execCommand(), pushCommand(), outsideCommand(), editCommand(), consoleCommand())
	add("fault", faultCommands()...)
	add("show", demoCommand(), testCommand(), chaosCommand(), benchCommand())
	return root
}

// open returns the rig that the command line names, with progress on standard
// error.
func open(c *cobra.Command, seeds ...rig.Seed) *rig.Rig {
	name := c.Flag("rig").Value.String()
	return rig.New(rig.Options{Name: name, Log: os.Stderr, Seeds: seeds})
}

func envOr(key, otherwise string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return otherwise
}

// parseHosts reads hosts, or returns all of them for no words.
func parseHosts(words []string) ([]rig.Host, error) {
	if len(words) == 0 {
		return rig.Hosts(), nil
	}
	var hosts []rig.Host
	for _, word := range words {
		host, err := rig.ParseHost(word)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}
