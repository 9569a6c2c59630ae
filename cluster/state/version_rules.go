package state

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// saysLater reports whether a definition says what command sets before
// VersionRules would misunderstand or cannot read. A rule is text, so that an older
// member reads what it does not understand, and would place otherwise when it leads.
func saysLater(d *resources.Definition) bool {
	if d.Properties.FenceQuarantine != nil {
		return true
	}
	withParams := func(o resources.Operation) bool { return len(o.Params) > 0 }
	for _, list := range [][]resources.Resource{d.Resources, d.Templates} {
		for i := range list {
			if slices.ContainsFunc(list[i].Ops, withParams) {
				return true
			}
		}
	}
	for i := range d.Locations {
		l := &d.Locations[i]
		if d.Remote(resources.NodeName(l.Resource)) || asksLater(l.Rule) {
			return true
		}
	}
	return false
}

// asksLater reports whether a rule asks for the time or the leader.
func asksLater(text string) bool {
	rule, err := resources.ParseRule(text)
	return err == nil && (rule.Timed() || slices.Contains(rule.Attributes(), "#is_dc"))
}
