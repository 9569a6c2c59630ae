package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// lived gives the console's cluster a past: a start that took a while, a lost
// node and its fencing, and a change by a person.
func (c *console) lived(t *testing.T) {
	t.Helper()
	index := c.fake.state.Index
	at := epoch
	do := func(by string, command state.Command) state.Result {
		index++
		at = at.Add(90 * time.Second)
		next, result := state.ApplyCommand(c.fake.state, index, 1, at, by, command)
		if result.Err != nil {
			t.Fatalf("%T: %v", command, result.Err)
		}
		c.fake.state = next
		return result
	}
	c.fake.state.Revisions = []state.Revision{{Index: 7, At: epoch, By: "root", Definition: c.fake.state.Definition}}
	start := do("cluster", &state.OperationsStarted{Operations: []state.Intent{{Node: "controller-0", Instance: "vip", Op: resources.OpStart, Incarnation: "i", Reason: "placed here"}}})
	do("cluster", &state.OperationFinished{Action: start.Actions[0], Result: agents.Result{Outcome: agents.OutcomeFailed, Reason: "address 192.0.2.9 is in use"}})
	do("cluster", &state.MemberVerdict{Node: "controller-2", Liveness: state.LivenessDead, Incarnation: "i", Evidence: []state.Evidence{{At: at, Observer: "controller-1", Source: "gossip", Text: "silent for 1.3s"}}})
	fence := do("cluster", &state.FenceRequested{Node: "controller-2", Action: resources.FencingReboot, Reason: "lost"})
	do("cluster", &state.FenceStarted{Fence: fence.Fence, Node: "controller-2", Executor: "controller-0"})
	do("cluster", &state.FenceReported{Fence: fence.Fence, Node: "controller-2", Proven: true})
	def := c.fake.state.Definition.Clone()
	def.Resources[2].Params = resources.Params{"address": "192.0.2.10/24"}
	do("alice", &state.DefinitionSet{Base: c.fake.state.Revision, Definition: def, Owner: "site.toml", Note: "the old address is taken"})
	do("alice", &state.NodeStandby{Node: "controller-1", Standby: true})
}

