package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// world is one cluster with everything below it.
type world struct {
	clock
	seed    uint64
	chance  chance
	hosts   []*host
	net     *network
	agents  agents.Registry
	options scheduler.Options
	scratch []int

	// history is the log as it was committed, states the state after each entry:
	// what every member has to agree with.
	history []*entry
	states  []*state.State
	hashes  map[uint64]string

	truth    truth
	operator *operator
	checks   checks
	audited  time.Duration
	// quiet is set when the faults are over.
	quiet bool

	// met counts when faults mattered, for the report.
	met meets

	// trace holds the newest lines, when somebody wants them.
	tracing bool
	trace   []string
	first   *Violation
}

// Violation is a safety rule that a step has broken.
type Violation struct {
	Rule string
	Text string
	At   time.Duration
	Step uint64
}

func (v *Violation) String() string {
	return fmt.Sprintf("rule %s at %s: %s", v.Rule, v.At.Round(time.Millisecond), v.Text)
}

// violate records the first violation; the run ends with the step.
func (w *world) violate(rule, format string, args ...any) {
	if w.first == nil {
		w.first = &Violation{Rule: rule, Text: fmt.Sprintf(format, args...), At: w.now, Step: w.steps}
		w.note(nil, "VIOLATION of rule %s: %s", rule, w.first.Text)
	}
}

// maxTrace bounds the lines that are kept.
const maxTrace = 4000

// note says what happens, for the trace of a run that failed.
func (w *world) note(h *host, format string, args ...any) {
	if !w.tracing {
		return
	}
	who := "-"
	if h != nil {
		who = string(h.name)
	}
	if len(w.trace) >= maxTrace {
		w.trace = append(w.trace[:0], w.trace[maxTrace/2:]...)
	}
	w.trace = append(w.trace, fmt.Sprintf("%10.3fs %-2s %s", w.now.Seconds(), who, fmt.Sprintf(format, args...)))
}

// newWorld makes the hosts of a scenario and starts them.
func newWorld(seed uint64, s *scenario, tracing bool) *world {
	w := &world{
		seed: seed, chance: newChance(seed, streamWorld), agents: registry, options: plannerOptions,
		hashes: map[uint64]string{}, tracing: tracing, states: []*state.State{state.New()},
	}
	w.truth.w, w.checks.w = w, w
	w.checks.reset()
	w.net = newNetwork(w, s.hosts)
	for i := range s.hosts {
		h := &host{w: w, index: i, name: hostName(i), disk: newDisk(), procs: map[resources.InstanceID]*proc{}, moodyAt: -moodFades}
		h.clock.drift = (w.chance.Float64()*2 - 1) * maxDrift
		h.clock.offset = w.chance.between(-2*time.Second, 2*time.Second)
		h.bmc, h.dog = &bmc{w: w, host: h}, &dog{h: h, timeout: dogTimeout}
		if s.gates {
			h.gate = &bmc{w: w, host: h, gate: true, cutOff: true}
		}
		if s.feeds {
			for range outlets {
				h.outlets = append(h.outlets, &bmc{w: w, host: h, outlet: true})
			}
		}
		w.hosts = append(w.hosts, h)
	}
	w.found(s)
	w.operator = newOperator(w, s)
	for _, h := range w.hosts[:s.members] {
		h.powered, h.boot = true, 1
		w.after(w.chance.between(0, time.Second), h.startDaemon)
	}
	for _, h := range w.hosts[s.members:] {
		h.powered, h.boot, h.disabled = true, 1, true // not a member yet
	}
	return w
}

func hostName(i int) resources.NodeName { return resources.NodeName(string(rune('a' + i))) }

func (h *host) address() string { return fmt.Sprintf("192.0.2.%d:7450", h.index+1) }

