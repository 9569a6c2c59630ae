package simulate

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/belay-ha/belay/cluster/policy"
)

// maxReduced bounds the steps of which the graph is drawn without its
// pseudo-steps and without what follows from other edges: the work and the
// memory for it grow with the square of the steps.
const maxReduced = 8000

// graphForms returns the steps with their edges, and the number of pseudo-steps.
// Those are left out, their order carried over, unless there are too many steps
// for that.
func graphForms(steps []policy.Step) (forms []GraphForm, pseudo int) {
	forms = []GraphForm{}
	for i := range steps {
		if steps[i].Pseudo {
			pseudo++
		}
	}
	if len(steps) > maxReduced {
		for i := range steps {
			forms = append(forms, graphForm(&steps[i], i, steps[i].After))
		}
		return forms, pseudo
	}
	number := make([]int, len(steps))
	n := 0
	for i := range steps {
		if number[i] = n; !steps[i].Pseudo {
			n++
		}
	}
	edges := reduced(steps)
	for i := range steps {
		if steps[i].Pseudo {
			continue
		}
		var after []int
		for _, before := range edges[i] {
			after = append(after, number[before])
		}
		forms = append(forms, graphForm(&steps[i], number[i], after))
	}
	return forms, pseudo
}

func graphForm(s *policy.Step, n int, after []int) GraphForm {
	form := GraphForm{
		N: n, Op: s.Task, Node: s.Node, Resource: s.Resource, IntervalMS: s.Interval.Milliseconds(),
		FenceAction: s.FenceAction, Pseudo: s.Pseudo, After: slices.Sorted(slices.Values(after)),
	}
	if s.MigrateSource != "" && (s.Task == taskMigrateTo || s.Task == taskMigrateFrom) {
		form.Migrate = []string{s.MigrateSource, s.MigrateTarget}
	}
	if s.Notify[0] != "" {
		form.Notify = s.Notify[:]
	}
	return form
}

// bitset is a set of step numbers.
type bitset []uint64

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) add(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) join(other bitset) {
	for i, word := range other {
		b[i] |= word
	}
}

func (b bitset) each(do func(int)) {
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			do(i<<6 + bits.TrailingZeros64(word))
		}
	}
}

// reduced returns, for each real step, the real steps that come right before
// it: those that no other edge implies.
func reduced(steps []policy.Step) [][]int {
	size := (len(steps) + 63) / 64
	words := make([]uint64, 2*size*len(steps))
	// ancestors are all real steps before a step, near those that it or the
	// pseudo-steps right before it name.
	ancestors, near := make([]bitset, len(steps)), make([]bitset, len(steps))
	for i := range steps {
		ancestors[i], near[i] = words[2*i*size:(2*i+1)*size], words[(2*i+1)*size:(2*i+2)*size]
	}
	edges := make([][]int, len(steps))
	implied := make(bitset, size)
	for _, i := range topological(steps) {
		for _, before := range steps[i].After {
			if before < 0 || before >= len(steps) {
				continue
			}
			ancestors[i].join(ancestors[before])
			if steps[before].Pseudo {
				near[i].join(near[before])
			} else {
				ancestors[i].add(before)
				near[i].add(before)
			}
		}
		if steps[i].Pseudo {
			continue
		}
		clear(implied)
		near[i].each(func(before int) { implied.join(ancestors[before]) })
		near[i].each(func(before int) {
			if !implied.has(before) {
				edges[i] = append(edges[i], before)
			}
		})
	}
	return edges
}

// topological returns the steps so that each comes after those that it waits
// for. Steps in a circle are left out.
func topological(steps []policy.Step) []int {
	waits := make([]int, len(steps))
	next := make([][]int, len(steps))
	for i := range steps {
		for _, before := range steps[i].After {
			if before >= 0 && before < len(steps) {
				next[before] = append(next[before], i)
				waits[i]++
			}
		}
	}
	order := make([]int, 0, len(steps))
	for i, n := range waits {
		if n == 0 {
			order = append(order, i)
		}
	}
	for at := 0; at < len(order); at++ {
		for _, then := range next[order[at]] {
			if waits[then]--; waits[then] == 0 {
				order = append(order, then)
			}
		}
	}
	return order
}

// stepName writes a step for people: "start web node-1", "monitor/10s web node-1".
func stepName(s *policy.Step) string {
	name := s.Task
	if s.Task == taskFence && s.FenceAction != "" {
		name += "/" + s.FenceAction
	}
	if s.Notify[0] != "" {
		name += "/" + s.Notify[0] + "-" + s.Notify[1]
	}
	if s.Interval > 0 {
		name += "/" + seconds(s.Interval.Milliseconds())
	}
	for _, word := range []string{s.Resource, s.Node} {
		if word != "" {
			name += " " + word
		}
	}
	return name
}

func seconds(ms int64) string {
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10) + "s"
	}
	return strconv.FormatInt(ms, 10) + "ms"
}
