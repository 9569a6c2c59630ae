// Package localexec runs agents on this member. What is run, and when, is
// member's to decide: this package drives its core, calls the agents that it
// names, and carries its reports.
//
// Goroutines: Run owns all of them and waits for them, except an agent call
// that outlives its deadline: that one is abandoned, and its instance stays
// busy until the call returns.
package localexec

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Config is what an executor needs. All fields are required.
type Config struct {
	// Core is what the member's core is made of.
	Core member.Config
	// DataDir outlives the host's restart, RunDir does not. Each instance gets a
	// directory of its own below both.
	DataDir, RunDir string
	// OpenSecret opens the secret that a parameter refers to.
	OpenSecret func(s *state.State, name string) (string, error)
	// Observe fills in Left, Heard and InTouch of a step's input, which holds the
	// state already.
	Observe func(*member.Input)
	// Remember keeps what the state says of this member for the next run of the
	// daemon. It is called before anything is started or promoted.
	Remember func(s *state.State) error
	// Report proposes a changed monitor result through the leader. It may fail;
	// the next monitor tries again.
	Report func(context.Context, state.InstanceReported) error
	// Announce tells the leader of this run of the daemon. It may fail and is then
	// called again.
	Announce func(context.Context, *state.MemberBooted) error
	// Die ends this host at once; why says the reason.
	Die func(why string)
	Log *zap.Logger
}

// Executor runs agents on this member. All methods are safe for concurrent use.
type Executor struct {
	config Config
	log    *zap.Logger
	// wake is signalled when Run has to step; capacity 1.
	wake chan struct{}
	work sync.WaitGroup

	// stateMu guards state and applied apart from the rest: the log does not wait
	// for a step. It is taken last.
	stateMu sync.Mutex
	state   *state.State  // the newest that this member has applied
	applied chan struct{} // closed and replaced at each new state

	mu sync.Mutex
	// The fields below are guarded by mu.
	core    *member.Core
	answers member.Input                         // for the next step
	calls   map[uint64]context.CancelFunc        // of tasks under way
	waiting map[resources.ActionID]chan struct{} // closed when the order is done
	ctx     context.Context                      // of Run; nil before and after
}

// New returns an executor that does nothing until Run.
func New(config Config) *Executor {
	return &Executor{
		config: config, log: config.Log, wake: make(chan struct{}, 1),
		core: member.New(config.Core), state: state.New(), applied: make(chan struct{}),
		calls: map[uint64]context.CancelFunc{}, waiting: map[resources.ActionID]chan struct{}{},
	}
}

// SetState tells the executor what this member has applied. It never blocks;
// the FSM's goroutine may call it.
func (e *Executor) SetState(s *state.State) {
	e.stateMu.Lock()
	e.state = s
	close(e.applied)
	e.applied = make(chan struct{})
	e.stateMu.Unlock()
	e.wakeUp()
}

// newest returns what this member has applied, and what closes when it has
// applied more.
func (e *Executor) newest() (*state.State, <-chan struct{}) {
	e.stateMu.Lock()
	defer e.stateMu.Unlock()
	return e.state, e.applied
}

// wakeUp makes Run step at once.
func (e *Executor) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Incarnation returns the run that orders must be meant for. It changes when
// the no-quorum policy has acted, because nothing believed before holds then.
func (e *Executor) Incarnation() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.core.Incarnation()
}

// Suspended reports whether this member refuses to start or promote anything.
func (e *Executor) Suspended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.core.Suspended()
}

// Idle reports whether everything on this member is proven stopped, and nothing
// is started.
func (e *Executor) Idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.core.Idle()
}

// Run executes orders, monitors, refreshes and the no-quorum policy until ctx
// ends. Services go on when it returns; what was under way is cut short, and
// waited for.
func (e *Executor) Run(ctx context.Context) error {
	e.setContext(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-timer.C:
		}
		timer.Reset(e.step(ctx))
	}
	e.setContext(nil) // no order is accepted from here on
	e.work.Wait()
	e.finish()
	return nil
}

func (e *Executor) setContext(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ctx = ctx
}

