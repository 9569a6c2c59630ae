package state

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// noticeWorld runs a clone with notify on a and b; c knows nothing of it yet.
func noticeWorld(t *testing.T) *world {
	w := newWorld(t)
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		w.do(&MemberBooted{Node: name, Incarnation: "run-2-" + string(name), BootID: "boot-1-" + string(name), Software: VersionNotices})
	}
	w.do(&VersionRaised{Version: VersionNotices})
	d := w.s.Definition.Clone()
	d.Resources = append(d.Resources, resources.Resource{ID: "db", Agent: "db", Clone: &resources.Clone{Notify: true, Promotable: true}})
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
	for _, name := range []resources.NodeName{"a", "b"} {
		w.act(name, resources.OpStart, nil, ok)
	}
	for len(w.s.Notices) > 0 {
		w.tellAll(w.s.Notices[0])
	}
	return w
}

// act has an operation on db recorded, and ended.
func (w *world) act(node resources.NodeName, op resources.Op, notice *Notice, r agents.Result) {
	w.t.Helper()
	w.do(&OperationFinished{Action: w.begin(node, op, notice), Result: r})
}

func (w *world) begin(node resources.NodeName, op resources.Op, notice *Notice) resources.ActionID {
	w.t.Helper()
	result := w.do(&OperationsStarted{Operations: []Intent{{
		Node: node, Instance: "db", Op: op, Incarnation: w.s.Nodes[node].Incarnation, Timeout: resources.Duration(time.Minute), Notify: notice == nil, Notice: notice,
	}}})
	if result.Actions[0] == "" {
		w.t.Fatalf("%s on %s was refused", op, node)
	}
	return result.Actions[0]
}

// tellAll tells everybody who is still to be told.
func (w *world) tellAll(r *NoticeRecord) {
	for _, p := range r.Peers {
		w.act(p.Node, resources.OpNotify, &Notice{Op: r.Op, Peers: []Place{r.Place}}, ok)
	}
}

func (w *world) announce(op resources.Op, about, to resources.NodeName, r agents.Result) {
	w.t.Helper()
	w.act(to, resources.OpNotify, &Notice{Before: true, Op: op, Peers: []Place{{about, "db"}}}, r)
}