// host returns a host by its name, nil when there is none.
func (w *world) host(name resources.NodeName) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// found writes the cluster's first entries to every member's disk, as founding
// it and joining have done before the world begins.
func (w *world) found(s *scenario) {
	config := configuration{}
	var commands []state.Command
	commands = append(commands, &state.ClusterCreated{ID: "sim", Name: "sim", Node: w.hosts[0].name, Address: w.hosts[0].address(), Serial: serialOf(w.hosts[0], 0)})
	for i, h := range w.hosts[:s.members] {
		voter := i < s.voters
		if voter {
			config.voters = config.voters.with(i)
		} else {
			config.learners = config.learners.with(i)
		}
		if i > 0 {
			token := fmt.Sprintf("token-%d", i)
			commands = append(commands,
				&state.TokenCreated{ID: token, ExpiresAt: worldBegan.Add(time.Hour)},
				&state.MemberJoined{Node: h.name, Address: h.address(), Voter: voter, Serial: serialOf(h, 0), Token: token, Witness: i == s.witness})
		}
	}
	commands = append(commands, &state.DefinitionSet{Definition: s.definition})
	log := []*entry{{index: 1, term: 1, config: &config}}
	for _, command := range commands {
		log = append(log, w.newEntry(command, worldBegan, state.ByCluster, uint64(len(log))+1, 1))
	}
	for _, h := range w.hosts[:s.members] {
		h.disk.log = append(h.disk.log, log...)
		h.disk.term, h.disk.synced = 1, h.disk.last()
	}
	for _, e := range log {
		w.append(e)
	}
}

func serialOf(h *host, times int) string { return fmt.Sprintf("%s-%d", h.name, times) }

func (w *world) newEntry(command state.Command, at time.Time, by string, index, term uint64) *entry {
	data, err := state.Encode(command, at, by)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	envelope, decoded, err := state.Decode(data)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	return &entry{index: index, term: term, data: data, command: decoded, envelope: envelope}
}

// state returns the committed truth of now.
func (w *world) state() *state.State { return w.states[len(w.states)-1] }

// committed is called by each member for each entry that it learns is committed.
// The first of them makes it history.
func (w *world) committed(r *raft, e *entry) {
	switch at := int(e.index) - 1; {
	case at < len(w.history):
		if w.history[at] != e {
			w.violate("log", "%s has another entry %d committed than the others", r.d.h.name, e.index)
		}
	case at > len(w.history):
		w.violate("log", "%s commits entry %d after %d", r.d.h.name, e.index, len(w.history))
	default:
		w.append(e)
	}
}

// append makes an entry history and holds the state before and after it against
// the rules.
func (w *world) append(e *entry) {
	before := w.state()
	after, result := before, state.Result{Index: e.index}
	if e.command != nil {
		after, result = state.Apply(before, e.index, e.term, e.data)
	}
	w.history = append(w.history, e)
	w.states = append(w.states, after)
	if w.tracing && e.command != nil {
		w.note(nil, "%d.%d %s %s%s", e.term, e.index, e.envelope.Name, e.envelope.Data, rejected(result))
	}
	if e.command != nil {
		w.checks.command(e, before, after, result)
	}
}

func rejected(r state.Result) string {
	if r.Err == nil {
		return ""
	}
	return " rejected: " + r.Err.Error()
}

// planned is called after each Step of a leader.
func (w *world) planned(d *daemon, core *leader.Core) { w.checks.plan(d, core) }

// sampled entries have their state's hash compared on every member.
const sampled = 16

// checkReplica compares a member's state with the history's: equal index, equal
// state.
func (w *world) checkReplica(d *daemon, index uint64) {
	if index%sampled == 0 {
		w.compare(d, index)
	}
}

// compare holds a member's state against the history's.
func (w *world) compare(d *daemon, index uint64) {
	if int(index) >= len(w.states) {
		return // this member is the first to know of it
	}
	want, known := w.hashes[index]
	if !known {
		want = w.states[index].Hash()
		w.hashes[index] = want
	}
	if got := d.state.Hash(); got != want {
		w.violate("state", "the state of %s at index %d differs from the others'", d.h.name, index)
	}
}

// checkElected holds a new leader's log against the history: what is committed
// is never lost.
func (w *world) checkElected(r *raft) {
	if r.disk.term < w.history[len(w.history)-1].term {
		return // late votes made it: others follow a newer term, and it commits nothing
	}
	if r.disk.last() < uint64(len(w.history)) {
		w.violate("7", "%s leads term %d without entry %d, which was committed", r.d.h.name, r.disk.term, len(w.history))
		return
	}
	for index := r.disk.first; index <= uint64(len(w.history)); index++ {
		if r.disk.at(index) != w.history[index-1] {
			w.violate("7", "%s leads term %d with another entry %d than was committed", r.d.h.name, r.disk.term, index)
			return
		}
	}
}
