package top

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// tone is how a row is coloured.
type tone int

const (
	plain tone = iota
	heading
	good
	careful
	bad
	quiet
)

// row is one line between head and foot. One with a resource or a node can be
// chosen.
type row struct {
	text     string
	tone     tone
	resource resources.ResourceID
	node     resources.NodeName
}

func (r row) chooses() bool { return r.resource != "" || r.node != "" }

// rows are the lines of the present screen that fit the filter; a heading stays
// with what follows it.
func (m Model) rows() []row {
	if !m.seen {
		return nil
	}
	var all []row
	switch Tabs[m.tab] {
	case "nodes":
		all = m.nodes()
	case "resources":
		all = m.resources()
	case "history":
		all = m.history(maxEvents)
	default:
		all = m.overview()
	}
	if m.filter == "" {
		return all
	}
	var fit []row
	for _, r := range all {
		if r.tone == heading {
			if n := len(fit); n > 0 && fit[n-1].tone == heading {
				fit = fit[:n-1]
			}
			fit = append(fit, r)
		} else if strings.Contains(strings.ToLower(r.text), strings.ToLower(m.filter)) {
			fit = append(fit, r)
		}
	}
	if n := len(fit); n > 0 && fit[n-1].tone == heading {
		fit = fit[:n-1]
	}
	return fit
}

// overview leads with what is wrong.
func (m Model) overview() []row {
	rows := section("wrong", m.wrong())
	rows = append(rows, section("running now", m.running())...)
	rows = append(rows, m.nodes()...)
	rows = append(rows, section("databases and brokers", m.stateful())...)
	return append(rows, m.history(20)...)
}

func section(title string, rows []row) []row {
	if len(rows) == 0 {
		return nil
	}
	return append([]row{{text: title, tone: heading}}, rows...)
}

func (m Model) wrong() []row {
	var rows []row
	s := m.look.Status
	if !s.Quorum {
		rows = append(rows, row{text: "no quorum: nothing is started, and nobody is fenced", tone: bad})
	}
	for _, n := range s.Nodes {
		if !n.Online && n.State != "left" {
			text := fmt.Sprintf("%s is %s since %s", n.Name, n.State, m.since(n.Since))
			if n.Lost {
				text += ", and may still run things"
			}
			rows = append(rows, row{text: text, tone: bad, node: n.Name})
		}
	}
	for _, f := range s.Fencing {
		rows = append(rows, row{text: strings.TrimSpace(fmt.Sprintf("fencing of %s: %s for %s %s", f.Node, f.Phase, m.since(f.RequestedAt), f.Error)), tone: bad, node: f.Node})
	}
	problems := slices.Clone(s.Problems)
	rank := func(p api.ProblemStatus) int {
		return cmp.Or(map[string]int{"critical": -2, "warning": -1}[p.Severity], 0)
	}
	slices.SortStableFunc(problems, func(a, b api.ProblemStatus) int { return rank(a) - rank(b) })
	for _, p := range problems {
		t := map[string]tone{"critical": bad, "warning": careful}[p.Severity]
		rows = append(rows, row{text: p.Severity + ": " + p.Text, tone: t, resource: p.Resource, node: p.Node})
		if p.Next != "" {
			rows = append(rows, row{text: "  next: " + p.Next, tone: quiet})
		}
	}
	for _, r := range s.Resources {
		if r.Failed {
			rows = append(rows, row{text: fmt.Sprintf("%s has failed on %s: %s", r.ID, r.Node, cmp.Or(r.Reason, "no reason is known")), tone: bad, resource: r.Resource, node: r.Node})
		}
	}
	return rows
}

// running are the operations in flight, the longest first, and what waits.
func (m Model) running() []row {
	var rows []row
	busy := slices.DeleteFunc(slices.Clone(m.look.Status.Resources), func(r api.InstanceStatus) bool { return r.Op == "" })
	slices.SortStableFunc(busy, func(a, b api.InstanceStatus) int { return a.OpSince.Compare(b.OpSince) })
	for _, r := range busy {
		text := fmt.Sprintf("%8s  %s %s on %s", m.since(r.OpSince), r.Op, r.ID, r.Node)
		if r.Progress != "" {
			text += ": " + r.Progress
		}
		rows = append(rows, row{text: text, tone: careful, resource: r.Resource, node: r.Node})
	}
	if later := len(m.look.Status.Actions) - len(busy); later > 0 {
		rows = append(rows, row{text: fmt.Sprintf("%8s  %d to come", "", later), tone: quiet})
	}
	return rows
}

