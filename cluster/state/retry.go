package state

import "github.com/belay-ha/belay/resources"

// What operators ask of instances: to forget failures, and to restart.

// FailuresCleared forgets failures, so that what they block is tried again.
type FailuresCleared struct {
	// Resource, or "" for all.
	Resource resources.ResourceID `json:"resource,omitempty"`
	// Node, or "" for all.
	Node resources.NodeName `json:"node,omitempty"`
}

func (*FailuresCleared) name() string { return "failures.cleared/1" }

func (c *FailuresCleared) apply(t *tx) error {
	if _, found := t.s.Nodes[c.Node]; c.Node != "" && !found {
		return t.noNode(c.Node)
	}
	for _, name := range t.s.NodeNames() {
		if c.Node != "" && name != c.Node {
			continue
		}
		n, err := t.node(name)
		if err != nil {
			return err
		}
		for id := range n.Instances {
			if c.Resource != "" && id.Resource() != c.Resource {
				continue
			}
			i := t.instance(n, id)
			// Look again: what failed may run, or not, by now.
			i.Probed = i.Probed && !i.Failed && len(i.Failures) == 0
			i.Failed, i.FailedOp, i.Failures = false, "", nil
		}
	}
	t.event("retry", c.Node, c.Resource, "failures cleared")
	return nil
}

// ResourceRestart asks for one restart of the resource's running instances: it
// makes them differ from the definition, which the scheduler then mends.
type ResourceRestart struct {
	Resource resources.ResourceID `json:"resource"`
	Node     resources.NodeName   `json:"node,omitempty"`
}

func (*ResourceRestart) name() string { return "resource.restart/1" }

func (c *ResourceRestart) apply(t *tx) error {
	found := false
	for _, name := range t.s.NodeNames() {
		n := t.s.Nodes[name]
		for id, i := range n.Instances {
			if id.Resource() != c.Resource || !i.Role.Active() || (c.Node != "" && c.Node != name) {
				continue
			}
			own, err := t.node(name)
			if err != nil {
				return err
			}
			t.instance(own, id).Digest = RestartDigest
			found = true
		}
	}
	if !found {
		_, isResource := t.s.Definition.Resource(c.Resource)
		_, isGroup := t.s.Definition.Group(c.Resource)
		if !isResource && !isGroup {
			return t.noResource(c.Resource)
		}
		return rejectFor(NotFound, ReasonNothingRuns, "no instance of %s runs%s", c.Resource, onNode(c.Node))
	}
	t.event("restart", c.Node, c.Resource, "restart asked for")
	return nil
}

// RestartDigest is the digest of an instance that an operator wants restarted:
// no definition has it, and reloading is not enough.
const RestartDigest = "restart"

func onNode(node resources.NodeName) string {
	if node == "" {
		return ""
	}
	return " on " + string(node)
}
