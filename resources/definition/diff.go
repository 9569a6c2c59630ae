package definition

import (
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Change is one thing that differs between two definitions.
type Change struct {
	// Path names it, as in problems: `resource[galera]`.
	Path string `json:"path"`
	// Kind is added, removed or changed.
	Kind ChangeKind `json:"kind"`
	// Lines are those of the file that differ, with "+" or "-" before them; of
	// a thing that changed also its other lines, with " " before them.
	Lines []string `json:"lines"`
}

// ChangeKind is what happened to something.
type ChangeKind string

// The kinds of change.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Diff returns what differs from old to new, removals first and then in new's
// order. It is empty exactly when both mean the same; the order of things in
// the file means nothing, that of a group's members does.
func Diff(old, new *resources.Definition) []Change {
	before, after := blocks(old), blocks(new)
	var changes []Change
	for _, path := range before.order {
		if _, kept := after.text[path]; !kept {
			changes = append(changes, Change{path, Removed, mark("-", before.text[path])})
		}
	}
	for _, path := range after.order {
		was, existed := before.text[path]
		is := after.text[path]
		switch {
		case !existed:
			changes = append(changes, Change{path, Added, mark("+", is)})
		case was != is:
			changes = append(changes, Change{path, Changed, diffLines(split(was), split(is))})
		}
	}
	return changes
}

type blockSet struct {
	order []string
	text  map[string]string
}

// blocks writes each thing of a definition by itself.
func blocks(def *resources.Definition) blockSet {
	set := blockSet{text: map[string]string{}}
	var paths resources.Paths
	add := func(path string, part resources.Definition) {
		text := string(Encode(&part))
		if text == "" {
			return
		}
		set.order = append(set.order, path)
		set.text[path] = text
	}
	add("cluster", resources.Definition{Name: def.Name, Properties: def.Properties, Cluster: def.Cluster})
	add("defaults", resources.Definition{Defaults: def.Defaults})
	for _, n := range def.Nodes {
		add(paths.Next("node", string(n.Name)), resources.Definition{Nodes: []resources.Node{n}})
	}
	for _, f := range def.Fences {
		add(paths.Next("fence", f.ID), resources.Definition{Fences: []resources.FenceDevice{f}})
	}
	for _, t := range def.Templates {
		add(paths.Next("template", string(t.ID)), resources.Definition{Templates: []resources.Resource{t}})
	}
	for _, r := range def.Resources {
		add(paths.Next("resource", string(r.ID)), resources.Definition{Resources: []resources.Resource{r}})
	}
	for _, g := range def.Groups {
		add(paths.Next("group", string(g.ID)), resources.Definition{Groups: []resources.Group{g}})
	}
	for _, b := range def.Bundles {
		add(paths.Next("bundle", string(b.ID)), resources.Definition{Bundles: []resources.Bundle{b}})
	}
	for _, o := range def.Orders {
		add(paths.Next("order", o.ID), resources.Definition{Orders: []resources.Order{o}})
	}
	for _, c := range def.Colocations {
		add(paths.Next("colocation", c.ID), resources.Definition{Colocations: []resources.Colocation{c}})
	}
	for _, l := range def.Locations {
		add(paths.Next("location", l.ID), resources.Definition{Locations: []resources.Location{l}})
	}
	for _, t := range def.Tickets {
		add(paths.Next("ticket", t.ID), resources.Definition{Tickets: []resources.TicketUse{t}})
	}
	for _, t := range def.Tags {
		add(paths.Next("tag", string(t.ID)), resources.Definition{Tags: []resources.Tag{t}})
	}
	return set
}

func split(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func mark(sign, text string) []string {
	lines := split(text)
	for i := range lines {
		lines[i] = sign + lines[i]
	}
	return lines
}

// maxDiff bounds the table of diffLines; a larger block is shown whole.
const maxDiff = 1 << 20

// diffLines shows both texts by their longest common subsequence.
func diffLines(a, b []string) []string {
	if len(a)*len(b) > maxDiff {
		return slices.Concat(mark("-", strings.Join(a, "\n")), mark("+", strings.Join(b, "\n")))
	}
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			lines = append(lines, "-"+a[i])
			i++
		default:
			lines = append(lines, "+"+b[j])
			j++
		}
	}
	return lines
}

// Losses returns the paths of nodes, fence devices, resources, groups and bundles that
// the new definition no longer holds.
func Losses(old, new *resources.Definition) []string {
	kept := blocks(new).text
	lost := map[string]bool{}
	for _, path := range blocks(old).order {
		kind, _, _ := strings.Cut(path, "[")
		if _, still := kept[path]; !still && slices.Contains([]string{"node", "fence", "resource", "group", "bundle"}, kind) {
			lost[path] = true
		}
	}
	return slices.Sorted(maps.Keys(lost))
}
