package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
)

// explainedCIB is what a Pacemaker cluster thinks of a resource.
type explainedCIB struct {
	Resource string                 `json:"resource"`
	Actual   []explainedInstance    `json:"actual"`
	Changes  []explainedChange      `json:"changes"`
	Scores   []simulate.ScoreForm   `json:"scores"`
	Warnings []simulate.WarningForm `json:"warnings"`
}

type explainedInstance struct {
	Instance string   `json:"instance"`
	Node     string   `json:"node,omitempty"`
	Role     string   `json:"role"`
	Notes    []string `json:"notes,omitempty"`
}

type explainedChange struct {
	Task    string `json:"task"`
	Path    string `json:"path"`
	Reason  string `json:"reason,omitempty"`
	Blocked bool   `json:"blocked,omitempty"`
}

// explainCIB explains a resource of a Pacemaker cluster.
func (a *app) explainCIB(file, id, on string) error {
	s := &simulation{app: a, cib: file}
	in, err := s.read()
	if err != nil {
		return err
	}
	if in.Now.IsZero() {
		in.Now = a.now()
	}
	plan := policy.Explain(in)
	x := explainedCIB{Resource: id, Actual: []explainedInstance{}, Changes: []explainedChange{}, Scores: []simulate.ScoreForm{}, Warnings: []simulate.WarningForm{}}
	mine := map[string]bool{}
	for _, i := range plan.Present.Instances {
		if !concernsCIB(i, id) {
			continue
		}
		mine[i.Resource] = true
		if on == "" || i.Node == on || i.Node == "" {
			x.Actual = append(x.Actual, explainedInstance{Instance: i.Resource, Node: i.Node, Role: i.Role.String(), Notes: cibNotes(i)})
		}
	}
	if len(mine) == 0 {
		var ids []string
		for _, i := range plan.Present.Instances {
			ids = append(ids, i.Resource)
		}
		return unknownName("resource", id, ids)
	}
	if nodes := nodeNames(plan.Present); on != "" && !slices.Contains(nodes, on) {
		return unknownName("node", on, nodes)
	}
	for _, c := range plan.Summary {
		if mine[c.Resource] {
			path := c.Node
			if c.From != "" {
				path = c.From + " -> " + c.Node
			}
			x.Changes = append(x.Changes, explainedChange{Task: c.Resource + " " + c.Task, Path: path, Reason: c.Reason, Blocked: c.Blocked})
		}
	}
	for _, score := range plan.Scores {
		if mine[score.Resource] && (on == "" || score.Node == on) {
			x.Scores = append(x.Scores, simulate.NewScoreForm(score))
		}
	}
	for _, w := range plan.Warnings {
		if w.Subject == id || mine[w.Subject] {
			x.Warnings = append(x.Warnings, simulate.WarningForm(w))
		}
	}
	return a.print(x, func(w io.Writer) { a.printExplainedCIB(w, x) })
}

// concernsCIB reports whether an instance is what an id means: itself, a copy of
// it, or a part of a group or clone of that name.
func concernsCIB(i policy.InstanceReport, id string) bool {
	base, _, _ := strings.Cut(i.Resource, ":")
	if i.Resource == id || base == id {
		return true
	}
	for part := range strings.FieldsFuncSeq(i.In, func(c rune) bool { return c == '/' || c == ' ' || c == ',' }) {
		name, _, _ := strings.Cut(part, ":")
		if name == id {
			return true
		}
	}
	return false
}

func cibNotes(i policy.InstanceReport) []string {
	var notes []string
	for _, n := range []struct {
		is   bool
		word string
	}{
		{i.Failed, "failed"}, {i.Blocked, "blocked"}, {i.FailureIgnored, "failure ignored"}, {i.Removed, "no longer configured"},
		{i.Maintenance, "in maintenance"}, {!i.Managed && !i.Maintenance, "unmanaged"}, {i.LockedTo != "", "locked to " + i.LockedTo},
		{i.Pending != "", i.Pending + " under way"}, {i.Target == policy.RoleStopped, "disabled"},
	} {
		if n.is {
			notes = append(notes, n.word)
		}
	}
	return notes
}

func (a *app) printExplainedCIB(w io.Writer, x explainedCIB) {
	fmt.Fprintln(w, a.paint(bold, x.Resource))
	for _, i := range x.Actual {
		text := i.Instance + " " + i.Role
		if i.Node != "" {
			text += " on " + i.Node
		}
		if len(i.Notes) > 0 {
			text += a.paint(yellow, " ("+strings.Join(i.Notes, ", ")+")")
		}
		fmt.Fprintln(w, "  now   "+text)
	}
	for _, c := range x.Changes {
		text := c.Task + " " + c.Path
		if c.Blocked {
			text += a.paint(red, " blocked")
		}
		fmt.Fprintln(w, "  then  "+text+a.paint(dim, because(c.Reason)))
	}
	if len(x.Changes) == 0 {
		fmt.Fprintln(w, "  then  nothing is due")
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INSTANCE\tNODE\tSCORE\tBECAUSE OF")
	for _, score := range x.Scores {
		var parts []string
		for _, p := range score.Parts {
			parts = append(parts, p.Value+" "+p.Source)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", score.Resource, score.Node, score.Value, strings.Join(parts, ", "))
	}
	table.Flush()
	for _, warning := range x.Warnings {
		fmt.Fprintln(w, a.paint(yellow, "warning: "+warning.Text))
	}
}
