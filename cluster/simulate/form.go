package simulate

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Form is a result as programs read it. Fields are only ever added.
type Form struct {
	Now time.Time `json:"now"`
	// Settled is false when an action came again and again.
	Settled bool                     `json:"settled"`
	Nodes   map[string]NodeForm      `json:"nodes"` // reached
	Present map[string][]PlaceForm   `json:"present"`
	Steps   []Step                   `json:"steps"`
	Final   map[string][]PlaceForm   `json:"final"`
	Waiting []transition.Action      `json:"waiting"`
	Problem []transition.Problem     `json:"problems"`
	Recheck time.Time                `json:"recheck_at,omitzero"`
	Suppose []resources.ResourceID   `json:"supposed,omitempty"`
	Policy  resources.NoQuorumPolicy `json:"no_quorum_policy,omitempty"`
	Endless string                   `json:"endless,omitempty"`
	// Unmatched failures were asked for, and their operations never came.
	Unmatched []string `json:"unmatched,omitempty"`
}

// NodeForm is how a node is.
type NodeForm struct {
	State       string `json:"state"`
	Online      bool   `json:"online"`
	Standby     bool   `json:"standby"`
	Maintenance bool   `json:"maintenance"`
	Lost        bool   `json:"lost"`
	PoweredOff  bool   `json:"powered_off"`
}

// PlaceForm is an instance where it is active.
type PlaceForm struct {
	Instance resources.InstanceID `json:"instance"`
	Node     resources.NodeName   `json:"node"`
	Role     resources.Role       `json:"role"`
	Failed   bool                 `json:"failed,omitempty"`
}

// NewForm writes a result down.
func NewForm(r *Result) *Form {
	f := &Form{
		Now: r.Now.UTC(), Settled: r.Endless == "", Nodes: map[string]NodeForm{}, Present: placeForms(r.Before), Final: placeForms(r.After),
		Steps: orEmpty(r.Steps), Waiting: orEmpty(r.Plan.Actions), Problem: orEmpty(r.Plan.Problems), Recheck: r.Plan.RecheckAt,
		Suppose: r.Supposed, Policy: r.Policy, Endless: r.Endless,
	}
	for _, name := range r.After.NodeNames() {
		n := r.After.Nodes[name]
		f.Nodes[string(name)] = NodeForm{
			State: n.Liveness.String(), Online: n.Online(), Standby: n.Standby, Maintenance: n.InMaintenance(r.Now), Lost: n.Lost(), PoweredOff: n.Off != nil,
		}
	}
	for _, failure := range r.Unmatched {
		f.Unmatched = append(f.Unmatched, failure.String())
	}
	return f
}

func placeForms(s *state.State) map[string][]PlaceForm {
	all := map[string][]PlaceForm{}
	for _, r := range s.Definition.Everything() {
		all[string(r.ID)] = []PlaceForm{}
	}
	for _, name := range s.NodeNames() {
		for _, id := range sortedIDs(s.Nodes[name]) {
			if i := s.Nodes[name].Instances[id]; i.Role.Active() {
				key := string(id.Resource())
				all[key] = append(all[key], PlaceForm{Instance: id, Node: name, Role: i.Role, Failed: i.Failed})
			}
		}
	}
	return all
}

// orEmpty writes as [] in JSON, never as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// WriteDot writes the steps as a graph for graphviz, red where one failed.
func WriteDot(w io.Writer, r *Result) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "digraph transition {\n  rankdir=LR;\n  node [shape=box style=filled fillcolor=\"#cfe8cf\"];")
	for k, step := range r.Steps {
		look := ""
		switch {
		case step.Failed:
			look = ` fillcolor="#f4b6b6"`
		case step.Kind == transition.KindProbe:
			look = ` fillcolor="#eeeeee" color=gray fontcolor=gray40`
		}
		fmt.Fprintf(out, "  s%d [label=%s%s];\n", k, strconv.Quote(step.Key), look)
	}
	for k, step := range r.Steps {
		for _, before := range step.After {
			fmt.Fprintf(out, "  s%d -> s%d;\n", before, k)
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}
