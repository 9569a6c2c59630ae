package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

// simulation is one run of `belayctl simulate`.
type simulation struct {
	app *app
	// cib, state and definitions are where the cluster comes from; without any of
	// them it is the running one.
	cib, state              string
	definitions             []string
	quorum, at              string
	down, fail, up, standby []string
	failures, save          []string
	scores                  bool
	tickets                 ticketFlags
}

const simulateHelp = `Decides what a cluster would do now, carries that out on paper, and shows what is
reached. It changes nothing. The cluster is the one that runs; or, offline, one in
which nothing runs yet, with the definition of -f; one that "belayctl state save" has
written (--state); or a Pacemaker CIB (--cib).

What is supposed to have happened before: nodes that left (--node-down), were lost
(--node-fail) or joined (--node-up), nodes in standby, quorum lost or held, tickets
granted, revoked, on standby or active again. A step can be made to fail with --op-fail RESOURCE:OPERATION:NODE. Belay plans again after that
and the simulation goes on until nothing more happens; of a CIB one transition is
simulated, which ends at a failure, and =RC gives another return code than the usual.

-o dot writes what is done as a graph for graphviz. --save writes the result to a
file besides: as JSON, dot or text, by the file's ending.

Dates in rules and the expiry of failures are judged at --at, else at the
execution-date of the CIB, else now. Exit code 2 means that a file cannot be used:
the message says file, line and column.`

