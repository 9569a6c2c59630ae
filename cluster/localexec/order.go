package localexec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

// Errors of orders that were not obeyed: nothing was done.
var (
	ErrStaleTerm = errors.New("order of an older term than this member has seen")
	ErrStaleRun  = errors.New("order for an earlier run of this member's daemon")
	ErrNoLease   = errors.New("this member has lost the leader and obeys the no-quorum policy")
	// ErrOutdated: by this member's own state the operation is over, or was given
	// up. The order is a late copy, or the leader will know soon.
	ErrOutdated = errors.New("order for an operation that is not in flight any more")
)

// run is one order's execution, remembered after its end.
type run struct {
	op       state.Operation
	done     chan struct{}
	cancel   context.CancelFunc
	result   agents.Result // valid when done is closed
	progress agents.Progress
}

// Status is how far an order is.
type Status struct {
	Done     bool            `json:"done"`
	Result   agents.Result   `json:"result,omitzero"`
	Progress agents.Progress `json:"progress,omitzero"`
}

// Execute obeys an order, or joins it if the same action was ordered before,
// and waits until it is done or ctx ends. The operation goes on when ctx ends:
// call again with the same order to hear more.
func (e *Executor) Execute(ctx context.Context, order state.Order) (Status, error) {
	r, err := e.accept(ctx, order)
	if err != nil {
		return Status{}, err
	}
	select {
	case <-r.done:
		return Status{Done: true, Result: r.result}, nil
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		return Status{Progress: r.progress}, nil
	}
}

func (e *Executor) accept(ctx context.Context, order state.Order) (*run, error) {
	if err := e.check(order); err != nil {
		return nil, err
	}
	if _, err := e.waitApplied(ctx, order.Index); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.checkLocked(order); err != nil {
		return nil, err
	}
	if r, known := e.runs[order.ID]; known {
		return r, nil
	}
	if e.ctx == nil || e.ctx.Err() != nil {
		return nil, fmt.Errorf("order %s: this member's executor is stopped", order.ID)
	}
	// What the wire says only names the operation: the log says what it is, and
	// whether it is still wanted. A copy that the network kept back for long must
	// not start what runs elsewhere by now.
	s := e.state.Load()
	op, inFlight := s.Operations[order.ID]
	if !inFlight || op.Node != e.config.Node || op.Incarnation != e.incarnation {
		return nil, fmt.Errorf("%w: %s at log index %d", ErrOutdated, order.ID, s.Index)
	}
	if e.suspended && raises(op.Op) {
		return nil, ErrNoLease
	}
	opCtx, cancel := context.WithCancel(e.ctx)
	r := &run{op: *op, done: make(chan struct{}), cancel: cancel}
	e.remember(s, r)
	e.work.Go(func() {
		defer cancel()
		result := e.perform(opCtx, s, r)
		e.mu.Lock()
		r.result = result
		e.mu.Unlock()
		close(r.done)
	})
	return r, nil
}

func (e *Executor) check(order state.Order) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.checkLocked(order)
}

func (e *Executor) checkLocked(order state.Order) error {
	if order.LeaderTerm < e.maxTerm {
		return fmt.Errorf("%w: %d < %d", ErrStaleTerm, order.LeaderTerm, e.maxTerm)
	}
	e.maxTerm = order.LeaderTerm
	if order.Incarnation != e.incarnation {
		return ErrStaleRun
	}
	return nil
}

// raises reports whether more may run after an operation than before, here or on
// another member.
func raises(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpPromote, resources.OpMigrateTo, resources.OpMigrateFrom:
		return true
	default:
		return false
	}
}

// remember keeps a run, and forgets old ones beyond maxRuns: those that are done
// and whose operation is no longer in flight, so that no order can ask for them
// again. mu is held.
func (e *Executor) remember(s *state.State, r *run) {
	e.runs[r.op.ID] = r
	e.runOrder = append(e.runOrder, r.op.ID)
	for n := 0; len(e.runOrder) > maxRuns && n < len(e.runOrder); {
		id := e.runOrder[n]
		if _, inFlight := s.Operations[id]; inFlight || !e.runs[id].ended() {
			n++
			continue
		}
		delete(e.runs, id)
		e.runOrder = slices.Delete(e.runOrder, n, n+1)
	}
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Cancel asks an operation to end early. Its result is then cancelled or
// unknown, as the agent says.
func (e *Executor) Cancel(id resources.ActionID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r, known := e.runs[id]; known {
		r.cancel()
	}
}

// perform runs one operation of an order.
func (e *Executor) perform(ctx context.Context, s *state.State, r *run) agents.Result {
	started, op := time.Now(), r.op
	i := e.instance(op.Instance)
	if err := e.takeOver(ctx, i); err != nil {
		if ctx.Err() != nil {
			return agents.Result{Outcome: agents.OutcomeCancelled, Reason: string(op.Op) + " was not begun: " + err.Error()}
		}
		return agents.Result{Outcome: agents.OutcomeUnknown, Reason: "an earlier operation is still running: " + err.Error()}
	}
	if reason := e.overtaken(op); reason != "" {
		i.release()
		return agents.Result{Outcome: agents.OutcomeCancelled, Reason: string(op.Op) + " was not begun: " + reason}
	}
	request, agent, err := e.request(s, op.Instance, op.Op, op.Timeout.Std())
	if err != nil {
		i.release()
		return agents.Result{Outcome: agents.OutcomeMisconfigured, Reason: err.Error()}
	}
	request.Peer = op.Peer
	if raises(op.Op) {
		if err := e.config.Remember(s); err != nil {
			// A daemon that starts anew without quorum would not know of this one:
			// bad, but no reason to leave the service down now.
			e.log.Error("remember what is about to run", zap.String("resource", string(op.Instance)), zap.Error(err))
		}
	}
	if op.Notice != nil {
		agent = told{agent, view.Notification(s, op.Notice)}
	}
	result := e.call(ctx, i, agent, request, func(p agents.Progress) {
		e.mu.Lock()
		r.progress = p
		e.mu.Unlock()
	})
	e.log.Info("operation", zap.String("node", string(op.Node)), zap.String("resource", string(op.Instance)), zap.String("op", string(op.Op)),
		zap.String("action", string(op.ID)), zap.Uint64("term", op.Term), zap.Stringer("outcome", result.Outcome), zap.String("reason", result.Reason), zap.Duration("took", time.Since(started)))
	return result
}

// overtaken says why an order that was accepted must not be begun any more: it
// waited for its instance while this member lost its leader.
func (e *Executor) overtaken(op state.Operation) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !raises(op.Op):
		return ""
	case e.suspended:
		return ErrNoLease.Error()
	case op.Incarnation != e.incarnation:
		return ErrStaleRun.Error()
	}
	return ""
}
