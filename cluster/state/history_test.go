package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// story is what a cluster lives through: a start, a failure, a lost node with an
// operation in flight, its fencing, and people's changes.
func story(w *world) {
	w.by = "cluster"
	if id := w.order("a", resources.OpProbe); id != "" {
		w.do(&OperationFinished{Action: id, Result: absent})
	}
	w.run("a", resources.OpStart, agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted})
	w.do(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Seen: w.index, Result: agents.Result{Outcome: agents.OutcomeFailed, Reason: "address is gone"}})
	w.do(&OperationsStarted{Operations: []Intent{
		{Node: "a", Instance: "vip", Op: resources.OpStop, Incarnation: "run-1-a", Timeout: resources.Duration(time.Minute), Reason: "vip has failed: address is gone"},
		{Node: "b", Instance: "vip", Op: resources.OpProbe, Incarnation: "run-1-b", Timeout: resources.Duration(time.Minute)},
	}})
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a", Evidence: []Evidence{{At: epoch, Observer: "b", Source: "gossip", Text: "silent for 1.3s"}}})
	fence := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
	w.do(&FenceStarted{Fence: fence, Node: "a", Executor: "b"})
	w.do(&FenceReported{Fence: fence, Node: "a", Error: "bmc-a: no answer in 20s", RetryAt: epoch.Add(time.Hour)})
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"})
	w.by = "alice"
	w.do(&NodeMaintenance{Node: "b", On: true, Reason: "new disks"})
	w.do(&MemberVoting{Node: "c", Voter: false})
	w.do(&TokenCreated{ID: "t9", ExpiresAt: epoch.Add(time.Hour)})
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: w.s.Definition, Owner: "files", Note: "rollback to 5"})
}

// TestGoldenHistory holds what each member writes down, byte for byte: what one
// release writes differently, another differs by.
func TestGoldenHistory(t *testing.T) {
	for name, version := range map[string]int{"history-3.jsonl": VersionMore, "history-4.jsonl": VersionHistory} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.s.Version = version
			story(w)
			var got bytes.Buffer
			for _, e := range append(append([]Event{{Kind: "events"}}, w.s.Events...), append([]Event{{Kind: "performed"}}, w.s.Performed...)...) {
				line, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "%s\n", line)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("the history changed (-golden +now): members of two releases would differ\n%s", diff)
			}
		})
	}
}

// TestHistoryWaitsForEveryMember: members that do not keep it must not differ.
func TestHistoryWaitsForEveryMember(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionMore
	story(w)
	var text bytes.Buffer
	if err := w.s.WriteSnapshot(&text); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"performed"`, `"took":"1s"`, `"outcome":"ok","took`} {
		if strings.Contains(text.String(), field) {
			t.Errorf("%s is kept before every member understands it", field)
		}
	}
	w.many(MaxEvents, &FailuresCleared{})
	if len(w.s.Events) != MaxEvents {
		t.Errorf("%d events", len(w.s.Events))
	}
}

// many applies a command again and again, each time with another if there is
// one, without a look at the whole state each time.
func (w *world) many(times int, c Command, then ...func() Command) {
	w.t.Helper()
	for range times {
		w.apply(c)
		for _, next := range then {
			w.apply(next())
		}
	}
}

func (w *world) apply(c Command) {
	w.t.Helper()
	w.index++
	next, result := ApplyCommand(w.s, w.index, 1, epoch.Add(time.Duration(w.index)*time.Second), w.by, c)
	if result.Err != nil {
		w.t.Fatalf("%s: %v", c.name(), result.Err)
	}
	w.s = next
}

func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionHistory
	w.do(&MemberVerdict{Node: "c", Liveness: LivenessDead, Incarnation: "run-1-c"})
	w.many(MaxPerformed, &OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: resources.OpStart, Incarnation: "run-1-a"}}},
		func() Command {
			for id := range w.s.Operations {
				return &OperationFinished{Action: id, Result: ok}
			}
			return nil
		})
	if len(w.s.Performed) != MaxPerformed {
		t.Errorf("%d plans and operations", len(w.s.Performed))
	}
	verdict := false
	for _, e := range w.s.Events {
		verdict = verdict || e.Kind == "verdict"
	}
	if !verdict {
		t.Error("operations have pushed a verdict out")
	}
	w.many(MaxHistory, &ResourceRestart{Resource: "vip"})
	if len(w.s.Events) != MaxHistory {
		t.Errorf("%d events", len(w.s.Events))
	}
	long := strings.Repeat("ü", maxEventText)
	w.run("a", resources.OpStop, agents.Result{Outcome: agents.OutcomeFailed, Reason: long})
	if text := w.s.Performed[len(w.s.Performed)-1].Text; len(text) > maxEventText || !utf8.ValidString(text) || !strings.HasSuffix(text, "…") {
		t.Errorf("a text of %d bytes ends in %q", len(text), text[len(text)-6:])
	}
}

// TestHistoryInSnapshot: it is part of the truth, and survives.
func TestHistoryInSnapshot(t *testing.T) {
	w := newWorld(t)
	w.s.Version = VersionHistory
	story(w)
	var stream bytes.Buffer
	if err := w.s.WriteSnapshot(&stream); err != nil {
		t.Fatal(err)
	}
	read, err := ReadSnapshot(&stream)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.s.Performed, read.Performed); diff != "" || len(read.Performed) == 0 {
		t.Errorf("plans and operations, %d of them, came back otherwise:\n%s", len(read.Performed), diff)
	}
	if read.Hash() != w.s.Hash() {
		t.Error("the state came back otherwise")
	}
}
