package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// lose makes the cluster fence b through a, and returns the order for it.
func (m *testMember) lose(action resources.FencingAction) api.FenceOrder {
	m.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessDead, Incarnation: "run-b"})
	id := m.apply(&state.FenceRequested{Node: "b", Action: action, Reason: "lost"}).Fence
	m.apply(&state.FenceStarted{Fence: id, Node: "b", Executor: "a"})
	return api.FenceOrder{LeaderTerm: 1, Index: m.index, Fence: id, Node: "b", Timeout: resources.Duration(time.Minute)}
}

func TestFencingOrdersThatAreNotObeyed(t *testing.T) {
	cases := map[string]struct {
		change func(*testMember, *api.FenceOrder)
		want   api.Code
	}{
		"the node came back": {func(m *testMember, _ *api.FenceOrder) {
			m.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2"})
		}, api.CodeRefused},
		"it was heard again": {func(m *testMember, _ *api.FenceOrder) {
			m.apply(&state.MemberVerdict{Node: "b", Liveness: state.LivenessAlive, Incarnation: "run-b"})
		}, api.CodeRefused},
		"the attempt is over": {func(m *testMember, o *api.FenceOrder) {
			m.apply(&state.FenceReported{Fence: o.Fence, Node: "b", Error: "HTTP 503"})
		}, api.CodeRefused},
		"another member is at it": {func(m *testMember, o *api.FenceOrder) {
			m.apply(&state.FenceReported{Fence: o.Fence, Node: "b", Error: "HTTP 503"})
			m.apply(&state.FenceStarted{Fence: o.Fence, Node: "b", Executor: "c"})
		}, api.CodeRefused},
		"another fencing":             {func(_ *testMember, o *api.FenceOrder) { o.Fence = "f0" }, api.CodeRefused},
		"power-on before the proof":   {func(_ *testMember, o *api.FenceOrder) { o.On = true }, api.CodeRefused},
		"an older term":               {func(_ *testMember, o *api.FenceOrder) { o.LeaderTerm = 0 }, api.CodeConflict},
		"this member is behind":       {func(_ *testMember, o *api.FenceOrder) { o.Index += 5 }, api.CodeUnavailable},
		"it is itself to be switched": {func(_ *testMember, o *api.FenceOrder) { o.Node = "a" }, api.CodeRefused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				order := m.lose(resources.FencingReboot)
				c.change(m, &order)
				_, err := m.Fence(t.Context(), order)
				var wire *api.Error
				if !errors.As(err, &wire) || wire.Code != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				if asked := m.bmc.requests(); len(asked) != 0 {
					t.Errorf("the power was touched: %v", asked)
				}
			})
		})
	}
}

func TestFencingSwitchesOffAndOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		order := m.lose(resources.FencingReboot)
		answer, err := m.Fence(t.Context(), order)
		if err != nil || !answer.Proven || len(answer.Steps) < 3 {
			t.Fatalf("off: %+v, %v", answer, err)
		}
		m.apply(&state.FenceReported{Fence: order.Fence, Node: "b", Proven: true, Steps: answer.Steps})
		if answer, err := m.Fence(t.Context(), order); err == nil {
			t.Errorf("a late copy of the order was obeyed: %+v", answer)
		}
		order.On, order.Index = true, m.index
		if answer, err := m.Fence(t.Context(), order); err != nil || !answer.Proven {
			t.Errorf("on: %+v, %v", answer, err)
		}
		if want := []string{"off plug-b", "on plug-b"}; !slices.Equal(m.bmc.requests(), want) {
			t.Errorf("asked %v, want %v", m.bmc.requests(), want)
		}
	})
}

func TestFencingEndsWhenTheNodeComesBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) { d.Fences[0].Delay = resources.Duration(10 * time.Second) })
		order := m.lose(resources.FencingReboot)
		answers := make(chan api.FenceAnswer, 1)
		go func() {
			answer, err := m.Fence(t.Context(), order)
			if err != nil {
				t.Error(err)
			}
			answers <- answer
		}()
		time.Sleep(5 * time.Second)
		m.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2"})
		if answer := <-answers; answer.Proven || answer.Error == "" || len(m.bmc.requests()) != 0 {
			t.Errorf("got %+v, asked %v", answer, m.bmc.requests())
		}
	})
}

// Both feeds of a node are of one level, whether it was written or not: one of
// them off proves nothing.
func TestDefaultLevelIsTheFirst(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed-2", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 1})
		})
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || !answer.Proven {
			t.Fatalf("%+v, %v", answer, err)
		}
		if want := []string{"off plug-b", "off feed-2"}; !slices.Equal(m.bmc.requests(), want) {
			t.Errorf("asked %v, want %v", m.bmc.requests(), want)
		}
	})
}

func TestNextLevelIsTried(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences[0].Timeout = resources.Duration(5 * time.Second)
			d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 2})
		})
		first := true
		m.bmc.before = func(ctx context.Context) {
			if first {
				first = false
				<-ctx.Done()
			}
		}
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || !answer.Proven || !slices.Contains(m.bmc.requests(), "off feed") {
			t.Errorf("%+v, %v, asked %v", answer, err, m.bmc.requests())
		}
	})
}

func TestNoDevice(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) { d.Fences = nil })
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || answer.Proven || answer.Error == "" {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}

// Only when each level was refused is it useless to go on as before.
func TestRefusedLoginOfEachLevel(t *testing.T) {
	for name, c := range map[string]struct {
		kinds map[string]fencing.Kind
		want  bool
	}{
		"one level":        {map[string]fencing.Kind{"plug-b": fencing.KindAuth, "feed": fencing.KindAuth}, true},
		"another may heal": {map[string]fencing.Kind{"plug-b": fencing.KindAuth, "feed": fencing.KindTLS}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.define(func(d *resources.Definition) {
					d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 2})
				})
				m.bmc.kinds = c.kinds
				answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
				if err != nil || answer.Proven || answer.Refused != c.want {
					t.Errorf("%+v, %v", answer, err)
				}
			})
		})
	}
}
