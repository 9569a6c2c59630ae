// Bench compares what Pacemaker's crm_simulate and Belay need for the same
// cluster: CPU seconds and memory of the whole programs (read the CIB, decide,
// print), and of the decision alone.
//
//	go run ./cluster/policy/simulate/bench -belayctl bin/belayctl -sizes openstack,16x500
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources/cib"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	crmSimulate, belayctl string
	times                 int
	table                 *tabwriter.Writer
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	b := &bench{}
	flags.StringVar(&b.crmSimulate, "crm_simulate", "crm_simulate", "Pacemaker's simulator")
	flags.StringVar(&b.belayctl, "belayctl", "bin/belayctl", "Belay's command line")
	flags.IntVar(&b.times, "times", 3, "runs of each program; the best counts")
	chosen := flags.String("sizes", "openstack,16x500,32x1000,64x2000", "clusters, of "+strings.Join(sizeNames(), ", ")+"; the last takes crm_simulate minutes")
	keep := flags.String("keep", "", "a directory to keep the clusters in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir := *keep
	if dir == "" {
		made, err := os.MkdirTemp("", "belay-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	if _, err := exec.LookPath(b.crmSimulate); err != nil {
		fmt.Fprintf(os.Stderr, "bench: no %s here: only Belay is measured\n", b.crmSimulate)
		b.crmSimulate = ""
	}
	b.table = tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(b.table, "cluster\tCIB\tcrm_simulate CPU\tbelayctl CPU\tratio\tcrm_simulate memory\tbelayctl memory\tratio\tdecision alone\tallocated\t")
	for _, name := range strings.Split(*chosen, ",") {
		s, known := sizeOf(name)
		if !known {
			return fmt.Errorf("no size %q: there are %s", name, strings.Join(sizeNames(), ", "))
		}
		file := filepath.Join(dir, name+".xml")
		if err := writeCluster(file, s); err != nil {
			return err
		}
		if err := b.measure(ctx, name, file); err != nil {
			return err
		}
	}
	return b.table.Flush()
}

// usage is what a process took.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes at most resident
}

// command runs a program and returns its best run.
func (b *bench) command(ctx context.Context, program string, args ...string) (usage, error) {
	var runs []usage
	for range b.times {
		cmd := exec.CommandContext(ctx, program, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			return usage{}, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, stderr.String())
		}
		rusage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return usage{}, fmt.Errorf("this system does not say what %s used", program)
		}
		const maxrssUnit = 1024 // on Linux
		runs = append(runs, usage{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), int64(rusage.Maxrss) * maxrssUnit})
		if runs[0].cpu > 20*time.Second {
			break // one run of that length is exact enough
		}
	}
	return slices.MinFunc(runs, func(x, y usage) int { return int(x.cpu - y.cpu) }), nil
}

func (b *bench) measure(ctx context.Context, name, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	var pacemaker usage
	if b.crmSimulate != "" {
		if pacemaker, err = b.command(ctx, b.crmSimulate, "-R", "-x", file); err != nil {
			return err
		}
	}
	belay, err := b.command(ctx, b.belayctl, "simulate", "--cib", file)
	if err != nil {
		return err
	}
	decision, allocated, err := b.decide(file)
	if err != nil {
		return err
	}
	cpu, memory, cpuRatio, memoryRatio := "-", "-", "-", "-"
	if b.crmSimulate != "" {
		cpu, memory = duration(pacemaker.cpu), megabytes(pacemaker.memory)
		cpuRatio, memoryRatio = ratio(float64(pacemaker.cpu), float64(belay.cpu)), ratio(float64(pacemaker.memory), float64(belay.memory))
	}
	fmt.Fprintf(b.table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, megabytes(info.Size()),
		cpu, duration(belay.cpu), cpuRatio, memory, megabytes(belay.memory), memoryRatio, duration(decision), megabytes(allocated))
	return nil
}

// decide returns the processor's time of the best of several decisions, and what
// one allocates.
func (b *bench) decide(file string) (time.Duration, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	in, err := cib.Read(f, file)
	if err != nil {
		return 0, 0, err
	}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	best := time.Duration(1<<63 - 1)
	var before, after runtime.MemStats
	for range 5 {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := processor()
		policy.Compute(in)
		best = min(best, processor()-start)
		runtime.ReadMemStats(&after)
	}
	return best, int64(after.TotalAlloc - before.TotalAlloc), nil
}

// processor is what this process has taken of processors so far. The clock would
// count what others take meanwhile.
func processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it fails for bad arguments only
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func duration(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func ratio(a, b float64) string {
	if b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fx", a/b)
}
