package scheduler_test

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// ticket: ticket NAME RSC [role= loss=]
func (c *cluster) ticket(plain []string, set map[string]string) error {
	role, err := resources.ParseRole(set["role"])
	if err != nil {
		return err
	}
	c.d.Tickets = append(c.d.Tickets, resources.TicketUse{
		ID: "t", Ticket: resources.TicketName(plain[0]), Resource: resources.ResourceID(plain[1]), Role: role, LossPolicy: resources.LossPolicy(set["loss"]),
	})
	return nil
}

// holds: holds TICKET granted|revoked|standby
func (c *cluster) holds(plain []string) {
	if c.s.Tickets == nil {
		c.s.Tickets = map[resources.TicketName]*state.Ticket{}
	}
	c.s.Tickets[resources.TicketName(plain[0])] = &state.Ticket{Granted: plain[1] != "revoked", Standby: plain[1] == "standby"}
}

// sets: sets order|together|apart|location [any] [unordered] RSC… / RSC… [kind= score=]
func (c *cluster) sets(plain []string, set map[string]string) error {
	no := false
	var sets []resources.ResourceSet
	for rest := plain[1:]; len(rest) > 0; {
		end := slices.Index(rest, "/")
		if end < 0 {
			end = len(rest)
		}
		var s resources.ResourceSet
		for _, w := range rest[:end] {
			switch w {
			case "any":
				s.RequireAll, s.Sequential = &no, &no
			case "unordered":
				s.Sequential = &no
			default:
				s.Resources = append(s.Resources, resources.ResourceID(w))
			}
		}
		sets = append(sets, s)
		rest = rest[min(end+1, len(rest)):]
	}
	score := resources.Infinity
	if set["score"] != "" {
		if err := score.UnmarshalText([]byte(set["score"])); err != nil {
			return err
		}
	}
	switch plain[0] {
	case "order":
		c.d.Orders = append(c.d.Orders, resources.Order{ID: "sets", Kind: resources.OrderKind(set["kind"]), Sets: sets})
	case "together":
		c.d.Colocations = append(c.d.Colocations, resources.Colocation{ID: "sets", Score: score, Sets: sets})
	case "apart":
		c.d.Colocations = append(c.d.Colocations, resources.Colocation{ID: "sets", Score: -score, Sets: sets})
	case "location":
		c.d.Locations = append(c.d.Locations, resources.Location{ID: "sets", Node: resources.NodeName(set["node"]), Score: score, Sets: sets})
	default:
		return fmt.Errorf("unknown kind of sets %q", plain[0])
	}
	return nil
}
