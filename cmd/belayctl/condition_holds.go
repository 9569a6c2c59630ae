package main

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

type (
	allOf   []condition
	anyOf   []condition
	notThat struct{ condition }
)

func (all allOf) holds(s api.Status) (bool, string) {
	for _, c := range all {
		if ok, how := c.holds(s); !ok {
			return false, how
		}
	}
	return true, ""
}

func (any anyOf) holds(s api.Status) (bool, string) {
	var hows []string
	for _, c := range any {
		ok, how := c.holds(s)
		if ok {
			return true, ""
		}
		hows = append(hows, how)
	}
	return false, strings.Join(hows, "; ")
}

func (n notThat) holds(s api.Status) (bool, string) {
	if ok, _ := n.condition.holds(s); ok {
		return false, "what shall not be is still so"
	}
	return true, ""
}

func (all allOf) check(s api.Status) error { return checkEach(all, s) }
func (any anyOf) check(s api.Status) error { return checkEach(any, s) }

func checkEach(all []condition, s api.Status) error {
	for _, c := range all {
		if err := c.check(s); err != nil {
			return err
		}
	}
	return nil
}

// instancesThat compares how many instances of a resource, or of a group's
// members, are in a role, have failed, or run on a node.
type instancesThat struct {
	resource resources.ResourceID
	role     resources.Role
	node     resources.NodeName // "" is any
	failed   bool
	op       string
	count    int
}

func (c *instancesThat) holds(s api.Status) (bool, string) {
	n := 0
	for _, r := range s.Resources {
		switch {
		case r.Resource != c.resource || c.node != "" && r.Node != c.node:
		case c.failed:
			if r.Failed {
				n++
			}
		case r.Failed || !r.Probed:
		case r.Role == c.role, c.role == resources.RoleStarted && r.Role == resources.RolePromoted:
			n++
		}
	}
	what := c.role.String()
	switch {
	case c.failed:
		what = "failed"
	case c.node != "":
		what = "on " + string(c.node)
	}
	return compareCounts(n, c.op, c.count), fmt.Sprintf("%s has %d %s, not %s %d", c.resource, n, what, c.op, c.count)
}

func compareCounts(n int, op string, count int) bool {
	switch op {
	case ">=":
		return n >= count
	case "<=":
		return n <= count
	case "==":
		return n == count
	case "!=":
		return n != count
	case "<":
		return n < count
	default:
		return n > count
	}
}

func (c *instancesThat) check(s api.Status) error {
	var names []string
	found := false
	for _, d := range s.Defined {
		names = append(names, string(d.ID))
		found = found || d.ID == c.resource
	}
	if !found {
		return unknownName("resource", string(c.resource), names)
	}
	return checkNode(s, c.node)
}

func checkNode(s api.Status, name resources.NodeName) error {
	var names []string
	for _, n := range s.Nodes {
		if name == "" || n.Name == name {
			return nil
		}
		names = append(names, string(n.Name))
	}
	return unknownName("node", string(name), names)
}

// stateOf is a word about a node or the cluster.
type stateOf struct {
	kind string
	name resources.NodeName
	word string
}

func (c *stateOf) holds(s api.Status) (bool, string) {
	if c.kind == "cluster" {
		return c.clusterHolds(s)
	}
	for _, n := range s.Nodes {
		if n.Name != c.name {
			continue
		}
		is := map[string]bool{
			"online": n.Online, "offline": !n.Online, "standby": n.Standby, "maintenance": n.Maintenance != nil, "lost": n.Lost, "off": n.PoweredOff,
		}[c.word]
		return is, fmt.Sprintf("%s is %s, not %s", n.Name, n.State, c.word)
	}
	return false, fmt.Sprintf("%s is no member", c.name)
}

func (c *stateOf) clusterHolds(s api.Status) (bool, string) {
	switch c.word {
	case "quorum":
		return s.Quorum, "there is no quorum"
	case "healthy":
		for _, p := range s.Problems {
			if p.Severity != "info" {
				return false, p.Text
			}
		}
		return true, ""
	}
	for _, a := range s.Actions {
		if a.InFlight || a.Wait == "" && len(a.After) == 0 {
			return false, actionLine(a)
		}
	}
	return true, ""
}

func (c *stateOf) check(s api.Status) error {
	if c.kind == "cluster" {
		return nil
	}
	return checkNode(s, c.name)
}
