package simulate_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy/simulate"
)

// levels of agreement, from the most to the least important.
var levels = []string{"core", "place", "fence", "block", "plan", "exec", "order"}

// expectation is a recorded decision: a Form, and whether the input is refused.
type expectation struct {
	simulate.Form
	Error string `json:"error"`
}

// verdict says on which levels a decision agrees, and where it does not.
type verdict struct {
	agrees map[string]bool
	differ []string
}

func (v *verdict) check(level, what string, want, got bag) {
	v.agrees[level] = maps.Equal(want, got)
	for _, key := range slices.Sorted(maps.Keys(union(want, got))) {
		if w, g := want[key], got[key]; w > g {
			v.differ = append(v.differ, fmt.Sprintf("%-5s missing %s%s%s", level, what, key, times(w-g)))
		} else if g > w {
			v.differ = append(v.differ, fmt.Sprintf("%-5s    not  %s%s%s", level, what, key, times(g-w)))
		}
	}
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}

// bag counts things.
type bag map[string]int

func union(a, b bag) bag {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func bagOf(list []string) bag {
	b := bag{}
	for _, s := range list {
		b[s]++
	}
	return b
}

var instanceNumber = regexp.MustCompile(`:\d+$`)

// names drops the numbers of instances that carry no meaning.
type names map[string]bool

func (n names) of(id string) string {
	if base := instanceNumber.ReplaceAllString(id, ""); n[base] {
		return base
	}
	return id
}

func compare(want, got *simulate.Form) *verdict {
	v := &verdict{agrees: map[string]bool{}}
	anonymous := names{}
	for _, id := range want.Anonymous {
		anonymous[id] = true
	}
	v.check("place", "", anonymous.places(want, false), anonymous.places(got, false))
	v.check("fence", "", fences(want), fences(got))
	v.agrees["core"] = v.agrees["place"] && v.agrees["fence"]
	v.check("block", "", anonymous.places(want, true), anonymous.places(got, true))
	v.agrees["block"] = v.agrees["block"] && v.agrees["core"]
	v.check("plan", "", anonymous.changes(want), anonymous.changes(got))
	v.check("exec", "", anonymous.steps(want), anonymous.steps(got))
	v.order(anonymous, want, got)
	return v
}

func (n names) places(f *simulate.Form, flags bool) bag {
	b := bag{}
	for id, list := range f.Final {
		for _, at := range list {
			if at.Node == nil && !(flags && (at.Failed || at.Blocked)) {
				continue
			}
			node := "nowhere"
			if at.Node != nil {
				node = *at.Node
			}
			key := fmt.Sprintf("%s %s on %s", n.of(id), at.Role, node)
			if flags {
				key += flagWords(at)
			}
			b[key]++
		}
	}
	return b
}

func flagWords(at simulate.AtForm) string {
	words := ""
	for _, w := range []struct {
		is   bool
		word string
	}{{!at.Managed, " unmanaged"}, {at.Failed, " failed"}, {at.Blocked, " blocked"}} {
		if w.is {
			words += w.word
		}
	}
	return words
}

func fences(f *simulate.Form) bag {
	b := bag{}
	for _, n := range f.Fenced {
		b["fenced "+n]++
	}
	for _, n := range f.GuestsReset {
		b["reset "+n]++
	}
	return b
}

func (n names) changes(f *simulate.Form) bag {
	b := bag{}
	for _, a := range f.Actions {
		key := words(a.Task, n.of(a.Resource), a.Node)
		if a.From != "" {
			key += " from " + a.From
		}
		if a.Blocked {
			key += " (blocked)"
		}
		b[key]++
	}
	return b
}

func (n names) steps(f *simulate.Form) bag {
	b := bag{}
	for _, s := range f.Executed {
		if s.Op == "notify" {
			continue
		}
		key := words(s.Op, s.FenceAction, n.of(s.Resource), s.Node)
		if s.IntervalMS != 0 {
			key += fmt.Sprintf(" every %d ms", s.IntervalMS)
		}
		b[key]++
	}
	return b
}

func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

// order checks that whatever must come before something else still does.
func (v *verdict) order(anonymous names, want, got *simulate.Form) {
	wanted, known := pairs(anonymous, want.Graph)
	have, present := pairs(anonymous, got.Graph)
	v.agrees["order"] = true
	var missing []string
	for pair := range wanted {
		if known[pair[0]] && known[pair[1]] && present[pair[0]] && present[pair[1]] && !have[pair] {
			v.agrees["order"] = false
			missing = append(missing, fmt.Sprintf("order missing %s -> %s", pair[0], pair[1]))
		}
	}
	slices.Sort(missing)
	v.differ = append(v.differ, missing...)
}

// pairs returns every two steps of which one comes before the other, of steps
// that there is one of; and all steps.
func pairs(anonymous names, graph []simulate.GraphForm) (map[[2]string]bool, map[string]bool) {
	keys := make([]string, len(graph))
	at := map[int]int{}
	seen := bag{}
	for i, g := range graph {
		keys[i] = words(g.Op, anonymous.of(g.Resource), g.Node, strings.Join(g.Notify, "-"))
		if g.IntervalMS != 0 {
			keys[i] += fmt.Sprintf(" every %d ms", g.IntervalMS)
		}
		seen[keys[i]]++
		at[g.N] = i
	}
	ancestors := make([]map[int]bool, len(graph))
	var collect func(i int) map[int]bool
	collect = func(i int) map[int]bool {
		if ancestors[i] != nil {
			return ancestors[i]
		}
		ancestors[i] = map[int]bool{}
		for _, n := range graph[i].After {
			before := at[n]
			ancestors[i][before] = true
			maps.Copy(ancestors[i], collect(before))
		}
		return ancestors[i]
	}
	before, all := map[[2]string]bool{}, map[string]bool{}
	for i := range graph {
		all[keys[i]] = true
		for j := range collect(i) {
			if seen[keys[i]] == 1 && seen[keys[j]] == 1 {
				before[[2]string{keys[j], keys[i]}] = true
			}
		}
	}
	return before, all
}
