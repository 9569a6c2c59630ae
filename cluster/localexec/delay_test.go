package localexec

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestStartDelay: a start waits before its agent is called, and its timeout runs from
// there; other operations do not.
func TestStartDelay(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		d := r.s.Definition.Clone()
		for i := range d.Resources {
			if d.Resources[i].ID == "vip" {
				d.Resources[i].Ops = []resources.Operation{{Name: resources.OpStart, StartDelay: resources.Duration(30 * time.Second)}}
			}
		}
		r.apply(&state.DefinitionSet{Base: r.s.Revision, Definition: d})
		for _, tc := range []struct {
			op   resources.Op
			took time.Duration
		}{{resources.OpStart, 30 * time.Second}, {resources.OpStop, 0}} {
			began := time.Now()
			order := r.intend("vip", tc.op, 7*time.Second)
			result := r.obey(order)
			if took := time.Since(began); took != tc.took || result.Outcome != agents.OutcomeOK {
				t.Errorf("%s took %s, want %s: %+v", tc.op, took, tc.took, result)
			}
			r.apply(&state.OperationFinished{Action: order.ID, Result: result})
		}
	})
}
