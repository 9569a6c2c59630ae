package fencing

import (
	"context"
	"fmt"
	"time"
)

// Cycler is a Device that can switch the power off and on again by one request.
// Nothing of that can be read back: a node that was cycled and one that ignored
// the request both read on. Only a definition that says `unsafe_cycle = true` uses it.
type Cycler interface {
	// Cycle asks for it once. As Device.Off it is a request; other than Off it is
	// not harmless twice.
	Cycle(context.Context) (Evidence, error)
}

// Dumper tells whether a host's kernel has crashed and is writing its memory to
// disk. Such a host runs nothing any more, and cutting its power would lose the
// dump. It switches nothing, and implements Device only to be found among them.
type Dumper interface {
	// Dumping returns nil when the host has said that it is dumping, and an error
	// when it has not before the context ended. Several goroutines may ask for
	// different hosts at once.
	Dumping(context.Context) (Evidence, error)
}

// Person is a device that stands for somebody who switches the power by hand. It
// reads and switches nothing, and implements Device only to be found among them.
type Person interface {
	// Asks returns what that person has to do about a node.
	Asks(node string) string
}

// Cycle has the node's power cycled, and returns OutcomeConfirmed when the device
// took the request. That is no proof of anything: see Cycler. A request that may
// have acted is not repeated; the outcome is OutcomeUnknown then.
func Cycle(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	cycler, able := dev.(Cycler)
	if !able {
		return OutcomeFailed, nil, NewError(KindUnsupported, dev.Name(), StepCycle, "this kind of device cannot cycle the power", nil)
	}
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	s := &switcher{dev: dev, trail: new(trail), turn: NewTurn(PowerOff, opts)}
	for {
		err := s.once(ctx, StepCycle, cycler.Cycle)
		kind := KindOf(err)
		switch {
		case err == nil:
			return OutcomeConfirmed, s.trail.all(), nil
		case kind.MayHaveActed():
			return OutcomeUnknown, s.trail.all(), fmt.Errorf("cycle the power via %s: whether it was cycled is unknown: %w", dev.Name(), err)
		case kind == KindRefused:
			s.turn.requests++
		}
		if kind.Fatal() || s.turn.requests >= opts.MaxRequests || !s.wait(ctx, max(s.turn.backOff(err), opts.RefusalInterval)) {
			return OutcomeFailed, s.trail.all(), fmt.Errorf("cycle the power via %s: %w", dev.Name(), err)
		}
	}
}

// Crashed waits until the host says that its kernel has crashed and dumps, and
// returns OutcomeConfirmed then. Nothing was asked of the host: otherwise the
// outcome is OutcomeFailed.
func Crashed(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	dumper, able := dev.(Dumper)
	if !able {
		return OutcomeFailed, nil, NewError(KindUnsupported, dev.Name(), StepDump, "this kind of device knows of no crashes", nil)
	}
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	s := &switcher{dev: dev, trail: new(trail), turn: NewTurn(PowerUnknown, opts)}
	if err := s.once(ctx, StepDump, dumper.Dumping); err != nil {
		return OutcomeFailed, s.trail.all(), err
	}
	return OutcomeConfirmed, s.trail.all(), nil
}

// once makes one request, within the device's timeout, and records it.
func (s *switcher) once(ctx context.Context, step string, request func(context.Context) (Evidence, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.dev.Timeout())
	defer cancel()
	at := time.Now()
	evidence, err := request(ctx)
	s.record(evidence, step, at, err)
	return err
}
