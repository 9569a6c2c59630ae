package leader

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Config is what a Core is made of. All fields are required.
type Config struct {
	// Self is the member that leads, Term the term that it leads in.
	Self resources.NodeName
	Term uint64
	// Agents are asked for advice (agents.Advisor), which is pure.
	Agents agents.Registry
	// Options of the planner.
	Options scheduler.Options
	// Jitter returns a duration of at least 0 and less than its argument, which is
	// positive: it spreads what happens now and then.
	Jitter func(time.Duration) time.Duration
}

const (
	// tick is how soon what has failed is tried again, and how often members are
	// judged while one of them is in doubt.
	tick = 100 * time.Millisecond
	// longestSleep bounds the time between two steps: what no event announces, such
	// as a member that leaves heartbeats unanswered, is found within it.
	longestSleep = time.Second
	// replanAfter is how long a plan is kept while its state does not change: it
	// holds until its RecheckAt, and is made anew all the same, in case that is wrong.
	replanAfter = 5 * time.Second
)

// Core decides for one term of leadership. It is not safe for concurrent use.
type Core struct {
	config Config
	lastID uint64 // of proposals, looks and reads

	// in and out are those of the Step under way; s is in.State.
	in  *Input
	out *Output
	s   *state.State

	// deciding holds the decisions that are not answered yet. While there are any,
	// no others are made; after one that failed, none before pause.
	deciding map[uint64]state.Command
	pause    time.Time

	judge     judge
	advisors  advisors
	brakes    *brakes
	cancelled map[resources.ActionID]bool
	devices   *deviceWatch
	changing  bool      // a change of the log's configuration is under way
	voteAfter time.Time // none begins before

	orders   map[resources.ActionID]*follow
	attempts map[string]*attempt
	records  map[uint64]*report

	planner   scheduler.Planner
	plan      transition.Transition
	planned   *state.State // what plan was made from; nil before the first
	plannedAt time.Time
	recheckAt time.Time // plan.RecheckAt by the monotonic clock
	unadvised bool      // advice could not be recorded: plan without it
	problems  []transition.Problem
}

// New returns the core of a new term.
func New(config Config) *Core {
	return &Core{
		config: config, deciding: map[uint64]state.Command{}, judge: newJudge(), advisors: newAdvisors(), brakes: newBrakes(),
		cancelled: map[resources.ActionID]bool{}, devices: newDeviceWatch(),
		orders: map[resources.ActionID]*follow{}, attempts: map[string]*attempt{}, records: map[uint64]*report{},
	}
}

// Plan returns the newest plan; the zero value before the first.
func (c *Core) Plan() transition.Transition { return c.plan }

// Problems returns what the leader knows to be wrong beyond what its plan says.
// The caller must not change it.
func (c *Core) Problems() []transition.Problem { return c.problems }

// Progress returns how far the operations in flight are, as last heard. The map
// is the caller's.
func (c *Core) Progress() map[resources.ActionID]agents.Progress {
	all := map[resources.ActionID]agents.Progress{}
	for id, f := range c.orders {
		if f.heard {
			all[id] = f.progress
		}
	}
	return all
}

// Step takes what has happened and says what to do now. See the package's
// documentation for when to call it.
func (c *Core) Step(in Input) Output {
	out := Output{WakeAt: in.Now.Add(longestSleep)}
	if mutant.Is(mutant.WallClock) {
		in.Now = in.Wall
	}
	c.in, c.out, c.s = &in, &out, in.State
	c.takeProposed()
	c.takeLooked()
	c.takeReadings()
	c.changing = c.changing && !in.Voted
	c.followOrders()
	c.followAttempts()
	switch {
	case len(c.deciding) > 0: // their answers come first
	case in.Now.Before(c.pause):
		c.wakeAt(c.pause)
	default:
		c.decide()
	}
	c.in, c.out, c.s = nil, nil, nil
	return out
}

// decide makes every decision that the state and the evidence allow now.
func (c *Core) decide() {
	c.judgeMembers()
	c.changeVoters()
	c.raiseVersion()
	c.expireMaintenance()
	due := c.in.Now.Sub(c.plannedAt) >= replanAfter || !c.recheckAt.IsZero() && !c.in.Now.Before(c.recheckAt)
	if c.s != c.planned || due {
		if !c.unadvised && c.advise() {
			return // plan with the new advice
		}
		c.unadvised = false
		c.makePlan()
	}
	c.wakeAt(c.plannedAt.Add(replanAfter))
	c.wakeAt(c.recheckAt)
	c.problems = c.listProblems()
	c.cancelUnwanted()
	c.dispatch()
	c.watchDevices()
}

func (c *Core) makePlan() {
	c.plan, c.planned, c.plannedAt = c.planner.Plan(c.s, c.in.Wall, c.config.Options), c.s, c.in.Now
	c.recheckAt = time.Time{}
	if !c.plan.RecheckAt.IsZero() {
		c.recheckAt = c.monotonic(c.plan.RecheckAt)
	}
}

// monotonic returns when the wall clock will show a time, should it not jump.
func (c *Core) monotonic(wall time.Time) time.Time { return c.in.Now.Add(wall.Sub(c.in.Wall)) }

// wakeAt makes Step be called at a time, or before.
func (c *Core) wakeAt(at time.Time) {
	if at.After(c.in.Now) && at.Before(c.out.WakeAt) {
		c.out.WakeAt = at
	}
}

func (c *Core) newID() uint64 {
	c.lastID++
	return c.lastID
}

// propose decides something.
func (c *Core) propose(command state.Command) {
	id := c.newID()
	c.deciding[id] = command
	c.out.Decisions = append(c.out.Decisions, Proposal{id, command})
}

// takeProposed takes what became of commands.
func (c *Core) takeProposed() {
	for _, p := range c.in.Proposed {
		if r, known := c.records[p.ID]; known {
			delete(c.records, p.ID)
			c.recorded(r, p.Outcome)
		}
		command, known := c.deciding[p.ID]
		if !known {
			continue
		}
		delete(c.deciding, p.ID)
		if p.Outcome == Committed {
			continue
		}
		c.pause = c.in.Now.Add(tick)
		if advice, is := command.(*state.ResourceAdvised); is {
			c.advisors.takeBack(advice.Resource)
			c.unadvised = true
		}
	}
}

func (c *Core) note(n Note) { c.out.Notes = append(c.out.Notes, n) }
