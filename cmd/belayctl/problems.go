package main

import (
	"strings"

	"github.com/belay-ha/belay/cluster/api"
)

// problemGroup is a problem that one node has, or several have alike.
type problemGroup struct{ severity, text, next string }

// problemGroups lists problems in their order. What does not name its node gets it in
// front; nodes that have the same problem share a line.
func problemGroups(problems []api.ProblemStatus) []problemGroup {
	var order []problemGroup
	nodes := map[problemGroup][]string{}
	for _, p := range problems {
		g := problemGroup{p.Severity, p.Text, p.Next}
		if nodes[g] == nil {
			order, nodes[g] = append(order, g), []string{}
		}
		if p.Node != "" && !strings.Contains(p.Text, string(p.Node)) {
			nodes[g] = append(nodes[g], string(p.Node))
		}
	}
	for i, g := range order {
		if len(nodes[g]) > 0 {
			order[i].text = strings.Join(short(nodes[g]), ", ") + ": " + g.text
		}
	}
	return order
}