// step lets the core decide, begins with what it says, and returns how long it
// is until the next step.
func (e *Executor) step(ctx context.Context) time.Duration {
	out, now := e.decide()
	if ctx.Err() != nil {
		e.refuse(out.Begin) // a daemon that ends has not failed to do anything
		return 0
	}
	for _, n := range out.Notes {
		log := e.log.Warn
		if n.Error {
			log = e.log.Error
		}
		log(n.Text, zap.String("resource", string(n.Instance)))
	}
	if out.Die != "" {
		e.log.Error("ending this host", zap.String("reason", out.Die))
		e.config.Die(out.Die)
	}
	for _, t := range out.Begin {
		e.begin(ctx, t)
	}
	e.cut(out.Cut)
	for _, r := range out.Reports {
		e.work.Go(func() { e.report(ctx, r) })
	}
	if out.Announce != nil {
		e.work.Go(func() {
			if err := e.config.Announce(ctx, out.Announce); err != nil {
				e.log.Debug("announce", zap.Error(err))
			}
			e.give(func(in *member.Input) { in.Announced = true })
		})
	}
	return out.WakeAt.Sub(now)
}

// decide steps the core and does what must not come apart from that.
func (e *Executor) decide() (out member.Output, now time.Time) {
	var seen member.Input
	seen.State, _ = e.newest()
	e.config.Observe(&seen) // without the lock: it asks the log and gossip
	e.mu.Lock()
	defer e.mu.Unlock()
	in := e.answers
	e.answers = member.Input{}
	now = time.Now()
	in.Now, in.Left, in.Heard, in.InTouch = now, seen.Left, seen.Heard, seen.InTouch
	in.State, _ = e.newest() // no older than any that an order was taken with
	out = e.core.Step(in)
	for _, id := range out.Done {
		if done, awaited := e.waiting[id]; awaited {
			close(done)
			delete(e.waiting, id)
		}
	}
	return out, now
}

// give adds an answer for the next step.
func (e *Executor) give(add func(*member.Input)) {
	e.mu.Lock()
	add(&e.answers)
	e.mu.Unlock()
	e.wakeUp()
}

// finish takes what the last calls came to, after the end of Run's context.
func (e *Executor) finish() {
	for {
		out, _ := e.decide()
		if len(out.Begin) == 0 {
			return
		}
		e.refuse(out.Begin)
	}
}

// refuse answers tasks that are not begun because the daemon ends.
func (e *Executor) refuse(tasks []member.Task) {
	for _, t := range tasks {
		e.ended(t, agents.Result{Outcome: agents.OutcomeCancelled, Reason: string(t.Op) + " was not begun: the daemon ends"}, "", true)
	}
}

// Execute obeys an order, or joins it if the same action was ordered before,
// and waits until it is done or ctx ends. The operation goes on when ctx ends:
// call again with the same order to hear more.
func (e *Executor) Execute(ctx context.Context, order state.Order) (member.Status, error) {
	for {
		status, wait, err := e.order(order)
		if status.Done || err != nil && !errors.Is(err, member.ErrBehind) {
			return status, err
		}
		select {
		case <-wait:
			if err == nil {
				return e.status(order.ID), nil
			}
		case <-ctx.Done():
			if err != nil {
				return member.Status{}, err
			}
			return e.status(order.ID), nil
		}
	}
}

// order hands an order to the core. wait closes when there is more to say: when
// the order is done, or, if this member is behind, when it has applied more.
func (e *Executor) order(order state.Order) (status member.Status, wait <-chan struct{}, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil || e.ctx.Err() != nil {
		return member.Status{}, nil, fmt.Errorf("order %s: this member's executor is stopped", order.ID)
	}
	s, applied := e.newest()
	status, err = e.core.Order(time.Now(), s, order)
	if err != nil || status.Done {
		return status, applied, err
	}
	done, awaited := e.waiting[order.ID]
	if !awaited {
		done = make(chan struct{})
		e.waiting[order.ID] = done
	}
	e.wakeUp()
	return status, done, nil
}

func (e *Executor) status(id resources.ActionID) member.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	status, _ := e.core.Status(id)
	return status
}

// Cancel asks an operation to end early. Its result is then cancelled or
// unknown, as the agent says.
func (e *Executor) Cancel(id resources.ActionID) {
	e.mu.Lock()
	e.core.Cancel(id)
	e.mu.Unlock()
	e.wakeUp()
}

// report tells the leader of a monitor's news.
func (e *Executor) report(ctx context.Context, r member.Report) {
	ctx, cancel := context.WithTimeout(ctx, member.ReportTimeout)
	defer cancel()
	err := e.config.Report(ctx, r.Report)
	if err != nil {
		e.log.Warn("report of a monitor", zap.String("resource", string(r.Report.Instance)), zap.Stringer("outcome", r.Report.Result.Outcome), zap.Error(err))
	}
	e.give(func(in *member.Input) { in.Reported = append(in.Reported, member.Reported{ID: r.ID, OK: err == nil}) })
}
