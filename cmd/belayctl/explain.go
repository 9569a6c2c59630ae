package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

const explainHelp = `Says why a resource, or a group, runs where it does, or does not: what is wanted and
what is, how much each node suits it and what gave each part of that, what it waits for
now, and what would have to change, with the command to type.

It asks the running cluster; offline, a saved state (--state) or a Pacemaker CIB (--cib).`

func (a *app) explainCommand() *cobra.Command {
	var on, file, cibFile string
	cmd := &cobra.Command{
		Use: "explain RESOURCE [--node NODE]", Short: "Say why a resource runs where it does, or does not", Args: arguments(1, 1), Long: explainHelp,
		Example: "  belayctl explain vip\n  belayctl explain vip --node controller-1\n  belayctl explain galera -o json\n  belayctl explain web --cib cluster.xml",
		RunE: func(cmd *cobra.Command, args []string) error {
			id := bare(args)[0]
			if file != "" && cibFile != "" {
				return usage("one cluster at a time: write --state or --cib")
			}
			if cibFile != "" {
				return a.explainCIB(cibFile, args[0], on)
			}
			x, err := a.explanation(cmd.Context(), file, id, resources.NodeName(on))
			if err != nil {
				return err
			}
			return a.print(x, func(w io.Writer) { a.printExplanation(w, x, resources.NodeName(on)) })
		},
	}
	cmd.Flags().StringVar(&on, "node", "", "speak of this node alone")
	cmd.Flags().StringVar(&file, "state", "", "a saved state, or -, instead of the running cluster")
	cmd.Flags().StringVar(&cibFile, "cib", "", "a Pacemaker CIB, or -, instead of the running cluster")
	a.completeExplain(cmd, &file, &cibFile)
	return cmd
}

func (a *app) explanation(ctx context.Context, file string, id resources.ResourceID, on resources.NodeName) (*api.Explanation, error) {
	if file != "" {
		s, err := a.savedState(file)
		if err != nil {
			return nil, err
		}
		plan := scheduler.Plan(s, s.At, scheduler.Options{Quorum: true, Explain: true, Agents: node.AgentFacts(a.agents)})
		return api.Explain(s, s.At, &plan, nil, id, on)
	}
	c, err := a.cluster()
	if err != nil {
		return nil, err
	}
	return call(ctx, func(ctx context.Context) (*api.Explanation, error) { return c.Explain(ctx, id, on) })
}

