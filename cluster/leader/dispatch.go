package leader

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
)

// maxIntents bounds one log entry.
const maxIntents = 256

// dispatch records what is to be done now: before anything is done.
func (c *Core) dispatch() {
	c.startFencing()
	var intents []state.Intent
	for _, action := range transition.Ready(&c.plan) {
		op, isOperation := action.Kind.Op()
		if !isOperation {
			c.requestFencing(action)
			c.startUnfencing(action)
			continue
		}
		// The same action again and again: slower each time.
		if ok, at := c.brakes.release(action.Key, c.in.Now); !ok {
			c.wakeAt(at)
			continue
		}
		node, known := c.s.Nodes[action.Node]
		if !known {
			continue // removed since the plan
		}
		intents = append(intents, state.Intent{
			Node: action.Node, Instance: action.Instance, Op: op, Incarnation: node.Incarnation,
			Timeout: action.Timeout, Digest: action.Digest, Reason: action.Reason, Notify: action.Notify, Notice: action.Notice, Peer: action.Peer,
		})
	}
	for len(intents) > 0 {
		n := min(len(intents), maxIntents)
		c.propose(&state.OperationsStarted{Operations: intents[:n:n]})
		intents = intents[n:]
	}
}
