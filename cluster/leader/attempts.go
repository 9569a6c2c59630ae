package leader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// defaultFenceTimeout is Properties.FencingTimeout's default.
const defaultFenceTimeout = 60 * time.Second

// attempt is one attempt to switch a node's power or to unfence it, or its report.
type attempt struct {
	asked  Attempt
	digest string  // of the devices when it was asked (State.FencingDigest, UnfencingDigest)
	report *report // nil until it is answered
}

// followAttempts takes answers, lets go of what is over, and begins with running
// fencings and power-ons that are due.
func (c *Core) followAttempts() {
	for _, answer := range c.in.Fenced {
		if a, known := c.attempts[answer.Key]; known && a.report == nil {
			a.report = c.powerReport(a, answer)
		}
	}
	open := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.s.Fencing)) {
		if f := c.s.Fencing[name]; f.Phase == state.FencingRunning || f.Phase == state.FencingOff {
			open[c.followAttempt(f, c.s.FencingDigest(name))] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.s.Unfencing)) {
		if f := c.s.Unfencing[name]; f.Phase == state.FencingRunning {
			open[c.followAttempt(f, c.s.UnfencingDigest(name))] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.attempts)) {
		if !open[key] {
			if c.attempts[key].report == nil {
				c.out.Drop = append(c.out.Drop, key)
			}
			c.forgetReport(c.attempts[key].report)
			delete(c.attempts, key)
		}
	}
}

// followAttempt begins with an attempt, or reports it, and returns its key. digest
// is of the devices that it is to use.
func (c *Core) followAttempt(f *state.Fencing, digest string) string {
	key := attemptKey(f)
	a := c.attempts[key]
	if a == nil {
		a = &attempt{asked: c.newAttempt(key, f), digest: digest}
		c.attempts[key] = a
		c.out.Attempts = append(c.out.Attempts, a.asked)
	}
	if a.report != nil {
		c.pushReport(a.report)
	}
	return key
}

func attemptKey(f *state.Fencing) string {
	if f.Phase == state.FencingRunning {
		return fmt.Sprintf("%s attempt %d", f.ID, f.Attempts)
	}
	return f.ID + " " + f.Phase.String()
}

func (c *Core) newAttempt(key string, f *state.Fencing) Attempt {
	a := Attempt{Key: key, Fencing: f, Executor: f.Executor, On: f.Phase == state.FencingOff, Unfence: f.Action == resources.FencingUnfence, Term: c.config.Term, Index: c.s.Index}
	if a.On {
		a.Executor = Executor(c.s, c.config.Self, &state.Fencing{Node: f.Node})
	}
	if a.Timeout = c.s.Definition.Properties.FencingTimeout.Std(); a.Timeout == 0 {
		a.Timeout = defaultFenceTimeout
	}
	return a
}

// powerReport is what is recorded of an attempt. A lost answer is a failed
// attempt: the next one reads the power first.
func (c *Core) powerReport(a *attempt, answer Fenced) *report {
	f := a.asked.Fencing
	if a.asked.Unfence {
		return c.unfenceReport(a, answer)
	}
	if a.asked.On {
		if answer.Unanswered != "" {
			answer.Error = answer.Unanswered
		}
		return newReport(&state.FencePoweredOn{Fence: f.ID, Node: f.Node, Steps: answer.Steps, Error: answer.Error})
	}
	if answer.Unanswered != "" {
		answer = Fenced{Error: fmt.Sprintf("ask %s to fence %s: %s", f.Executor, f.Node, answer.Unanswered)}
	}
	result := &state.FenceReported{Fence: f.ID, Node: f.Node, Proven: answer.Proven, Steps: answer.Steps, Error: answer.Error}
	if result.Proven {
		result.Proof = answer.Proof
		return newReport(result)
	}
	if !answer.Refused {
		result.RetryAt = c.in.Wall.Add(backOff(f.Attempts))
		return newReport(result)
	}
	// The digest is of no newer state than the one that the attempt used: at worst
	// it is repeated once too early.
	result.RetryAt = c.in.Wall.Add(refusedBackOff(f.Attempts))
	return newReport(&state.FenceRefused{Fence: f.ID, Node: f.Node, Digest: a.digest}, result)
}
