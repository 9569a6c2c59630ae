package main

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// settle waits, with --wait, until what a request asks for is true.
func (a *app) settle(ctx context.Context, c Cluster, flags *changeFlags, request api.WaitRequest) error {
	if flags.wait.time == 0 {
		return nil
	}
	return a.waitSettled(ctx, c, request, flags.wait.time)
}

// waitStep is how often progress is looked at while waiting.
const waitStep = 2 * time.Second

// maxSilence is for how long a wait bears that nobody leads: an election, and the
// return of a member, take less.
const maxSilence = 15 * time.Second

// silencePause is how long to wait before a cluster that nobody leads is asked
// again.
const silencePause = 500 * time.Millisecond

// waitSettled waits until what a request asks for is true; its index 0 is no change.
// A cluster that nobody leads for a moment is asked again.
func (a *app) waitSettled(ctx context.Context, c Cluster, request api.WaitRequest, limit resources.Duration) error {
	deadline := a.now().Add(limit.Std())
	shown := a.newProgress()
	defer shown.end()
	var answer api.WaitAnswer
	var silent time.Time // since when nobody leads; zero while somebody does
	for {
		now := a.now()
		left := deadline.Sub(now)
		if left <= 0 {
			return &timedOutError{after: limit, actions: answer.Actions}
		}
		var err error
		request.Timeout = resources.Duration(min(left, waitStep))
		answer, err = waitOnce(ctx, c, request)
		if err != nil && silent.IsZero() {
			silent = now
		}
		switch {
		case err != nil && exitCode(err) == exitNoQuorum && now.Sub(silent) < maxSilence && ctx.Err() == nil:
			a.pause(ctx, silencePause)
			continue
		case err != nil && request.Index > 0:
			return fmt.Errorf("the change is made, but nobody could be asked what came of it: %w", err)
		case err != nil:
			return err
		case answer.Settled && answer.AsAsked:
			return nil
		case answer.Settled:
			return &notAsAskedError{answer.Problems}
		}
		silent = time.Time{}
		// What it tells is a comfort: that it cannot be had ends no wait.
		if status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) }); err == nil {
			shown.show(status)
		}
	}
}
