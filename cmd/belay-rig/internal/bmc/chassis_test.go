package bmc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/internal/bubble"
)

// fakeMachine is a host that switches at once. It is used inside one bubble; the
// lock is for the race detector, which does not see the order of virtual time.
type fakeMachine struct {
	mu      sync.Mutex
	on      bool // guarded by mu
	pressed int  // guarded by mu
	broken  error
}

func (m *fakeMachine) power() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

func (m *fakeMachine) Power(context.Context) (bool, error) { return m.power(), nil }

func (m *fakeMachine) On(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = m.broken == nil
	return m.broken
}

func (m *fakeMachine) Off(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken == nil {
		m.on = false
	}
	return m.broken
}

func (m *fakeMachine) Press(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pressed++
	return nil
}

func TestChassis(t *testing.T) {
	slow := Behaviour{OffDelay: 3 * time.Second, BootDelay: 20 * time.Second}
	type look struct {
		after        time.Duration // since the last step
		shown, power bool          // what the BMC says, what the machine has
	}
	cases := []struct {
		name      string
		on        bool
		behaviour Behaviour
		requests  []func(*Chassis, context.Context) error
		looks     []look
		err       error
	}{
		{"off before the answer", true, Behaviour{}, do((*Chassis).Off), []look{{0, false, false}}, nil},
		{"a lie is told once, and the host runs on", true, Behaviour{LieOnce: true}, do((*Chassis).Off),
			[]look{{0, false, true}, {0, true, true}}, nil},
		{"the second power-off is done", true, Behaviour{LieOnce: true}, do((*Chassis).Off, (*Chassis).Off),
			[]look{{0, false, false}, {0, false, false}}, nil},
		{"off after the answer", true, slow, do((*Chassis).Off),
			[]look{{0, true, true}, {2 * time.Second, true, true}, {2 * time.Second, false, false}}, nil},
		{"on is shown before the boot", false, slow, do((*Chassis).On),
			[]look{{0, true, false}, {19 * time.Second, true, false}, {2 * time.Second, true, true}}, nil},
		{"off voids a boot that waits", false, Behaviour{BootDelay: time.Minute}, do((*Chassis).On, (*Chassis).Off),
			[]look{{0, false, false}, {2 * time.Minute, false, false}}, nil},
		{"on after a delayed off voids nothing: the host is on", true, slow, do((*Chassis).Off, (*Chassis).On),
			[]look{{0, true, true}, {4 * time.Second, false, false}}, nil},
		{"restart at once", true, Behaviour{}, do((*Chassis).Restart), []look{{0, true, true}}, nil},
		{"restart with delays", true, slow, do((*Chassis).Restart),
			[]look{{0, true, true}, {4 * time.Second, true, false}, {20 * time.Second, true, true}}, nil},
		{"restart of a host that is off", false, Behaviour{}, do((*Chassis).Restart), []look{{0, true, true}}, nil},
		{"on twice is fine", true, Behaviour{}, do((*Chassis).On), []look{{0, true, true}}, nil},
		{"a strict BMC refuses on twice", true, Behaviour{Strict: true}, do((*Chassis).On), []look{{0, true, true}}, ErrConflict},
		{"a strict BMC refuses off twice", false, Behaviour{Strict: true}, do((*Chassis).Off), []look{{0, false, false}}, ErrConflict},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				machine := &fakeMachine{on: c.on}
				chassis := NewChassis(machine, c.behaviour, func(err error) { t.Error(err) })
				defer chassis.Close()
				var err error
				for _, request := range c.requests {
					err = request(chassis, t.Context())
				}
				if !errors.Is(err, c.err) {
					t.Fatalf("request: %v, want %v", err, c.err)
				}
				for i, look := range c.looks {
					time.Sleep(look.after)
					bubble.Wait()
					shown, err := chassis.Power(t.Context())
					if err != nil || shown != look.shown || machine.power() != look.power {
						t.Errorf("look %d: shown %v, power %v, %v; want %v, %v", i, shown, machine.power(), err, look.shown, look.power)
					}
				}
			})
		})
	}
}

func do(requests ...func(*Chassis, context.Context) error) []func(*Chassis, context.Context) error {
	return requests
}

func TestChassisReportsErrors(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		broken := errors.New("no such luck")
		machine := &fakeMachine{on: true, broken: broken}
		var late error
		chassis := NewChassis(machine, Behaviour{}, func(err error) { late = err })
		defer chassis.Close()
		if err := chassis.Off(t.Context()); !errors.Is(err, broken) {
			t.Errorf("off at once: %v", err)
		}
		chassis.SetBehaviour(Behaviour{OffDelay: time.Second})
		if err := chassis.Off(t.Context()); err != nil {
			t.Errorf("delayed off: %v", err)
		}
		time.Sleep(2 * time.Second)
		bubble.Wait()
		if !errors.Is(late, broken) {
			t.Errorf("the delayed error was reported as %v", late)
		}
	})
}

func TestCloseVoidsDelayedActions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		machine := &fakeMachine{on: true}
		chassis := NewChassis(machine, Behaviour{OffDelay: time.Second}, func(err error) { t.Error(err) })
		if err := chassis.Off(t.Context()); err != nil {
			t.Fatal(err)
		}
		chassis.Close()
		time.Sleep(time.Minute)
		if !machine.power() {
			t.Error("a closed chassis switched the machine")
		}
		if err := chassis.Off(t.Context()); err == nil {
			t.Error("a closed chassis took a delayed request")
		}
	})
}
