package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

type (
	instance = api.InstanceStatus
	summary  = api.ResourceSummary
)

func (a *app) status(ctx context.Context, stale bool) (api.Status, error) {
	c, err := a.cluster()
	if err != nil {
		return api.Status{}, err
	}
	return call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, stale) })
}

func (a *app) state(ctx context.Context, stale bool) (*state.State, error) {
	c, err := a.cluster()
	if err != nil {
		return nil, err
	}
	return call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, stale) })
}

func (a *app) statusCommand() *cobra.Command {
	var stale, watch, all bool
	every := waitFlag{resources.Duration(2 * time.Second)}
	cmd := &cobra.Command{
		Use: "status", Short: "Show the cluster: nodes, resources, failures, fencing and what to do", Args: arguments(0, 0),
		Long: fmt.Sprintf(`Shows what is wrong first, each with the next command; then the nodes, what they run,
and what is to be done. Of more than %d instances those that run as they should are told in
groups, so that a cloud fits a screen; --all shows each.`, mostInstances),
		Example: "  belayctl status\n  belayctl status --all\n  belayctl status --watch\n  belayctl status -o json\n  belayctl status --stale",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show each instance, however many there are")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again and again, until interrupted")
	cmd.Flags().Var(&every, "interval", "pause between two looks of --watch")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if watch {
			return a.watch(cmd.Context(), stale, all, every.time.Std())
		}
		status, err := a.status(cmd.Context(), stale)
		if err != nil {
			return err
		}
		return a.print(status, func(w io.Writer) { a.printStatus(w, status, all) })
	}
	return cmd
}

