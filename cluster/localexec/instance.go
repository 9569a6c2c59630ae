package localexec

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// instance serialises the operations on one instance.
type instance struct {
	id resources.InstanceID
	// slot holds one token while an operation runs.
	slot chan struct{}
	// yield, when not nil, asks the present monitor or refresh to end, because an
	// order waits; waiting counts the orders that do. Guarded by Executor.mu.
	yield   context.CancelFunc
	waiting int
}

func (e *Executor) instance(id resources.InstanceID) *instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, known := e.instances[id]
	if !known {
		i = &instance{id: id, slot: make(chan struct{}, 1)}
		e.instances[id] = i
	}
	return i
}

// borrow takes the instance for a monitor or refresh if it is free and no order
// waits for it. yield is called when one does.
func (e *Executor) borrow(i *instance, yield context.CancelFunc) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i.waiting > 0 {
		return false
	}
	select {
	case i.slot <- struct{}{}:
		i.yield = yield
		return true
	default:
		return false
	}
}

// takeOver ends the present monitor or refresh and waits for the instance, at
// most acquireLimit.
func (e *Executor) takeOver(ctx context.Context, i *instance) error {
	e.mu.Lock()
	i.waiting++
	yield := i.yield
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		i.waiting--
		e.mu.Unlock()
	}()
	if yield != nil {
		yield()
	}
	ctx, cancel := context.WithTimeout(ctx, acquireLimit)
	defer cancel()
	select {
	case i.slot <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s is busy: %w", i.id, ctx.Err())
	}
	if ctx.Err() != nil {
		i.release()
		return fmt.Errorf("%s is no longer wanted: %w", i.id, ctx.Err())
	}
	return nil
}

// acquireLimit bounds how long an order waits for its instance.
const acquireLimit = 30 * time.Second

func (i *instance) release() { <-i.slot }

const (
	// returnGrace is how long an agent may take to return after its deadline
	// before its call is abandoned.
	returnGrace = 5 * time.Second
	// maxExtension bounds how often progress may renew an operation's timeout.
	maxExtension = 20
)

// call runs an agent's method within the request's timeout, which progress
// renews. It releases the instance when the method has returned, even if that
// is after call itself has given up.
func (e *Executor) call(ctx context.Context, i *instance, agent agents.Agent, request agents.Request, progress func(agents.Progress)) agents.Result {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(request.Timeout, func() { cancel(context.DeadlineExceeded) })
	request.Progress = renew(timer, request.Timeout, progress)
	type answer struct {
		result agents.Result
		cut    error // why the context had ended by then; nil if it had not
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel(nil)
		defer timer.Stop()
		a := answer{result: invoke(ctx, agent, request), cut: context.Cause(ctx)}
		i.release() // before the answer: a monitor that got none looks again at once
		answers <- a
	}()
	select {
	case a := <-answers:
		return conclude(request, a.result, a.cut)
	case <-ctx.Done():
	}
	grace := time.NewTimer(returnGrace)
	defer grace.Stop()
	select {
	case a := <-answers:
		return conclude(request, a.result, a.cut)
	case <-grace.C:
		reason := fmt.Sprintf("%s did not end %s after its timeout of %s", request.Op, returnGrace, request.Timeout)
		return conclude(request, agents.Result{Reason: reason}, context.Cause(ctx))
	}
}

// renew returns an agent's Progress: each step forward gives the timer its full
// time again, within maxExtension. Agents may call it from several goroutines.
func renew(timer *time.Timer, timeout time.Duration, progress func(agents.Progress)) func(agents.Progress) {
	var mu sync.Mutex
	extensions, last := 0, int64(-1)
	return func(p agents.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done > last && extensions < maxExtension && timer.Stop() {
			extensions, last = extensions+1, p.Done
			timer.Reset(timeout)
		}
		progress(p)
	}
}

// conclude bounds what an agent said. A failure that came with the deadline is
// unknown: the agent may have been wrong about what it could not finish. One
// that came because the call was cancelled, by the no-quorum policy or the end
// of the daemon, is no failure of the instance: somebody has to look, and a
// daemon's restart must not get a node fenced for a stop that it cut short.
func conclude(request agents.Request, result agents.Result, cut error) agents.Result {
	if len(result.Output) > agents.MaxOutput {
		result.Output = result.Output[len(result.Output)-agents.MaxOutput:]
	}
	open := result.Outcome == agents.OutcomeFailed || result.Outcome == agents.OutcomeUnknown
	switch {
	case cut == nil || !open:
	case errors.Is(cut, context.DeadlineExceeded):
		result.Outcome = agents.OutcomeUnknown
	default:
		result.Outcome = agents.OutcomeCancelled
	}
	if result.Outcome == agents.OutcomeUnknown && result.Reason == "" {
		result.Reason = fmt.Sprintf("no result within %s", request.Timeout)
	}
	return result
}

// invoke calls the method for the operation. An agent that panics has an
// unknown result; the daemon goes on.
func invoke(ctx context.Context, agent agents.Agent, request agents.Request) (result agents.Result) {
	defer func() {
		if cause := recover(); cause != nil {
			result = agents.Result{Outcome: agents.OutcomeUnknown, Reason: fmt.Sprintf("agent %s panicked: %v", request.Agent, cause), Output: string(debug.Stack())}
		}
	}()
	switch request.Op {
	case resources.OpStart:
		return agent.Start(ctx, request)
	case resources.OpStop:
		return agent.Stop(ctx, request)
	case resources.OpPromote:
		return agent.Promote(ctx, request)
	case resources.OpDemote:
		return agent.Demote(ctx, request)
	case resources.OpMonitor, resources.OpProbe:
		return agent.Monitor(ctx, request)
	case resources.OpNotify:
		if told, ok := agent.(told); ok {
			return told.notify(ctx, request)
		}
	case resources.OpMigrateTo:
		if migrator, ok := agent.(agents.Migrator); ok {
			return migrator.MigrateTo(ctx, request)
		}
	case resources.OpMigrateFrom:
		if migrator, ok := agent.(agents.Migrator); ok {
			return migrator.MigrateFrom(ctx, request)
		}
	case resources.OpReload:
		if refresher, ok := agent.(agents.Refresher); ok {
			return refresher.Refresh(ctx, request)
		}
	}
	return agents.Result{Outcome: agents.OutcomeUnsupported, Reason: fmt.Sprintf("agent %s cannot %s", request.Agent, request.Op)}
}

// told is an agent with something to tell it.
type told struct {
	agents.Agent
	notification agents.Notification
}

// notify tells the agent; one that does not listen has nothing to say to it.
func (t told) notify(ctx context.Context, request agents.Request) agents.Result {
	if notified, ok := t.Agent.(agents.Notified); ok {
		return notified.Notify(ctx, request, t.notification)
	}
	return agents.Result{Outcome: agents.OutcomeOK}
}