func (m Model) nodes() []row {
	width := len("node")
	for _, n := range m.look.Status.Nodes {
		width = max(width, len(n.Name))
	}
	rows := []row{{text: fmt.Sprintf("%-*s  %-9s  %-9s  %5s  %8s  %6s  %s", width, "node", "state", "member", "runs", "promoted", "failed", "since"), tone: heading}}
	for _, n := range m.look.Status.Nodes {
		runs, promoted, failed := 0, 0, 0
		for _, r := range m.look.Status.Resources {
			if r.Node != n.Name {
				continue
			}
			if r.Role.Active() {
				runs++
			}
			if r.Role == resources.RolePromoted {
				promoted++
			}
			if r.Failed {
				failed++
			}
		}
		t, extra := good, ""
		switch {
		case !n.Online || failed > 0:
			t = bad
		case n.State == "suspect" || n.Standby || n.Maintenance != nil || m.quarantined(n.Name):
			t = careful
		}
		if m.quarantined(n.Name) {
			extra += "  quarantine"
		}
		if n.Standby {
			extra += "  standby"
		}
		if n.Maintenance != nil {
			extra += "  maintenance by " + n.Maintenance.By
		}
		if n.PoweredOff {
			extra += "  proven off"
		}
		rows = append(rows, row{text: fmt.Sprintf("%-*s  %-9s  %-9s  %5d  %8d  %6d  %s%s", width, n.Name, n.State, memberWord(n), runs, promoted, failed, m.since(n.Since), extra), tone: t, node: n.Name})
	}
	return rows
}

// quarantined reports whether a node is given nothing because it was fenced again;
// until when is among what is wrong.
func (m Model) quarantined(node resources.NodeName) bool {
	return slices.ContainsFunc(m.look.Status.Problems, func(p api.ProblemStatus) bool { return p.Code == "fence_quarantine" && p.Node == node })
}

func memberWord(n api.NodeStatus) string {
	switch {
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

func (m Model) resources() []row {
	width := len("resource")
	for _, r := range m.look.Status.Resources {
		width = max(width, len(r.ID))
	}
	rows := []row{{text: fmt.Sprintf("%-*s  %-9s  %-16s  %-9s  %s", width, "resource", "role", "node", "since", "agent"), tone: heading}}
	for _, r := range m.look.Status.Resources {
		t, role := good, r.Role.String()
		switch {
		case r.Failed:
			t, role = bad, "failed"
		case r.Op != "":
			t, role = careful, string(r.Op)
		case !r.Probed:
			t, role = careful, role+"?"
		case !r.Role.Active():
			t = quiet
		}
		rows = append(rows, row{text: fmt.Sprintf("%-*s  %-9s  %-16s  %-9s  %s", width, r.ID, role, cmp.Or(string(r.Node), "-"), m.since(r.Since), r.Agent), tone: t, resource: r.Resource, node: r.Node})
	}
	return rows
}

// stateful is how the members of databases and brokers are, as they say.
func (m Model) stateful() []row {
	var rows []row
	for _, r := range m.look.Status.Resources {
		if r.Agent != "galera" && r.Agent != "rabbitmq" || r.Node == "" {
			continue
		}
		text := fmt.Sprintf("%s on %s: %s", r.ID, r.Node, r.Role)
		for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
			text += fmt.Sprintf("  %s=%s", key, r.Attributes[key])
		}
		t := good
		if r.Failed || !r.Role.Active() {
			t = bad
		}
		rows = append(rows, row{text: text, tone: t, resource: r.Resource, node: r.Node})
	}
	return rows
}

// history are the newest events, the newest first.
func (m Model) history(most int) []row {
	rows := []row{{text: "history", tone: heading}}
	for n := len(m.events) - 1; n >= 0 && len(rows) <= most; n-- {
		e := m.events[n]
		text := fmt.Sprintf("%s  %-9s  %-14s  %s", e.At.UTC().Format("15:04:05"), e.Kind, cmp.Or(string(e.Node), "-"), e.Text)
		if e.Took > 0 {
			text += fmt.Sprintf(" (%s)", e.Took.Std().Round(time.Millisecond))
		}
		if e.By != "" && e.By != "cluster" && e.By != string(e.Node) {
			text += ", by " + e.By
		}
		t := plain
		switch {
		case e.Kind == "verdict" && strings.HasPrefix(e.Text, "dead"), e.Outcome != nil && *e.Outcome != agents.OutcomeOK:
			t = bad
		case e.Kind == "verdict" || e.Kind == "fencing":
			t = careful
		case e.Kind == state.EventPlan || e.Kind == state.EventOperation:
			t = quiet
		}
		rows = append(rows, row{text: text, tone: t, resource: e.Resource, node: e.Node})
	}
	return rows
}

// nodeText tells what is known of a node.
func (m Model) nodeText(name resources.NodeName) string {
	var lines []string
	for _, n := range m.look.Status.Nodes {
		if n.Name != name {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s at %s: %s, %s since %s", n.Name, n.Address, memberWord(n), n.State, m.since(n.Since)))
		for _, e := range n.Evidence {
			lines = append(lines, fmt.Sprintf("  seen by %s (%s): %s", e.Observer, e.Source, e.Text))
		}
	}
	for _, r := range m.look.Status.Resources {
		if r.Node == name {
			lines = append(lines, fmt.Sprintf("  %-9s %s  %s  %s", r.Role, r.ID, r.Agent, r.Reason))
		}
	}
	for _, e := range m.events {
		if e.Node == name {
			lines = append(lines, fmt.Sprintf("  %s  %s  %s", e.At.UTC().Format("15:04:05"), e.Kind, e.Text))
		}
	}
	return strings.Join(lines, "\n")
}

// since says how long something is ago by the clock of the last look.
func (m Model) since(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := max(m.look.At.Sub(at), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
}
