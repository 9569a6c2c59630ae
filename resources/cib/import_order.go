package cib

import (
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// order takes an order. Sets become the pairs that they stand for.
func (m *importer) order(c *policy.OrderConfig) {
	if !m.lifetime("order", c.ID, c.Lifetime) {
		return
	}
	kind := orderKind(c.Kind, c.Score)
	o := resources.Order{Kind: kind, Symmetrical: c.Symmetrical, RequireAll: c.RequireAll}
	if len(c.Sets) == 0 {
		o.FirstAction, o.ThenAction = resources.Op(c.FirstAction), resources.Op(c.ThenAction)
		m.addOrder(c, o, c.First, c.Then)
		return
	}
	o.RequireAll = nil
	for i := range c.Sets {
		m.orderWithin(c, o, &c.Sets[i])
		if i > 0 {
			m.orderSets(c, o, &c.Sets[i-1], &c.Sets[i])
		}
	}
}

// orderKind reads a kind; in old configurations a score of 0 makes an order
// optional.
func orderKind(kind, score string) resources.OrderKind {
	switch strings.ToLower(kind) {
	case "optional":
		return resources.OrderOptional
	case "serialize":
		return resources.OrderSerialize
	case "mandatory":
		return ""
	}
	if n, err := resources.ParseScore(strings.TrimSpace(score)); score != "" && (err != nil || n == 0) {
		return resources.OrderOptional
	}
	return ""
}

// orderWithin orders the members of a set: each after the one before it, or none
// beside another.
func (m *importer) orderWithin(c *policy.OrderConfig, o resources.Order, set *policy.Set) {
	if set.Kind != "" {
		o.Kind = orderKind(set.Kind, "")
	}
	o.FirstAction, o.ThenAction = resources.Op(set.Action), resources.Op(set.Action)
	n := len(set.Resources)
	if o.Kind == resources.OrderSerialize {
		n = n * n / 2
	}
	if !m.room("order", c.ID, n) {
		return
	}
	for i := range set.Resources {
		switch {
		case o.Kind == resources.OrderSerialize:
			for _, then := range set.Resources[i+1:] {
				m.addOrder(c, o, set.Resources[i], then)
			}
		case resources.Or(set.Sequential, true) && i > 0:
			m.addOrder(c, o, set.Resources[i-1], set.Resources[i])
		}
	}
}

// orderSets orders one set after another. Of one that is said to be sequential
// only the nearest member counts.
func (m *importer) orderSets(c *policy.OrderConfig, o resources.Order, first, then *policy.Set) {
	o.FirstAction, o.ThenAction = resources.Op(otherwise(first.Action, "start")), resources.Op(otherwise(then.Action, "start"))
	goingDown := o.FirstAction == resources.OpStop || o.FirstAction == resources.OpDemote
	if !resources.Or(first.RequireAll, true) && !goingDown && len(first.Resources) > 1 {
		m.lose(m.within(first.ID, m.at(c.ID)), "order %q: a set of which any one is enough (require-all=false) cannot be represented", c.ID)
		return
	}
	firsts, thens := first.Resources, then.Resources
	if resources.Or(first.Sequential, false) && len(firsts) > 0 {
		firsts = firsts[len(firsts)-1:]
	}
	if resources.Or(then.Sequential, false) && len(thens) > 0 {
		thens = thens[:1]
	}
	if !m.room("order", c.ID, len(firsts)*len(thens)) {
		return
	}
	for _, f := range firsts {
		for _, t := range thens {
			m.addOrder(c, o, f, t)
		}
	}
}

func (m *importer) addOrder(c *policy.OrderConfig, o resources.Order, first, then string) {
	at := m.at(c.ID)
	var found, found2 bool
	o.First, found = m.target("order", c.ID, first, at)
	o.Then, found2 = m.target("order", c.ID, then, at)
	if !found || !found2 {
		return
	}
	if o.FirstAction == resources.OpStart {
		o.FirstAction = ""
	}
	if o.ThenAction == o.FirstAction || o.FirstAction == "" && o.ThenAction == resources.OpStart {
		o.ThenAction = ""
	}
	if o.Kind == resources.OrderSerialize {
		o.Symmetrical = nil // it has no direction
	}
	o.ID = m.uniqueID(c.ID)
	m.origin["order["+o.ID+"]"] = at
	m.def.Orders = append(m.def.Orders, o)
}