func (a *app) simulateCommand() *cobra.Command {
	s := &simulation{app: a}
	cmd := &cobra.Command{
		Use: "simulate [-f FILE... | --state FILE | --cib FILE]", Short: "Show what a cluster would do, and where that leads", Args: arguments(0, 0),
		Long: simulateHelp,
		Example: `  belayctl simulate --node-fail controller-1
  belayctl simulate --standby controller-0 --op-fail haproxy:stop:controller-0
  belayctl simulate -f cluster.toml
  belayctl simulate -f cluster.toml --ticket-grant geo
  belayctl state save cluster.json && belayctl simulate --state cluster.json --node-down controller-2
  belayctl simulate --cib cluster.xml
  belayctl simulate --cib cluster.xml --node-fail node-1 --quorum=ok
  belayctl simulate --cib cluster.xml --standby node-1 --op-fail web:start:node-2
  belayctl simulate --cib cluster.xml --at 2026-06-01T12:30 -o json
  belayctl simulate --cib cluster.xml --scores
  belayctl simulate --cib cluster.xml -o dot --save result.json > graph.dot`,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
		// Replaces the check of the root command: there is one more output.
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains(simulateOutputs, a.output) {
				return usage("output %q: write %s", a.output, strings.Join(simulateOutputs, ", "))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&s.definitions, "file", "f", nil, "a definition file, or -; may be given several times")
	flags.StringVar(&s.state, "state", "", "a saved state, or -")
	flags.StringVar(&s.cib, "cib", "", "a Pacemaker CIB: an XML file, or -")
	flags.StringArrayVar(&s.down, "node-down", nil, "a node that has left cleanly; may be given several times, as may the next four")
	flags.StringArrayVar(&s.fail, "node-fail", nil, "a node that was lost")
	flags.StringArrayVar(&s.up, "node-up", nil, "a node that has joined")
	flags.StringArrayVar(&s.standby, "standby", nil, "a node in standby")
	flags.StringArrayVar(&s.failures, "op-fail", nil, "a step that fails: RESOURCE:OPERATION:NODE[=RC]")
	s.tickets.add(flags)
	flags.StringVar(&s.quorum, "quorum", "", "lost or ok (default as a CIB says, else ok)")
	flags.StringVarP(&s.at, "at", "t", "", "when: 2026-06-01T12:30, 2026-152T12:30Z, or @ and Unix seconds")
	flags.BoolVar(&s.scores, "scores", false, "also show how much each node suits each resource, and why")
	flags.StringArrayVar(&s.save, "save", nil, "also write the result to this .json, .dot or .txt file")
	s.complete(cmd)
	return cmd
}

var (
	simulateOutputs = []string{"text", "json", "dot"}
	quorums         = []string{"lost", "ok"}
)

func (s *simulation) run(ctx context.Context) error {
	sources := 0
	for _, given := range []bool{s.cib != "", s.state != "", len(s.definitions) > 0} {
		if given {
			sources++
		}
	}
	for _, name := range s.save {
		if !slices.Contains(savable, filepath.Ext(name)) {
			return usage("save %q: the file ends in .json, .dot or .txt", name)
		}
	}
	switch {
	case sources > 1:
		return usage("one cluster at a time: write one of -f, --state and --cib")
	case s.cib == "":
		return s.runBelay(ctx)
	}
	return s.runCIB()
}

// runCIB simulates one transition of a cluster that Pacemaker runs.
func (s *simulation) runCIB() error {
	opts := simulate.Options{Explain: s.scores}
	for _, text := range s.failures {
		failure, err := simulate.ParseFailure(text)
		if err != nil {
			return usage("%v", err)
		}
		opts.Failures = append(opts.Failures, failure)
	}
	changes, err := s.changes()
	if err != nil {
		return err
	}
	in, err := s.read()
	if err != nil {
		return err
	}
	if changes.At.IsZero() {
		changes.At = in.Now
	}
	now := changes.At
	if now.IsZero() {
		changes.At = s.app.now()
	}
	if in, err = simulate.Apply(in, changes); err != nil {
		return bad(codeUnknownName, "%s: %v", s.cib, err)
	}
	return s.show(simulate.Run(in, opts), now)
}

func (s *simulation) changes() (simulate.Changes, error) {
	changes := simulate.Changes{Down: s.down, Failed: s.fail, Up: s.up, Standby: s.standby, Tickets: s.tickets.ofCIB()}
	switch s.quorum {
	case "":
	case "lost", "ok":
		held := s.quorum == "ok"
		changes.Quorum = &held
	default:
		return changes, usage("quorum %q: write %s", s.quorum, strings.Join(quorums, " or "))
	}
	at, err := s.instant()
	changes.At = at
	return changes, err
}

// instant is what --at says, zero if it says nothing.
func (s *simulation) instant() (time.Time, error) {
	if s.at == "" {
		return time.Time{}, nil
	}
	at, err := policy.ParseTime(s.at)
	if err != nil {
		return at, usage("time %q: %v", s.at, err)
	}
	return at, nil
}

func (s *simulation) read() (*policy.Input, error) {
	source, name := s.app.in, "<stdin>"
	if s.cib != "-" {
		f, err := os.Open(s.cib)
		if err != nil {
			return nil, bad(codeUnreadable, "%v", err)
		}
		defer f.Close()
		source, name = f, s.cib
	}
	s.app.collectLate()
	in, err := cib.Read(source, name)
	if err != nil {
		return nil, notCIB(err)
	}
	return in, nil
}

// savable are the endings of files that a result is written to.
var savable = []string{".json", ".dot", ".txt", ".text"}

// forms write one result in each of its forms.
type forms struct {
	text func(w io.Writer, painted bool) error
	dot  func(io.Writer) error
	json func() any
}

func (f forms) write(w io.Writer, form string) error {
	switch form {
	case "dot":
		return f.dot(w)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(f.json())
	default:
		return f.text(w, false)
	}
}

// give writes the files that were asked for, then the answer.
func (s *simulation) give(f forms) error {
	var failed error
	for _, name := range s.save {
		var text bytes.Buffer
		err := f.write(&text, strings.TrimPrefix(filepath.Ext(name), "."))
		if err == nil {
			err = os.WriteFile(name, text.Bytes(), 0o644)
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	if s.app.output == "text" {
		return f.text(s.app.out, true)
	}
	return f.write(s.app.out, s.app.output)
}

func (s *simulation) show(r *simulate.Result, now time.Time) error {
	if s.app.output != "text" {
		s.unmatched(len(r.Unmatched), func(n int) string { return r.Unmatched[n].String() })
	}
	return s.give(forms{
		text: func(w io.Writer, painted bool) error {
			if !painted {
				return simulate.WriteText(w, r, nil)
			}
			return simulate.WriteText(w, r, s.paint)
		},
		dot:  func(w io.Writer) error { return simulate.WriteDot(w, r) },
		json: func() any { return simulate.NewForm(r, now) },
	})
}

func (s *simulation) unmatched(count int, name func(int) string) {
	for n := range count {
		fmt.Fprintf(s.app.errOut, "belayctl: nothing failed for %s: the plan has no such step\n", name(n))
	}
}

func (s *simulation) paint(kind, text string) string {
	code := map[string]string{
		simulate.PaintHead: bold, simulate.PaintWell: green, simulate.PaintWarn: yellow, simulate.PaintBad: red,
	}[kind]
	return s.app.paint(code, text)
}

// complete tells shells what may follow a flag. Nodes and resources are those of
// the cluster that is simulated, if it can be read.
func (s *simulation) complete(cmd *cobra.Command) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	nodes := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		names, _ := s.known(cmd.Context())
		return names, noFiles
	}
	tickets := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return s.knownTickets(cmd.Context()), noFiles
	}
	failures := func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		names, ids := s.known(cmd.Context())
		return failureWords(begun, ids, names), noFiles | cobra.ShellCompDirectiveNoSpace
	}
	files := func(endings ...string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return endings, cobra.ShellCompDirectiveFilterFileExt
		}
	}
	for flag, complete := range map[string]cobra.CompletionFunc{
		"cib": files("xml"), "state": files("json"), "file": files("toml"), "save": files("json", "dot", "txt"),
		"node-down": nodes, "node-fail": nodes, "node-up": nodes, "standby": nodes, "op-fail": failures,
		"ticket-grant": tickets, "ticket-revoke": tickets, "ticket-standby": tickets, "ticket-activate": tickets,
		"quorum": cobra.FixedCompletions(quorums, noFiles), "at": cobra.NoFileCompletions,
	} {
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic(err) // a flag that is not there
		}
	}
}

