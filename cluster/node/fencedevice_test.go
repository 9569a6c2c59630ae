package node

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestDelayIsDrawnAndRecorded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences[0].Delay, d.Fences[0].DelayMax = resources.Duration(2*time.Second), resources.Duration(5*time.Second)
		})
		began := time.Now()
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || !answer.Proven {
			t.Fatalf("%+v, %v", answer, err)
		}
		step := answer.Steps[0]
		if took := step.Took.Std(); step.Step != "wait" || took < 2*time.Second || took > 5*time.Second || !strings.Contains(step.Answer, "drawn from 2s to 5s") {
			t.Errorf("the wait is recorded as %+v", step)
		}
		if time.Since(began) < step.Took.Std() {
			t.Errorf("it took %s in all", time.Since(began))
		}
	})
}

func TestDrawDelay(t *testing.T) {
	seconds := func(n int) resources.Duration { return resources.Duration(time.Duration(n) * time.Second) }
	longest := time.Duration(0)
	for range 2000 {
		d := drawDelay(resources.FenceDevice{Delay: seconds(1), DelayMax: seconds(3)})
		if d < time.Second || d > 3*time.Second {
			t.Fatalf("drew %s", d)
		}
		longest = max(longest, d)
	}
	if longest < 2900*time.Millisecond {
		t.Errorf("never longer than %s", longest)
	}
	if d := drawDelay(resources.FenceDevice{Delay: seconds(2)}); d != 2*time.Second {
		t.Errorf("without a random part it is %s", d)
	}
}

// One device of several nodes acts on the target's own plug.
func TestHostMapChoosesThePlug(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences[0].Targets = []resources.NodeName{"b", "c"}
			d.Fences[0].HostMap = map[resources.NodeName]string{"b": "outlet-7", "c": "outlet-8"}
		})
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || !answer.Proven {
			t.Fatalf("%+v, %v", answer, err)
		}
		if got := m.bmc.requests(); len(got) != 1 || got[0] != "off outlet-7" {
			t.Errorf("asked %v", got)
		}
	})
}

// A host whose kernel has crashed and dumps is proven dead by its own word; its
// power is left alone, or the dump would be lost.
func TestCrashedKernelIsProof(t *testing.T) {
	for name, dumps := range map[string]bool{"it dumps": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.define(func(d *resources.Definition) {
					d.Fences[0].Level = 2
					d.Fences = append(d.Fences, resources.FenceDevice{ID: "dump-b", Agent: "dumper", Targets: []resources.NodeName{"b"}, Timeout: resources.Duration(15 * time.Second)})
				})
				m.bmc.dumps = dumps
				order := m.lose(resources.FencingReboot)
				answer, err := m.Fence(t.Context(), order)
				if err != nil || !answer.Proven {
					t.Fatalf("%+v, %v", answer, err)
				}
				proof, asked := "", 1
				if dumps {
					proof, asked = state.ProofKdump, 0
				}
				if answer.Proof != proof || len(m.bmc.requests()) != asked {
					t.Errorf("proof %q, asked %v", answer.Proof, m.bmc.requests())
				}
				m.apply(&state.FenceReported{Fence: order.Fence, Node: "b", Proven: true, Proof: answer.Proof, Steps: answer.Steps})
				if off := m.machine.current.Load().Nodes["b"].Off; off == nil || dumps != (off.By == state.ProofKdump) {
					t.Errorf("proof on record: %+v", off)
				}
				// Power-on is asked of what switches power alone.
				order.On, order.Index = true, m.index
				if on, err := m.Fence(t.Context(), order); err != nil || !on.Proven {
					t.Errorf("power on: %+v, %v", on, err)
				}
			})
		})
	}
}

// A cycle is taken for proof only where the definition says so, and a node that
// is off already is proven as any other.
func TestUnsafeCycle(t *testing.T) {
	for name, c := range map[string]struct {
		unsafe bool
		off    bool
		takes  error
		asked  string
		proof  string
		proven bool
	}{
		"as defined":         {unsafe: true, asked: "cycle plug-b", proof: state.ProofCycle, proven: true},
		"not defined":        {asked: "off plug-b", proven: true},
		"off already":        {unsafe: true, off: true, proven: true},
		"its answer is lost": {unsafe: true, takes: fencing.NewError(fencing.KindTimeout, "plug-b", fencing.StepCycle, "no answer", nil), asked: "cycle plug-b"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.define(func(d *resources.Definition) { d.Fences[0].UnsafeCycle = c.unsafe })
				m.bmc.takes = c.takes
				if c.off {
					m.bmc.power["plug-b"] = fencing.PowerOff
				}
				answer, err := m.Fence(t.Context(), m.lose(resources.FencingReboot))
				if err != nil || answer.Proven != c.proven || answer.Proven && answer.Proof != c.proof {
					t.Errorf("%+v, %v", answer, err)
				}
				if got := strings.Join(m.bmc.requests(), ", "); got != c.asked {
					t.Errorf("asked %q, want %q", got, c.asked)
				}
			})
		})
	}
}

func TestOneLevelAlone(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences = append(d.Fences, resources.FenceDevice{ID: "pdu-b", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 2})
		})
		id := m.apply(&state.FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "test of level 2", Level: 2}).Fence
		m.apply(&state.FenceStarted{Fence: id, Node: "b", Executor: "a"})
		order := api.FenceOrder{LeaderTerm: 1, Index: m.index, Fence: id, Node: "b", Timeout: resources.Duration(time.Minute)}
		answer, err := m.Fence(t.Context(), order)
		if got := m.bmc.requests(); err != nil || !answer.Proven || len(got) != 1 || got[0] != "off pdu-b" {
			t.Errorf("%+v, %v, asked %v", answer, err, got)
		}
	})
}
