package state

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// TakeOver says which units of a resource systemd is not to start by itself any
// more, on any member, as long as the resource is defined.
type TakeOver struct {
	Units []OwnedUnit `json:"units"`
	By    string      `json:"by"`
	At    time.Time   `json:"at"`
}

// OwnedUnit is a unit that is taken over: disabled, so that it is not started at
// boot; with Mask also masked, so that nothing can start it. What the cluster
// itself starts through systemd must not be masked.
type OwnedUnit struct {
	Unit string `json:"unit"`
	Mask bool   `json:"mask,omitempty"`
}

// HeldUnit is what a member has found before it took a unit over: what it gives
// back.
type HeldUnit struct {
	Resource resources.ResourceID `json:"resource"`
	// Was is the unit file's state before: enabled, disabled, static, … (systemctl(1),
	// is-enabled).
	Was  string    `json:"was"`
	Mask bool      `json:"mask,omitempty"`
	At   time.Time `json:"at"`
}

// Bounds of what is taken over.
const (
	MaxTakenUnits = 16 // of one resource
	maxHeldUnits  = 512
	maxUnitName   = 255 // systemd.unit(5)
)

// WantedUnits returns the units that every member is to hold, with the resource
// that each belongs to. A witness runs nothing and holds nothing.
func (s *State) WantedUnits(node resources.NodeName) map[string]HeldUnit {
	wanted := map[string]HeldUnit{}
	if n, found := s.Nodes[node]; !found || n.Witness {
		return wanted
	}
	for _, id := range slices.Sorted(maps.Keys(s.TakeOvers)) {
		for _, u := range s.TakeOvers[id].Units {
			if _, taken := wanted[u.Unit]; !taken {
				wanted[u.Unit] = HeldUnit{Resource: id, Mask: u.Mask}
			}
		}
	}
	return wanted
}

// TakeOverSet takes a resource's units over, or gives them back when there are
// none.
type TakeOverSet struct {
	Resource resources.ResourceID `json:"resource"`
	Units    []OwnedUnit          `json:"units,omitempty"`
}

func (*TakeOverSet) name() string { return "takeover.set/1" }

func (c *TakeOverSet) apply(t *tx) error {
	fresh := maps.Clone(t.s.TakeOvers)
	if len(c.Units) == 0 {
		if _, known := fresh[c.Resource]; !known {
			return reject(NotFound, "no unit of %q is taken over", c.Resource)
		}
		delete(fresh, c.Resource)
		t.s.TakeOvers = fresh
		t.event("takeover", "", c.Resource, "its units are given back to systemd")
		return nil
	}
	if _, defined := t.s.Definition.Resource(c.Resource); !defined {
		return rejectFor(NotFound, ReasonUnknownResource, "resource %q is not defined", c.Resource)
	}
	if len(c.Units) > MaxTakenUnits {
		return reject(Invalid, "%d units of one resource: at most %d", len(c.Units), MaxTakenUnits)
	}
	var names []string
	for _, u := range c.Units {
		if u.Unit == "" || len(u.Unit) > maxUnitName || strings.ContainsAny(u.Unit, "/ \t\r\n") || !strings.Contains(u.Unit, ".") {
			return reject(Invalid, "%q is not the name of a unit, such as mariadb.service", u.Unit)
		}
		names = append(names, u.Unit)
	}
	if fresh == nil {
		fresh = map[resources.ResourceID]*TakeOver{}
	}
	fresh[c.Resource] = &TakeOver{Units: c.Units, By: t.by, At: t.at}
	t.s.TakeOvers = fresh
	t.event("takeover", "", c.Resource, "systemd starts %s no more", strings.Join(names, ", "))
	return nil
}

// forgetTakeOvers gives back what belongs to resources that the definition holds
// no more.
func (t *tx) forgetTakeOvers() {
	for _, id := range slices.Sorted(maps.Keys(t.s.TakeOvers)) {
		if _, defined := t.s.Definition.Resource(id); defined {
			continue
		}
		t.s.TakeOvers = maps.Clone(t.s.TakeOvers)
		delete(t.s.TakeOvers, id)
		t.event("takeover", "", id, "its units are given back to systemd")
	}
}

// UnitHeld records how a member has found a unit, before it changes it.
type UnitHeld struct {
	Node     resources.NodeName   `json:"node"`
	Unit     string               `json:"unit"`
	Resource resources.ResourceID `json:"resource"`
	Was      string               `json:"was"`
	Mask     bool                 `json:"mask,omitempty"`
}

func (*UnitHeld) name() string { return "unit.held/1" }

func (c *UnitHeld) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	old, held := n.Units[c.Unit]
	if !held && len(n.Units) >= maxHeldUnits {
		return rejectFor(Refused, ReasonLimitReached, "%s holds %d units already", c.Node, maxHeldUnits)
	}
	fresh := map[string]HeldUnit{}
	maps.Copy(fresh, n.Units)
	was := c.Was
	if held {
		was = old.Was // how it was before the first time counts
	}
	fresh[c.Unit] = HeldUnit{Resource: c.Resource, Was: was, Mask: c.Mask, At: t.at}
	n.Units = fresh
	t.event("takeover", c.Node, c.Resource, "%s was %s, and is taken over", c.Unit, was)
	return nil
}

// UnitReleased records that a member has given a unit back.
type UnitReleased struct {
	Node resources.NodeName `json:"node"`
	Unit string             `json:"unit"`
}

func (*UnitReleased) name() string { return "unit.released/1" }

func (c *UnitReleased) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	old, held := n.Units[c.Unit]
	if !held {
		return reject(NotFound, "%s does not hold %s", c.Node, c.Unit)
	}
	fresh := maps.Clone(n.Units)
	delete(fresh, c.Unit)
	n.Units = fresh
	t.event("takeover", c.Node, old.Resource, "%s is given back, %s", c.Unit, old.Was)
	return nil
}
