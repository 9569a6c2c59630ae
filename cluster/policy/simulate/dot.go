package simulate

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// WriteDot writes the transition as a graph for graphviz: a box for each step,
// filled where it was carried out, red where it failed; marks are round.
func WriteDot(w io.Writer, r *Result) error {
	out := bufio.NewWriter(w)
	done, failed := map[int]bool{}, map[int]bool{}
	for _, n := range r.Executed {
		done[n] = true
	}
	for _, n := range r.Failed {
		failed[n] = true
	}
	fmt.Fprintln(out, "digraph transition {\n  rankdir=LR;\n  node [shape=box];")
	for n := range r.Plan.Steps {
		step := &r.Plan.Steps[n]
		look := ""
		switch {
		case failed[n]:
			look = ` style=filled fillcolor="#f4b6b6"`
		case step.Pseudo:
			look = " shape=ellipse color=gray fontcolor=gray40"
		case done[n]:
			look = ` style=filled fillcolor="#cfe8cf"`
		}
		fmt.Fprintf(out, "  s%d [label=%s%s];\n", n, strconv.Quote(stepName(step)), look)
	}
	for n := range r.Plan.Steps {
		for _, before := range r.Plan.Steps[n].After {
			fmt.Fprintf(out, "  s%d -> s%d;\n", before, n)
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}
