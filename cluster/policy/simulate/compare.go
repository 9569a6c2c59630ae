package simulate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Levels on which two decisions can agree, the most important first:
//
//	core   place and fence
//	place  where every resource ends up, in which role
//	fence  which nodes are fenced and which guests reset
//	block  core, and the same instances are blocked, failed and unmanaged
//	plan   what a person is told, without the reasons
//	exec   the steps that are carried out, notifications left out
//	order  what must come before what, among the steps that both have
var Levels = []string{"core", "place", "fence", "block", "plan", "exec", "order"}

// Agreement says on which levels two decisions agree, and where they do not.
type Agreement struct {
	On     map[string]bool
	Differ []string
}

func (v *Agreement) check(level, what string, want, got bag) {
	v.On[level] = maps.Equal(want, got)
	for _, key := range slices.Sorted(maps.Keys(union(want, got))) {
		if w, g := want[key], got[key]; w > g {
			v.Differ = append(v.Differ, fmt.Sprintf("%-5s missing %s%s%s", level, what, key, times(w-g)))
		} else if g > w {
			v.Differ = append(v.Differ, fmt.Sprintf("%-5s    not  %s%s%s", level, what, key, times(g-w)))
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

var instanceNumber = regexp.MustCompile(`:\d+$`)

// names drops the numbers of instances that carry no meaning.
type names map[string]bool

func (n names) of(id string) string {
	if base := instanceNumber.ReplaceAllString(id, ""); n[base] {
		return base
	}
	return id
}

// Compare holds one decision against another, that of Pacemaker as a rule.
func Compare(want, got *Form) *Agreement {
	v := &Agreement{On: map[string]bool{}}
	anonymous := names{}
	for _, id := range want.Anonymous {
		anonymous[id] = true
	}
	v.check("place", "", anonymous.places(want, false), anonymous.places(got, false))
	v.check("fence", "", fences(want), fences(got))
	v.On["core"] = v.On["place"] && v.On["fence"]
	v.check("block", "", anonymous.places(want, true), anonymous.places(got, true))
	v.On["block"] = v.On["block"] && v.On["core"]
	v.check("plan", "", anonymous.changes(want), anonymous.changes(got))
	v.check("exec", "", anonymous.steps(want), anonymous.steps(got))
	v.order(anonymous, want, got)
	v.nodes(want.InitialNodes, got.InitialNodes)
	return v
}

func (n names) places(f *Form, flags bool) bag {
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

func flagWords(at AtForm) string {
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

func fences(f *Form) bag {
	b := bag{}
	for _, n := range f.Fenced {
		b["fenced "+n]++
	}
	for _, n := range f.GuestsReset {
		b["reset "+n]++
	}
	return b
}

func (n names) changes(f *Form) bag {
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

func (n names) steps(f *Form) bag {
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

// nodes explains: what differs before the transition begins leads to the rest.
// It is no level of its own.
func (v *Agreement) nodes(want, got map[string]NodeForm) {
	if want == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w, g := nodeWords(want[name]), nodeWords(got[name])
		if _, known := got[name]; !known {
			g = []string{"unknown"}
		}
		if !slices.Equal(w, g) {
			v.Differ = append(v.Differ, fmt.Sprintf("nodes at first %s is %s, want %s", name, words(g...), words(w...)))
		}
	}
}

func nodeWords(n NodeForm) []string {
	list := []string{n.Type, "offline"}
	if n.Online {
		list[1] = "online"
	}
	if n.GuestOf != "" {
		list = append(list, "in "+n.GuestOf)
	}
	for _, w := range []struct {
		is   bool
		word string
	}{
		{n.Standby, "standby"}, {n.StandbyOnFail, "standby-onfail"}, {n.Maintenance, "maintenance"},
		{n.Pending, "pending"}, {n.Unclean, "unclean"}, {n.Shutdown, "shutdown"},
	} {
		if w.is {
			list = append(list, w.word)
		}
	}
	return list
}

// order checks that whatever must come before something else still does.
func (v *Agreement) order(anonymous names, want, got *Form) {
	wanted, known := pairs(anonymous, want.Graph)
	have, present := pairs(anonymous, got.Graph)
	v.On["order"] = true
	var missing []string
	for pair := range wanted {
		if known[pair[0]] && known[pair[1]] && present[pair[0]] && present[pair[1]] && !have[pair] {
			v.On["order"] = false
			missing = append(missing, fmt.Sprintf("order missing %s -> %s", pair[0], pair[1]))
		}
	}
	slices.Sort(missing)
	v.Differ = append(v.Differ, missing...)
}

// pairs returns every two steps of which one comes before the other, of steps
// that there is one of; and all steps.
func pairs(anonymous names, graph []GraphForm) (map[[2]string]bool, map[string]bool) {
	keys := make([]string, len(graph))
	at := map[int]int{}
	seen := bag{}
	for i, g := range graph {
		keys[i] = words(g.Op, anonymous.of(g.Resource), g.Node, strings.Join(g.Notify, "-"))
		if g.IntervalMS != 0 {
			keys[i] += fmt.Sprintf(" every %d ms", g.IntervalMS)
		}
		at[g.N] = i
		if !g.Pseudo {
			seen[keys[i]]++
		}
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
		if graph[i].Pseudo {
			continue
		}
		all[keys[i]] = true
		for j := range collect(i) {
			if seen[keys[i]] == 1 && seen[keys[j]] == 1 && !graph[j].Pseudo {
				before[[2]string{keys[j], keys[i]}] = true
			}
		}
	}
	return before, all
}
