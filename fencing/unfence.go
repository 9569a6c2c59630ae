package fencing

import "context"

// Local is a Device that may have to be asked from the target itself: it lets in
// who asks, and would let in another member instead.
type Local interface {
	// OnTarget reports whether On works from the target alone.
	OnTarget(context.Context) (bool, error)
}

// LetIn has a device that cuts a node off let it in again, and reads that back
// once. Other than On it asks even if the device reads on already: one that guards
// several disks may say so of one of them. The error is nil exactly when the
// outcome is OutcomeConfirmed.
func LetIn(ctx context.Context, dev Device, opts Options) (Outcome, []Evidence, error) {
	ctx, cancel, opts := begin(ctx, opts)
	defer cancel()
	var t trail
	s := &switcher{dev: dev, trail: &t, turn: NewTurn(PowerOn, opts)}
	switch err := s.once(ctx, StepOn, dev.On); {
	case err != nil && KindOf(err).MayHaveActed():
		return OutcomeUnknown, t.all(), err
	case err != nil:
		return OutcomeFailed, t.all(), err
	}
	outcome, err := turn(ctx, dev, opts, PowerOn, &t)
	return outcome, t.all(), err
}
