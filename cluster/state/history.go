package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Event is one line of history.
type Event struct {
	Index    uint64               `json:"index"`
	At       time.Time            `json:"at"`
	Kind     string               `json:"kind"`
	Node     resources.NodeName   `json:"node,omitempty"`
	Resource resources.ResourceID `json:"resource,omitempty"`
	By       string               `json:"by,omitempty"`
	Text     string               `json:"text"`

	// What follows is kept from VersionHistory on.

	// Instance, Op and Outcome are of an operation that has ended; Took is from the
	// entry that recorded the intent to the one that recorded the result, by their
	// proposers' clocks.
	Instance resources.InstanceID `json:"instance,omitempty"`
	Op       resources.Op         `json:"op,omitempty"`
	Outcome  *agents.Outcome      `json:"outcome,omitempty"`
	Took     resources.Duration   `json:"took,omitempty"`
	// Evidence is what a verdict is based on, at most MaxEvidence.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Bounds of the history from VersionHistory on. What the cluster does is kept
// apart, so that the start of a whole cloud does not push out who was fenced.
const (
	MaxHistory   = 512  // of Events
	MaxPerformed = 1024 // of Performed
	// maxEventText bounds one line, in bytes.
	maxEventText = 1024
)

// The kinds of events that Performed holds.
const (
	EventPlan      = "plan"      // what was decided, and why
	EventOperation = "operation" // what an operation came to
)

// keepsHistory reports whether every member keeps what VersionHistory added:
// members that do not know it must not differ.
func (t *tx) keepsHistory() bool { return t.s.Version >= VersionHistory }

func (t *tx) event(kind string, node resources.NodeName, resource resources.ResourceID, format string, args ...any) {
	t.record(Event{Kind: kind, Node: node, Resource: resource, Text: fmt.Sprintf(format, args...)})
}

// detail is event for what only VersionHistory's members keep.
func (t *tx) detail(kind string, node resources.NodeName, resource resources.ResourceID, format string, args ...any) {
	if t.keepsHistory() {
		t.event(kind, node, resource, format, args...)
	}
}

// record dates an event and keeps it where its kind belongs.
func (t *tx) record(e Event) {
	e.Index, e.At, e.By = t.s.Index, t.at, t.by
	t.lines = append(t.lines, e.subject()+e.Text)
	switch {
	case !t.keepsHistory():
		e.Instance, e.Op, e.Outcome, e.Took, e.Evidence = "", "", nil, 0, nil
		t.s.Events = appendBounded(t.s.Events, e, MaxEvents)
		return
	case e.Kind == EventPlan || e.Kind == EventOperation:
		e.Text = start(e.Text, maxEventText)
		t.s.Performed = appendBounded(t.s.Performed, e, MaxPerformed)
	default:
		e.Text = start(e.Text, maxEventText)
		t.s.Events = appendBounded(t.s.Events, e, MaxHistory)
	}
}

// start returns the first bytes of a text, cut between characters.
func start(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := 0
	for at := range text {
		if at > limit-len("…") {
			break
		}
		end = at
	}
	return text[:end] + "…"
}

// planned records what an entry of intents is to do, and why: the looks and
// notices that go with it are not worth a line.
func (t *tx) planned(intents []Intent) {
	count, all := map[resources.Op]int{}, 0
	var first *Intent
	for n := range intents {
		if t.result.Actions[n] == "" || quiet(intents[n].Op) {
			continue
		}
		if first == nil {
			first = &intents[n]
		}
		count[intents[n].Op]++
		all++
	}
	if first == nil || !t.keepsHistory() {
		return
	}
	text := ""
	for _, op := range slices.Sorted(maps.Keys(count)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", count[op], op)
	}
	e := Event{Kind: EventPlan, Text: text}
	if all == 1 {
		e = Event{Kind: EventPlan, Node: first.Node, Resource: first.Instance.Resource(), Text: fmt.Sprintf("%s %s", first.Op, first.Instance)}
	}
	if first.Reason != "" {
		e.Text += ": " + first.Reason
	}
	t.record(e)
}

// quiet operations change nothing: they are told only when they do not end well.
func quiet(op resources.Op) bool { return op == resources.OpProbe || op == resources.OpNotify }

// performed records what an operation came to.
func (t *tx) performed(op *Operation, r agents.Result) {
	if quiet(op.Op) && (r.Outcome == agents.OutcomeOK || r.Outcome == agents.OutcomeNotRunning) {
		return
	}
	t.record(Event{
		Kind: EventOperation, Node: op.Node, Resource: op.Instance.Resource(), Instance: op.Instance, Op: op.Op, Outcome: &r.Outcome,
		Took: resources.Duration(max(t.at.Sub(op.StartedAt), 0)), Text: fmt.Sprintf("%s %s: %s%s", op.Op, op.Instance, r.Outcome, because(r.Reason)),
	})
}

// cutShort records, in the order of their ids, the operations whose end nobody
// will ever tell.
func (t *tx) cutShort(ops []*Operation) {
	if !t.keepsHistory() {
		return
	}
	slices.SortFunc(ops, func(a, b *Operation) int { return cmp.Compare(a.ID, b.ID) })
	for _, op := range ops {
		t.performed(op, agents.Result{Outcome: agents.OutcomeUnknown, Reason: "cut short with its node"})
	}
}

// judged records a verdict with its evidence: the node forgets it when it is
// heard again.
func (t *tx) judged(node resources.NodeName, was, is Liveness, evidence []Evidence) {
	t.record(Event{Kind: "verdict", Node: node, Evidence: evidence, Text: fmt.Sprintf("%s, was %s", is, was)})
}

// about says which files a definition comes from, and why it was set.
func (t *tx) about(c *DefinitionSet) string {
	if !t.keepsHistory() {
		return ""
	}
	text := ""
	if c.Owner != "" {
		text += ", from " + c.Owner
	}
	return text + because(c.Note)
}
