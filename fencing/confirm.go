package fencing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options tune Off, On, Reboot and Read. Zero fields take the defaults.
type Options struct {
	// Timeout bounds the whole call, as the caller's context does. When neither
	// says anything it is 60 s.
	Timeout time.Duration
	// ConfirmInterval is the time between the two reads that prove a node off. 500 ms.
	ConfirmInterval time.Duration
	// PollInterval is the first pause between reads; it doubles up to MaxPoll.
	// 250 ms and 2 s.
	PollInterval, MaxPoll time.Duration
	// RequestInterval is how long an accepted request may take before it is made
	// again. 5 s.
	RequestInterval time.Duration
	// RefusalInterval keeps requests apart that the device refuses: in POST, or
	// just after it cut the power, a BMC does so for a second or two. 1 s.
	RefusalInterval time.Duration
	// MaxRequests bounds the requests that the device took or refused; those that
	// never reached it, or that it was too busy for, are bounded by time alone. 4.
	MaxRequests int
	// Others says that somebody else may do better: a device that does not answer is
	// given up soon, unless a request to it may yet take effect.
	Others bool
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.ConfirmInterval, 500*time.Millisecond)
	set(&o.PollInterval, 250*time.Millisecond)
	set(&o.MaxPoll, 2*time.Second)
	set(&o.RequestInterval, 5*time.Second)
	set(&o.RefusalInterval, time.Second)
	if o.MaxRequests <= 0 {
		o.MaxRequests = 4
	}
	return o
}

// Off cuts the node's power and proves it. It returns OutcomeConfirmed only
// after the power was read as off twice in a row; a node that was off already
// is proven the same way and is asked nothing. A request's error counts for
// little: the reads that follow decide (a BMC may answer 409 because the node
// is off). The error is nil exactly when the outcome is OutcomeConfirmed.
func Off(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	var t trail
	outcome, err := turn(ctx, dev, opts, PowerOff, &t)
	return outcome, t.all(), err
}

// On switches the node's power on and reads it back once. The error is nil
// exactly when the outcome is OutcomeConfirmed.
func On(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	var t trail
	outcome, err := turn(ctx, dev, opts, PowerOn, &t)
	return outcome, t.all(), err
}

// Reboot proves the node off as Off does and then switches it on. The outcome is
// that of the off part alone: a node that does not come up again is fenced all
// the same. In that case the outcome is OutcomeConfirmed and the error wraps
// ErrNotPoweredOn.
func Reboot(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	var t trail
	outcome, err := turn(ctx, dev, opts, PowerOff, &t)
	if outcome == OutcomeConfirmed {
		if _, onErr := turn(ctx, dev, opts, PowerOn, &t); onErr != nil {
			err = fmt.Errorf("%w: %w", ErrNotPoweredOn, onErr)
		}
	}
	return outcome, t.all(), err
}

// readAttempts bounds Read.
const readAttempts = 3

// Read reads the power, at most three times while the device is busy or does
// not answer. The error is nil exactly when the power is known, or when the device
// is a Dumper that could do its work, or a Person.
func Read(ctx context.Context, dev Device, opts Options) (Power, []Evidence, error) {
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	s := &switcher{dev: dev, trail: new(trail), turn: NewTurn(PowerUnknown, opts)}
	for attempt := 1; ; attempt++ {
		power, err := s.read(ctx)
		_, dumper := dev.(Dumper)
		_, person := dev.(Person)
		if err == nil && power == PowerUnknown && !dumper && !person {
			err = NewError(KindProtocol, dev.Name(), StepRead, "the device does not know the power state", nil)
		}
		if err == nil || KindOf(err).Fatal() || attempt == readAttempts || !s.wait(ctx, s.turn.backOff(err)) {
			return power, s.trail.all(), err
		}
	}
}

const defaultTimeout = time.Minute

func begin(ctx context.Context, opts Options) (context.Context, context.CancelFunc, Options) {
	opts = opts.withDefaults()
	if _, bounded := ctx.Deadline(); !bounded && opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.Timeout <= 0 {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, opts
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	return ctx, cancel, opts
}

// switcher is one attempt to bring a device to a power state.
type switcher struct {
	dev   Device
	turn  *Turn
	trail *trail
}

func turn(ctx context.Context, dev Device, opts Options, want Power, t *trail) (Outcome, error) {
	s := &switcher{dev: dev, trail: t, turn: NewTurn(want, opts)}
	for {
		power, err := s.read(ctx)
		next := s.turn.Read(time.Now(), power, err)
		switch {
		case next.Confirmed:
			return OutcomeConfirmed, nil
		case ctx.Err() != nil:
			return s.turn.giveUp(dev.Name(), next.late)
		}
		if next.Ask {
			err := s.ask(ctx)
			next = s.turn.Asked(time.Now(), err)
		}
		if next.Over != "" {
			return s.turn.giveUp(dev.Name(), next.Over)
		}
		if !s.wait(ctx, next.Wait) {
			return s.turn.giveUp(dev.Name(), next.late)
		}
	}
}

func (s *switcher) read(ctx context.Context) (Power, error) {
	ctx, cancel := context.WithTimeout(ctx, s.dev.Timeout())
	defer cancel()
	at := time.Now()
	power, evidence, err := s.dev.Status(ctx)
	if err != nil {
		power = PowerUnknown
	}
	evidence.Power = power
	s.record(evidence, StepRead, at, err)
	return power, err
}

func (s *switcher) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.dev.Timeout())
	defer cancel()
	at := time.Now()
	step, request := StepOff, s.dev.Off
	if s.turn.want == PowerOn {
		step, request = StepOn, s.dev.On
	}
	evidence, err := request(ctx)
	evidence.Power = PowerUnknown
	s.record(evidence, step, at, err)
	return err
}

// wait reports whether the pause passed before the context ended.
func (s *switcher) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

func (s *switcher) record(e Evidence, step string, at time.Time, err error) {
	e.At, e.Device, e.Step, e.Took = at, s.dev.Name(), step, time.Since(at)
	if err != nil {
		e.Err = err.Error()
		var deviceErr *Error
		if e.HTTPStatus == 0 && errors.As(err, &deviceErr) {
			e.HTTPStatus = deviceErr.HTTPStatus
		}
	}
	s.trail.add(e)
}
