package scheduler_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// The words of scenarios that say what is known of nodes and instances.

// node: node NAME WORD... [since=]
func (c *cluster) node(plain []string, set map[string]string) error {
	n := c.s.Nodes[resources.NodeName(plain[0])]
	if n == nil {
		c.join(plain[0])
		n = c.s.Nodes[resources.NodeName(plain[0])]
	}
	for _, w := range plain[1:] {
		switch w {
		case "alive", "suspect", "dead", "left", "unknown":
			if err := n.Liveness.UnmarshalText([]byte(w)); err != nil {
				return err
			}
		case "off":
			n.Liveness, n.Off = state.LivenessDead, &state.OffProof{By: "power"}
		case "confirmed":
			n.Liveness, n.Off = state.LivenessDead, &state.OffProof{By: "confirm"}
		case "standby":
			n.Standby = true
		case "maintenance":
			n.Maintenance = &state.Maintenance{By: "admin"}
		default:
			return fmt.Errorf("unknown node word %q", w)
		}
	}
	if set["booted"] != "" {
		n.BootedAt = at(set["booted"])
	}
	if set["since"] != "" {
		n.Since = at(set["since"])
	}
	return nil
}

// is: is RSC@NODE started|promoted|stopped [unprobed] [failed=OP] [digest=] [score=] [outcome=]
func (c *cluster) is(plain []string, set map[string]string) error {
	i := c.instance(plain[0])
	role, err := resources.ParseRole(plain[1])
	if err != nil {
		return err
	}
	i.Role = role
	for _, w := range plain[2:] {
		if w != "unprobed" {
			return fmt.Errorf("unknown word %q", w)
		}
		i.Probed = false
	}
	if op := set["failed"]; op != "" {
		i.Failed, i.FailedOp, i.Outcome = true, resources.Op(op), agents.OutcomeFailed
		i.Failures = map[resources.Op]*state.Failure{i.FailedOp: {Count: 1, Outcome: agents.OutcomeFailed, First: epoch.Add(-time.Second), Last: epoch.Add(-time.Second)}}
	}
	i.Digest = set["digest"]
	if set["score"] != "" {
		i.Attributes = map[string]string{"promotion_score": set["score"]}
	}
	i.Since = at(set["since"])
	if set["outcome"] != "" {
		return i.Outcome.UnmarshalText([]byte(set["outcome"]))
	}
	return nil
}

// failure: failure RSC@NODE OP count=N last=OFFSET outcome=WORD
func (c *cluster) failure(plain []string, set map[string]string) error {
	i := c.instance(plain[0])
	f := &state.Failure{Count: 1, Outcome: agents.OutcomeFailed, Last: epoch.Add(-time.Second)}
	if set["count"] != "" {
		f.Count = number(set["count"])
	}
	if set["last"] != "" {
		f.Last = at(set["last"])
	}
	if set["outcome"] != "" {
		if err := f.Outcome.UnmarshalText([]byte(set["outcome"])); err != nil {
			return err
		}
	}
	if i.Failures == nil {
		i.Failures = map[resources.Op]*state.Failure{}
	}
	i.Failures[resources.Op(plain[1])] = f
	return nil
}

// place reads "rsc@node".
func place(text string) state.Place {
	id, node, _ := strings.Cut(text, "@")
	return state.Place{Node: resources.NodeName(node), Instance: resources.InstanceID(id)}
}

// notices: told OP RSC@NODE NODE... [at=], or owes OP RSC@NODE NODE...: copies
// (of the same name) that know of an operation that is to come, or are to be told of
// one that was.
func (c *cluster) notices(word string, plain []string, set map[string]string) {
	r := &state.NoticeRecord{Place: place(plain[1]), Op: resources.Op(plain[0]), Before: word == "told", Role: c.instance(plain[1]).Role}
	for _, node := range plain[2:] {
		peer := state.NoticePeer{Place: state.Place{Node: resources.NodeName(node), Instance: r.Instance}}
		if r.Before {
			peer.At = epoch
		}
		if set["at"] != "" {
			peer.At = at(set["at"])
		}
		r.Peers = append(r.Peers, peer)
	}
	c.s.Notices = append(c.s.Notices, r)
}

// flying: flying RSC@NODE OP, or flying RSC@NODE notify pre|post OP RSC@NODE
func (c *cluster) flying(plain []string) {
	i := c.instance(plain[0])
	_, node, _ := strings.Cut(plain[0], "@")
	id := resources.NewActionID(90, len(c.s.Operations))
	c.s.Operations[id] = &state.Operation{ID: id, Node: resources.NodeName(node), Instance: i.ID, Op: resources.Op(plain[1])}
	if len(plain) > 2 {
		c.s.Operations[id].Notice = &state.Notice{Before: plain[2] == "pre", Op: resources.Op(plain[3]), Peers: []state.Place{place(plain[4])}}
	}
	i.Action = id
	if r, found := c.d.Resource(i.ID.Resource()); found {
		c.s.Operations[id].Digest = resources.Digest(r)
	}
}

// fencing: fencing NODE PHASE [action=] [retry=] [at=] [by=]
func (c *cluster) fencing(plain []string, set map[string]string) error {
	f := &state.Fencing{
		ID: "f-" + plain[0], Node: resources.NodeName(plain[0]), Action: resources.FencingReboot, By: state.ByCluster,
		RequestedAt: epoch.Add(-time.Minute), RetryAt: at(set["retry"]), Attempts: 1, Reason: "lost", Error: "bmc silent",
	}
	if err := f.Phase.UnmarshalText([]byte(plain[1])); err != nil {
		return err
	}
	if set["action"] != "" {
		f.Action = resources.FencingAction(set["action"])
	}
	if set["at"] != "" {
		f.RequestedAt = at(set["at"])
	}
	if set["by"] != "" {
		f.By = set["by"]
	}
	if f.Phase == state.FencingDone || f.Phase == state.FencingWithdrawn {
		c.s.FenceHistory = append(c.s.FenceHistory, f)
		return nil
	}
	c.s.Fencing[f.Node] = f
	return nil
}

// advice: advice RSC [blocked] [NODE=SCORE...]
func (c *cluster) advice(plain []string, set map[string]string) error {
	a := &state.Advice{}
	a.Blocked = len(plain) > 1
	a.Reason = "because"
	a.Promotion = map[resources.NodeName]resources.Score{}
	for node, value := range set {
		a.Promotion[resources.NodeName(node)] = score(value)
	}
	c.s.Advice[resources.ResourceID(plain[0])] = a
	return nil
}
