package main

import (
	"bytes"
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
	"github.com/belay-ha/belay/resources/cib"
)

// simulation is one run of `belayctl simulate`.
type simulation struct {
	app                     *app
	file, quorum, at        string
	down, fail, up, standby []string
	failures, save          []string
	scores                  bool
}

const simulateHelp = `Reads a cluster from a Pacemaker CIB, decides what the cluster would do now, carries
that out on paper, and shows what is reached. It asks no cluster and changes nothing.

What is supposed to have happened before: nodes that left (--node-down), were lost
(--node-fail) or joined (--node-up), nodes in standby, quorum lost or held. A step can
be made to fail with --op-fail RESOURCE:OPERATION:NODE, or with =RC behind it for
another return code than the usual one; the transition ends there, as in a cluster.

-o dot writes the transition as a graph for graphviz. --save writes the result to a
file besides: as JSON, dot or text, by the file's ending.

Dates in rules and the expiry of failures are judged at --at, else at the
execution-date of the CIB, else now. Exit code 2 means that the CIB cannot be used:
the message says file, line and column.`

func (a *app) simulateCommand() *cobra.Command {
	s := &simulation{app: a}
	cmd := &cobra.Command{
		Use: "simulate --cib FILE", Short: "Show what a cluster in a Pacemaker CIB would do, and where that leads", Args: arguments(0, 0),
		Long: simulateHelp,
		Example: `  belayctl simulate --cib cluster.xml
  belayctl simulate --cib cluster.xml --node-fail node-1 --quorum=ok
  belayctl simulate --cib cluster.xml --standby node-1 --op-fail web:start:node-2
  belayctl simulate --cib cluster.xml --at 2026-06-01T12:30 -o json
  belayctl simulate --cib cluster.xml --scores
  belayctl simulate --cib cluster.xml -o dot --save result.json > graph.dot`,
		RunE: func(*cobra.Command, []string) error { return s.run() },
		// Replaces the check of the root command: there is one more output.
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains(simulateOutputs, a.output) {
				return usage("output %q: write %s", a.output, strings.Join(simulateOutputs, ", "))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.file, "cib", "", "the CIB: an XML file, or - for the standard input")
	flags.StringArrayVar(&s.down, "node-down", nil, "a node that has left cleanly; may be given several times, as may the next four")
	flags.StringArrayVar(&s.fail, "node-fail", nil, "a node that was lost")
	flags.StringArrayVar(&s.up, "node-up", nil, "a node that has joined")
	flags.StringArrayVar(&s.standby, "standby", nil, "a node in standby")
	flags.StringArrayVar(&s.failures, "op-fail", nil, "a step that fails: RESOURCE:OPERATION:NODE[=RC]")
	flags.StringVar(&s.quorum, "quorum", "", "lost or ok (default as the CIB says)")
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

func (s *simulation) run() error {
	if s.file == "" {
		return usage("write: belayctl simulate --cib FILE")
	}
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
	for _, name := range s.save {
		if _, known := s.writers()[filepath.Ext(name)]; !known {
			return usage("save %q: the file ends in .json, .dot or .txt", name)
		}
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
		return usage("%s: %v", s.file, err)
	}
	return s.show(simulate.Run(in, opts), now)
}

func (s *simulation) changes() (simulate.Changes, error) {
	changes := simulate.Changes{Down: s.down, Failed: s.fail, Up: s.up, Standby: s.standby}
	switch s.quorum {
	case "":
	case "lost", "ok":
		held := s.quorum == "ok"
		changes.Quorum = &held
	default:
		return changes, usage("quorum %q: write %s", s.quorum, strings.Join(quorums, " or "))
	}
	if s.at != "" {
		at, err := policy.ParseTime(s.at)
		if err != nil {
			return changes, usage("time %q: %v", s.at, err)
		}
		changes.At = at
	}
	return changes, nil
}

func (s *simulation) read() (*policy.Input, error) {
	source, name := s.app.in, "<stdin>"
	if s.file != "-" {
		f, err := os.Open(s.file)
		if err != nil {
			return nil, usage("%v", err)
		}
		defer f.Close()
		source, name = f, s.file
	}
	in, err := cib.Read(source, name)
	if err != nil {
		return nil, usage("%v", err)
	}
	return in, nil
}

// writer writes a result in one form.
type writer func(io.Writer, *simulate.Result, time.Time) error

// writers are the forms by the ending of a file, with the dot.
func (s *simulation) writers() map[string]writer {
	plain := func(w io.Writer, r *simulate.Result, _ time.Time) error { return simulate.WriteText(w, r, nil) }
	return map[string]writer{
		".txt": plain, ".text": plain,
		".dot": func(w io.Writer, r *simulate.Result, _ time.Time) error { return simulate.WriteDot(w, r) },
		".json": func(w io.Writer, r *simulate.Result, now time.Time) error {
			encoder := json.NewEncoder(w)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			return encoder.Encode(simulate.NewForm(r, now))
		},
	}
}

func (s *simulation) show(r *simulate.Result, now time.Time) error {
	var failed error
	for _, name := range s.save {
		var text bytes.Buffer
		err := s.writers()[filepath.Ext(name)](&text, r, now)
		if err == nil {
			err = os.WriteFile(name, text.Bytes(), 0o644)
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	if s.app.output == "text" {
		return simulate.WriteText(s.app.out, r, s.paint)
	}
	for _, f := range r.Unmatched {
		fmt.Fprintf(s.app.errOut, "belayctl: nothing failed for %s: the plan has no such step\n", f)
	}
	return s.writers()["."+s.app.output](s.app.out, r, now)
}

func (s *simulation) paint(kind, text string) string {
	code := map[string]string{
		simulate.PaintHead: bold, simulate.PaintWell: green, simulate.PaintWarn: yellow, simulate.PaintBad: red,
	}[kind]
	return s.app.paint(code, text)
}

// complete tells shells what may follow a flag. Nodes and resources are those of
// the CIB, if it can be read.
func (s *simulation) complete(cmd *cobra.Command) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	nodes := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		report, _ := s.known()
		return nodeNames(report), noFiles
	}
	failures := func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		report, ids := s.known()
		return failureWords(begun, ids, nodeNames(report)), noFiles | cobra.ShellCompDirectiveNoSpace
	}
	xml := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"xml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	saved := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"json", "dot", "txt"}, cobra.ShellCompDirectiveFilterFileExt
	}
	for flag, complete := range map[string]cobra.CompletionFunc{
		"cib": xml, "save": saved, "node-down": nodes, "node-fail": nodes, "node-up": nodes, "standby": nodes, "op-fail": failures,
		"quorum": cobra.FixedCompletions(quorums, noFiles), "at": cobra.NoFileCompletions,
	} {
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic(err) // a flag that is not there
		}
	}
}

func (s *simulation) known() (*policy.Report, []string) {
	if s.file == "" || s.file == "-" {
		return nil, nil
	}
	in, err := s.read()
	if err != nil {
		return nil, nil
	}
	report := policy.Inspect(in)
	var ids []string
	for _, i := range report.Instances {
		ids = append(ids, i.Resource)
	}
	slices.Sort(ids)
	return report, slices.Compact(ids)
}

func nodeNames(report *policy.Report) []string {
	var names []string
	if report != nil {
		for _, n := range report.Nodes {
			names = append(names, n.Name)
		}
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
