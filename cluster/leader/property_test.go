package leader

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestAnyOrderOfEvents lets lost answers, failed commits, dying and returning
// members, new terms and new definitions come in any order. Nothing is asked
// twice at once, nobody is fenced whom the log does not name, and when everything
// answers again the cluster comes to rest with its resource running once.
func TestAnyOrderOfEvents(t *testing.T) {
	others := []resources.NodeName{"b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		r.plans()
		r.define(func(*resources.Definition) {}) // devices are read, too
		wild, boots, term := true, 0, uint64(3)
		dice := func(label string, sides int) bool { return wild && rapid.IntRange(1, sides).Draw(rt, label) == 1 }
		asked := map[string]bool{}
		ask := func(key string) {
			if asked[key] {
				rt.Fatalf("%s is asked while it is being asked", key)
			}
			asked[key] = true
			r.after(r.takes, func() { delete(asked, key) })
		}
		r.order = func(_ int, o state.Order) Ordered {
			ask(fmt.Sprintf("term %d order %s", term, o.ID))
			switch {
			case dice("lost", 3):
				return Ordered{}
			case dice("running", 4):
				return Ordered{Reply: Running}
			case dice("refused", 8):
				return Ordered{Reply: Refused}
			case o.Node != "a" && dice("failed", 6): // the leader is not the one to be fenced
				return Ordered{Reply: Done, Result: agents.Result{Outcome: agents.OutcomeFailed}}
			}
			result := agents.Result{Outcome: agents.OutcomeOK}
			if o.Op == resources.OpProbe {
				result.Outcome = agents.OutcomeNotRunning
			}
			return Ordered{Reply: Done, Result: result}
		}
		r.fence = func(_ int, a Attempt) Fenced {
			ask(fmt.Sprintf("term %d %s", term, a.Key))
			if f := r.s.Fencing[a.Fencing.Node]; f == nil || f.ID != a.Fencing.ID || a.On != (f.Phase == state.FencingOff) {
				rt.Fatalf("attempt %+v is not in the log: %+v", a, f)
			}
			switch {
			case dice("fence fails", 3):
				return Fenced{Error: "HTTP 503", Refused: dice("login", 2)}
			case dice("fence lost", 4):
				return Fenced{Unanswered: "timeout"}
			}
			return Fenced{Proven: true}
		}
		r.commit = func(_ int, c state.Command) Outcome {
			switch {
			case dice("uncommitted", 6):
				return Uncertain
			case dice("committed in silence", 8):
				r.try(c)
				return Uncertain
			}
			return Committed
		}
		r.look = func(Look) Looked {
			return Looked{Reachable: dice("reachable", 4), HostAlive: dice("host alive", 4)}
		}
		r.read = func(Read) Reading {
			if dice("read fails", 4) {
				return Reading{Error: "no answer"}
			}
			return Reading{Result: state.FenceCheckResult{Power: "on"}}
		}
		other := func() resources.NodeName { return rapid.SampledFrom(others).Draw(rt, "member") }
		boot := func(name resources.NodeName) {
			boots++
			r.apply(&state.MemberBooted{Node: name, Incarnation: fmt.Sprintf("run-%d", boots), BootID: fmt.Sprintf("boot-%d", boots), Software: state.Version})
			r.hear(name, Alive)
		}
		actions := map[string]func(){
			"silent": func() {
				r.hear(other(), rapid.SampledFrom([]Verdict{Suspect, Dead, Left, Unknown}).Draw(rt, "verdict"))
			},
			"heard":   func() { r.hear(other(), Alive) },
			"boots":   func() { boot(other()) },
			"standby": func() { r.apply(&state.NodeStandby{Node: other(), Standby: rapid.Bool().Draw(rt, "standby")}) },
			"cleared": func() { r.apply(&state.FailuresCleared{Resource: "vip"}) },
			"term":    func() { term++; r.lead("a", term) },
			"define": func() {
				r.define(func(d *resources.Definition) { d.Resources[0].Params = resources.Params{"n": fmt.Sprint(r.s.Index)} })
			},
			"moment":  func() { r.run(20 * time.Millisecond) },
			"second":  func() { r.run(time.Second) },
			"a while": func() { r.run(10 * time.Second) },
		}
		names := []string{"silent", "heard", "boots", "standby", "cleared", "term", "define", "moment", "second", "a while"}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			actions[rapid.SampledFrom(names).Draw(rt, "action")]()
		}
		wild = false
		for range 3 { // whoever is off by now is switched on again
			for _, name := range others {
				boot(name)
				r.apply(&state.NodeStandby{Node: name, Standby: false})
			}
			r.apply(&state.FailuresCleared{Resource: "vip"})
			r.run(time.Minute)
		}
		running := 0
		for _, name := range r.s.NodeNames() {
			if n := r.s.Nodes[name]; n.Liveness != state.LivenessAlive {
				rt.Errorf("%s is %s", name, n.Liveness)
			}
			if i, found := r.s.Instance(name, "vip"); found && i.Role.Active() {
				running++
			}
		}
		if len(r.s.Operations) != 0 || len(r.s.Fencing) != 0 || len(r.core.deciding) != 0 || running != 1 {
			rt.Errorf("it does not come to rest: operations %v, fencing %v, %d decisions, the resource runs %d times", r.s.Operations, r.s.Fencing, len(r.core.deciding), running)
		}
	})
}
