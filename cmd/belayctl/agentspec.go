package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/belay-ha/belay/agents"
)

func printSpec(w io.Writer, s agents.Spec) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, s.Summary)
	if s.Promotable {
		fmt.Fprintln(w, "can be promoted")
	}
	if s.Migrates {
		fmt.Fprintln(w, "can be moved live (allow_migrate)")
	}
	var timeouts []string
	for _, op := range slices.Sorted(maps.Keys(s.Timeouts)) {
		timeouts = append(timeouts, fmt.Sprintf("%s %s", op, s.Timeouts[op]))
	}
	if len(timeouts) > 0 {
		fmt.Fprintln(w, "timeouts: "+strings.Join(timeouts, ", "))
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range s.Params {
		kind := string(p.Kind)
		if len(p.Enum) > 0 {
			kind = strings.Join(p.Enum, "|")
		}
		var notes []string
		if p.Required {
			notes = append(notes, "required")
		}
		if p.Secret {
			notes = append(notes, "secret")
		}
		if p.Default != "" {
			notes = append(notes, "default "+p.Default)
		}
		text := p.Description
		if len(notes) > 0 {
			text += " (" + strings.Join(notes, ", ") + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", p.Name, kind, text)
	}
	table.Flush()
}
