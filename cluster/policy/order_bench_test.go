package policy

import (
	"fmt"
	"testing"
)

// BenchmarkPropagate orders 50 clones on 100 nodes, each after the one before,
// where the first can run nowhere.
func BenchmarkPropagate(b *testing.B) {
	for range b.N {
		b.StopTimer()
		nodes := make([]string, 100)
		for i := range nodes {
			nodes[i] = fmt.Sprintf("node%03d", i)
		}
		e := newBench(&testing.T{}, nodes...)
		var last *resource
		for c := range 50 {
			clone := e.orderedClone(fmt.Sprintf("c%02d", c), c%2 == 0, c == 0)
			if last != nil {
				e.orderTasks(last, taskStart, clone, taskStart, orderPlain|firstImpliesThen|firstBlocksThen)
				e.orderTasks(clone, taskStop, last, taskStop, orderPlain|thenImpliesFirst)
			}
			last = clone
		}
		b.StartTimer()
		e.order()
	}
}

// orderedClone makes a clone that starts on all nodes.
func (b *bench) orderedClone(id string, interleave, stuck bool) *resource {
	var members []*resource
	for i, n := range b.nodes {
		m := &resource{id: fmt.Sprint(id, ":", i), flags: flagManaged, role: RoleStopped, nextRole: RoleStarted, assigned: n, allowed: make(table, len(b.nodes))}
		b.all = append(b.all, m)
		words := "required"
		if stuck {
			words = "required stuck"
		}
		b.do(m, taskStop, i, "")
		b.do(m, taskStart, i, words)
		b.orderTasks(m, taskStop, m, taskStart, orderPlain|firstImpliesThen|intermediateStop)
		members = append(members, m)
	}
	clone := b.primitive(id, 0)
	clone.variant, clone.members = Clone, members
	if interleave {
		clone.meta = map[string]string{"interleave": "true"}
	}
	for _, task := range []string{taskStart, taskStarted, taskStop, taskStopped} {
		b.do(clone, task, 0, "")
	}
	b.orderTasks(clone, taskStart, clone, taskStarted, firstBlocksThen)
	b.orderTasks(clone, taskStop, clone, taskStopped, firstBlocksThen)
	for _, m := range members {
		m.parent = clone
		b.orderTasks(clone, taskStart, m, taskStart, firstBlocksThen|thenImpliesFirstGraphed)
		b.orderTasks(m, taskStart, clone, taskStarted, firstImpliesThenGraphed)
		b.orderTasks(clone, taskStop, m, taskStop, thenImpliesFirstGraphed)
		b.orderTasks(m, taskStop, clone, taskStopped, firstImpliesThenGraphed)
	}
	return clone
}
