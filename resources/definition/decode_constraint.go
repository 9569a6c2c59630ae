package definition

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/resources"
)

func (d *decoder) order(i *item) {
	o := resources.Order{
		ID:    i.text("id"),
		First: resources.ResourceID(i.text("first")), FirstAction: resources.Op(i.text("first_action")),
		Then: resources.ResourceID(i.text("then")), ThenAction: resources.Op(i.text("then_action")),
		Kind:        resources.OrderKind(strings.ToLower(i.text("kind"))),
		Symmetrical: i.truth("symmetrical"), RequireAll: i.truth("require_all"), Sets: i.sets(),
	}
	if o.ID == "" {
		o.ID = o.DefaultID()
	}
	d.def.Orders = append(d.def.Orders, o)
	i.done(d.paths.Next("order", o.ID))
}

func (d *decoder) colocation(i *item) {
	c := resources.Colocation{
		ID:       i.text("id"),
		Resource: resources.ResourceID(i.text("resource")), Role: i.role("role"),
		With: resources.ResourceID(i.text("with")), WithRole: i.role("with_role"),
		Score: resources.Or(i.score("score"), resources.Infinity), NodeAttribute: i.text("node_attribute"), Influence: i.truth("influence"), Sets: i.sets(),
	}
	if c.ID == "" {
		c.ID = c.DefaultID()
	}
	d.def.Colocations = append(d.def.Colocations, c)
	i.done(d.paths.Next("colocation", c.ID))
}

func (d *decoder) location(i *item) {
	l := resources.Location{
		ID:       i.text("id"),
		Resource: resources.ResourceID(i.text("resource")), Node: resources.NodeName(i.text("node")), Rule: i.text("rule"),
		Score: resources.Or(i.score("score"), resources.Infinity), Role: i.role("role"),
		Discovery: resources.Discovery(i.text("resource_discovery")), Sets: i.sets(),
	}
	if l.ScoreAttribute = i.text("score_attribute"); l.ScoreAttribute != "" {
		if _, given := i.values["score"]; !given {
			l.Score = 0
		}
	}
	if s := i.inner("resources"); s != nil {
		l.Selector = &resources.Selector{Agent: s.text("agent"), ID: s.text("id")}
		s.unknown()
	}
	if l.ID == "" {
		l.ID = l.DefaultID()
	}
	d.def.Locations = append(d.def.Locations, l)
	i.done(d.paths.Next("location", l.ID))
}

func (d *decoder) ticket(i *item) {
	t := resources.TicketUse{
		ID: i.text("id"), Ticket: resources.TicketName(i.text("ticket")), Resource: resources.ResourceID(i.text("resource")), Role: i.role("role"),
		LossPolicy: resources.LossPolicy(strings.ToLower(i.text("loss_policy"))), Sets: i.sets(),
	}
	if t.ID == "" {
		t.ID = t.DefaultID()
	}
	d.def.Tickets = append(d.def.Tickets, t)
	i.done(d.paths.Next("ticket", t.ID))
}

func (d *decoder) tag(i *item) {
	t := resources.Tag{ID: resources.ResourceID(i.text("id")), Members: i.ids("members")}
	d.def.Tags = append(d.def.Tags, t)
	i.done(d.paths.Next("tag", string(t.ID)))
}

// ids reads a list of names.
func (i *item) ids(key string) []resources.ResourceID {
	var ids []resources.ResourceID
	for _, text := range i.texts(key) {
		ids = append(ids, resources.ResourceID(text))
	}
	return ids
}

// sets reads a constraint's sets.
func (i *item) sets() []resources.ResourceSet {
	given, ok := i.get("sets")
	if !ok {
		return nil
	}
	var sets []resources.ResourceSet
	for n, values := range tableList(given) {
		if values == nil {
			i.wrong("sets", "a list of tables such as { resources = [\"a\", \"b\"] }", given)
			break
		}
		node := i.node.child("sets").item(n)
		sub := i.under(fmt.Sprintf("sets#%d", n+1), values, node)
		sub.notes.places = append(sub.notes.places, note{rel: sub.rel, at: sub.node.position()})
		sets = append(sets, resources.ResourceSet{
			Resources: sub.ids("resources"), Sequential: sub.truth("sequential"), RequireAll: sub.truth("require_all"),
			Role: sub.role("role"), Action: resources.Op(sub.text("action")), Score: sub.score("score"),
		})
		sub.unknown()
	}
	return sets
}
