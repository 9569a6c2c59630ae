package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// DefaultID returns the id of an order that was written without one: stable,
// and different for orders that do different things.
func (o *Order) DefaultID() string {
	first, then := Op(""), Op("")
	if o.FirstAction != "" && o.FirstAction != OpStart {
		first = o.FirstAction
	}
	if o.ThenAction != "" && o.ThenAction != first && !(first == "" && o.ThenAction == OpStart) {
		then = o.ThenAction
	}
	return joinID("order", string(o.First), string(first), string(o.Then), string(then), setsID(o.Sets))
}

// DefaultID returns the id of a colocation that was written without one.
func (c *Colocation) DefaultID() string {
	return joinID("colocation", string(c.Resource), roleWord(c.Role), string(c.With), roleWord(c.WithRole), setsID(c.Sets))
}

// DefaultID returns the id of a location that was written without one. Rules
// and selectors are named by a hash of their text.
func (l *Location) DefaultID() string {
	what, where := string(l.Resource), string(l.Node)
	if l.Selector != nil && l.Resource == "" {
		what = "agent-" + shortHash(l.Selector.Agent)
		if l.Selector.ID != "" {
			what = "id-" + shortHash(l.Selector.ID)
		}
	}
	if l.Rule != "" {
		where = "rule-" + shortHash(l.Rule)
	}
	return joinID("location", what, setsID(l.Sets), roleWord(l.Role), where)
}

// setsID names sets by a hash of what is in them.
func setsID(sets []ResourceSet) string {
	if len(sets) == 0 {
		return ""
	}
	var text strings.Builder
	for i := range sets {
		s := &sets[i]
		fmt.Fprintf(&text, "%q sequential %v", s.Resources, s.sequential())
		if s.anyOne() {
			text.WriteString(" any")
		}
		if s.Score != nil {
			text.WriteString(" score " + s.Score.String())
		}
		fmt.Fprintf(&text, " %s %s\n", s.Role, s.Action)
	}
	return "sets-" + shortHash(text.String())
}

func roleWord(r Role) string {
	if r == RoleUnknown {
		return ""
	}
	return r.String()
}

func joinID(parts ...string) string {
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "-")
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
