// Package scheduler decides what the cluster should do next. Plan is a pure
// function of the replicated state, the time and what is known of the agents:
// it does no I/O, reads no clock and starts no goroutine, and gives the same
// plan for the same arguments everywhere.
//
// Its rules are Pacemaker's (Pacemaker Explained; where the manual and the code
// disagree, the code) but for what follows from planning on every change: there
// is no barrier, and only what depends on an action waits for it.
//
// Where Belay means to differ from Pacemaker:
//   - A start waits for the fencing of those nodes that may run the resource,
//     not for every fencing.
//   - A node that is only suspected keeps what it has and takes nothing new.
//   - A copy of a clone that starts or restarts on one node restarts nothing
//     that depends on the clone on other nodes, interleaved or not.
//   - An interleaved clone that is to stay away from another one stays away from
//     all its copies. Pacemaker keeps each copy away from one copy only, and they
//     change places.
//   - What nobody has looked at since the daemon restarted restarts nothing.
//   - No location or colocation promotes what does not ask for promotion.
//   - An instance that its monitor found cleanly stopped is started without
//     being stopped before.
//   - A node in maintenance is not fenced by the cluster itself.
//   - An operation waits for the notices of it alone, not for those of a whole
//     transition; nothing is recovered later because survivors are told of the
//     end of a lost node.
//   - Explicit target_role started means what the default means: promotion is
//     allowed. (Started and unpromoted are the same role here.)
package scheduler

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Plan returns the actions that lead from the state to its definition, what
// each waits for, and why. It never changes s. The result always passes
// transition.Validate.
func Plan(s *state.State, now time.Time, opts Options) transition.Transition {
	return plan(s, now, opts, &memory{})
}

func plan(s *state.State, now time.Time, opts Options, m *memory) transition.Transition {
	m.forDefinition(s.Definition, now)
	unmovable := map[int]bool{}
	for {
		p := &planner{s: s, def: m.resolved, now: now, opts: opts, memory: m, unmovable: unmovable}
		given := len(unmovable)
		if t := p.plan(); len(unmovable) == given {
			return t
		}
		// A live migration would have waited for itself; each round gives up one.
	}
}

func (p *planner) plan() transition.Transition {
	p.t = transition.Transition{Index: p.s.Index, Term: p.s.Term}
	if !p.opts.Quorum {
		p.problem(transition.Problem{
			Code: "no_quorum", Severity: transition.SeverityCritical,
			Text: "no majority of the voters is in reach: nothing is started, stopped or fenced",
			Next: "belayctl status",
		})
		return p.t
	}

	p.recheck(p.memory.before)
	p.unpackMaintenance()
	p.unpackNodes()
	p.unpackUnits()
	p.unpackLocations()
	p.unpackStatus()
	p.judgeFailures()
	p.judgeTickets()
	p.decideFencing()
	p.decideUnfencing()
	p.judgeMultiple()
	p.compareDigests()

	p.unpackColocations()
	p.banCutOff()
	p.banQuarantined()
	p.placeAll()
	p.setTargets()
	p.unpackOrders()
	p.capTargets()
	p.markRestarts()
	p.chooseMigrations()

	p.makeRoom()
	p.addProbes()
	p.addInstanceActions()
	p.holdTargets()
	p.orderActions()
	if !p.breakLoops() {
		return p.t
	}
	p.addNotices()
	return p.result()
}

// planner is one run of Plan. Everything in it refers to everything else by
// index: into nodes (by name), prims and units (by definition) and insts.
type planner struct {
	s *state.State
	// def is the definition with everything written out.
	def *resources.Definition
	now time.Time
	// maintenance is that of the whole cluster.
	maintenance bool
	opts        Options
	t           transition.Transition

	memory *memory

	nodes  []node
	byNode map[resources.NodeName]int
	prims  []prim
	byPrim map[resources.ResourceID]int
	// inner nodes are in what the resource makes; nil where there are none.
	inner  map[resources.NodeName]resources.ResourceID
	units  []unit
	byUnit map[resources.ResourceID]int
	// requires is what a resource requires that does not say.
	requires resources.Requires
	// locations say where resources may run, for the policy engine.
	locations []policy.LocationConfig

	insts []inst
	slots []int32 // prim's copies × nodes → index into insts, or -1

	colocations []colocation
	orders      []order

	// underWay are the migrations of the state, migrations those that the plan
	// holds; unmovable instances (by their source) are not to migrate.
	underWay, migrations []migration
	unmovable            map[int]bool

	// acts are what is to be done, in the making; links what each waits for,
	// linked the same as the actions have it.
	acts   []transition.Action
	links  []links
	linked []int
	probes []int32        // of one primitive, while it is put in order
	scores []policy.Score // what the policy engine chose by, where asked for
}

// problem records what an operator should know.
func (p *planner) problem(problem transition.Problem) {
	p.t.Problems = append(p.t.Problems, problem)
}

// recheck asks for another plan at a time; the earliest wins, the past is
// ignored.
func (p *planner) recheck(at time.Time) {
	if at.After(p.now) && (p.t.RecheckAt.IsZero() || at.Before(p.t.RecheckAt)) {
		p.t.RecheckAt = at
	}
}

// result turns the plan into data.
func (p *planner) result() transition.Transition {
	for i := range p.links {
		after := p.links[i].after
		slices.Sort(after)
		p.links[i].after = slices.Compact(after)
	}
	p.link()
	p.t.Actions = p.acts
	p.t.Targets = p.targets()
	p.explain()
	slices.SortStableFunc(p.t.Problems, func(a, b transition.Problem) int { return int(b.Severity - a.Severity) })
	return p.t
}
