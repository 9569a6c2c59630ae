package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
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

// A member of an older release would stop at a command that it does not know.
func TestNewerDefinitionsWaitForTheLastUpgrade(t *testing.T) {
	m := newMember(t)
	newer := &state.DefinitionSet{Definition: &resources.Definition{Fences: []resources.FenceDevice{{ID: "pdu", Agent: "plug", DelayMax: 1}}}}
	err := tooNew(m.machine.current.Load(), newer)
	var wire *api.Error
	if !errors.As(err, &wire) || wire.Code != api.CodeRefused || len(wire.Details) == 0 {
		t.Fatalf("a cluster of command set 1: %v", err)
	}
	if err := tooNew(m.machine.current.Load(), &state.DefinitionSet{Definition: &resources.Definition{}}); err != nil {
		t.Errorf("a definition that all understand: %v", err)
	}
	upgraded := *m.machine.current.Load()
	upgraded.Version = state.VersionMore
	if err := tooNew(&upgraded, newer); err != nil {
		t.Errorf("after the upgrade: %v", err)
	}
}
