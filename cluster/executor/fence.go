package executor

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// syncFencing follows running fencings and due power-ons. mu is held.
func (d *Dispatcher) syncFencing(s *state.State) {
	open := map[string]bool{}
	for _, f := range s.Fencing {
		key := f.ID + " " + f.Phase.String()
		if f.Phase == state.FencingRunning {
			key = fmt.Sprintf("%s attempt %d", f.ID, f.Attempts)
		}
		open[key] = true
		if _, followed := d.fencing[key]; followed {
			continue
		}
		switch f.Phase {
		case state.FencingRunning:
			d.fencing[key] = d.launch(func(ctx context.Context) { d.powerOff(ctx, s, f) })
		case state.FencingOff:
			d.fencing[key] = d.launch(func(ctx context.Context) { d.powerOn(ctx, s, f) })
		}
	}
	for key, cancel := range d.fencing {
		if !open[key] {
			cancel()
			delete(d.fencing, key)
		}
	}
}

// Executor chooses who switches the power: the leader first, then each other
// online member in turn, so that one member's lost management network does not
// end the matter. A leader that has to be fenced itself leaves it to the others;
// it is named only when there is nobody else, and then refuses.
func Executor(s *state.State, self resources.NodeName, f *state.Fencing) resources.NodeName {
	var candidates []resources.NodeName
	if self != f.Node {
		candidates = append(candidates, self)
	}
	for _, name := range s.NodeNames() {
		if name != self && name != f.Node && s.Nodes[name].Online() {
			candidates = append(candidates, name)
		}
	}
	if len(candidates) == 0 {
		return self
	}
	return candidates[f.Attempts%len(candidates)]
}

// powerOff has the recorded executor switch the node off and records what came
// of it. A lost answer is a failed attempt: the next one reads the power first.
func (d *Dispatcher) powerOff(ctx context.Context, s *state.State, f *state.Fencing) {
	started := time.Now()
	result, err := d.config.Fence(ctx, f.Executor, f, false)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		result.Error = fmt.Sprintf("ask %s to fence %s: %v", f.Executor, f.Node, err)
	}
	report := &state.FenceReported{Fence: f.ID, Node: f.Node, Proven: result.Proven && err == nil, Steps: result.Steps, Error: result.Error}
	if !report.Proven {
		pause := backOff(f.Attempts)
		if result.Refused {
			// The digest is of no newer state than the one that the attempt used: at
			// worst it is repeated once too early.
			d.persist(ctx, &state.FenceRefused{Fence: f.ID, Node: f.Node, Digest: s.FencingDigest(f.Node)})
			pause = refusedBackOff(f.Attempts)
		}
		report.RetryAt = time.Now().Add(pause)
	}
	d.config.Log.Info("fencing", zap.String("node", string(f.Node)), zap.String("fence", f.ID), zap.Bool("proven", report.Proven),
		zap.Int("attempt", f.Attempts), zap.String("error", report.Error), zap.Duration("took", time.Since(started)))
	d.persist(ctx, report)
}

// MaxBackOff is the longest pause between two attempts, and MaxRefusedBackOff
// that after refused logins, which lock accounts.
const (
	MaxBackOff        = time.Minute
	MaxRefusedBackOff = 10 * time.Minute
)

// backOff is the pause after a failed attempt: 1 s, doubling to MaxBackOff.
func backOff(attempts int) time.Duration {
	return min(time.Second<<min(max(attempts-1, 0), 6), MaxBackOff)
}

// refusedBackOff is the pause after an attempt that was refused the login: 5 s,
// doubling to MaxRefusedBackOff.
func refusedBackOff(attempts int) time.Duration {
	return min(5*time.Second<<min(max(attempts-1, 0), 7), MaxRefusedBackOff)
}

// RetryDue reports whether a failed fencing may be repeated; one without a time
// waits for an operator. One that was refused the login goes on as soon as its
// devices have other parameters or secrets. The time was set by the clock of
// some leader: one that is further away than any pause between attempts is that
// of a clock that was wrong, and is not waited for.
func RetryDue(s *state.State, f *state.Fencing, now time.Time) bool {
	longest := MaxBackOff
	switch {
	case f.Phase != state.FencingFailed || f.RetryAt.IsZero():
		return false
	case f.Refused != "" && f.Refused != s.FencingDigest(f.Node):
		return true
	case f.Refused != "":
		longest = MaxRefusedBackOff
	}
	return !now.Before(f.RetryAt) || f.RetryAt.Sub(now) > longest
}

// powerOn switches a fenced node on again.
func (d *Dispatcher) powerOn(ctx context.Context, s *state.State, f *state.Fencing) {
	result, err := d.config.Fence(ctx, Executor(s, d.config.Self, &state.Fencing{Node: f.Node}), f, true)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		result.Error = err.Error()
	}
	d.config.Log.Info("power on", zap.String("node", string(f.Node)), zap.String("fence", f.ID), zap.String("error", result.Error))
	d.persist(ctx, &state.FencePoweredOn{Fence: f.ID, Node: f.Node, Steps: result.Steps, Error: result.Error})
}
