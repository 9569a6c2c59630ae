package member

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Config is what a Core is made of. All fields are required.
type Config struct {
	Self resources.NodeName
	// Address is this member's, host:port, and BootID that of the host's start; it
	// announces both.
	Address, BootID string
	// Agents are asked for their specs and what they watch, which is pure.
	Agents agents.Registry
	// NewIncarnation names a run of the daemon, like no other; it is asked once by
	// New and again whenever nothing that was believed before holds any more.
	NewIncarnation func() string
}

// longestSleep bounds the time between two steps.
const longestSleep = 5 * time.Second

// Core decides for one run of a member's daemon. It is not safe for concurrent
// use.
type Core struct {
	config Config
	lastID uint64 // of tasks and reports
	s      *state.State
	now    time.Time
	in     *Input  // of the Step under way
	out    *Output // of the next Step, or of the one under way

	incarnation string
	maxTerm     uint64
	tasks       map[uint64]*task
	instances   map[resources.InstanceID]*instance
	runs        map[resources.ActionID]*run
	runOrder    []resources.ActionID

	monitors  monitors
	refreshed map[resources.InstanceID]refreshed
	unwatched horizon // no view is looked at before

	began     time.Time // the first Step
	suspended bool      // nothing is started
	lost      bool      // the lease has run out
	idle      bool      // suspended, and everything is proven stopped
	stopping  *stopping // nil when nothing is

	// ran is the newest state that did not count this start of the host as off.
	// stopped is the newest fencing that did, after which everything was stopped;
	// stuck the one after which that was impossible: this host has to end.
	ran            *state.State
	stopped, stuck string

	announcing    bool
	announceAfter time.Time
	announcedFrom *state.State
}

// New returns the core of a new run of the daemon.
func New(config Config) *Core {
	return &Core{
		config: config, s: state.New(), out: &Output{}, incarnation: config.NewIncarnation(),
		tasks: map[uint64]*task{}, instances: map[resources.InstanceID]*instance{}, runs: map[resources.ActionID]*run{},
		monitors: newMonitors(), refreshed: map[resources.InstanceID]refreshed{},
	}
}

// Incarnation returns the run that orders must be meant for. It changes when the
// member has stopped what it ran, because nothing believed before holds then.
func (c *Core) Incarnation() string { return c.incarnation }

// Suspended reports whether the member refuses to start or promote anything.
func (c *Core) Suspended() bool { return c.suspended }

// Idle reports whether nothing runs here and nothing is started: everything was
// proven stopped since the member was suspended.
func (c *Core) Idle() bool { return c.idle }

// Step takes what has happened and says what to do now. See the package's
// documentation for when to call it.
func (c *Core) Step(in Input) Output {
	if c.began.IsZero() {
		c.began = in.Now
	}
	c.in = &in
	c.learn(in.Now, in.State)
	c.out.WakeAt = in.Now.Add(longestSleep)
	c.takeFree()
	c.takeProgress()
	c.takeEnded()
	c.takeReported()
	c.keepLease()
	c.serve()
	c.announce()
	c.monitor()
	c.refresh()
	out := *c.out
	c.in, c.out = nil, &Output{}
	return out
}

// learn takes over a state.
func (c *Core) learn(now time.Time, s *state.State) {
	c.now, c.s = now, s
	c.maxTerm = max(c.maxTerm, s.Term)
}

// self returns this member as the state has it, if the state is about this run
// of the daemon: what it believes of an earlier run has to be looked at first.
func (c *Core) self() (*state.Node, bool) {
	n, found := c.s.Nodes[c.config.Self]
	return n, found && n.Incarnation == c.incarnation
}

// wakeAt makes Step be called at a time, or before.
func (c *Core) wakeAt(at time.Time) {
	if at.After(c.now) && at.Before(c.out.WakeAt) {
		c.out.WakeAt = at
	}
}

func (c *Core) newID() uint64 {
	c.lastID++
	return c.lastID
}

func (c *Core) note(n Note) { c.out.Notes = append(c.out.Notes, n) }
