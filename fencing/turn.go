package fencing

import (
	"errors"
	"fmt"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
)

// Reads that prove a state. Off takes two, ConfirmInterval apart: a BMC that
// passes through off while it resets the host, or answers from a stale cache,
// is caught by the second. On proves nothing that safety depends on.
const (
	offReads = 2
	onReads  = 1
)

// Turn is what Off and On decide, without a clock and without a device: whoever
// drives one reads the power, hands the answer in, and does what Next says. It is
// not safe for concurrent use.
type Turn struct {
	want Power
	opts Options

	streak   int           // reads in a row that showed what is wanted
	pause    time.Duration // before the next read
	requests int           // that the device took or refused
	asked    time.Time     // when it last took one, or may have
	pending  bool          // a request may yet take effect
	retryAt  time.Time     // not to ask again before
	last     Power         // last successful read
	lastErr  error         // of the newest request or read that failed
	useless  bool          // the newest request failed for good
	silent   int           // reads in a row that nobody answered
}

// Next is what to do next: one of its first three fields, or else to wait and to
// read again.
type Next struct {
	// Confirmed says that the power is proven.
	Confirmed bool
	// Ask has the device asked for the power that is wanted.
	Ask bool
	// Over says why there is no use in going on.
	Over string
	// Wait is how long to wait before the next read.
	Wait time.Duration

	late string // why it has failed should the time run out now
}

// NewTurn returns the decisions of one attempt to bring a device to a state.
// Zero fields of the options take their defaults.
func NewTurn(want Power, opts Options) *Turn {
	opts = opts.withDefaults()
	return &Turn{want: want, opts: opts, pause: opts.PollInterval}
}

// Read takes what a read gave.
func (t *Turn) Read(now time.Time, power Power, err error) Next {
	if err != nil {
		t.lastErr = err
	} else {
		t.last = power
	}
	if err == nil && power == t.want {
		if t.streak++; t.streak >= t.need() {
			return Next{Confirmed: true}
		}
		return Next{Wait: t.opts.ConfirmInterval, late: "time ran out before a second read"}
	}
	t.streak = 0
	t.silence(err)
	next := Next{late: "time ran out"}
	switch {
	case err != nil && KindOf(err).Fatal():
		next.Over = "the power cannot be read"
	case t.useless:
		next.Over = "the request cannot work"
	case t.opts.Others && t.silent >= enoughSilence && !t.pending:
		next.Over = "the device does not answer"
	case t.requests >= t.opts.MaxRequests && !t.pending:
		next.Over = "the device refuses"
	default:
		next.Wait = t.backOff(err)
		next.Ask = t.mayAsk(now)
	}
	return next
}

// enoughSilence is when a device counts as one that does not answer. A read that ran
// out of time says as much as two that nobody took.
const enoughSilence = 2

// silence counts the reads in a row that nobody answered.
func (t *Turn) silence(err error) {
	switch {
	case err != nil && KindOf(err) == KindTimeout:
		t.silent += 2
	case err != nil && KindOf(err) == KindUnreachable:
		t.silent++
	default:
		t.silent = 0
	}
}

func (t *Turn) need() int {
	if t.want == PowerOn || mutant.Is(mutant.OneRead) {
		return onReads
	}
	return offReads
}

func (t *Turn) mayAsk(now time.Time) bool {
	switch {
	case t.requests >= t.opts.MaxRequests, now.Before(t.retryAt):
		return false
	case t.asked.IsZero():
		return true
	default:
		return now.Sub(t.asked) >= t.opts.RequestInterval
	}
}

// Asked takes what a request gave.
func (t *Turn) Asked(now time.Time, err error) Next {
	kind := KindOf(err)
	switch {
	case err == nil || kind.MayHaveActed():
		t.requests++
		t.asked, t.pending = now, true
	case kind == KindRefused:
		t.requests++
		t.retryAt = now.Add(max(t.opts.RefusalInterval, t.pause, bounded(retryAfter(err))))
	default:
		t.retryAt = now.Add(max(t.pause, bounded(retryAfter(err))))
	}
	t.useless = err != nil && kind.Fatal()
	if err != nil {
		t.lastErr = err
		t.pause = min(2*t.pause, t.opts.MaxPoll)
	} else {
		t.lastErr = nil
		t.pause = t.opts.PollInterval
	}
	return Next{Wait: t.opts.PollInterval, late: "time ran out"}
}

// maxRetryAfter bounds how long a device may ask to be left alone.
const maxRetryAfter = 10 * time.Second

func bounded(d time.Duration) time.Duration { return min(d, maxRetryAfter) }

// backOff returns the pause after a read and doubles the next one.
func (t *Turn) backOff(err error) time.Duration {
	pause := max(t.pause, bounded(retryAfter(err)))
	t.pause = min(2*t.pause, t.opts.MaxPoll)
	return pause
}

func (t *Turn) giveUp(device, why string) (Outcome, error) {
	outcome := OutcomeFailed
	if t.pending {
		outcome = OutcomeUnknown
	}
	text := fmt.Sprintf("power %s via %s not proven: %s; power last read %s, %s made", t.want, device, why, t.last, plural(t.requests, "request"))
	if t.lastErr != nil {
		return outcome, fmt.Errorf("%s: %w", text, t.lastErr)
	}
	return outcome, errors.New(text)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
