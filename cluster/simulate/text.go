package simulate

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Paint colours text; nil leaves it alone.
type Paint func(kind, text string) string

// The kinds of painted text.
const (
	PaintHead = "head"
	PaintWell = "well"
	PaintWarn = "warn"
	PaintBad  = "bad"
	PaintDim  = "dim"
)

// WriteText writes a result for a person: the nodes, what is done in which
// order, what runs where before and after it, and what is left.
func WriteText(w io.Writer, r *Result, paint Paint) error {
	if paint == nil {
		paint = func(_, text string) string { return text }
	}
	t := &text{Writer: bufio.NewWriter(w), r: r, paint: paint}
	t.present()
	t.steps()
	t.moves()
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

// present says how the nodes are, and become.
func (t *text) present() {
	t.head("nodes")
	width := 0
	for name := range t.r.After.Nodes {
		width = max(width, len(name))
	}
	for _, name := range t.r.After.NodeNames() {
		before, after := "", t.condition(t.r.After.Nodes[name])
		if n, found := t.r.Before.Nodes[name]; found {
			before = t.condition(n)
		}
		line := after
		if before != "" && before != after {
			line = before + ", then " + after
		}
		fmt.Fprintf(t, "  %-*s  %s\n", width, name, line)
	}
}

func (t *text) condition(n *state.Node) string {
	words := []string{t.paint(PaintWell, "online")}
	switch {
	case n.Liveness == state.LivenessSuspect:
		words[0] = t.paint(PaintWarn, "suspected")
	case n.Liveness == state.LivenessLeft:
		words[0] = t.paint(PaintWarn, "stopped")
	case n.Off != nil:
		words[0] = t.paint(PaintBad, "proven off")
	case n.Lost():
		words[0] = t.paint(PaintBad, "lost, may still run things")
	}
	if n.Standby {
		words = append(words, t.paint(PaintWarn, "standby"))
	}
	if n.InMaintenance(t.r.Now) {
		words = append(words, t.paint(PaintWarn, "maintenance"))
	}
	return strings.Join(words, ", ")
}

// steps is a tree: an action stands below the last one that it waited for. Looks
// are counted only, unless one failed: there is one for each resource and node.
func (t *text) steps() {
	probes := 0
	var roots []int
	children := map[int][]int{}
	for k, step := range t.r.Steps {
		if step.Kind == transition.KindProbe && !step.Failed {
			probes++
			continue
		}
		parent := -1
		for _, before := range step.After {
			if b := t.r.Steps[before]; b.Kind != transition.KindProbe || b.Failed {
				parent = before
			}
		}
		if parent < 0 {
			roots = append(roots, k)
		} else {
			children[parent] = append(children[parent], k)
		}
	}
	if len(roots) == 0 {
		t.head("\nnothing to do")
		if probes > 0 {
			fmt.Fprintf(t, "  %s what runs\n", plural(probes, "look finds out", "looks find out"))
		}
		return
	}
	t.head("\nwhat is done (each below what it waited for)")
	if probes > 0 {
		fmt.Fprintf(t, "  %s\n", t.paint(PaintDim, plural(probes, "look", "looks")+" at what runs"))
	}
	for _, root := range roots {
		t.branch(root, children, "  ", "  ")
	}
}

// branch writes a step and what waited for it. Deep chains are not indented
// for ever.
func (t *text) branch(k int, children map[int][]int, lead, below string) {
	step := t.r.Steps[k]
	line := lead + step.Key
	if step.Reason != "" {
		line += t.paint(PaintDim, "  "+step.Reason)
	}
	if step.Failed {
		line += "  " + t.paint(PaintBad, "fails")
	}
	fmt.Fprintln(t, line)
	const deepest = 40
	for n, child := range children[k] {
		mark, next := "├─ ", "│  "
		if n == len(children[k])-1 {
			mark, next = "└─ ", "   "
		}
		if utf8.RuneCountInString(below) > deepest {
			next = ""
		}
		t.branch(child, children, below+mark, below+next)
	}
}

// mostRows bounds the resources that are listed although nothing happens to
// them.
const mostRows = 25

// moves is a table of what ran where, and runs where.
func (t *text) moves() {
	type row struct{ id, before, after string }
	var rows, still []row
	width, wide := len("RESOURCE"), len("NOW")
	for _, id := range t.resources() {
		r := row{string(id), places(t.r.Before, id), places(t.r.After, id)}
		if r.before == r.after {
			still = append(still, r)
		} else {
			rows = append(rows, r)
		}
	}
	rest := 0
	if len(rows)+len(still) <= mostRows {
		rows = append(rows, still...)
	} else {
		rest = len(still)
	}
	if len(rows)+rest == 0 {
		return
	}
	for _, r := range rows {
		width, wide = max(width, utf8.RuneCountInString(r.id)), max(wide, utf8.RuneCountInString(r.before))
	}
	fmt.Fprintln(t)
	if len(rows) > 0 {
		t.head("%-*s  %-*s  THEN", width, "RESOURCE", wide, "NOW")
	}
	for _, r := range rows {
		after := t.paint(PaintWell, r.after)
		switch {
		case r.before == r.after:
			after = t.paint(PaintDim, "the same")
		case r.after == nowhere:
			after = t.paint(PaintBad, r.after)
		}
		fmt.Fprintf(t, "%-*s  %-*s  %s\n", width, r.id, wide, r.before, after)
	}
	if rest > 0 {
		fmt.Fprintln(t, t.paint(PaintDim, plural(rest, "other resource stays as it is", "other resources stay as they are")))
	}
}

// resources lists what is defined, then what else runs.
func (t *text) resources() []resources.ResourceID {
	var ids []resources.ResourceID
	seen := map[resources.ResourceID]bool{}
	for _, r := range t.r.After.Definition.Everything() {
		ids = append(ids, r.ID)
		seen[r.ID] = true
	}
	var others []resources.ResourceID
	for _, n := range t.r.Before.Nodes {
		for id, i := range n.Instances {
			if !seen[id.Resource()] && i.Role.Active() {
				others = append(others, id.Resource())
				seen[id.Resource()] = true
			}
		}
	}
	slices.Sort(others)
	return append(ids, others...)
}

const nowhere = "nowhere"

// places says where a resource runs: promoted first, many nodes as a number.
func places(s *state.State, id resources.ResourceID) string {
	type kind struct {
		role          resources.Role
		failed, maybe bool
	}
	nodes := map[kind][]string{}
	for _, name := range s.NodeNames() {
		for _, instance := range sortedIDs(s.Nodes[name]) {
			i := s.Nodes[name].Instances[instance]
			if instance.Resource() != id || !i.Role.Active() {
				continue
			}
			k := kind{i.Role, i.Failed, s.Nodes[name].Lost()}
			nodes[k] = append(nodes[k], string(name))
		}
	}
	var parts []string
	for _, role := range []resources.Role{resources.RolePromoted, resources.RoleStarted} {
		for _, k := range []kind{{role, false, false}, {role, true, false}, {role, false, true}, {role, true, true}} {
			if len(nodes[k]) == 0 {
				continue
			}
			text := strings.Join(counted(nodes[k]), ", ")
			if len(nodes[k]) > 4 {
				text = fmt.Sprintf("%d times", len(nodes[k]))
			}
			for _, m := range []struct {
				is   bool
				word string
			}{{k.maybe, "maybe "}, {k.failed, "failed "}, {role == resources.RolePromoted, "promoted "}, {role != resources.RolePromoted && len(nodes) > 1 && !k.failed && !k.maybe, "started "}} {
				if m.is {
					text = m.word + text
				}
			}
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return nowhere
	}
	return strings.Join(parts, "; ")
}

// counted writes a node that has several instances once. The list is sorted.
func counted(nodes []string) []string {
	var list []string
	for at := 0; at < len(nodes); {
		end := at
		for end < len(nodes) && nodes[end] == nodes[at] {
			end++
		}
		word := nodes[at]
		if end-at > 1 {
			word += fmt.Sprintf(" (%d)", end-at)
		}
		list = append(list, word)
		at = end
	}
	return list
}

// remarks are what is left to say: what waits, problems, suppositions.
func (t *text) remarks() {
	var waiting []string
	for _, a := range t.r.Plan.Actions {
		switch {
		case a.Wait != "":
			waiting = append(waiting, a.Key+": "+a.Wait)
		case len(a.After) > 0:
			waiting = append(waiting, a.Key+": waits for "+t.r.Plan.Actions[a.After[0]].Key)
		}
	}
	if len(waiting) > 0 && t.r.Endless == "" {
		t.head("\nnot done")
		for _, line := range waiting {
			fmt.Fprintln(t, "  "+t.paint(PaintWarn, line))
		}
	}
	if len(t.r.Plan.Problems) > 0 {
		t.head("\nproblems then")
	}
	for _, p := range t.r.Plan.Problems {
		kind := PaintWarn
		if p.Severity == transition.SeverityCritical {
			kind = PaintBad
		}
		fmt.Fprintf(t, "  %s: %s\n", t.paint(kind, p.Severity.String()), problemText(p))
		if p.Next != "" {
			fmt.Fprintf(t, "    next: %s\n", p.Next)
		}
	}
	t.notes()
}

// problemText names the node that a problem's own text takes for granted.
func problemText(p transition.Problem) string {
	if p.Node == "" || strings.Contains(p.Text, string(p.Node)) {
		return p.Text
	}
	return string(p.Node) + ": " + p.Text
}

func (t *text) notes() {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, id := range t.r.Supposed {
		add("supposed: the agent of %s lets every member be promoted; it decides that when they report", id)
	}
	if t.r.Policy != "" {
		add("without quorum each member acts by itself: no_quorum_policy is %s", t.r.Policy)
	}
	if t.r.Endless != "" {
		add("does not settle: %s comes again and again; cut off here", t.r.Endless)
	}
	if at := t.r.Plan.RecheckAt; !at.IsZero() {
		add("something changes by itself at %s (see --at)", at.UTC().Format(time.RFC3339))
	}
	for _, f := range t.r.Unmatched {
		add("nothing failed for %s: that operation never came", f)
	}
	if len(notes) > 0 {
		fmt.Fprintln(t)
	}
	for _, note := range notes {
		fmt.Fprintln(t, t.paint(PaintWarn, "note: "+note))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
