package resources

import (
	"fmt"
	"strings"
)

// Warnings returns what a valid definition says although it can hardly be meant,
// in the definition's order.
func Warnings(def *Definition) []Problem {
	return colocationLoops(def.Resolved())
}

// colocationLoops finds resources that are placed by each other. A colocation that
// closes a loop is overlooked while the others are placed, as Pacemaker does.
func colocationLoops(def *Definition) []Problem {
	outer := map[ResourceID]ResourceID{}
	for _, g := range def.Groups {
		for _, m := range g.Members {
			outer[m] = g.ID
		}
	}
	for _, b := range def.Bundles {
		outer[b.Resource] = b.ID
	}
	edges := map[ResourceID][]Edge[ResourceID]{}
	var order []ResourceID
	node := func(id ResourceID) ResourceID {
		if around, inside := outer[id]; inside {
			id = around
		}
		if _, known := edges[id]; !known {
			edges[id] = nil
			order = append(order, id)
		}
		return id
	}
	for _, c := range def.Colocations {
		if from, to := node(c.Resource), node(c.With); from != to && c.Score != 0 {
			edges[from] = append(edges[from], Edge[ResourceID]{To: to, By: c.ID})
		}
	}
	var problems []Problem
	for _, loop := range Cycles(order, edges) {
		parts, from := make([]string, len(loop.Edges)), loop.From
		for i, e := range loop.Edges {
			parts[i] = fmt.Sprintf("%s with %s (%s)", from, e.To, e.By)
			from = e.To
		}
		problems = append(problems, Problem{
			Code: ProblemColocationLoop, Path: "colocation[" + loop.Edges[0].By + "]",
			Text:       "these colocations go round in a circle, and are obeyed up to where it closes: " + strings.Join(parts, ", "),
			Suggestion: "one direction is enough: remove the other",
		})
	}
	return problems
}
