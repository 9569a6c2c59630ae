package localexec

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

// begin runs a task in the background.
func (e *Executor) begin(ctx context.Context, t member.Task) {
	ctx, cancel := context.WithCancel(ctx)
	e.mu.Lock()
	e.calls[t.ID] = cancel
	e.mu.Unlock()
	e.work.Go(func() {
		defer cancel()
		e.perform(ctx, t)
	})
}

// cut asks tasks under way to end.
func (e *Executor) cut(tasks []uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range tasks {
		if cancel, running := e.calls[id]; running {
			cancel()
		}
	}
}

// ended answers a task. free says that its agent has returned, too.
func (e *Executor) ended(t member.Task, result agents.Result, unbuilt string, free bool) {
	e.give(func(in *member.Input) {
		delete(e.calls, t.ID)
		in.Ended = append(in.Ended, member.Ended{Task: t.ID, Result: result, Unbuilt: unbuilt})
		if free {
			in.Free = append(in.Free, t.ID)
		}
	})
}

// perform calls the agent of a task and answers it.
func (e *Executor) perform(ctx context.Context, t member.Task) {
	started := time.Now()
	request, agent, told, err := e.request(t.State, t.Instance, t.Op, t.Params, t.Timeout)
	if err != nil {
		e.ended(t, agents.Result{}, err.Error(), true)
		return
	}
	if t.Remember {
		if err := e.config.Remember(t.State); err != nil {
			// A daemon that starts anew without quorum would not know of this one:
			// bad, but no reason to leave the service down now.
			e.log.Error("remember what is about to run", zap.String("resource", string(t.Instance)), zap.Error(err))
		}
	}
	if op := t.Operation; op != nil {
		request.Peer = op.Peer
		if op.Notice != nil {
			agent = noticed{agent, view.Notification(t.State, op.Notice)}
		}
	}
	if wait := startDelay(t.State, e.config.Core.Self, t); wait > 0 && !e.delay(ctx, t, wait) {
		e.ended(t, member.Conclude(t.Op, t.Timeout, agents.Result{Reason: "canceled in its start_delay"}, cutOf(ctx)), "", true)
		return
	}
	result, returned := e.call(ctx, t, agent, request, told)
	if t.Kind == member.KindOrder || t.Kind == member.KindPolicy {
		id := resources.ActionID("")
		if t.Operation != nil {
			id = t.Operation.ID
		}
		e.log.Info("operation", zap.String("kind", string(t.Kind)), zap.String("resource", string(t.Instance)), zap.String("op", string(t.Op)), zap.String("action", string(id)),
			zap.Stringer("outcome", result.Outcome), zap.String("reason", result.Reason), zap.Duration("took", time.Since(started)))
	}
	e.ended(t, result, "", returned)
}

// call runs an agent's method within the task's timeout, which progress renews.
// It returns false when it has given up before the method returned; that it
// does is told later.
func (e *Executor) call(ctx context.Context, t member.Task, agent agents.Agent, request agents.Request, told *hidden) (agents.Result, bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(t.Timeout, func() { cancel(context.DeadlineExceeded) })
	renew := e.renew(timer, t)
	request.Progress = func(p agents.Progress) {
		p.Text = told.in(p.Text)
		renew(p)
	}
	type answer struct {
		result agents.Result
		cut    member.Cut // why the context had ended by then
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel(nil)
		defer timer.Stop()
		result := told.result(invoke(ctx, agent, request))
		answers <- answer{result, cutOf(ctx)}
	}()
	select {
	case a := <-answers:
		return member.Conclude(t.Op, t.Timeout, a.result, a.cut), true
	case <-ctx.Done():
	}
	grace := time.NewTimer(member.ReturnGrace)
	defer grace.Stop()
	select {
	case a := <-answers:
		return member.Conclude(t.Op, t.Timeout, a.result, a.cut), true
	case <-grace.C:
	}
	go func() {
		<-answers
		e.give(func(in *member.Input) { in.Free = append(in.Free, t.ID) })
	}()
	reason := fmt.Sprintf("%s did not end %s after its timeout of %s", t.Op, member.ReturnGrace, t.Timeout)
	return member.Conclude(t.Op, t.Timeout, agents.Result{Reason: reason}, cutOf(ctx)), false
}

// cutOf says why a call's context has ended, if it has.
func cutOf(ctx context.Context) member.Cut {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return member.Whole
	case errors.Is(cause, context.DeadlineExceeded):
		return member.TimedOut
	}
	return member.Canceled
}

// renew returns an agent's Progress: each step forward gives the timer its full
// time again, within bounds. Agents may call it from several goroutines.
func (e *Executor) renew(timer *time.Timer, t member.Task) func(agents.Progress) {
	var mu sync.Mutex
	var extensions member.Extensions
	return func(p agents.Progress) {
		mu.Lock()
		if extensions.Moves(p) && timer.Stop() {
			timer.Reset(t.Timeout)
		}
		mu.Unlock()
		e.give(func(in *member.Input) { in.Progress = append(in.Progress, member.Progressed{Task: t.ID, Progress: p}) })
	}
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
		if noticed, ok := agent.(noticed); ok {
			return noticed.notify(ctx, request)
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

// noticed is an agent with something to tell it.
type noticed struct {
	agents.Agent
	notification agents.Notification
}

// notify tells the agent; one that does not listen has nothing to say to it.
func (t noticed) notify(ctx context.Context, request agents.Request) agents.Result {
	if notified, ok := t.Agent.(agents.Notified); ok {
		return notified.Notify(ctx, request, t.notification)
	}
	return agents.Result{Outcome: agents.OutcomeOK}
}
