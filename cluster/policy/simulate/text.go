package simulate

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/belay-ha/belay/cluster/policy"
)

// Paint colours text: changes, warnings and what is well. Nil leaves it alone.
type Paint func(kind, text string) string

// The kinds of painted text.
const (
	PaintHead = "head"
	PaintWell = "well"
	PaintWarn = "warn"
	PaintBad  = "bad"
)

// WriteText writes a result for a person: what the plan says and why, what was
// carried out, and which node then has which instances.
func WriteText(w io.Writer, r *Result, paint Paint) error {
	if paint == nil {
		paint = func(_, text string) string { return text }
	}
	t := &text{Writer: bufio.NewWriter(w), r: r, paint: paint}
	t.changes()
	t.steps()
	t.scores()
	t.reached()
	t.remarks()
	return t.Flush()
}

type text struct {
	*bufio.Writer
	r     *Result
	paint Paint
}

func (t *text) head(format string, args ...any) {
	fmt.Fprintln(t, t.paint(PaintHead, fmt.Sprintf(format, args...)))
}

func (t *text) changes() {
	list := t.r.Plan.Summary
	if len(list) == 0 {
		t.head("no changes are due")
		return
	}
	t.head("%s due", plural(len(list), "change is", "changes are"))
	table := tabwriter.NewWriter(t, 0, 8, 2, ' ', 0)
	for _, c := range list {
		reason := c.Reason
		if c.Blocked {
			reason = strings.TrimSuffix("blocked: "+reason, ": ")
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", c.Task, subject(c), path(c), reason)
	}
	table.Flush()
}

func subject(c policy.Change) string {
	if c.Resource != "" {
		return c.Resource
	}
	if c.FenceAction != "" {
		return c.FenceAction
	}
	return "-"
}

func path(c policy.Change) string {
	text := c.Node
	if c.From != "" {
		text = c.From + " -> " + c.Node
	}
	if c.GuestOf != "" {
		text += " in " + c.GuestOf
	}
	switch role, next := roleWord(c.Role), roleWord(c.NextRole); {
	case role != "" && next != "" && role != next:
		text += ", " + role + " -> " + next
	case role != "":
		text += ", " + role
	}
	return text
}

func (t *text) steps() {
	real := 0
	for i := range t.r.Plan.Steps {
		if !t.r.Plan.Steps[i].Pseudo {
			real++
		}
	}
	if real == 0 {
		return
	}
	t.head("\n%s", plural(real, "step", "steps"))
	failed := map[int]bool{}
	for _, n := range t.r.Failed {
		failed[n] = true
	}
	done := map[int]bool{}
	for _, n := range t.r.Executed {
		done[n] = true
		step := &t.r.Plan.Steps[n]
		switch {
		case step.Pseudo:
		case failed[n]:
			fmt.Fprintf(t, "  %s\n", t.paint(PaintBad, stepName(step)+"  fails"))
		default:
			fmt.Fprintf(t, "  %s\n", stepName(step))
		}
	}
	for n := range t.r.Plan.Steps {
		if step := &t.r.Plan.Steps[n]; !done[n] && !step.Pseudo {
			fmt.Fprintf(t, "  %s\n", t.paint(PaintWarn, stepName(step)+"  not carried out"))
		}
	}
}

func (t *text) scores() {
	if len(t.r.Plan.Scores) == 0 {
		return
	}
	t.head("\nscores")
	table := tabwriter.NewWriter(t, 0, 8, 2, ' ', 0)
	for _, s := range t.r.Plan.Scores {
		var parts []string
		for _, p := range s.Parts {
			parts = append(parts, p.Value.String()+" "+p.Source)
		}
		name := s.Resource
		if role := roleWord(s.Role); role != "" {
			name += " " + role
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", name, s.Node, s.Value, strings.Join(parts, ", "))
	}
	table.Flush()
}

// reached is a tree: each node with what is active on it, then what is active
// nowhere.
func (t *text) reached() {
	t.head("\nthen")
	on := map[string][]policy.InstanceReport{}
	for _, i := range t.r.After.Instances {
		on[i.Node] = append(on[i.Node], i)
	}
	for _, n := range t.r.After.Nodes {
		kind := ""
		switch {
		case n.GuestOf != "":
			kind = " (guest in " + n.GuestOf + ")"
		case n.Kind == policy.KindRemote:
			kind = " (remote)"
		}
		fmt.Fprintf(t, "%s%s: %s\n", n.Name, kind, t.condition(n))
		t.instances(on[n.Name])
	}
	if stopped := on[""]; len(stopped) > 0 {
		fmt.Fprintln(t, "nowhere")
		t.instances(stopped)
	}
}

func (t *text) condition(n policy.NodeReport) string {
	if n.Unclean {
		return t.paint(PaintBad, "unclean")
	}
	words := []string{t.paint(PaintWell, "online")}
	if !n.Online {
		words[0] = t.paint(PaintBad, "offline")
	}
	for _, w := range []struct {
		is   bool
		word string
	}{
		{n.Pending, "pending"}, {n.Standby, "standby"}, {n.StandbyOnFail, "standby after a failure"},
		{n.Maintenance, "maintenance"}, {n.Shutdown, "shutting down"}, {n.Health != "", "health " + n.Health},
	} {
		if w.is {
			words = append(words, t.paint(PaintWarn, w.word))
		}
	}
	return strings.Join(words, ", ")
}

func (t *text) instances(list []policy.InstanceReport) {
	slices.SortStableFunc(list, func(a, b policy.InstanceReport) int { return strings.Compare(a.In, b.In) })
	in := ""
	for at, i := range list {
		branch := "├─ "
		if at == len(list)-1 {
			branch = "└─ "
		}
		line := branch + i.Resource
		if i.In != "" && i.In != in {
			line += " [" + i.In + "]"
		}
		in = i.In
		if i.Node != "" {
			line += " " + roleWord(i.Role)
		}
		fmt.Fprintln(t, line+t.flags(i))
	}
}

func (t *text) flags(i policy.InstanceReport) string {
	var bad, odd []string
	for _, w := range []struct {
		is, bad bool
		word    string
	}{
		{i.Failed, true, "failed"}, {i.Blocked, true, "blocked"}, {i.FailureIgnored, false, "failure ignored"},
		{i.Removed, false, "no longer configured"}, {i.Maintenance, false, "maintenance"},
		{!i.Managed && !i.Maintenance, false, "unmanaged"}, {i.LockedTo != "", false, "locked to " + i.LockedTo},
		{i.Pending != "", false, i.Pending + " under way"}, {i.Target == policy.RoleStopped, false, "disabled"},
	} {
		switch {
		case w.is && w.bad:
			bad = append(bad, w.word)
		case w.is:
			odd = append(odd, w.word)
		}
	}
	text := ""
	if len(bad) > 0 {
		text += " " + t.paint(PaintBad, strings.Join(bad, ", "))
	}
	if len(odd) > 0 {
		text += " " + t.paint(PaintWarn, "("+strings.Join(odd, ", ")+")")
	}
	return text
}

func (t *text) remarks() {
	for _, f := range t.r.Unmatched {
		fmt.Fprintf(t, "%s\n", t.paint(PaintWarn, "warning: nothing failed for "+f.String()+": the plan has no such step"))
	}
	if !t.r.Complete && len(t.r.Failed) == 0 {
		fmt.Fprintf(t, "%s\n", t.paint(PaintBad, "warning: some steps wait for each other and cannot be carried out"))
	}
	for _, w := range t.r.Plan.Warnings {
		fmt.Fprintf(t, "%s\n", t.paint(PaintWarn, "warning: "+w.Text))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
