// Package executor carries out the leader's part of what is in flight: it
// brings every recorded operation and fencing to a recorded result, asking the
// member that runs it again and again until it says, or until the state no
// longer holds the operation.
//
// It starts one goroutine per operation and fencing in flight; Run owns them.
// It never decides what should run.
package executor

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Errors by which Config.Order says that a member did not obey.
var (
	// ErrSuperseded means that this leader's term is over.
	ErrSuperseded = errors.New("the member has seen a newer term")
	// ErrNotDone means that the member refused and did nothing.
	ErrNotDone = errors.New("the member refused the order")
)

// Status is how far a member is with an order.
type Status struct {
	Done     bool
	Result   agents.Result
	Progress agents.Progress
}

// FenceResult is what an attempt to switch a node's power came to.
type FenceResult struct {
	Proven bool
	Steps  []state.FenceStep
	Error  string
	// Refused says that each level failed because a device refused the login: the
	// same again locks accounts and does not heal.
	Refused bool
}

// Config is what a dispatcher needs. All fields are required; the functions are
// called from many goroutines at once.
type Config struct {
	Self resources.NodeName
	Term uint64
	// Propose commits a command, or fails when this member leads no more.
	Propose func(context.Context, state.Command) (state.Result, error)
	// Order gives a member an order and waits some seconds for its result.
	Order func(context.Context, state.Order) (Status, error)
	// Fence asks the executor to switch the node's power off and prove it, or to
	// switch it on.
	Fence func(ctx context.Context, executor resources.NodeName, f *state.Fencing, on bool) (FenceResult, error)
	Log   *zap.Logger
}

// Dispatcher follows what is in flight during one term of leadership.
type Dispatcher struct {
	config Config
	ctx    context.Context
	work   sync.WaitGroup

	mu sync.Mutex
	// The fields below are guarded by mu.
	following map[resources.ActionID]context.CancelFunc
	fencing   map[string]context.CancelFunc // by fencing id and phase
	progress  map[resources.ActionID]agents.Progress
	newest    *state.State
}

// New returns a dispatcher whose goroutines end with ctx: the term's context.
func New(ctx context.Context, config Config) *Dispatcher {
	return &Dispatcher{
		config: config, ctx: ctx,
		following: map[resources.ActionID]context.CancelFunc{},
		fencing:   map[string]context.CancelFunc{},
		progress:  map[resources.ActionID]agents.Progress{},
	}
}

// Wait returns when every goroutine has ended, after the term's context has.
func (d *Dispatcher) Wait() { d.work.Wait() }

// Progress returns how far the operations in flight are, as last heard.
func (d *Dispatcher) Progress() map[resources.ActionID]agents.Progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.progress)
}

// Sync follows everything that the state holds in flight and lets go of what it
// no longer holds. Only the leader loop calls it.
func (d *Dispatcher) Sync(s *state.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest = s
	for id, cancel := range d.following {
		if _, inFlight := s.Operations[id]; !inFlight {
			cancel()
			delete(d.following, id)
			delete(d.progress, id)
		}
	}
	for id, op := range s.Operations {
		if _, followed := d.following[id]; !followed {
			d.following[id] = d.launch(func(ctx context.Context) { d.follow(ctx, *op) })
		}
	}
	d.syncFencing(s)
}

func (d *Dispatcher) launch(work func(context.Context)) context.CancelFunc {
	ctx, cancel := context.WithCancel(d.ctx)
	d.work.Go(func() {
		defer cancel()
		work(ctx)
	})
	return cancel
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// follow asks for one operation's result until it is known and recorded.
func (d *Dispatcher) follow(ctx context.Context, op state.Operation) {
	retry := firstRetry
	for ctx.Err() == nil {
		status, err := d.config.Order(ctx, state.Order{Operation: op, LeaderTerm: d.config.Term, Index: d.index()})
		switch {
		case errors.Is(err, ErrSuperseded):
			return
		case errors.Is(err, ErrNotDone):
			d.record(ctx, op, agents.Result{Outcome: agents.OutcomeCancelled, Reason: err.Error()})
			return
		case err != nil:
			// The member may be gone, restarting or slow: its verdict or its boot
			// ends the operation.
			d.config.Log.Debug("order", zap.String("action", string(op.ID)), zap.String("node", string(op.Node)), zap.Error(err))
			sleep(ctx, retry)
			retry = min(2*retry, lastRetry)
		case status.Done:
			d.record(ctx, op, status.Result)
			return
		default:
			retry = firstRetry
			d.heard(op.ID, status.Progress)
			sleep(ctx, firstRetry) // should a member answer at once
		}
	}
}

// heard keeps the progress of an operation that is still followed.
func (d *Dispatcher) heard(id resources.ActionID, progress agents.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, followed := d.following[id]; followed {
		d.progress[id] = progress
	}
}

// index is the log position that the member needs to know: the newest one here,
// so that it does not obey an order that it will read is given up.
func (d *Dispatcher) index() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest.Index
}

// record commits an operation's result, again and again until it is committed
// or the term ends.
func (d *Dispatcher) record(ctx context.Context, op state.Operation, result agents.Result) {
	d.persist(ctx, &state.OperationFinished{Action: op.ID, Result: result})
}

func (d *Dispatcher) persist(ctx context.Context, command state.Command) bool {
	retry := firstRetry
	for ctx.Err() == nil {
		result, err := d.config.Propose(ctx, command)
		if err == nil {
			return result.Err == nil
		}
		var rejection *state.Rejection
		if errors.As(err, &rejection) {
			return false
		}
		if ctx.Err() != nil {
			return false // the state holds it no more: it is recorded, or dropped
		}
		d.config.Log.Warn("record a result", zap.Error(err))
		sleep(ctx, retry)
		retry = min(2*retry, lastRetry)
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
