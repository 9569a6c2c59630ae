package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// secretLine is one secret as it is listed: never its value.
type secretLine struct {
	Name string `json:"name"`
	// Set is false for one that the definition refers to and nobody has set.
	Set bool      `json:"set"`
	At  time.Time `json:"at,omitzero"`
	By  string    `json:"by,omitempty"`
	// UsedBy are the parameters that refer to it, such as fence[bmc-0].password.
	UsedBy []string `json:"used_by"`
}

func (a *app) secretListCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the secrets, who set them when, and what refers to them", Args: arguments(0, 0), Example: "  belayctl secret list\n  belayctl secret list -o json",
		Long: "Lists the secrets: never their values, which nobody can read again. Those that the\ndefinition refers to and nobody has set are listed as missing.",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := a.state(cmd.Context(), stale)
		if err != nil {
			return err
		}
		lines := secretLines(s)
		return a.print(lines, func(w io.Writer) {
			if len(lines) == 0 {
				fmt.Fprintln(w, "no secrets")
				return
			}
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SECRET\tSET\tBY\tUSED BY")
			for _, l := range lines {
				at := "missing: belayctl secret set " + l.Name
				if l.Set {
					at = "yes"
				}
				if !l.At.IsZero() {
					at = l.At.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Name, at, orDash(l.By), orDash(strings.Join(l.UsedBy, ", ")))
			}
			table.Flush()
		})
	}
	return cmd
}

func secretLines(s *state.State) []secretLine {
	uses := secretUses(s.Definition)
	names := map[string]bool{}
	for name := range s.Secrets {
		names[name] = true
	}
	for name := range uses {
		names[name] = true
	}
	lines := []secretLine{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, set := s.Secrets[name]
		info := s.SecretInfo[name]
		lines = append(lines, secretLine{Name: name, Set: set, At: info.At, By: info.By, UsedBy: orEmpty(uses[name])})
	}
	return lines
}

// secretUses are the parameters that refer to each secret.
func secretUses(def *resources.Definition) map[string][]string {
	uses := map[string][]string{}
	note := func(value, where string) {
		if name, is := strings.CutPrefix(value, resources.SecretPrefix); is {
			uses[name] = append(uses[name], where)
		}
	}
	def.EachParams(func(given resources.GivenParams) {
		for _, key := range slices.Sorted(maps.Keys(given.Params)) {
			note(given.Params[key], given.Path+"."+key)
		}
	})
	for i := range def.Fences {
		for _, target := range slices.Sorted(maps.Keys(def.Fences[i].HostMap)) {
			note(def.Fences[i].HostMap[target], "fence["+def.Fences[i].ID+"].host_map."+string(target))
		}
	}
	return uses
}

// secretUsers are the resources that use a secret themselves or by their template.
func secretUsers(def *resources.Definition, name string) []resources.ResourceID {
	var ids []resources.ResourceID
	for _, use := range secretUses(def)[name] {
		kind, rest, _ := strings.Cut(use, "[")
		id, _, _ := strings.Cut(rest, "]")
		for i := range def.Resources {
			r := &def.Resources[i]
			own, inherited := kind == "resource" && string(r.ID) == id, kind == "template" && string(r.Template) == id
			if (own || inherited) && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}
