package rabbitmq

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

const (
	// bootAttempts bounds how often one start boots the broker. The last attempt
	// has all the time that is left.
	bootAttempts = 3
	// bootPause is how long to wait after an attempt that ended by itself, before
	// the next: systemd refuses more than 5 starts in 10 s.
	bootPause = 5 * time.Second
	// bootLook is how often a broker on its way up is looked at.
	bootLook = 5 * time.Second
	// bootSilence is how long a broker that has not got to its queues may log
	// nothing. While it waits for tables it logs every 30 s.
	bootSilence = time.Minute
	// bootGrace is how long a broker that is not up yet may take to stop: it obeys
	// only when it is up, which it may not be before others are that wait for this
	// operation.
	bootGrace = 10 * time.Second
	// bootReserve is how much time there must be left for one more attempt.
	bootReserve = time.Minute
)

// plain starts the node with the data that it has.
//
// A member that comes back while the others are still finding out that it was
// gone can be unlucky: Mnesia then waits for ever for an answer, or for tables
// that nobody offers, or the broker gives up, and the next attempt works. So an
// attempt that hangs although members run, or ends for no reason that would
// stay, is repeated.
func (c *call) plain(ctx context.Context, here local) agents.Result {
	if c.req.Advice[adviceForce] == "true" {
		if err := c.force(ctx); err != nil {
			return c.failure(ctx, fmt.Errorf("start: %w", err))
		}
	}
	if err := c.mendVhosts(); err != nil {
		return c.failure(ctx, fmt.Errorf("start: %w", err))
	}
	for attempt := 1; ; attempt++ {
		c.part(ctx, here.known)
		b := c.boot(ctx, here, attempt < bootAttempts)
		if b.err == nil {
			return c.served(ctx)
		}
		again := attempt < bootAttempts && left(ctx) > bootReserve && (b.stalled != "" || c.passing(b))
		if !again {
			return c.notBooted(ctx, here, b)
		}
		c.log.Warn("the broker did not start: once more", zap.String("resource", string(c.req.Instance)), zap.Int("attempt", attempt), zap.String("stalled", b.stalled), zap.String("said", lastLines(b.said)), zap.Error(b.err))
		if err := c.host.Units.End(ctx, c.unit, min(c.grace(ctx), bootGrace)); err != nil {
			return c.failure(ctx, fmt.Errorf("start: end the broker that did not come up: %w", err))
		}
		if !pause(ctx, bootPause) {
			return c.notBooted(ctx, here, b)
		}
	}
}

// lastLines returns the end of what a broker logged, without secrets.
func lastLines(said string) string {
	const limit = 600
	text := output(said)
	return strings.ToValidUTF8(text[max(0, len(text)-limit):], "")
}

// booted is how an attempt ended.
type booted struct {
	err error
	// said is the end of what the broker logged during the attempt.
	said string
	// stalled says why the attempt was cut short, "" when it was not.
	stalled string
	// limit is how long it might have taken, expired whether it took that long.
	limit   time.Duration
	expired bool
}

// boot starts the unit once and watches it come up. With impatient it gives up
// on a broker that hangs; the unit is then still on its way.
func (c *call) boot(ctx context.Context, here local, impatient bool) booted {
	b := booted{limit: c.patience(ctx)}
	starting, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	from := c.logEnd()
	done := make(chan error, 1)
	go func() { done <- c.host.Units.StartUnit(starting, c.unit) }()
	watch := bootWatch{from: from, size: from, grew: time.Now()}
	look := time.NewTicker(bootLook)
	defer look.Stop()
	for {
		select {
		case b.err = <-done:
			b.said = c.logSince(from)
			b.expired = starting.Err() != nil && ctx.Err() == nil && b.stalled == ""
			return b
		case <-look.C:
			if !impatient || b.stalled != "" || left(ctx) <= bootReserve {
				continue
			}
			if b.stalled = c.stalls(starting, here, &watch); b.stalled != "" {
				cancel() // and the result of StartUnit is waited for
			}
		}
	}
}

// bootWatch is what is known of a broker on its way up.
type bootWatch struct {
	from, size int64     // of its log: at the start, at the last look
	grew       time.Time // when it was last seen growing
}

// pastTables is what a broker logs when it has the cluster's tables: what comes
// then may take long and be silent, such as building a large queue's index anew.
const pastTables = "Running boot step recovery"

