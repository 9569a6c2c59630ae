package policy

import "time"

// ruleContext is what a rule may ask about; zero fields are unknown.
type ruleContext struct {
	node         *node
	rsc          *resource
	op           string
	interval     time.Duration
	params, meta map[string]string
	match        []string // groups of the pattern that chose the resource
}

func (e *engine) holds(r *Rule, ctx ruleContext) bool { return r == nil }

// resolve returns what the sets that hold give, first names first: sets with
// the id of first, then by score, then as configured.
func (e *engine) resolve(sets []AttributeSet, first string, ctx ruleContext) map[string]string {
	return nil
}
