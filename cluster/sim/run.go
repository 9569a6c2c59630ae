package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
)

// Report is what a run came to.
type Report struct {
	Seed    uint64
	Edition int
	Faults  []Fault
	Calm    bool
	// Steps are events, Commands committed entries, Took virtual time.
	Steps    uint64
	Commands int
	Fences   int
	Starts   int
	Met      meets
	Took     time.Duration
	// Settled is how long after the last fault the cluster was as defined.
	Settled   time.Duration
	Violation *Violation
	Trace     []string

	until time.Duration
}

// Bounds of a run: how long after the faults the cluster may take to settle, for
// how long it must stay so, and how many steps a run may have.
const (
	settleWithin = 6 * time.Minute
	staysSettled = 15 * time.Second
	maxSteps     = 2_000_000
)

// Run runs a seed.
func Run(seed uint64) Report {
	s := newScenario(seed, edition)
	return run(s, newPlan(seed, s), false)
}

// run runs the faults of a plan on a scenario.
func run(s *scenario, p *plan, tracing bool) Report {
	w := newWorld(p.Seed, s, tracing)
	w.inject(p)
	if p.Calm {
		w.at(calmBegin, func() { w.checks.calm = true })
	}
	w.until(p.Until)
	w.heal()
	settled := w.settle()
	for _, h := range w.hosts {
		if h.daemon != nil {
			w.compare(h.daemon, h.daemon.state.Index)
		}
	}
	return Report{
		Seed: p.Seed, Edition: p.Edition, Faults: p.Faults, Calm: p.Calm, Steps: w.steps, Commands: w.checks.commands, Fences: w.checks.fences, Starts: w.checks.starts, Met: w.met,
		Took: w.now, Settled: settled, Violation: w.first, Trace: w.trace, until: p.Until,
	}
}

// until runs until a time or the first violation, and holds the truth against
// the rules after every step that changed it.
func (w *world) until(end time.Duration) {
	for w.first == nil && w.next(end) {
		if w.truth.dirty {
			w.truth.check()
		}
		if w.now-w.audited >= auditEvery {
			w.audited = w.now
			for _, h := range w.hosts {
				w.checks.alone(h)
			}
		}
		if w.steps > maxSteps {
			w.violate("bounds", "%d steps and no end", w.steps)
		}
	}
}

// auditEvery is how often what needs no step to go wrong is looked at.
const auditEvery = time.Second

// settle waits until the cluster is as defined and stays so.
func (w *world) settle() time.Duration {
	began := w.now
	since := time.Duration(-1)
	why := ""
	for w.first == nil {
		w.until(w.now + time.Second)
		why = w.unsettled()
		switch {
		case why != "":
			since = -1
		case since < 0:
			since = w.now
		case w.now-since >= staysSettled:
			return since - began
		}
		if w.now-began > settleWithin {
			w.violate("settle", "the cluster has not settled %s after the last fault: %s", settleWithin, why)
		}
	}
	return w.now - began
}

// unsettled says what keeps the cluster from being as defined; "" if nothing
// does.
func (w *world) unsettled() string {
	d := w.checks.by
	if d == nil || d.ended || d.raft.role != leading || w.checks.newest == nil {
		return "nobody leads"
	}
	s := w.state()
	plan := w.checks.newest
	if d.state != s && d.state.Index < s.Index {
		return "the leader lags"
	}
	for _, h := range w.hosts {
		n := s.Nodes[h.name]
		switch {
		case n == nil && h.disabled:
			continue
		case n == nil:
			return fmt.Sprintf("%s is no member", h.name)
		case h.daemon == nil:
			return fmt.Sprintf("%s has no daemon", h.name)
		case n.Liveness != state.LivenessAlive:
			return fmt.Sprintf("%s is %s", h.name, n.Liveness)
		case h.daemon.state.Index < s.Index:
			return fmt.Sprintf("%s lags", h.name)
		}
		for id, p := range h.procs {
			if i := n.Instances[id]; i == nil || i.Role != p.role {
				return fmt.Sprintf("%s runs on %s and the log does not say so", id, h.name)
			}
		}
		for id, i := range n.Instances {
			if i.Role.Active() && h.procs[id] == nil {
				return fmt.Sprintf("%s does not run on %s, against what the log says", id, h.name)
			}
		}
	}
	if why := w.withoutTicket(s); why != "" {
		return why
	}
	if len(s.Fencing) > 0 {
		return "a fencing is open"
	}
	for _, a := range plan.Actions {
		return fmt.Sprintf("the plan holds %s (wait: %q, after: %v)", a.Key, a.Wait, a.After)
	}
	if !transition.Settled(plan) || plan.Index+64 < s.Index {
		return "the plan is not carried out"
	}
	return ""
}
