package policy

import (
	"slices"
	"strings"
)

// resolve returns what the sets that hold give. The set with the id of first
// comes first (where that is not empty), then they come by falling score; of
// equal scores the one configured last comes first. In a set and among sets,
// what comes first wins, except that the value #default takes back what was
// given so far.
func (e *engine) resolve(sets []AttributeSet, first string, ctx ruleContext) map[string]string {
	total := 0
	for i := range sets {
		total += len(sets[i].Pairs)
	}
	found := make(map[string]string, total)
	for _, set := range inPrecedence(sets, first) {
		if !e.holds(set.Rule, ctx) {
			continue
		}
		for _, p := range set.Pairs {
			if strings.EqualFold(p.Value, "#default") {
				delete(found, p.Name)
			} else if _, given := found[p.Name]; !given {
				found[p.Name] = p.Value
			}
		}
	}
	return found
}

// fillFrom adds to dst what the sets that hold give and dst has not: resolve
// without a map of its own, where nothing is taken back.
func (e *engine) fillFrom(dst map[string]string, sets []AttributeSet, ctx *ruleContext) {
	if takesBack(sets) {
		fill(dst, e.resolve(sets, "", *ctx))
		return
	}
	if len(sets) == 1 {
		e.fillFromSet(dst, &sets[0], ctx)
		return
	}
	for _, set := range inPrecedence(sets, "") {
		e.fillFromSet(dst, set, ctx)
	}
}

func (e *engine) fillFromSet(dst map[string]string, set *AttributeSet, ctx *ruleContext) {
	if set.Rule != nil && !e.holds(set.Rule, *ctx) {
		return
	}
	for _, p := range set.Pairs {
		if _, given := dst[p.Name]; !given {
			dst[p.Name] = p.Value
		}
	}
}

// takesBack reports whether a set takes back what others give.
func takesBack(sets []AttributeSet) bool {
	for i := range sets {
		for _, p := range sets[i].Pairs {
			if strings.EqualFold(p.Value, "#default") {
				return true
			}
		}
	}
	return false
}

// inPrecedence sorts sets so that the first to give a name wins.
func inPrecedence(sets []AttributeSet, first string) []*AttributeSet {
	order := make([]*AttributeSet, len(sets))
	for i := range sets {
		order[len(sets)-1-i] = &sets[i]
	}
	if len(sets) > 1 {
		slices.SortStableFunc(order, func(a, b *AttributeSet) int {
			if first != "" && (a.ID == first) != (b.ID == first) {
				if a.ID == first {
					return -1
				}
				return 1
			}
			return int(b.Score) - int(a.Score)
		})
	}
	return order
}
