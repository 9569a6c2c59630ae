package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// mostInstances is how many instances are shown one by one: of more, those that
// run as they should are told in groups, so that a cloud fits a screen.
const mostInstances = 24

// mostNames bounds the names of one group, in characters.
const mostNames = 200

// plainly reports whether nothing is to be said of an instance but that it runs.
func plainly(r instance) bool {
	return r.Node != "" && r.Role.Active() && r.Probed && !r.Failed && r.Op == "" && len(r.Failures) == 0
}

// grouped reports whether a status is too long to show each instance.
func grouped(s api.Status, all bool) bool {
	active := 0
	for _, r := range s.Resources {
		if r.Node != "" {
			active++
		}
	}
	return !all && active > mostInstances
}

// group is what runs in one role on the same nodes.
type group struct {
	role  resources.Role
	nodes []string
	names []string
}

// groups gathers what runs as it should, the largest first.
func groups(s api.Status) []group {
	type place struct {
		id   resources.InstanceID
		role resources.Role
	}
	where := map[place][]string{}
	var order []place
	for _, r := range s.Resources {
		if !plainly(r) {
			continue
		}
		p := place{r.ID, r.Role}
		if where[p] == nil {
			order = append(order, p)
		}
		where[p] = append(where[p], string(r.Node))
	}
	var list []group
	for _, p := range order {
		i := slices.IndexFunc(list, func(g group) bool { return g.role == p.role && slices.Equal(g.nodes, where[p]) })
		if i < 0 {
			list = append(list, group{role: p.role, nodes: where[p]})
			i = len(list) - 1
		}
		list[i].names = append(list[i].names, string(p.id))
	}
	slices.SortStableFunc(list, func(a, b group) int {
		return cmp.Or(int(b.role)-int(a.role), len(b.names)-len(a.names), strings.Compare(strings.Join(a.nodes, " "), strings.Join(b.nodes, " ")))
	})
	return list
}

// printGroups tells what runs as it should.
func (a *app) printGroups(w io.Writer, s api.Status) {
	list := groups(s)
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s  %s\n", a.paint(bold, "running as they should"), a.paint(dim, "each of them: belayctl status --all"))
	for _, g := range list {
		on := strings.Join(g.nodes, ", ")
		if len(g.nodes) == len(s.Nodes) && len(g.nodes) > 1 {
			on = fmt.Sprintf("all %d nodes", len(g.nodes))
		}
		fmt.Fprintf(w, "  %s on %s: %s\n", a.paint(green, fmt.Sprintf("%d %s", len(g.names), g.role)), on, a.paint(dim, someNames(g.names)))
	}
}

// someNames lists names as far as there is room.
func someNames(names []string) string {
	text := ""
	for n, name := range names {
		if n > 0 && len(text)+len(name) > mostNames {
			return fmt.Sprintf("%s and %d more", text, len(names)-n)
		}
		if n > 0 {
			text += ", "
		}
		text += name
	}
	return text
}
