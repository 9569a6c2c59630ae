package node

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestUnwanted disables a resource while its start is under way.
func TestUnwanted(t *testing.T) {
	stopped := resources.RoleStopped
	for name, c := range map[string]struct {
		target *resources.Role
		want   int
	}{
		"still wanted": {nil, 0},
		"disabled":     {&stopped, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, now, index := state.New(), time.Now(), uint64(0)
			apply := func(command state.Command) state.Result {
				t.Helper()
				index++
				next, result := state.ApplyCommand(s, index, 1, now, state.ByCluster, command)
				if result.Err != nil {
					t.Fatal(result.Err)
				}
				s = next
				return result
			}
			order := func(op resources.Op) resources.ActionID {
				return apply(&state.OperationsStarted{Operations: []state.Intent{{Node: "a", Instance: "vip", Op: op, Incarnation: "run", Timeout: resources.Duration(time.Minute)}}}).Actions[0]
			}
			define := func(target *resources.Role) {
				apply(&state.DefinitionSet{Base: s.Revision, Definition: &resources.Definition{
					Nodes: []resources.Node{{Name: "a"}}, Resources: []resources.Resource{{ID: "vip", Agent: "vip", Meta: resources.Meta{TargetRole: target}}},
				}})
			}
			apply(&state.ClusterCreated{ID: "id", Name: "c", Node: "a", Address: "192.0.2.1:7450"})
			apply(&state.MemberBooted{Node: "a", Incarnation: "run", BootID: "boot", Software: 1})
			define(nil)
			apply(&state.OperationFinished{Action: order(resources.OpProbe), Result: agents.Result{Outcome: agents.OutcomeNotRunning}})
			start := order(resources.OpStart)
			define(c.target)
			plan := scheduler.Plan(s, now, scheduler.Options{Quorum: true})
			got := unwanted(s, &plan)
			if len(got) != c.want || (c.want > 0 && got[0].ID != start) {
				t.Errorf("got %v, want %d; plan: %+v", got, c.want, plan.Actions)
			}
		})
	}
}
