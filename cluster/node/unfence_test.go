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

// storage gives a and b a device each that cuts them off from their storage; with
// alone it is b's only one.
func (m *testMember) storage(agent string, alone, unsafe bool) {
	m.define(func(d *resources.Definition) {
		if alone {
			d.Fences = nil
		}
		for _, name := range []resources.NodeName{"a", "b"} {
			d.Fences = append(d.Fences, resources.FenceDevice{
				ID: "scsi-" + string(name), Agent: agent, Targets: []resources.NodeName{name}, Provides: resources.ProvidesUnfencing, UnsafeCut: unsafe,
			})
		}
	})
}

func (m *testMember) unfencing(node, by resources.NodeName) api.FenceOrder {
	id := m.apply(&state.UnfenceStarted{Node: node, Executor: by, Reason: "started"}).Fence
	return api.FenceOrder{LeaderTerm: 1, Index: m.index, Fence: id, Node: node, Unfence: true, Timeout: resources.Duration(time.Minute)}
}

func TestUnfence(t *testing.T) {
	for name, c := range map[string]struct {
		node   resources.NodeName
		agent  string
		broken bool
		asked  string
		says   string
	}{
		"itself":                     {node: "a", agent: "plug", asked: "on scsi-a"},
		"another one":                {node: "b", agent: "plug", asked: "on scsi-b"},
		"itself, where only it can":  {node: "a", agent: "local", asked: "on scsi-a"},
		"another one, who alone can": {node: "b", agent: "local", says: "only b itself can do it"},
		"what cannot be read back":   {node: "a", agent: "plug", broken: true, asked: "on scsi-a", says: "refused"},
		"an agent that is not there": {node: "a", agent: "missing", says: "not part of this belayd"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.storage(c.agent, false, false)
				if c.broken {
					m.bmc.kinds = map[string]fencing.Kind{"scsi-a": fencing.KindAuth}
				}
				answer, err := m.Fence(t.Context(), m.unfencing(c.node, "a"))
				if err != nil || answer.Proven != (c.says == "") || !strings.Contains(answer.Error, c.says) || len(answer.Steps) == 0 {
					t.Errorf("%+v, %v", answer, err)
				}
				// It is asked although it reads on: it may guard more than it reads.
				if got := strings.Join(m.bmc.requests(), ", "); got != c.asked {
					t.Errorf("asked %q, want %q", got, c.asked)
				}
			})
		})
	}
}

// An order that the log does not know of any more would let in what was cut off.
func TestUnfenceNeedsTheRight(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.storage("plug", false, false)
		order := m.unfencing("b", "a")
		m.lose(resources.FencingOff)
		order.Index = m.index
		if answer, err := m.Fence(t.Context(), order); err == nil || len(m.bmc.requests()) != 0 {
			t.Errorf("%+v, %v, asked %v", answer, err, m.bmc.requests())
		}
	})
}

// What cuts a node off has to succeed, and proves nothing of its death.
func TestCutOffIsNoDeath(t *testing.T) {
	for name, c := range map[string]struct {
		alone, unsafe, fails bool
		proven               bool
		proof, asked         string
	}{
		"with a power controller": {proven: true, asked: "off plug-b, off scsi-b"},
		"and it fails":            {fails: true, asked: "off plug-b"},
		"alone":                   {alone: true},
		"alone, as defined":       {alone: true, unsafe: true, proven: true, proof: state.ProofCut, asked: "off scsi-b"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.storage("plug", c.alone, c.unsafe)
				if c.fails {
					m.bmc.kinds = map[string]fencing.Kind{"scsi-b": fencing.KindAuth}
				}
				order := m.lose(resources.FencingReboot)
				answer, err := m.Fence(t.Context(), order)
				if err != nil || answer.Proven != c.proven || answer.Proof != c.proof {
					t.Errorf("%+v, %v", answer, err)
				}
				if got := strings.Join(m.bmc.requests(), ", "); got != c.asked {
					t.Errorf("asked %q, want %q", got, c.asked)
				}
				if !c.proven {
					return
				}
				// Power comes back, the storage only when the node has.
				m.apply(&state.FenceReported{Fence: order.Fence, Node: "b", Proven: true, Proof: answer.Proof, Steps: answer.Steps})
				order.On, order.Index = true, m.index
				on, err := m.Fence(t.Context(), order)
				if err != nil || !on.Proven || strings.Contains(strings.Join(m.bmc.requests(), ", "), "on scsi-b") {
					t.Errorf("%+v, %v, asked %v", on, err, m.bmc.requests())
				}
			})
		})
	}
}
