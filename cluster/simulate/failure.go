package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Failure asks for an operation to fail on a node. A monitor fails once, as soon
// as the instance runs there; anything else each time it is tried.
type Failure struct {
	// Resource is an instance, or a resource for any of its instances.
	Resource string
	Op       resources.Op
	Node     resources.NodeName
}

// String writes the failure as ParseFailure reads it.
func (f Failure) String() string { return f.Resource + ":" + string(f.Op) + ":" + string(f.Node) }

var failable = []string{"start", "stop", "promote", "demote", "monitor", "probe", "reload", "migrate_to", "migrate_from"}

// FailableOps are the operations that a Failure can name.
func FailableOps() []string { return slices.Clone(failable) }

// supposedFailure is the reason that a failed operation gives.
const supposedFailure = "supposed to fail"

// ParseFailure reads RESOURCE:OPERATION:NODE. A resource may hold a colon: its
// instances have numbers.
func ParseFailure(text string) (Failure, error) {
	if strings.Contains(text, "=") {
		return Failure{}, fmt.Errorf("failure %q: a return code can be given for a CIB only", text)
	}
	parts := strings.Split(text, ":")
	if len(parts) < 3 || slices.Contains(parts, "") {
		return Failure{}, fmt.Errorf("failure %q: write RESOURCE:OPERATION:NODE, for example web:start:node-1", text)
	}
	n := len(parts)
	f := Failure{Resource: strings.Join(parts[:n-2], ":"), Op: resources.Op(parts[n-2]), Node: resources.NodeName(parts[n-1])}
	if !slices.Contains(failable, string(f.Op)) {
		return f, fmt.Errorf("failure %q: no operation %q: write one of %s", text, f.Op, strings.Join(failable, ", "))
	}
	return f, nil
}

func (f Failure) matches(node resources.NodeName, id resources.InstanceID, op resources.Op) bool {
	return f.Node == node && f.Op == op && (f.Resource == string(id) || f.Resource == string(id.Resource()))
}

// fails reports whether an operation is one of those that were asked to fail.
func (r *run) fails(node resources.NodeName, id resources.InstanceID, op resources.Op) bool {
	failed := false
	for k, f := range r.opts.Failures {
		if f.matches(node, id, op) {
			r.hit[k], failed = true, true
		}
	}
	return failed
}

// breakMonitored lets the monitors fail that were asked to, of instances that
// run now.
func (r *run) breakMonitored() {
	for k, f := range r.opts.Failures {
		if !r.pending[k] {
			continue
		}
		node, found := r.s.Nodes[f.Node]
		if !found || !node.Online() {
			continue
		}
		for _, id := range sortedIDs(node) {
			i := node.Instances[id]
			if !f.matches(f.Node, id, resources.OpMonitor) || !i.Role.Active() || !i.Probed || i.Action != "" {
				continue
			}
			r.pending[k], r.hit[k] = false, true
			r.step(Step{
				Key: fmt.Sprintf("monitor %s@%s", id, f.Node), Kind: transition.Kind(resources.OpMonitor), Node: f.Node, Instance: id,
				Reason: "found stopped", Failed: true,
			})
			r.apply(&state.InstanceReported{
				Node: f.Node, Incarnation: node.Incarnation, Instance: id, Seen: r.s.Index,
				Result: agents.Result{Outcome: agents.OutcomeNotRunning, Reason: supposedFailure},
			})
		}
	}
}
