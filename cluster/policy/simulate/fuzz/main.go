// Fuzz makes random clusters, asks Pacemaker's crm_simulate and Belay what they
// would do, and shows, made as small as possible, the clusters on which they
// differ.
//
//	go run ./cluster/policy/simulate/fuzz -n 1000
//
// With the names of CIB files it compares what is decided about those instead;
// with -from DIRECTORY it changes those at random.
//
// crm_simulate may be older than the release that Belay follows; then what is
// known to differ between them is not generated. See docs/scheduler.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

type fuzzer struct {
	pacemaker *pacemaker
	levels    []string
	shrink    bool
	wide      bool
	keep      string
	show      int
	recorded  *corpus // clusters to be changed, nil to make them

	same, differ, refused, older int
	counts                       map[string]int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := &fuzzer{counts: map[string]int{}}
	flags := flag.NewFlagSet("fuzz", flag.ExitOnError)
	first := flags.Uint64("seed", uint64(time.Now().UnixNano()), "the first cluster's seed; the others follow it")
	n := flags.Int("n", 1000, "how many clusters")
	program := flags.String("crm_simulate", "crm_simulate", "Pacemaker's simulator")
	levels := flags.String("levels", "core,plan,exec,order", "what is compared: "+strings.Join(simulate.Levels, ", "))
	flags.BoolVar(&f.shrink, "shrink", true, "make clusters with a difference as small as possible")
	flags.BoolVar(&f.wide, "wide", true, "also make rarer things: rules, tickets, migrations under way (of a release from 3.0 on)")
	flags.StringVar(&f.keep, "keep", "", "a directory for clusters with a difference")
	from := flags.String("from", "", "a directory of CIBs: change those at random instead of making clusters")
	flags.IntVar(&f.show, "show", 5, "how many differences to show; the rest is counted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f.levels = strings.Split(*levels, ",")
	path, err := exec.LookPath(*program)
	if err != nil {
		return fmt.Errorf("%w: install Pacemaker's command line tools", err)
	}
	dir, err := os.MkdirTemp("", "belay-fuzz-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f.pacemaker = &pacemaker{program: path, dir: dir}
	if err := f.pacemaker.identify(ctx); err != nil {
		return err
	}
	if *from != "" {
		if f.recorded, err = openCorpus(*from); err != nil {
			return err
		}
	}
	if flags.NArg() > 0 {
		return f.files(ctx, flags.Args())
	}
	for i := range *n {
		if ctx.Err() != nil {
			break
		}
		if err := f.try(ctx, *first+uint64(i)); err != nil {
			if ctx.Err() != nil {
				break // what was compared so far counts
			}
			return err
		}
	}
	f.summary()
	if f.differ > 0 {
		return fmt.Errorf("%d clusters differ", f.differ)
	}
	return nil
}

// try compares one cluster.
func (f *fuzzer) try(ctx context.Context, seed uint64) error {
	cluster, err := f.cluster(seed)
	if err != nil {
		return err
	}
	agreement, err := f.compare(ctx, cluster)
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		f.refused++
		if f.refused <= f.show {
			fmt.Printf("seed %d is refused: %s\n", seed, strings.TrimSpace(refused.text))
		}
		return nil
	case errors.Is(err, errOlder):
		f.older++
		return nil
	case err != nil:
		return err
	case f.agrees(agreement):
		f.same++
		return nil
	}
	f.differ++
	for _, level := range f.levels {
		if !agreement.On[level] {
			f.counts[level]++
		}
	}
	if f.differ > f.show {
		return nil
	}
	if f.shrink {
		level, original := f.worst(agreement), agreement.Differ
		cluster = shrink(cluster, func(smaller *element) bool {
			if ctx.Err() != nil {
				return false
			}
			a, err := f.compare(ctx, smaller)
			return err == nil && !a.On[level] && sharesDifference(original, a.Differ, level)
		})
		if agreement, err = f.compare(ctx, cluster); err != nil {
			return err
		}
	}
	return f.report(seed, cluster, agreement)
}

// cluster makes the cluster of a seed.
func (f *fuzzer) cluster(seed uint64) (*element, error) {
	if f.recorded != nil {
		return f.recorded.mutant(seed)
	}
	g := newGenerator(seed, f.pacemaker.old)
	cluster := g.cib()
	if f.wide && !f.pacemaker.old {
		g.widen(seed, cluster).more(seed, cluster)
		place(cluster)
	}
	return cluster, nil
}

// text is a cluster as a file holds it.
type text string

func (t text) String() string { return string(t) }

// files compares what is decided about clusters in files.
func (f *fuzzer) files(ctx context.Context, names []string) error {
	for _, name := range names {
		cluster, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		agreement, err := f.compare(ctx, text(cluster))
		var refused *refusedError
		switch {
		case errors.As(err, &refused):
			f.refused++
			fmt.Println(name, err)
		case errors.Is(err, errOlder):
			f.older++
			fmt.Println(name, "is decided as older releases do")
		case err != nil:
			return err
		case f.agrees(agreement):
			f.same++
		default:
			f.differ++
			fmt.Printf("%s\n  %s\n", name, strings.Join(agreement.Differ, "\n  "))
		}
	}
	f.summary()
	return nil
}

func (f *fuzzer) agrees(a *simulate.Agreement) bool {
	return !slices.ContainsFunc(f.levels, func(level string) bool { return !a.On[level] })
}

// worst is the level that a smaller cluster must differ on too.
func (f *fuzzer) worst(a *simulate.Agreement) string {
	for _, level := range f.levels {
		if !a.On[level] {
			return level
		}
	}
	return ""
}

// sharesDifference reports whether a smaller cluster still shows a part of the
// original difference, and not only one of its own.
func sharesDifference(original, smaller []string, level string) bool {
	if level == "core" {
		level = "place"
	}
	return slices.ContainsFunc(smaller, func(line string) bool {
		return (strings.HasPrefix(line, level) || level == "place" && strings.HasPrefix(line, "fence")) && slices.Contains(original, line)
	})
}

func (f *fuzzer) compare(ctx context.Context, cluster fmt.Stringer) (*simulate.Agreement, error) {
	want, err := f.pacemaker.decide(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if f.pacemaker.old && shuffles(want) {
		return nil, errOlder
	}
	got, err := belay(cluster)
	if err != nil {
		return &simulate.Agreement{On: map[string]bool{}, Differ: []string{err.Error()}}, nil
	}
	// crm_simulate does not say which guests it resets, nor that it fences without a
	// reason.
	got.GuestsReset = nil
	got.Actions = slices.DeleteFunc(got.Actions, func(a simulate.ActionForm) bool { return a.Task == "fence" && a.Reason == "" })
	hideLostCopies(want, got)
	// Of what it does not list at all it does not say that numbers carry no meaning.
	want.Anonymous = append(want.Anonymous, got.Anonymous...)
	// Nor does it list copies of clones that it takes for inactive.
	listed := map[string]bool{}
	for id := range want.Final {
		listed[instanceNumber.ReplaceAllString(id, "")] = true
	}
	maps.DeleteFunc(got.Final, func(id string, _ []simulate.AtForm) bool {
		return !listed[instanceNumber.ReplaceAllString(id, "")]
	})
	return simulate.Compare(want, got), nil
}

// hideLostCopies takes what crm_simulate does not list out of what Belay says: on
// nodes that are gone, copies of groups that nobody manages, which it counts on
// their node, and what is no longer configured, which it takes for inactive.
func hideLostCopies(want, got *simulate.Form) {
	listed := map[[2]string]bool{}
	for id, places := range want.Final {
		for _, at := range places {
			if at.Node != nil {
				listed[[2]string{instanceNumber.ReplaceAllString(id, ""), *at.Node}] = true
			}
		}
	}
	for id, places := range got.Final {
		got.Final[id] = slices.DeleteFunc(places, func(at simulate.AtForm) bool {
			if at.Node == nil || at.Managed && !at.Removed || listed[[2]string{instanceNumber.ReplaceAllString(id, ""), *at.Node}] {
				return false
			}
			n := got.Nodes[*at.Node]
			return n.Unclean || !n.Online
		})
	}
}

// belay decides about a cluster. A panic is a difference.
func belay(cluster fmt.Stringer) (form *simulate.Form, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("panic: %v", caught)
		}
	}()
	in, err := cib.Read(strings.NewReader(cluster.String()), "cluster.xml")
	if err != nil {
		return nil, err
	}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	return simulate.NewForm(simulate.Run(in, simulate.Options{}), in.Now), nil
}

func (f *fuzzer) report(seed uint64, cluster *element, a *simulate.Agreement) error {
	fmt.Printf("seed %d\n  %s\n%s\n", seed, strings.Join(a.Differ, "\n  "), cluster)
	if f.keep == "" {
		return nil
	}
	if err := os.MkdirAll(f.keep, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.keep, fmt.Sprintf("seed-%d.xml", seed)), []byte(cluster.String()), 0o644)
}

func (f *fuzzer) summary() {
	fmt.Printf("%d clusters alike, %d differ, %d refused by crm_simulate, %d decided as older releases do\n", f.same, f.differ, f.refused, f.older)
	for _, level := range f.levels {
		if f.counts[level] > 0 {
			fmt.Printf("  %s: %d differ\n", level, f.counts[level])
		}
	}
}
