// Package bmc is what all protocols of one rig BMC share: the host's power as
// the BMC sees and switches it, with the delays of real hardware, and the
// faults that a BMC can have.
//
// A Chassis starts one goroutine per delayed action; Close ends them.
package bmc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Machine is the host behind a BMC. Chassis calls it, never twice at a time
// for Off and On.
type Machine interface {
	// Power reports whether the host has power.
	Power(ctx context.Context) (on bool, err error)
	// On gives it power and returns before it has booted.
	On(ctx context.Context) error
	// Off cuts its power and returns when it is off.
	Off(ctx context.Context) error
	// Press presses the power button, which asks for an orderly stop.
	Press(ctx context.Context) error
}

// Behaviour is how a BMC behaves when it is well. The zero value switches off
// before it answers, boots at once, and accepts a request for the state that
// the host already has.
type Behaviour struct {
	// OffDelay is how long after the answer the power is really gone. At 0 it
	// is gone before the answer.
	OffDelay time.Duration `json:"off_delay"`
	// BootDelay is how long after the power the host starts to boot. A rig
	// host boots in seconds, a server takes minutes.
	BootDelay time.Duration `json:"boot_delay"`
	// Strict answers a request for the state that the host has with a
	// conflict, as some vendors do.
	Strict bool `json:"strict"`
	// LieOnce ignores the next request to switch off, as if it were done, and
	// answers the next look with off. After that the truth is told again.
	LieOnce bool `json:"lie_once"`
}

// Fault is what is wrong with a BMC, or with one protocol of it.
type Fault string

// Faults.
const (
	Healthy Fault = "ok"
	Hang    Fault = "hang"   // accepts requests and never answers
	Stop    Fault = "stop"   // nothing listens: connections are refused
	Broken  Fault = "error"  // answers every request with an internal error
	Ignore  Fault = "ignore" // answers that a reset is done, and does nothing
	Silent  Fault = "silent" // its address is gone from the network
)

// Faults lists all of them.
func Faults() []Fault { return []Fault{Healthy, Hang, Stop, Broken, Ignore, Silent} }

// ErrConflict is returned by a strict Chassis for a state that the host has.
var ErrConflict = errors.New("the host already has that power state")

// actionTimeout bounds one switching of the machine. Cutting power takes a
// second on a busy rig.
const actionTimeout = time.Minute

// Chassis switches one machine. Its methods may be called from any goroutine.
type Chassis struct {
	machine Machine
	failed  func(error) // told of errors of delayed actions

	switching sync.Mutex // one On or Off of the machine at a time

	mu        sync.Mutex // guards what follows
	behaviour Behaviour
	booting   bool // powered on for the BMC, not yet for the machine
	lying     bool // the next look is told that it is off
	newest    int  // number of the newest request: delayed older ones are void
	closed    bool
	stop      context.CancelFunc
	stopped   context.Context
	delayed   sync.WaitGroup
}

// NewChassis returns a Chassis of the machine. failed is told of errors that
// come after the answer was given.
func NewChassis(machine Machine, behaviour Behaviour, failed func(error)) *Chassis {
	c := &Chassis{machine: machine, behaviour: behaviour, failed: failed}
	c.stopped, c.stop = context.WithCancel(context.Background())
	return c
}

// Close voids delayed actions and waits for those under way.
func (c *Chassis) Close() {
	c.mu.Lock()
	c.closed = true
	c.stop()
	c.mu.Unlock()
	c.delayed.Wait()
}

// SetBehaviour changes the behaviour from the next request on.
func (c *Chassis) SetBehaviour(b Behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behaviour = b
}

// Behaviour returns the present behaviour.
func (c *Chassis) Behaviour() Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behaviour
}

