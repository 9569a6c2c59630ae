// Package localexec runs agents on this member: the leader's orders, the
// recurring monitors, the refreshes of what depends on other resources, and the
// no-quorum policy when the leader is gone.
//
// It decides nothing about the cluster. It obeys no order of an older term than
// it has seen or of an earlier run of this daemon, runs one operation per
// instance at a time, and never forgets within a run what an order came to.
//
// Goroutines: Run owns all of them and waits for them, except an agent call
// that outlives its deadline: that one is abandoned, and its instance stays
// busy until the call returns.
package localexec

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Config is what an executor needs. All fields are required.
type Config struct {
	Node        resources.NodeName
	Incarnation string
	Agents      agents.Registry
	// DataDir outlives the host's restart, RunDir does not. Each instance gets a
	// directory of its own below both.
	DataDir, RunDir string
	// OpenSecret opens the secret that a parameter refers to.
	OpenSecret func(s *state.State, name string) (string, error)
	// Remember keeps what the state says of this member for the next run of the
	// daemon. It is called before anything is started or promoted.
	Remember func(s *state.State) error
	// Report proposes a changed monitor result through the leader. It may fail;
	// the next monitor tries again.
	Report func(context.Context, state.InstanceReported) error
	Log    *zap.Logger
}

// Executor runs agents on this member. All methods are safe for concurrent use.
type Executor struct {
	config Config
	log    *zap.Logger

	// state is the newest state that this member has applied.
	state atomic.Pointer[state.State]
	// wake is signalled when state changes; capacity 1.
	wake chan struct{}

	mu sync.Mutex
	// The fields below are guarded by mu.
	incarnation string
	maxTerm     uint64
	suspended   bool // no quorum: nothing is started
	instances   map[resources.InstanceID]*instance
	runs        map[resources.ActionID]*run
	runOrder    []resources.ActionID
	applied     chan struct{} // closed and replaced at each new state
	work        sync.WaitGroup
	ctx         context.Context // of Run; nil before and after
	// unsure holds the instances whose last report may or may not have arrived:
	// the next one is made whether it is news or not.
	unsure map[resources.InstanceID]bool
}

// maxRuns bounds the remembered results of orders.
const maxRuns = 4096

// New returns an executor that does nothing until Run.
func New(config Config) *Executor {
	e := &Executor{
		config: config, log: config.Log, incarnation: config.Incarnation,
		wake:      make(chan struct{}, 1),
		instances: map[resources.InstanceID]*instance{},
		runs:      map[resources.ActionID]*run{},
		applied:   make(chan struct{}),
		unsure:    map[resources.InstanceID]bool{},
	}
	e.state.Store(state.New())
	return e
}

// SetState tells the executor what this member has applied. It never blocks;
// the FSM's goroutine may call it.
func (e *Executor) SetState(s *state.State) {
	e.state.Store(s)
	e.mu.Lock()
	e.maxTerm = max(e.maxTerm, s.Term)
	close(e.applied)
	e.applied = make(chan struct{})
	e.mu.Unlock()
	e.wakeUp()
}

// wakeUp makes Run look at once.
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
	return e.incarnation
}

// Run executes orders, monitors and refreshes until ctx ends. Services go on
// when it returns.
func (e *Executor) Run(ctx context.Context) error {
	e.setContext(ctx)
	defer e.work.Wait()
	defer e.dropContext() // no order is accepted from here on
	monitors := newMonitors(e)
	refreshes := newRefreshes(e)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-timer.C:
		}
		now := time.Now()
		s := e.state.Load()
		next := min(monitors.step(ctx, s, now), refreshes.step(ctx, s, now))
		timer.Reset(max(next, 5*time.Millisecond))
	}
}

func (e *Executor) setContext(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ctx = ctx
}

func (e *Executor) dropContext() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ctx = nil
}

// self returns this member as the state has it, if the state is about this run
// of the daemon: what it believes of an earlier run has to be looked at first.
func (e *Executor) self(s *state.State) (*state.Node, bool) {
	n, found := s.Nodes[e.config.Node]
	return n, found && n.Incarnation == e.Incarnation()
}

// waitApplied returns the member's state at index or later.
func (e *Executor) waitApplied(ctx context.Context, index uint64) (*state.State, error) {
	for {
		e.mu.Lock()
		s, changed := e.state.Load(), e.applied
		e.mu.Unlock()
		if s.Index >= index {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("this member is at log index %d, behind %d: %w", s.Index, index, ctx.Err())
		}
	}
}
