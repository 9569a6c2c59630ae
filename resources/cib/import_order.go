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
	m.orderSets(c, o)
}

// orderSets takes an order of sets. A set may have a kind of its own: what it
// says about its members then becomes another order.
func (m *importer) orderSets(c *policy.OrderConfig, o resources.Order) {
	o.RequireAll = nil
	var own []resources.Order
	for i := range c.Sets {
		s, ok := m.set("order", c.ID, &c.Sets[i], true)
		if !ok {
			return
		}
		if kind := c.Sets[i].Kind; kind != "" && orderKind(kind, "") != o.Kind {
			one := o
			one.Kind, one.Sets = orderKind(kind, ""), []resources.ResourceSet{s}
			own = append(own, one)
			apart := false
			s.Sequential = &apart
		}
		o.Sets = append(o.Sets, s)
	}
	for _, one := range append([]resources.Order{o}, own...) {
		if one.Kind == resources.OrderSerialize {
			one.Symmetrical = nil // it has no direction
		}
		one.ID = m.uniqueID(c.ID)
		m.origin["order["+one.ID+"]"] = m.at(c.ID)
		m.def.Orders = append(m.def.Orders, one)
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
