package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/stage"
)

// showOptions say what to put on the rig.
type showOptions struct {
	bin, unit, definition string
	keep, reuse           bool
	bootDelay             time.Duration
}

func (o *showOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.bin, "bin", "bin", "directory of belayd and belayctl")
	cmd.Flags().StringVar(&o.unit, "unit", "cmd/belayd/belayd.service", "belayd's systemd unit")
	cmd.Flags().StringVar(&o.definition, "definition", "examples/three-controllers.toml", "the cluster's definition")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the hosts running at the end")
	cmd.Flags().BoolVar(&o.reuse, "reuse", false, "use the cloud that an earlier run with --keep has left")
	cmd.Flags().DurationVar(&o.bootDelay, "boot-delay", 8*time.Second, "how long a host takes to start after its BMC was told to")
}

func demoCommand() *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a control plane on the rig, cut one controller's power, show the recovery",
		Long: `demo builds the rig if need be, installs Belay on three new hosts, brings up
Galera, RabbitMQ, HAProxy and ironic-inspector, and cuts the power of the
controller that holds the address while clients use it. It ends in a table of
times, and leaves nothing running unless told to.`,
		Example: "  belay-rig demo\n  belay-rig demo --keep      # then: belay-rig exec 0 belayctl status",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStage(cmd, o, func(ctx context.Context, s *stage.Stage) error {
				before, err := s.Status(ctx)
				if err != nil {
					return err
				}
				cut, err := s.CutPower(ctx, stage.Holder(before, stage.Address), 5*time.Minute)
				fmt.Fprint(cmd.OutOrStdout(), cut.Table())
				return err
			})
		},
	}
	o.flags(cmd)
	return cmd
}

func testCommand() *cobra.Command {
	var o showOptions
	var all bool
	var only string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Check the main job on real hosts with real services",
		Long: `test puts the cloud on the rig like demo does, and checks what Belay promises:
one check after another, each from a whole cloud to a whole cloud. The last line
counts them.

` + describeChecks(),
		Example: "  belay-rig test\n  belay-rig test --all\n  belay-rig test --only frozen --keep\n  belay-rig --rig ci test",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStage(cmd, o, func(ctx context.Context, s *stage.Stage) error {
				if err := s.Prepare(ctx); err != nil {
					return err
				}
				passed, failed := 0, 0
				for _, check := range stage.Checks() {
					if check.Extra && !all && only == "" || !strings.Contains(check.Name, only) {
						continue
					}
					began := time.Now()
					s.Say("check: %s", check.Name)
					err := s.Forgive(ctx)
					if err == nil {
						err = check.Run(ctx, s)
					}
					if err != nil {
						failed++
						s.Say("FAILED: %s: %v", check.Name, err)
						s.Journals(ctx)
						break // what follows needs a whole cloud
					}
					passed++
					s.Say("passed in %.0f s: %s", time.Since(began).Seconds(), check.Name)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d passed, %d failed\n", passed, failed)
				switch {
				case failed > 0:
					return errors.New("the system test failed")
				case passed == 0:
					return fmt.Errorf("no check is called %q", only)
				}
				return nil
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "run also the checks that are marked with *")
	cmd.Flags().StringVar(&only, "only", "", "run only the checks whose name has this text")
	return cmd
}

// describeChecks lists the checks, and marks those that only --all runs.
func describeChecks() string {
	var text strings.Builder
	text.WriteString("The checks; those with * run only with --all:\n")
	for _, check := range stage.Checks() {
		mark := " "
		if check.Extra {
			mark = "*"
		}
		fmt.Fprintf(&text, "%s %s\n", mark, check.Name)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func benchCommand() *cobra.Command {
	var o showOptions
	var idle int
	var b stage.Bench
	var dir string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure failovers: power cuts of followers and leaders, by Redfish and IPMI",
		Long: `bench puts the cloud on the rig like demo does and cuts the power of the
controller that holds the address again and again: a follower and the leader,
fenced through Redfish and through IPMI; then that of all controllers at once.
It ends in a Markdown table of median, 99th percentile and maximum, in seconds.

Each cut is printed and kept in --out as soon as it is measured. After a cut that
fails, what the hosts say of it is kept there, too, and the next one follows when
the cloud has healed, or has been put up anew; the exit status is then 1.

With --idle it measures what belayd costs while that many resources run and
nothing happens.`,
		Example: "  belay-rig bench\n  belay-rig bench --cuts 5 --out results\n  belay-rig bench --cuts 0 --outages 5\n  belay-rig bench --idle 100",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if idle > 0 {
				return withHosts(cmd, o, func(ctx context.Context, s *stage.Stage) error {
					daemons, err := s.Idle(ctx, idle, time.Minute)
					fmt.Fprint(cmd.OutOrStdout(), "\n"+stage.IdleReport(daemons, idle))
					return err
				})
			}
			keep, err := stage.NewKeeper(dir)
			if err != nil {
				return err
			}
			b.Definition, b.Keep = o.definition, keep
			return withStage(cmd, o, func(ctx context.Context, s *stage.Stage) error {
				s.Say("results are kept in %s", keep.Dir())
				found, err := s.Bench(ctx, b)
				fmt.Fprint(cmd.OutOrStdout(), "\n"+found.Report())
				return err
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&b.Cuts, "cuts", 20, "power cuts of each kind")
	cmd.Flags().IntVar(&b.Outages, "outages", 3, "how often all hosts lose their power at once")
	cmd.Flags().StringVar(&dir, "out", "", "directory for results and diagnoses; default: a new one for temporary files")
	cmd.Flags().IntVar(&idle, "idle", 0, "measure idle daemons with this many resources instead")
	return cmd
}

// withStage puts the cloud on the rig, does something with it, and takes the
// rig down.
func withStage(cmd *cobra.Command, o showOptions, do func(context.Context, *stage.Stage) error) error {
	return withHosts(cmd, o, func(ctx context.Context, s *stage.Stage) error {
		deploy := s.Deploy
		if o.reuse {
			deploy = s.Reuse
		}
		if err := deploy(ctx, o.definition); err != nil {
			return err
		}
		return do(ctx, s)
	})
}

// withHosts puts a cluster without a definition on the rig, does something with
// it, and takes the rig down.
func withHosts(cmd *cobra.Command, o showOptions, do func(context.Context, *stage.Stage) error) (err error) {
	ctx := cmd.Context()
	r := open(cmd)
	if err := r.Ready(); err != nil {
		return fmt.Errorf("this machine cannot run the rig: %w: `belayd dev --demo` shows the same with simulated services", err)
	}
	release, err := r.Hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	for _, path := range []string{o.definition, o.unit} {
		if _, err := os.Stat(path); err != nil {
			return err
		}
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	s := stage.New(r, bin, o.unit, cmd.OutOrStdout())
	defer func() {
		if o.keep {
			s.Say("the hosts go on: belay-rig exec 0 belayctl status")
			return
		}
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, r.Destroy(down))
	}()
	defer func() {
		if err != nil {
			// main takes a command's exit status as its own: not this one's.
			err = errors.New(err.Error())
		}
	}()
	if o.reuse {
		return do(ctx, s)
	}
	if err := s.Up(ctx, o.bootDelay); err != nil {
		return err
	}
	if err := s.Form(ctx); err != nil {
		return err
	}
	return do(ctx, s)
}
