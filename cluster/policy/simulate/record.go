package simulate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
)

// record is an Input that changes as steps are carried out. It shares with the
// Input that it began as whatever did not change.
type record struct {
	in *policy.Input
	// byName leads to a node's entry in in.Status.
	byName map[string]int
	ids    map[string]string // of nodes, by name
	remote map[string]bool   // names of remote nodes
	// own marks the entries of in.Status whose history is this record's alone;
	// histories leads to their resources by id.
	own       []bool
	histories []map[string]int
	anonymous map[string]bool
	agents    agents // found out when first asked for
}

func newRecord(in *policy.Input, present *policy.Report) *record {
	changed := *in
	changed.Status = append([]policy.NodeStatus(nil), in.Status...)
	r := &record{
		in: &changed, byName: map[string]int{}, ids: map[string]string{}, remote: map[string]bool{},
		own: make([]bool, len(in.Status)), histories: make([]map[string]int, len(in.Status)), anonymous: map[string]bool{},
	}
	for _, n := range in.Nodes {
		r.ids[n.Name] = n.ID
	}
	for _, n := range present.Nodes {
		r.remote[n.Name] = n.Kind == policy.KindRemote
		if n.ID != "" {
			r.ids[n.Name] = n.ID
		}
	}
	for i, s := range in.Status {
		name := s.Name
		if name == "" {
			name = nameOf(in, s.ID)
		}
		if _, twice := r.byName[name]; !twice {
			r.byName[name] = i
		}
	}
	for _, id := range present.Anonymous {
		r.anonymous[id] = true
	}
	return r
}

func nameOf(in *policy.Input, id string) string {
	for _, n := range in.Nodes {
		if n.ID == id {
			return n.Name
		}
	}
	return id
}

// status returns the node's entry, a new one if there is none.
func (r *record) status(node string) *policy.NodeStatus {
	i, found := r.byName[node]
	if !found {
		i = len(r.in.Status)
		id := r.ids[node]
		if id == "" || r.remote[node] {
			id = node
		}
		r.in.Status = append(r.in.Status, policy.NodeStatus{ID: id, Name: node, Remote: r.remote[node]})
		r.own = append(r.own, true)
		r.histories = append(r.histories, nil)
		r.byName[node] = i
	}
	return &r.in.Status[i]
}

// history returns what is recorded of a step's resource on a node, a new entry
// if there is nothing. It is the record's own.
func (r *record) history(step *policy.Step) *policy.ResourceHistory {
	s := r.status(step.Node)
	i := r.byName[step.Node]
	if s.Name == "" { // what is recorded of a node without a name is not read
		s.Name, s.History = step.Node, nil
	}
	if !r.own[i] {
		s.History = append([]policy.ResourceHistory(nil), s.History...)
		r.own[i] = true
	}
	if r.histories[i] == nil {
		r.histories[i] = make(map[string]int, len(s.History))
		r.index(i)
	}
	name := step.Resource
	if step.Recorded != "" {
		name = step.Recorded
	}
	at, found := r.histories[i][name]
	if r.anonymous[step.Base] && !found {
		name = step.Base
		at, found = r.histories[i][name]
	}
	if !found || at == ambiguous {
		if r.agents.by == nil {
			r.agents = agentsOf(r.in)
		}
		agent := r.agents.of(step.Base)
		at = len(s.History)
		s.History = append(s.History, policy.ResourceHistory{Resource: name, Class: agent.class, Provider: agent.provider, Type: agent.kind})
		r.histories[i][name] = at
	}
	h := &s.History[at]
	h.Ops = append([]policy.HistoryOp(nil), h.Ops...)
	return h
}

// ambiguous stands for several entries of one name, of which none is the one to
// go on with.
const ambiguous = -1

// index notes where a node's histories are, by their names. Copies without a
// meaning of their own may be recorded under any number.
func (r *record) index(i int) {
	by := r.histories[i]
	list := r.in.Status[i].History
	for at := range list {
		name := list[at].Resource
		if _, twice := by[name]; twice {
			by[name] = ambiguous
		} else {
			by[name] = at
		}
	}
	for at := range list {
		if base := baseOf(list[at].Resource); base != list[at].Resource && r.anonymous[base] {
			if _, plain := by[base]; !plain {
				by[base] = at
			}
		}
	}
}

