package cib

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// set takes a set of a constraint; ordered ones may say that any one is enough.
// It is false, and told, where nothing of the set is in the definition.
func (m *importer) set(kind, constraint string, c *policy.Set, ordered bool) (resources.ResourceSet, bool) {
	s := resources.ResourceSet{Sequential: c.Sequential}
	at := m.within(c.ID, m.at(constraint))
	if ordered {
		s.RequireAll, s.Action = c.RequireAll, resources.Op(c.Action)
	}
	for _, id := range c.Resources {
		if target, found := m.target(kind, constraint, id, at); found && !slices.Contains(s.Resources, target) {
			s.Resources = append(s.Resources, target)
		}
	}
	if len(s.Resources) == 0 {
		return s, false
	}
	if c.Score != "" && !ordered {
		score := m.scoreOf(c.Score, constraint)
		s.Score = &score
	}
	var ok bool
	s.Role, ok = m.colocatedRole(constraint, c.Role, kind == "colocation" && !slices.ContainsFunc(s.Resources, func(id resources.ResourceID) bool { return !m.promotable(id) }))
	return s, ok
}

// ticket takes what binds resources to a ticket.
func (m *importer) ticket(c *policy.TicketConfig) {
	at := m.at(c.ID)
	if !m.lifetime("ticket constraint", c.ID, c.Lifetime) {
		return
	}
	t := resources.TicketUse{Ticket: resources.TicketName(c.Ticket), LossPolicy: resources.LossPolicy(strings.ToLower(c.LossPolicy))}
	if t.Ticket == "" {
		m.note(at, "ticket constraint %q names no ticket: Pacemaker ignores it too", c.ID)
		return
	}
	if t.LossPolicy != "" && !slices.Contains(resources.LossPolicies, t.LossPolicy) {
		m.note(at, "loss-policy %q of ticket constraint %q is none: the default holds", c.LossPolicy, c.ID)
		t.LossPolicy = ""
	}
	var ok bool
	if len(c.Sets) == 0 {
		if t.Resource, ok = m.target("ticket constraint", c.ID, c.Resource, at); !ok {
			return
		}
		if t.Role, ok = m.colocatedRole(c.ID, c.Role, false); ok {
			m.addTicket(c, t)
		}
		return
	}
	for i := range c.Sets {
		set := c.Sets[i]
		set.Role = otherwise(set.Role, c.Role)
		s, ok := m.set("ticket constraint", c.ID, &set, false)
		if !ok {
			continue
		}
		// One constraint for each set: what is lost without a role differs.
		t.Role, s.Role, s.Sequential, s.Score = s.Role, resources.RoleUnknown, nil, nil
		t.Sets = []resources.ResourceSet{s}
		if len(s.Resources) == 1 {
			t.Resource, t.Sets = s.Resources[0], nil
		}
		m.addTicket(c, t)
		t.Resource = ""
	}
}

// addTicket adds it. What needs a ticket to run at all is stopped where it shall
// be demoted.
func (m *importer) addTicket(c *policy.TicketConfig, t resources.TicketUse) {
	if t.LossPolicy == resources.LossDemote && t.Role != resources.RolePromoted {
		t.LossPolicy = ""
	}
	t.ID = m.uniqueID(c.ID)
	m.origin["ticket["+t.ID+"]"] = m.at(c.ID)
	m.def.Tickets = append(m.def.Tickets, t)
}
