package agents

import (
	"context"
	"errors"
	"strings"
	"time"
)

// What every agent does with an error, and with the end of a call.

// OneLine returns an error, perhaps of several that were joined, as one line.
func OneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Misconfigured is the result of parameters that the agent cannot take.
func Misconfigured(err error) Result {
	return Result{Outcome: OutcomeMisconfigured, Reason: OneLine(err)}
}

// Tail returns the end of a text within MaxOutput.
func Tail(text string) string {
	if over := len(text) - MaxOutput; over > 0 {
		return strings.ToValidUTF8(text[over:], "")
	}
	return text
}

// Bounded gives the context of an operation its deadline when it has none: the
// request's timeout, or the one given.
func Bounded(ctx context.Context, req Request, otherwise time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	if req.Timeout > 0 {
		otherwise = req.Timeout
	}
	return context.WithTimeout(ctx, otherwise)
}

// CallOutcome returns the outcome that an error stands for in a call that drives a
// unit and programs: what a deadline cut short is unknown, and what the cluster cut
// short is cancelled.
func CallOutcome(ctx context.Context, err error) Outcome {
	outcome := UnitOutcome(err)
	switch {
	case errors.Is(err, ErrNoProgram):
		return OutcomeNotInstalled
	case outcome != OutcomeUnknown:
		return outcome
	case ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
		return OutcomeFailed
	case errors.Is(context.Cause(ctx), context.Canceled):
		return OutcomeCancelled
	}
	return outcome
}