func baseOf(id string) string {
	base, number, found := cutLast(id, ":")
	if !found {
		return id
	}
	if _, err := strconv.Atoi(number); err != nil {
		return id
	}
	return base
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// succeed records what a step leaves behind.
func (r *record) succeed(step *policy.Step) {
	switch step.Task {
	case taskFence:
		if step.FenceAction != fenceOn {
			r.down(step.Node)
		}
	case taskShutdown, taskClear, taskDelete, taskNotify:
		// The members do these themselves; they change no role.
	case taskCancel:
		r.cancel(step)
	default:
		r.result(step, step.Expected)
	}
}

// down records a node as cleanly gone, with all that it remembered.
func (r *record) down(node string) {
	s := r.status(node)
	i := r.byName[node]
	s.InMembership, s.Peer, s.Join, s.Expected = "false", "offline", "down", "down"
	s.History, s.Attributes = nil, nil
	r.own[i], r.histories[i] = true, nil
}

// cancel forgets a recurring operation, unless nothing else says that the
// resource runs, or it tells of a failure.
func (r *record) cancel(step *policy.Step) {
	task := step.CancelTask
	if task == "" {
		task = taskMonitor
	}
	h := r.history(step)
	for i, op := range h.Ops {
		if op.Op == task && op.Interval == step.Interval && op.RC == op.Expected {
			rest := append(slices.Clone(h.Ops[:i]), h.Ops[i+1:]...)
			if len(rest) > 0 && (!tellsOfRunning(op) || slices.ContainsFunc(rest, tellsOfRunning)) {
				h.Ops = rest
			}
			return
		}
	}
}

// Return codes of what runs.
const (
	rcOK       = 0
	rcPromoted = 8
)

// tellsOfRunning reports whether the resource ran after an operation.
func tellsOfRunning(op policy.HistoryOp) bool {
	return op.Op != taskStop && op.Op != taskMigrateTo && (op.RC == rcOK || op.RC == rcPromoted)
}

// result records that an operation ended with rc.
func (r *record) result(step *policy.Step, rc int) {
	h := r.history(step)
	op := policy.HistoryOp{
		Op: step.Task, Interval: step.Interval, CallID: 1, Status: policy.ExecDone, RC: rc, Expected: step.Expected,
		Transition: -1, Controller: "simulated", Changed: r.in.Now, Digest: step.Digest, RestartDigest: step.RestartDigest,
	}
	failed := rc != step.Expected
	if step.Task == taskReload {
		// A reload brings parameters into force as a start does.
		op.Op = taskStart
		if failed {
			op.Op = taskMonitor
		}
	}
	if step.Task == taskMigrateTo || step.Task == taskMigrateFrom {
		op.MigrateSource, op.MigrateTarget = step.MigrateSource, step.MigrateTarget
	}
	for _, earlier := range h.Ops {
		op.CallID = max(op.CallID, earlier.CallID+1)
		// The instant of judgement may lie before what is recorded.
		if earlier.Changed.After(op.Changed) {
			op.Changed = earlier.Changed
		}
	}
	for _, id := range historyIDs(h.Resource, op, failed) {
		op.ID = id
		put(h, op)
	}
}

// historyIDs are the entries that an operation is remembered under: one for
// each recurring one, one for each half of a migration, the last failure and the
// last of all others.
func historyIDs(resource string, op policy.HistoryOp, failed bool) []string {
	own := resource + "_" + op.Op + "_" + strconv.FormatInt(op.Interval.Milliseconds(), 10)
	last := resource + "_last_0"
	switch {
	case op.Op == taskMigrateTo || op.Op == taskMigrateFrom:
		return []string{own}
	case failed && op.Interval > 0:
		return []string{resource + "_last_failure_0"}
	case failed:
		return []string{resource + "_last_failure_0", last}
	case op.Interval > 0:
		return []string{own}
	default:
		return []string{last}
	}
}

func put(h *policy.ResourceHistory, op policy.HistoryOp) {
	for i := range h.Ops {
		if h.Ops[i].ID == op.ID {
			h.Ops[i] = op
			return
		}
	}
	h.Ops = append(h.Ops, op)
}