// waitedInVain is what it logs when it got no tables for 30 s.
const waitedInVain = "Error while waiting for Mnesia tables"

// namesHang is what it logs when it has waited for 20 s for the registry of global
// names of a member (see part), and tries its way around that. namesSilence is how
// long it may log nothing after that.
const (
	namesHang    = "Global hang workaround"
	namesSilence = 10 * time.Second
)

// stalls says why a broker on its way up will not get there, or "". Only while
// another member runs: else it rightly waits for one.
func (c *call) stalls(ctx context.Context, here local, w *bootWatch) string {
	info, err := os.Stat(c.logFile())
	if err == nil && info.Size() != w.size {
		w.size, w.grew = info.Size(), time.Now()
	}
	said := c.logSince(w.from)
	if strings.Contains(said, pastTables) {
		return ""
	}
	why := ""
	switch {
	case strings.Contains(said, waitedInVain):
		why = "it waits for tables"
	case strings.Contains(said, namesHang) && time.Since(w.grew) >= namesSilence:
		why = "the registry of global names hangs"
	case time.Since(w.grew) >= bootSilence:
		why = fmt.Sprintf("it has logged nothing for %s", bootSilence)
	default:
		return ""
	}
	peer := c.runningPeer(ctx, here.known)
	if peer == "" {
		w.grew = time.Now() // asking costs seconds of CPU: not at every look
		return ""
	}
	return why + ", although " + peer + " runs"
}

// runningPeer returns a member that runs, "" when none says so.
func (c *call) runningPeer(ctx context.Context, known []string) string {
	for _, peer := range others(known, c.name) {
		if a, err := c.ask(ctx, peer); err == nil && a.AppRunning {
			return peer
		}
	}
	return ""
}

// passing reports whether an attempt ended by itself for a reason that may be
// gone at the next: any but those that are known to stay.
func (c *call) passing(b booted) bool {
	lasting := slices.ContainsFunc(causes, func(cause cause) bool { return !cause.passes && strings.Contains(b.said, cause.text) })
	return !b.expired && !lasting && agents.UnitOutcome(b.err) == agents.OutcomeFailed
}

// notBooted is the result of a start whose last attempt failed.
func (c *call) notBooted(ctx context.Context, here local, b booted) agents.Result {
	if b.expired || b.stalled != "" {
		return c.stuck(ctx, b.limit, b.said)
	}
	if strings.Contains(b.said, "inconsistent_cluster") && here.data == dataCluster && ctx.Err() == nil {
		c.log.Warn("the cluster does not know this node any more", zap.String("resource", string(c.req.Instance)))
		return c.rejoin(ctx, here)
	}
	result := c.failure(ctx, fmt.Errorf("start: %w", b.err))
	result.Output = output(b.said)
	if cause := causeOf(b.said); cause != "" && result.Outcome == agents.OutcomeFailed {
		result.Reason = "start: the broker did not start: " + cause
	}
	result.Attributes = c.attributes(here, answer{})
	return result
}

// patience is how much of an operation's time the broker may take to start: the
// rest is for ending it. It is longer than the 5 minutes for which the broker
// itself waits for other nodes.
func (c *call) patience(ctx context.Context) time.Duration {
	if _, has := ctx.Deadline(); !has {
		return c.req.Timeout
	}
	return left(ctx) * 9 / 10
}

// left is how much time a context has; a context without a deadline has plenty.
func left(ctx context.Context) time.Duration {
	deadline, has := ctx.Deadline()
	if !has {
		return time.Hour
	}
	return time.Until(deadline)
}

// pause waits, and reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stuck ends a broker that did not come up: left alone it would look for ever as
// if it were on its way.
func (c *call) stuck(ctx context.Context, limit time.Duration, said string) agents.Result {
	if err := c.host.Units.End(ctx, c.unit, min(c.grace(ctx), bootGrace)); err != nil {
		return c.failure(ctx, fmt.Errorf("start: end the broker that did not come up within %s: %w", limit.Round(time.Second), err))
	}
	cause := causeOf(said)
	if cause == "" {
		cause = "see " + c.logFile()
	}
	result := failed("start: the broker did not come up within %s and was ended: %s", limit.Round(time.Second), cause)
	result.Output = output(said)
	return result
}