// TestHistoryReadsWell holds the words and the lines.
func TestHistoryReadsWell(t *testing.T) {
	c := newConsole(t)
	c.lived(t)
	want := `Wed 2026-03-04 UTC
05:07:37  10m30s ago  plan       controller-0  start vip: placed here
05:09:07   9m00s ago  operation  controller-0  start vip: failed: address 192.0.2.9 is in use (1m30s)
05:10:37   7m30s ago  verdict    controller-2  dead, was alive
                                               seen by controller-1 (gossip): silent for 1.3s
05:12:07   6m00s ago  fencing    controller-2  reboot asked for: lost
05:13:37   4m30s ago  fencing    controller-2  attempt 1, by controller-0
05:15:07   3m00s ago  fencing    controller-2  power is off, read back twice
05:16:37   1m30s ago  change     -             revision 14, from site.toml: the old address is taken, by alice
                                               resource[vip] changed
05:18:07    just now  change     controller-1  standby true, by alice
`
	if diff := cmp.Diff(want, c.must(t, "history")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	c.app.terminal = true
	if out := c.must(t, "history"); !strings.Contains(out, "\x1b[31mdead, was alive\x1b[0m") {
		t.Errorf("on a terminal:\n%q", out)
	}
}

func TestHistoryChooses(t *testing.T) {
	for line, want := range map[string][]uint64{
		"":                                     {8, 9, 10, 11, 12, 13, 14, 15},
		"--node controller-2":                  {10, 11, 12, 13},
		"--node controller-2 --kind verdict":   {10},
		"--kind verdict,change":                {10, 14, 15},
		"--kind definition":                    {14},
		"--resource vip":                       {8, 9},
		"--by alice":                           {14, 15},
		"--failed":                             {9, 10},
		"-n 2":                                 {14, 15},
		"-n 0":                                 {8, 9, 10, 11, 12, 13, 14, 15},
		"--since 05:15":                        {13, 14, 15},
		"--since 2026-03-04T05:16:37Z":         {14, 15},
		"--until 2026-03-04":                   {},
		"--since 1h --until 05:10":             {8, 9},
		"--kind fencing --until 05:13":         {11},
		"--stale --kind operation --failed":    {9},
		"--resource keystone --kind operation": {},
	} {
		t.Run(line, func(t *testing.T) {
			c := newConsole(t)
			c.lived(t)
			c.clock = c.fake.state.At
			var list []happened
			if err := json.Unmarshal([]byte(c.must(t, append([]string{"history", "-o", "json"}, strings.Fields(line)...)...)), &list); err != nil {
				t.Fatal(err)
			}
			got := []uint64{}
			for _, e := range list {
				got = append(got, e.Index)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestHistoryRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"--kind verdicts":                      `did you mean "verdict"?`,
		"--kind xyzzy":                         "there are verdict, plan",
		"--since yesterday":                    "write a time ago such as 1h",
		"--since 1m --until 1h":                "is before --since",
		"-n -3":                                "or 0 for all",
		"what":                                 "write: belayctl history",
		"--since 2026-03-04 --until 1999-01-1": "--until",
	} {
		c := newConsole(t)
		c.lived(t)
		if code := c.run(t, append([]string{"history"}, strings.Fields(line)...)...); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d: %s", line, code, c.err.String())
		}
	}
	c := newConsole(t)
	c.lived(t)
	if out := c.must(t, "history", "--node", "contoller-2"); !strings.Contains(out, `did you mean "controller-2"?`) {
		t.Errorf("an unknown node: %s", out)
	}
	if out := newConsole(t).must(t, "history"); out != "nothing is on record\n" {
		t.Errorf("no past: %q", out)
	}
}

// TestEveryKindCanBeAskedFor: what the state writes down can be named.
func TestEveryKindCanBeAskedFor(t *testing.T) {
	files, err := filepath.Glob("../../cluster/state/*.go")
	if err != nil {
		t.Fatal(err)
	}
	written, found := regexp.MustCompile(`\.(?:event|detail)\("([a-z_]+)"`), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range written.FindAllStringSubmatch(string(text), -1) {
			found++
			filter := historyFilter{kinds: []string{match[1]}}
			if err := filter.check("", "", epoch); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d kinds found in %d files: was the reading right?", found, len(files))
	}
}

// TestHistorySince reads a clock of before midnight as yesterday's.
func TestHistorySince(t *testing.T) {
	now := time.Date(2026, 3, 4, 0, 10, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90s": now.Add(-90 * time.Second), "1h30m": now.Add(-90 * time.Minute), "23:50": time.Date(2026, 3, 3, 23, 50, 0, 0, time.UTC),
		"00:05": time.Date(2026, 3, 4, 0, 5, 0, 0, time.UTC), "2026-03-01 12:00": time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := moment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
}

// TestHistoryFollows shows what comes later, tells once that nobody leads, and
// goes on.
func TestHistoryFollows(t *testing.T) {
	c := newConsole(t)
	c.lived(t)
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	c.app.pause = func(context.Context, time.Duration) {
		switch looks++; looks {
		case 1, 2:
			c.fake.err = &api.Error{Code: api.CodeNoQuorum, Text: "no quorum: an election"}
		case 3:
			c.fake.err = nil
			if _, err := c.fake.Command(ctx, &state.NodeStandby{Node: "controller-1"}); err != nil {
				t.Error(err)
			}
		case 5:
			cancel()
		}
	}
	if code := c.app.run(ctx, []string{"history", "--follow", "-n", "1", "-o", "json"}); code != exitDone {
		t.Fatalf("exit %d: %s", code, c.err.String())
	}
	var indexes []uint64
	for lines := bufio.NewScanner(&c.out); lines.Scan(); {
		var e happened
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		indexes = append(indexes, e.Index)
	}
	if !slices.Equal(indexes, []uint64{15, 16}) {
		t.Errorf("followed %v", indexes)
	}
	if strings.Count(c.err.String(), "an election") != 1 {
		t.Errorf("told: %q", c.err.String())
	}
	silent := newConsole(t)
	silent.fake.err = &api.Error{Code: api.CodeNoQuorum, Text: "no quorum"}
	if code := silent.run(t, "history", "--follow"); code != exitNoQuorum {
		t.Errorf("without quorum from the start: exit %d", code)
	}
	broken := newConsole(t)
	broken.fake.err = errors.New("torn")
	if code := broken.run(t, "history"); code != exitError {
		t.Errorf("an error: exit %d", code)
	}
}