// Power reports the state that the BMC shows: on from the power-on request,
// also while the machine waits for its BootDelay.
func (c *Chassis) Power(ctx context.Context) (bool, error) {
	c.mu.Lock()
	booting, lying := c.booting, c.lying
	c.lying = false
	c.mu.Unlock()
	if lying {
		return false, nil
	}
	if booting {
		return true, nil
	}
	return c.machine.Power(ctx)
}

// lie reports whether a request to switch off is to be ignored and lied about.
func (c *Chassis) lie() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	once := c.behaviour.LieOnce
	c.behaviour.LieOnce, c.lying = false, c.lying || once
	return once
}

// On powers the host on. It returns before the host has booted.
func (c *Chassis) On(ctx context.Context) error {
	number, behaviour, err := c.begin(ctx, true)
	if err != nil || number == 0 {
		return err
	}
	return c.after(behaviour.BootDelay, number, c.boot)
}

// Off cuts the power: before it returns, or OffDelay later.
func (c *Chassis) Off(ctx context.Context) error {
	if c.lie() {
		return nil
	}
	number, behaviour, err := c.begin(ctx, false)
	if err != nil || number == 0 {
		return err
	}
	return c.after(behaviour.OffDelay, number, c.cut)
}

// Restart cuts the power and gives it back. A host that is off is powered on.
func (c *Chassis) Restart(context.Context) error {
	c.mu.Lock()
	c.newest++
	number, behaviour := c.newest, c.behaviour
	c.mu.Unlock()
	return c.after(behaviour.OffDelay, number, func(ctx context.Context, number int) error {
		if err := c.cut(ctx, number); err != nil {
			return err
		}
		c.mu.Lock()
		current := c.newest == number
		c.booting = c.booting || current
		c.mu.Unlock()
		if !current {
			return nil
		}
		return c.after(behaviour.BootDelay, number, c.boot)
	})
}

// Press presses the power button.
func (c *Chassis) Press(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actionTimeout)
	defer cancel()
	return c.machine.Press(ctx)
}

// begin numbers a request for a power state. Number 0 says that the host has
// the state already.
func (c *Chassis) begin(ctx context.Context, on bool) (int, Behaviour, error) {
	has, err := c.Power(ctx)
	if err != nil {
		return 0, Behaviour{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if has == on && c.behaviour.Strict {
		return 0, Behaviour{}, ErrConflict
	}
	if has == on && on {
		return 0, Behaviour{}, nil
	}
	// An off request runs even for a host that looks off: it voids a power-on
	// that another process has under way.
	c.newest++
	c.booting = on
	return c.newest, c.behaviour, nil
}

// after runs action now, or in the background after the delay unless a newer
// request has come meanwhile. A zero boot delay still boots in the background
// of the machine, which returns at once.
func (c *Chassis) after(delay time.Duration, number int, action func(context.Context, int) error) error {
	if delay <= 0 {
		ctx, cancel := context.WithTimeout(c.stopped, actionTimeout)
		defer cancel()
		return action(ctx, number)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("the BMC is shutting down")
	}
	c.delayed.Add(1)
	go func() {
		defer c.delayed.Done()
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-c.stopped.Done():
			return
		case <-timer.C:
		}
		ctx, cancel := context.WithTimeout(c.stopped, actionTimeout)
		defer cancel()
		if err := action(ctx, number); err != nil {
			c.failed(fmt.Errorf("delayed power action: %w", err))
		}
	}()
	return nil
}

func (c *Chassis) boot(ctx context.Context, number int) error {
	return c.act(number, func() error {
		err := c.machine.On(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.newest == number {
			c.booting = false
		}
		return err
	})
}

func (c *Chassis) cut(ctx context.Context, number int) error {
	return c.act(number, func() error { return c.machine.Off(ctx) })
}

// act runs an action unless a newer request has voided it.
func (c *Chassis) act(number int, action func() error) error {
	c.switching.Lock()
	defer c.switching.Unlock()
	c.mu.Lock()
	void := c.newest != number
	c.mu.Unlock()
	if void {
		return nil
	}
	return action()
}