// fromInput reports whether the cluster comes from the standard input, which is
// read once.
func (s *simulation) fromInput() bool {
	return s.cib == "-" || s.state == "-" || slices.Contains(s.definitions, "-")
}

// known lists the nodes and instances of the cluster that is simulated.
func (s *simulation) known(ctx context.Context) (nodes, ids []string) {
	if s.fromInput() {
		return nil, nil
	}
	if s.cib == "" {
		current, err := s.source(ctx, s.app.now())
		if err != nil {
			return nil, nil
		}
		return belay.Nodes(current), definedNames(current.Definition, "ID")
	}
	in, err := s.read()
	if err != nil {
		return nil, nil
	}
	report := policy.Inspect(in)
	for _, i := range report.Instances {
		ids = append(ids, i.Resource)
	}
	slices.Sort(ids)
	return nodeNames(report), slices.Compact(ids)
}

func nodeNames(report *policy.Report) []string {
	var names []string
	for _, n := range report.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// failureWords completes RESOURCE:OPERATION:NODE one part at a time.
func failureWords(begun string, ids, nodes []string) []string {
	var words []string
	for _, id := range ids {
		rest, chosen := strings.CutPrefix(begun, id+":")
		if !chosen {
			words = append(words, id+":")
			continue
		}
		for _, task := range simulate.FailableTasks() {
			if !strings.HasPrefix(rest, task+":") {
				words = append(words, id+":"+task+":")
				continue
			}
			for _, node := range nodes {
				words = append(words, id+":"+task+":"+node)
			}
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, begun) })
}