// watch shows the status until the context ends; an error is shown and tried
// again, because members come and go while one watches.
func (a *app) watch(ctx context.Context, stale, all bool, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		status, err := a.status(ctx, stale)
		if exitCode(err) == exitInput {
			return err
		}
		if a.terminal && a.output == "text" {
			fmt.Fprint(a.out, "\x1b[H\x1b[2J")
		}
		if err != nil {
			a.tell(err, nil)
		} else if err := a.print(status, func(w io.Writer) { a.printStatus(w, status, all) }); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// printStatus leads with what is wrong. all shows each instance, however many
// there are.
func (a *app) printStatus(w io.Writer, s api.Status, all bool) {
	head := fmt.Sprintf("cluster %s", a.paint(bold, s.Cluster))
	if s.Quorum {
		head += fmt.Sprintf(", leader %s", s.Leader)
	} else {
		head += ", " + a.paint(red, "no quorum")
	}
	if s.Stale {
		head += a.paint(yellow, fmt.Sprintf(" (what %s last knew, at %s)", s.Member, s.At.Format(time.RFC3339)))
	}
	fmt.Fprintln(w, head)
	a.printWrong(w, s)
	short := grouped(s, all)
	if short {
		fmt.Fprintln(w)
	}
	for _, n := range s.Nodes {
		a.printNode(w, s, n, short)
	}
	if short {
		a.printGroups(w, s)
	}
	a.printMaintenance(w, s)
	a.printStopped(w, s)
	a.printActions(w, s)
}

// printWrong tells what somebody has to care about, with the next command.
func (a *app) printWrong(w io.Writer, s api.Status) {
	if len(s.Problems) > 0 {
		fmt.Fprintln(w, a.paint(bold, "\nproblems"))
	}
	for _, p := range problemGroups(s.Problems) {
		code := map[string]string{"critical": red, "warning": yellow}[p.severity]
		word := p.severity
		if code != "" {
			word = a.paint(code, word)
		}
		fmt.Fprintf(w, "  %s: %s\n", word, p.text)
		if p.next != "" {
			fmt.Fprintf(w, "    next: %s\n", p.next)
		}
	}
	if len(s.Fencing) > 0 {
		fmt.Fprintln(w, a.paint(bold, "\nfencing"))
		for _, f := range s.Fencing {
			fmt.Fprint(w, "  ")
			a.printFencing(w, f, false)
		}
	}
	a.printFailures(w, s)
}

// nodeWords says how a node is.
func nodeWords(n api.NodeStatus) []string {
	word := map[string]string{"alive": "online", "suspect": "suspected", "dead": "offline", "left": "stopped", "unknown": "never seen"}[n.State]
	words := []string{word}
	if word == "" {
		words = []string{n.State}
	}
	if n.PoweredOff {
		words = append(words, "proven off")
	} else if n.Lost {
		words = append(words, "lost: may still run things")
	}
	if n.Standby {
		words = append(words, "standby")
	}
	if n.Maintenance != nil {
		text := "maintenance by " + n.Maintenance.Whose()
		if n.Maintenance.Reason != "" {
			text += " (" + n.Maintenance.Reason + ")"
		}
		if !n.Maintenance.Until.IsZero() {
			text += " until " + n.Maintenance.Until.Format(time.RFC3339)
		}
		words = append(words, text)
	}
	return words
}

func memberWord(n api.NodeStatus) string {
	switch {
	case n.Leader && n.Witness:
		return "leader, a witness"
	case n.Leader:
		return "leader"
	case n.Witness:
		return "witness"
	case n.Voter:
		return "voter"
	default:
		return "member"
	}
}

// printNode tells how a node is and what runs there; short leaves out what runs as
// it should.
func (a *app) printNode(w io.Writer, s api.Status, n api.NodeStatus, short bool) {
	code := green
	switch {
	case n.State == "suspect" || n.Standby || n.Maintenance != nil || n.State == "left":
		code = yellow
	case !n.Online:
		code = red
	}
	mine := slices.DeleteFunc(slices.Clone(s.Resources), func(r instance) bool { return r.Node != n.Name })
	if !short {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s %s  %s, %s", a.paint(code, "●"), a.paint(bold, string(n.Name)), a.paint(code, strings.Join(nodeWords(n), ", ")), memberWord(n))
	if short {
		fmt.Fprintf(w, ", runs %d", len(mine))
		mine = slices.DeleteFunc(mine, plainly)
	}
	fmt.Fprintln(w)
	for i, r := range mine {
		branch := "├─"
		if i == len(mine)-1 {
			branch = "└─"
		}
		fmt.Fprintf(w, "  %s %s\n", branch, a.instanceLine(r, false))
	}
	if n.State == "dead" || n.State == "suspect" {
		for _, e := range n.Evidence {
			fmt.Fprintf(w, "     %s\n", a.paint(dim, fmt.Sprintf("seen by %s (%s): %s", e.Observer, e.Source, e.Text)))
		}
	}
}

// instanceLine describes an instance; of several nodes' it names the node.
func (a *app) instanceLine(r instance, node bool) string {
	text := string(r.ID)
	if node && r.Node != "" {
		text += " on " + string(r.Node)
	}
	code := green
	role := r.Role.String()
	switch {
	case r.Failed:
		code, role = red, role+", failed"
	case !r.Probed:
		code, role = yellow, role+"?"
	case !r.Role.Active():
		code = yellow
	}
	text += "  " + a.paint(code, role) + "  " + a.paint(dim, r.Agent)
	if r.Op != "" {
		text += "  " + a.paint(yellow, string(r.Op)+" under way")
		if r.Progress != "" {
			text += ": " + r.Progress
		}
	}
	if r.Failed && r.Reason != "" {
		text += "  " + r.Reason
	}
	return text
}

func (a *app) printStopped(w io.Writer, s api.Status) {
	shapes := map[resources.ResourceID]summary{}
	for _, d := range s.Defined {
		shapes[d.ID] = d
	}
	var lines []string
	for _, r := range s.Resources {
		if r.Node != "" {
			continue
		}
		line := a.instanceLine(r, false)
		switch shape := shapes[r.Resource]; {
		case shape.TargetRole != resources.RoleStopped:
		case shape.Disabled == "":
			line += "  disabled by a rule or the defaults; see: belayctl explain " + string(r.Resource)
		default:
			line += "  disabled; to start it: belayctl resource enable " + string(shape.Disabled)
		}
		lines = append(lines, "  "+line)
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n%s\n", a.paint(bold, "running nowhere"), strings.Join(lines, "\n"))
	}
}

func (a *app) printFailures(w io.Writer, s api.Status) {
	title := a.paint(bold, "\nfailures") + "\n"
	for _, r := range s.Resources {
		for _, op := range sortedOps(r.Failures) {
			f := r.Failures[op]
			times := ""
			if f.Count > 1 {
				times = fmt.Sprintf(", %d times", f.Count)
			}
			fmt.Fprintf(w, "%s  %s of %s on %s: %s%s, last at %s\n", title, op, r.ID, r.Node, a.paint(red, f.Outcome.String()), times, f.Last.Format(time.RFC3339))
			title = ""
			if f.Reason != "" {
				fmt.Fprintf(w, "    %s\n", f.Reason)
			}
			for _, line := range lastWords(f.Output) {
				fmt.Fprintf(w, "    %s\n", a.paint(dim, "| "+line))
			}
			fmt.Fprintf(w, "    next: belayctl resource retry %s %s\n", r.Resource, r.Node)
		}
	}
}

// Bounds of what is shown of a service's own words.
const (
	maxWords = 5   // lines
	maxWord  = 240 // characters of a line
)

// lastWords returns the end of what a service said when it failed. What systemd
// says about every failure is left out.
func lastWords(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || strings.Contains(line, ": Failed with result ") || strings.Contains(line, ": Main process exited, ") || strings.HasPrefix(line, "Failed to start ") {
			continue
		}
		if runes := []rune(line); len(runes) > maxWord {
			line = string(runes[:maxWord]) + "…"
		}
		lines = append(lines, line)
	}
	return lines[max(0, len(lines)-maxWords):]
}

func sortedOps(failures map[resources.Op]*state.Failure) []resources.Op {
	var ops []resources.Op
	for op := range failures {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	return ops
}

func (a *app) printActions(w io.Writer, s api.Status) {
	if len(s.Actions) == 0 {
		return
	}
	fmt.Fprintln(w, a.paint(bold, "\nto do"))
	const most = 20
	for i, action := range s.Actions {
		if i == most {
			fmt.Fprintf(w, "  and %d more\n", len(s.Actions)-most)
			break
		}
		line := "  " + actionLine(action)
		if action.Reason != "" {
			line += "  " + a.paint(dim, action.Reason)
		}
		fmt.Fprintln(w, line)
	}
}

// places says where a resource runs, for lists.
func places(s api.Status, id resources.ResourceID) string {
	var words []string
	for _, r := range s.Resources {
		if r.Resource != id || !r.Role.Active() {
			continue
		}
		word := string(r.Node)
		if r.Role == resources.RolePromoted {
			word += " (promoted)"
		}
		if r.Failed {
			word += " (failed)"
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}
