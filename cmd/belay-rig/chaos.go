package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/stage"
)

// chaosOptions are the chaos command's own.
type chaosOptions struct {
	show        showOptions
	plan        stage.Storm
	minutes     int
	dir, report string
	list        bool
}

func chaosCommand() *cobra.Command {
	var o chaosOptions
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Break the cloud at random, from a seed, and prove that it stays safe",
		Long: `chaos puts the cloud on the rig like demo does and breaks it, round after round:
power cuts, partitions full and one way, frozen hosts, disks that stall, busy
processors, killed daemons, lost and late packets, and BMCs that hang, refuse the
login or lie. A seed draws the rounds; some have two faults. Nodes are fenced by
Redfish in half of them, by IPMI in the others. The next one begins when everything
runs again.

Meanwhile a client writes rows through the address, two publish messages with
confirms, one changes the cluster's definition while a disk stalls and after each
round, and a lookout reads, from outside and every 50 ms, what the kernels of
the hosts hold: addresses, the DHCP door, and what else may be in one place only.

It ends in a report, and with exit status 1 when anything was in two places, an
acknowledged write is gone, a host was fenced that should not have been, or a
power cut was not fenced and recovered without a hand. Then the evidence is in
--out. It takes the minutes given and about five more.`,
		Example: "  belay-rig chaos --minutes 30 --seed 7 --report docs/robustness.md\n" +
			"  belay-rig chaos --list --seed 7 --rounds 20         # what would be done\n" +
			"  belay-rig chaos --seed 7 --from 12 --rounds 1 --keep  # one round again",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runChaos(cmd, o) },
	}
	o.show.flags(cmd)
	cmd.Flags().IntVar(&o.minutes, "minutes", 30, "how long new rounds begin")
	cmd.Flags().Uint64Var(&o.plan.Seed, "seed", 1, "what draws the rounds")
	cmd.Flags().IntVar(&o.plan.From, "from", 0, "number of the first round")
	cmd.Flags().IntVar(&o.plan.Rounds, "rounds", 0, "how many rounds at most; 0: as many as there is time for")
	cmd.Flags().DurationVar(&o.plan.Settle, "settle", 5*time.Minute, "how long a round may take after its last fault")
	cmd.Flags().StringVar(&o.dir, "out", "", "directory for rounds, journals and evidence; default: a new one for temporary files")
	cmd.Flags().StringVar(&o.report, "report", "", "put the report into this Markdown file, in place of the last one")
	cmd.Flags().BoolVar(&o.list, "list", false, "print the rounds and do nothing")
	return cmd
}

// listedRounds is how many rounds --list prints without --rounds.
const listedRounds = 50

func runChaos(cmd *cobra.Command, o chaosOptions) error {
	if o.minutes < 1 || o.plan.From < 0 || o.plan.Rounds < 0 {
		return fmt.Errorf("--minutes %d --from %d --rounds %d: want at least one minute, and no negative numbers", o.minutes, o.plan.From, o.plan.Rounds)
	}
	if o.list {
		count := o.plan.Rounds
		if count == 0 {
			count = listedRounds
		}
		for n := o.plan.From; n < o.plan.From+count; n++ {
			round := chaos.Draw(o.plan.Seed, n)
			fmt.Fprintf(cmd.OutOrStdout(), "%4d  %-7s  %s\n", n, round.Device, round)
		}
		return nil
	}
	keep, err := stage.NewKeeper(o.dir)
	if err != nil {
		return err
	}
	o.plan.Keep, o.plan.Length = keep, time.Duration(o.minutes)*time.Minute
	return withStage(cmd, o.show, func(ctx context.Context, s *stage.Stage) error {
		s.Say("seed %d; rounds, journals and evidence are kept in %s", o.plan.Seed, keep.Dir())
		if err := s.Brace(ctx); err != nil {
			return err
		}
		result, err := s.Storm(ctx, o.plan)
		if err != nil {
			return fmt.Errorf("the chaos test of seed %d could not go on: %w", o.plan.Seed, err)
		}
		result.Command = o.command()
		result.Version, result.Evidence = cmd.Root().Version, keep.Dir()
		result.Reproduce = result.Command
		if guilty, known := result.Guilty(); known {
			result.Reproduce = fmt.Sprintf("bin/belay-rig chaos --seed %d --from %d --rounds 1", o.plan.Seed, guilty)
		}
		report := result.Report()
		fmt.Fprint(cmd.OutOrStdout(), "\n"+report)
		if problems := result.Problems(); len(problems) > 0 {
			err = fmt.Errorf("seed %d found %d problems; evidence is in %s; again: %s", o.plan.Seed, len(problems), keep.Dir(), result.Reproduce)
		}
		return errors.Join(err, writeReport(o.report, report))
	})
}

// command is how to do the same again.
func (o chaosOptions) command() string {
	if o.plan.From == 0 && o.plan.Rounds == 0 {
		return fmt.Sprintf("make test-chaos MINUTES=%d SEED=%d", o.minutes, o.plan.Seed)
	}
	return fmt.Sprintf("bin/belay-rig chaos --minutes %d --seed %d --from %d --rounds %d", o.minutes, o.plan.Seed, o.plan.From, o.plan.Rounds)
}

// writeReport puts a report into a document; "" is none.
func writeReport(path, report string) error {
	if path == "" {
		return nil
	}
	document, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(chaos.Insert(string(document), report)), 0o644)
}