// completeExplain completes resources, groups and nodes of the cluster that is
// asked.
func (a *app) completeExplain(cmd *cobra.Command, file, cibFile *string) {
	known := func(cmd *cobra.Command) ([]string, []string) {
		s := &simulation{app: a, state: *file, cib: *cibFile}
		return s.known(cmd.Context())
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		_, ids := known(cmd)
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
	nodes := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		names, _ := known(cmd)
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("node", nodes); err != nil {
		panic(err) // a flag that is not there
	}
}

func (a *app) printExplanation(w io.Writer, x *api.Explanation, on resources.NodeName) {
	fmt.Fprintf(w, "%s  %s\n", a.paint(bold, string(x.Resource)), a.paint(dim, x.Kind))
	a.printWanted(w, x)
	a.printActual(w, x, on)
	for _, advice := range x.Advice {
		fmt.Fprintln(w, "  advice  "+advice)
	}
	a.printRules(w, x)
	fmt.Fprintln(w)
	a.printScores(w, x)
	a.printPending(w, x)
	a.printProblems(w, x)
	a.printChanges(w, x, on)
}

func (a *app) printWanted(w io.Writer, x *api.Explanation) {
	lead := "  wanted  "
	for _, p := range x.Wanted {
		name := ""
		if p.Instance != "" {
			name = string(p.Instance) + " "
		}
		text := a.paint(red, "nowhere")
		if p.Node != "" {
			text = p.Role.String() + " on " + string(p.Node)
		}
		fmt.Fprintf(w, "%s%s%s%s\n", lead, name, text, a.paint(dim, because(p.Reason)))
		lead = "          "
	}
}

// printRules says which rule gives which value.
func (a *app) printRules(w io.Writer, x *api.Explanation) {
	lead := "  by rule "
	for _, v := range x.Rules {
		text := v.Name
		if v.Value != "" {
			text += " = " + v.Value
		}
		if len(x.Members) > 1 && v.Resource != "" {
			text = string(v.Resource) + " " + text
		}
		if len(v.Nodes) > 0 {
			names := make([]string, len(v.Nodes))
			for i, n := range v.Nodes {
				names[i] = string(n)
			}
			text += " on " + strings.Join(short(names), ", ")
		}
		fmt.Fprintf(w, "%s%s%s\n", lead, text, a.paint(dim, ": "+v.Rule))
		lead = "          "
	}
}

func (a *app) printActual(w io.Writer, x *api.Explanation, on resources.NodeName) {
	lead := "  actual  "
	known := map[resources.ResourceID]bool{}
	for _, i := range x.Actual {
		known[i.Resource] = known[i.Resource] || i.Node != ""
	}
	for _, i := range x.Actual {
		if i.Node == "" && (known[i.Resource] || on != "") {
			continue // what is known of nodes says it
		}
		fmt.Fprintln(w, lead+a.actualLine(x.At, i))
		lead = "          "
	}
	if strings.TrimSpace(lead) != "" {
		fmt.Fprintf(w, "%snothing on %s\n", lead, on)
	}
}

// printProblems lists the problems; nodes that have the same one share a line.
func (a *app) printProblems(w io.Writer, x *api.Explanation) {
	groups := problemGroups(x.Problems)
	if len(groups) > 0 {
		fmt.Fprintln(w, a.paint(bold, "\nproblems"))
	}
	for _, g := range groups {
		code := map[string]string{"critical": red, "warning": yellow}[g.severity]
		if code == "" {
			code = dim
		}
		fmt.Fprintf(w, "  %s: %s\n", a.paint(code, g.severity), g.text)
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func (a *app) actualLine(now time.Time, i instance) string {
	if i.Node == "" {
		return string(i.ID) + " runs nowhere"
	}
	text := fmt.Sprintf("%s %s on %s", i.ID, i.Role, i.Node)
	if !i.Since.IsZero() {
		text += " for " + age(now.Sub(i.Since))
	}
	if !i.Probed {
		text += a.paint(yellow, ", believed: nobody has looked")
	}
	if i.Failed {
		text += a.paint(red, ", failed"+because(i.Reason))
	}
	for _, op := range sortedOps(i.Failures) {
		f := i.Failures[op]
		text += a.paint(yellow, fmt.Sprintf("; %s failed %d×, last %s ago", op, f.Count, age(now.Sub(f.Last))))
		if f.Reason != "" && !i.Failed {
			text += ": " + f.Reason
		}
	}
	return text
}

// age is a length of time as people say it.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// printScores is a table of nodes; those of which the same is to be said share a
// row. With several members there is a row for each.
func (a *app) printScores(w io.Writer, x *api.Explanation) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "  NODE\tSCORE\tVERDICT\tBECAUSE OF")
	shared := map[string][]string{}
	var order []string
	for _, placed := range []bool{true, false} {
		for _, n := range x.Nodes {
			if n.Placed != placed {
				continue
			}
			said := nodeRows(n, len(x.Members) > 1)
			if shared[said] == nil {
				order = append(order, said)
			}
			shared[said] = append(shared[said], string(n.Node))
		}
	}
	for _, said := range order {
		fmt.Fprintf(table, said, strings.Join(short(shared[said]), ", "))
	}
}

// nodeRows are a node's rows with a %s for its name.
func nodeRows(n api.NodeExplanation, several bool) string {
	name, verdict := "  %s", strings.ReplaceAll(n.Verdict, "%", "%%")
	if n.Placed {
		name = "* %s"
	}
	if len(n.Scores) == 0 {
		return name + "\t-\t" + verdict + "\t\n"
	}
	rows := ""
	for _, score := range n.Scores {
		parts := scoreParts(score)
		follows := !slices.ContainsFunc(score.Parts, func(p transition.Part) bool { return p.Source != "group" })
		if several && name == "" && follows {
			continue // a group's members follow the first
		}
		if several || strings.Contains(string(score.Resource), ":") {
			parts = string(score.Resource) + ": " + parts
		}
		if score.Role == resources.RolePromoted {
			parts = "for promotion, " + parts
		}
		rows += name + "\t" + score.Value.String() + "\t" + verdict + "\t" + strings.ReplaceAll(parts, "%", "%%") + "\n"
		name, verdict = "", ""
	}
	return rows
}

func scoreParts(s transition.Score) string {
	var parts []string
	for _, part := range s.Parts {
		said := fmt.Sprintf("%s %s", part.Value, part.Source)
		if part.Rule != "" {
			said += " (rule " + resources.QuoteRule(part.Rule) + ")"
		}
		parts = append(parts, said)
	}
	if len(parts) == 0 && s.Value == 0 {
		return "nothing for it, nothing against it"
	}
	return strings.Join(parts, ", ")
}

func (a *app) printPending(w io.Writer, x *api.Explanation) {
	if len(x.Actions) == 0 {
		fmt.Fprintln(w, "\nnothing is under way, nothing waits")
		return
	}
	fmt.Fprintln(w, a.paint(bold, "\nto do"))
	for _, action := range x.Actions {
		line := "  " + action.Key
		switch {
		case action.InFlight:
			line += " is under way"
			if !action.Since.IsZero() {
				line += " for " + age(x.At.Sub(action.Since))
			}
			line += because(action.Progress)
		case action.Wait != "":
			line += a.paint(yellow, " waits: "+action.Wait)
		case len(action.After) > 0:
			line += a.paint(yellow, " waits for "+strings.Join(short(action.After), ", "))
		default:
			line += " is due"
		}
		if action.Reason != "" {
			line += a.paint(dim, "  ("+action.Reason+")")
		}
		fmt.Fprintln(w, line)
		for n, root := range action.Roots {
			if n == mostShown {
				fmt.Fprintf(w, "    and on %d more\n", len(action.Roots)-n)
				break
			}
			text := actionLine(root)
			if root.Reason != "" {
				text += "  (" + root.Reason + ")"
			}
			lead := "    in the end on: "
			if slices.Contains(action.After, root.Key) {
				lead = "    "
			}
			fmt.Fprintln(w, lead+text)
		}
	}
}

// mostShown bounds lists within a line, and of what one action waits for.
const mostShown = 4

func short(keys []string) []string {
	if len(keys) <= mostShown {
		return keys
	}
	return append(keys[:mostShown:mostShown], fmt.Sprintf("%d more", len(keys)-mostShown))
}

// printChanges lists what would have to change, first for the problems; nodes of
// which the same is to be said share a line.
func (a *app) printChanges(w io.Writer, x *api.Explanation, on resources.NodeName) {
	told := map[string]bool{}
	for _, c := range x.Changes {
		told[c.Command] = true
	}
	type line struct{ text, command string }
	var order []line
	nodes := map[line][]string{}
	first := map[line]string{}
	add := func(c api.Remedy) {
		l := line{c.Text, c.Command}
		if c.Node != "" {
			l.command = strings.ReplaceAll(c.Command+" ", " "+string(c.Node)+" ", " NODE ")
		}
		if _, known := first[l]; !known {
			order, first[l] = append(order, l), c.Command
		}
		if c.Node != "" && c.Node != on {
			nodes[l] = append(nodes[l], string(c.Node))
		}
	}
	for _, p := range x.Problems {
		if p.Next != "" && p.Next != "belayctl explain "+string(x.Resource) && !told[p.Next] && !told[p.Next+" "+string(p.Node)] {
			add(api.Remedy{Node: p.Node, Text: "for the problem: " + p.Code, Command: p.Next})
		}
	}
	for _, c := range x.Changes {
		add(c)
	}
	if len(order) == 0 {
		return
	}
	title := "\nto change that"
	if len(x.Actions)+len(x.Problems) == 0 && len(x.Wanted) > 0 && x.Wanted[0].Node != "" {
		title = "\nto have it elsewhere"
	}
	fmt.Fprintln(w, a.paint(bold, title))
	for _, l := range order {
		text, command := l.text, first[l]
		if len(nodes[l]) > 0 {
			text = strings.Join(short(nodes[l]), ", ") + ": " + text
		}
		if len(nodes[l]) > 1 {
			command = strings.TrimSpace(l.command)
		}
		fmt.Fprintf(w, "  %s\n", text)
		if command != "" {
			fmt.Fprintf(w, "    %s\n", a.paint(bold, command))
		}
	}
}
