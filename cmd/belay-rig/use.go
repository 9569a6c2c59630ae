package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

func execCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "exec HOST COMMAND [ARG...]",
		Short: "Run a command as root inside a host",
		Example: `  belay-rig exec 0 systemctl --failed
  belay-rig exec controller-1 sh -c 'journalctl -b | tail'
  belay-rig exec 2 bash`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			cmd, err := open(c).Command(c.Context(), host, args[1], args[2:]...)
			if err != nil {
				return err
			}
			// In the terminal's own process group, so that it may read from it.
			cmd.SysProcAttr = &unix.SysProcAttr{}
			cmd.Cancel = func() error { return cmd.Process.Kill() }
			return attached(cmd)
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

func outsideCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "outside COMMAND [ARG...]",
		Short: "Run a command on this machine, in the rig's network",
		Example: `  belay-rig outside curl -sk https://10.78.0.101/redfish/v1/
  belay-rig outside ping -c1 10.77.0.11
  belay-rig outside bash`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return attached(open(c).Outside(c.Context(), args[0], args[1:]...))
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

// attached runs a command on this program's own terminal or pipes. Ctrl-C is
// for the command, which gets it from the terminal.
func attached(cmd *exec.Cmd) error {
	signal.Ignore(os.Interrupt)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func pushCommand() *cobra.Command {
	var mode string
	c := &cobra.Command{
		Use:   "push HOST FILE PATH",
		Short: "Copy a file into a host, on or off; HOST may be \"all\"",
		Example: `  belay-rig push all ./belayd /usr/local/bin/belayd
  belay-rig push 0 belay.toml /etc/belay/belay.toml --mode 600`,
		Args: cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			hosts := rig.Hosts()
			if args[0] != "all" {
				host, err := rig.ParseHost(args[0])
				if err != nil {
					return err
				}
				hosts = []rig.Host{host}
			}
			bits, err := modeOf(mode, args[1])
			if err != nil {
				return err
			}
			r := open(c)
			return together(hosts, func(host rig.Host) error {
				return r.Push(c.Context(), host, args[1], args[2], bits)
			})
		},
	}
	c.Flags().StringVar(&mode, "mode", "", "permissions, octal (default those of FILE)")
	return c
}

func modeOf(text, file string) (os.FileMode, error) {
	if text == "" {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		return info.Mode().Perm(), nil
	}
	bits, err := strconv.ParseUint(text, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("mode %q is not octal permissions", text)
	}
	return os.FileMode(bits), nil
}

func editCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "edit HOST COMMAND [ARG...]",
		Short: "Run a command of this machine in the root directory of a host that is off",
		Example: `  belay-rig edit 0 cat etc/hostname
  belay-rig edit 0 bash`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := rig.ParseHost(args[0])
			if err != nil {
				return err
			}
			var failed *exec.ExitError
			err = open(c).Edit(c.Context(), host, func(root string) error {
				cmd := exec.CommandContext(context.WithoutCancel(c.Context()), args[1], args[2:]...)
				cmd.Dir = root
				return attached(cmd)
			})
			if errors.As(err, &failed) {
				return failed
			}
			return err
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}
