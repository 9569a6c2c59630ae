package scheduler

import (
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// addProbes asks what is there wherever nobody has looked since the node's
// daemon started, or since an operation ended unknown: it comes before anything
// else that is done to the instance.
func (p *planner) addProbes() {
	for qi := range p.prims {
		q := &p.prims[qi]
		if q.unit < 0 {
			continue
		}
		for _, k := range q.insts {
			if p.mustProbe(&p.insts[k]) {
				p.addProbe(q, k)
			}
		}
	}
}

// mustProbe reports whether the instance is to be looked at. An operation in
// flight says soon enough what is there.
func (p *planner) mustProbe(i *inst) bool {
	n, q := &p.nodes[i.node], &p.prims[i.prim]
	return !i.probed && i.op == nil && n.defined && !n.inner && n.alive && !n.unclean && (q.hidden == nil || !q.hidden[i.node] || i.now.Active())
}

func (p *planner) addProbe(q *prim, k int) {
	i := &p.insts[k]
	a := transition.Action{
		Key: p.key(transition.KindProbe, i), Kind: transition.KindProbe, Node: p.nodes[i.node].name, Instance: i.id,
		Timeout: p.timeout(q, resources.OpProbe), Reason: "nobody has looked since the daemon started", Wait: p.retryWait(i, resources.OpProbe),
	}
	if i.st != nil && i.st.Reason != "" {
		a.Reason = "its state is unknown: " + i.st.Reason
	}
	if p.nodes[i.node].suspect {
		a.Wait = "node " + string(a.Node) + " is suspected"
	}
	i.acts[actProbe] = int32(p.addAction(a))
}