// notices writes the records as "before stop db@a: a b".
func (w *world) notices() string {
	var lines []string
	for _, r := range w.s.Notices {
		when := "after"
		if r.Before {
			when = "before"
		}
		line := when + " " + string(r.Op) + " " + r.Place.String() + ":"
		for _, p := range r.Peers {
			line += " " + string(p.Node)
			if p.At.IsZero() == r.Before {
				w.t.Errorf("%s: told at %v", line, p.At)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestNotices(t *testing.T) {
	cases := map[string]struct {
		do   func(*world)
		want string
	}{
		"a start is told of to all that run": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
		}, "after start db@c: a b c"},
		"a stop is told of to the others": {func(w *world) {
			w.act("a", resources.OpStop, nil, ok)
		}, "after stop db@a: b"},
		"a failed operation is not told of": {func(w *world) {
			w.act("c", resources.OpStart, nil, failed)
		}, ""},
		"who was told is left out": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.act("b", resources.OpNotify, &Notice{Op: resources.OpStart, Peers: []Place{{"c", "db"}}}, ok)
		}, "after start db@c: a c"},
		"a failed notice counts, and so does a silent one": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.act("a", resources.OpNotify, &Notice{Op: resources.OpStart, Peers: []Place{{"c", "db"}}}, failed)
			w.act("b", resources.OpNotify, &Notice{Op: resources.OpStart, Peers: []Place{{"c", "db"}}}, silent)
		}, "after start db@c: c"},
		"announced": {func(w *world) {
			w.announce(resources.OpStart, "c", "a", ok)
			w.announce(resources.OpStart, "c", "b", failed)
		}, "before start db@c: a b"},
		"announced twice": {func(w *world) {
			w.announce(resources.OpStart, "c", "a", ok)
			w.announce(resources.OpStart, "c", "b", ok)
			w.announce(resources.OpStart, "c", "a", ok)
		}, "before start db@c: b a"},
		"another operation than was announced": {func(w *world) {
			w.announce(resources.OpPromote, "a", "a", ok)
			w.announce(resources.OpPromote, "a", "b", ok)
			w.announce(resources.OpStop, "a", "b", ok)
		}, "before stop db@a: b"},
		"begun: the announcement is spent": {func(w *world) {
			w.announce(resources.OpStart, "c", "a", ok)
			w.begin("c", resources.OpStart, nil)
		}, ""},
		"begun anew: what was owed of the last one is of no use": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.begin("c", resources.OpStop, nil)
		}, ""},
		"the role has changed by itself": {func(w *world) {
			w.announce(resources.OpPromote, "a", "b", ok)
			w.do(&InstanceReported{Node: "a", Incarnation: "run-2-a", Instance: "db", Seen: w.s.Index, Result: absent})
		}, ""},
		"who stops is not told": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.act("a", resources.OpStop, nil, ok)
		}, "after start db@c: b c; after stop db@a: b c"},
		"who is lost is not told": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-2-a"})
		}, "after start db@c: b c"},
		"what was announced on a lost node": {func(w *world) {
			w.announce(resources.OpStop, "a", "b", ok)
			w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-2-a"})
		}, ""},
		"a daemon's restart loses no notice": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.begin("a", resources.OpNotify, &Notice{Op: resources.OpStart, Peers: []Place{{"c", "db"}}})
			w.do(&MemberBooted{Node: "a", Incarnation: "run-3", BootID: "boot-1-a", Software: VersionNotices})
		}, "after start db@c: a b c"},
		"a node's end is a stop": {func(w *world) {
			w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-2-a"})
			w.do(&FenceConfirmed{Node: "a", Reason: "unplugged"})
		}, "after stop db@a: b"},
		"so is the start of its host": {func(w *world) {
			w.do(&MemberBooted{Node: "a", Incarnation: "run-3", BootID: "boot-2", Software: VersionNotices})
		}, "after stop db@a: b"},
		"a node that is removed": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			w.do(&MemberRemoved{Node: "c", Force: true})
		}, ""},
		"notify is switched off": {func(w *world) {
			w.act("c", resources.OpStart, nil, ok)
			d := w.s.Definition.Clone()
			d.Resources[1].Clone.Notify = false
			w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
		}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := noticeWorld(t)
			c.do(w)
			if got := w.notices(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var file bytes.Buffer
			if err := w.s.WriteSnapshot(&file); err != nil {
				t.Fatal(err)
			}
			back, err := ReadSnapshot(&file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(w.s.Notices, back.Notices); diff != "" {
				t.Errorf("the snapshot lost something:\n%s", diff)
			}
		})
	}
}

// TestNoticeSaysNothingOfTheInstance: what comes of telling it neither fails the
// instance nor makes anybody look, but may change its attributes.
func TestNoticeSaysNothingOfTheInstance(t *testing.T) {
	for _, r := range []agents.Result{ok, failed, silent, {Outcome: agents.OutcomeUnsupported}, {Outcome: agents.OutcomeCancelled}} {
		w := noticeWorld(t)
		before, _ := w.s.Instance("a", "db")
		r.Attributes = map[string]string{"seen": "c"}
		w.announce(resources.OpStart, "c", "a", r)
		after, _ := w.s.Instance("a", "db")
		want := *before
		want.Attributes = r.Attributes
		if diff := cmp.Diff(&want, after); diff != "" {
			t.Errorf("%s changed the instance:\n%s", r.Outcome, diff)
		}
	}
}

// TestOnlyWhatRunsIsTold: a notice for an instance that has stopped meanwhile is
// refused.
func TestOnlyWhatRunsIsTold(t *testing.T) {
	w := noticeWorld(t)
	for _, notice := range []*Notice{nil, {Op: resources.OpStart, Peers: []Place{{"a", "db"}}}} {
		result := w.do(&OperationsStarted{Operations: []Intent{{Node: "c", Instance: "db", Op: resources.OpNotify, Incarnation: "run-2-c", Notice: notice}}})
		if _, found := w.s.Instance("c", "db"); found || result.Actions[0] != "" {
			t.Errorf("notice %v for what does not run was accepted", notice)
		}
	}
}

// TestNewClustersBeginWithTheFirstCommandSet: what the log means must not depend
// on the build that reads it.
func TestNewClustersBeginWithTheFirstCommandSet(t *testing.T) {
	if v := New().Version; v != 1 {
		t.Errorf("a new state has command set %d", v)
	}
}
