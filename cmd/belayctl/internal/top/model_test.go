package top

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// healthy is a cluster in which everything runs.
func healthy() Look {
	look := Look{At: now, Index: 20, Status: api.Status{Cluster: "overcloud", Leader: "controller-0", Quorum: true}}
	for n := range 3 {
		name := resources.NodeName(fmt.Sprintf("controller-%d", n))
		look.Status.Nodes = append(look.Status.Nodes, api.NodeStatus{Name: name, Address: fmt.Sprintf("192.0.2.1%d:7450", n), Online: true, State: "alive", Since: now.Add(-26 * time.Hour), Voter: true, Leader: n == 0})
		look.Status.Resources = append(look.Status.Resources, api.InstanceStatus{
			ID: "galera", Resource: "galera", Agent: "galera", Node: name, Role: resources.RolePromoted, Probed: true, Since: now.Add(-25 * time.Hour), Attributes: map[string]string{"state": "Synced", "seqno": fmt.Sprint(4711 + n)},
		})
	}
	look.Status.Resources = append(look.Status.Resources, api.InstanceStatus{ID: "vip", Resource: "vip", Agent: "vip", Node: "controller-0", Role: resources.RoleStarted, Probed: true, Since: now.Add(-90 * time.Minute)})
	look.Status.Defined = []api.ResourceSummary{{ID: "galera"}, {ID: "vip"}}
	ok := agents.OutcomeOK
	look.Events = []state.Event{
		{Index: 18, At: now.Add(-91 * time.Minute), Kind: "definition", By: "alice", Text: "revision 18"},
		{Index: 19, At: now.Add(-90 * time.Minute), Kind: "plan", Node: "controller-0", Resource: "vip", By: "cluster", Text: "start vip: placed here"},
		{Index: 20, At: now.Add(-90 * time.Minute), Kind: "operation", Node: "controller-0", Resource: "vip", By: "cluster", Text: "start vip: ok", Outcome: &ok, Took: resources.Duration(312 * time.Millisecond)},
	}
	return look
}

// troubled is the same with a lost node, a failed instance and a state transfer.
func troubled() Look {
	look := healthy()
	s := &look.Status
	s.Nodes[2].Online, s.Nodes[2].State, s.Nodes[2].Lost, s.Nodes[2].Since = false, "dead", true, now.Add(-9*time.Second)
	s.Nodes[2].Evidence = []state.Evidence{{Observer: "controller-0", Source: "gossip", Text: "silent for 1.3s"}}
	s.Nodes[1].Standby = true
	s.Fencing = []*state.Fencing{{Node: "controller-2", Phase: state.FencingFailed, RequestedAt: now.Add(-8 * time.Second), Error: "bmc-2: no answer"}}
	s.Problems = []api.ProblemStatus{
		{Code: "a", Severity: "warning", Text: "fence device pdu would fail", Next: "belayctl fence check pdu", Node: "controller-1"},
		{Code: "fence_quarantine", Severity: "warning", Text: "node controller-0 was fenced 2 times in 1h0m0s and is in quarantine until 05:07:07", Next: "belayctl fence release controller-0", Node: "controller-0"},
		{Code: "b", Severity: "critical", Text: "no node may run web", Next: "belayctl explain web", Resource: "web"},
	}
	s.Resources[3].Failed, s.Resources[3].Reason = true, "address is in use\x1b[31m"
	s.Resources[1].Op, s.Resources[1].OpSince, s.Resources[1].Progress = resources.OpPromote, now.Add(-95*time.Second), "state transfer, 1.2 GiB"
	s.Actions = []api.ActionStatus{{Key: "promote galera"}, {Key: "start web"}}
	return look
}

func press(m Model, keys ...string) Model {
	for _, key := range keys {
		m, _ = m.Key(key)
	}
	return m
}

// TestViews holds what is drawn.
func TestViews(t *testing.T) {
	for name, m := range map[string]Model{
		"first":     Model{}.Resize(100, 24),
		"healthy":   Model{}.Resize(100, 24).Take(healthy()),
		"troubled":  Model{}.Resize(100, 30).Take(troubled()),
		"small":     Model{}.Resize(60, 12).Take(troubled()),
		"nodes":     press(Model{}.Resize(100, 12).Take(troubled()), "tab", "down"),
		"resources": press(Model{}.Resize(100, 12).Take(troubled()), "3", "end"),
		"filter":    press(Model{}.Resize(100, 12).Take(troubled()), "/", "2", "enter"),
		"typing":    press(Model{}.Resize(100, 12).Take(troubled()), "3", "/", "x", "space", "y", "y", "backspace"),
		"history":   press(Model{}.Resize(100, 12).Take(healthy()), "shift+tab"),
		"node":      press(Model{}.Resize(100, 14).Take(troubled()), "2", "end", "enter"),
		"explain":   press(Model{}.Resize(100, 12).Take(healthy()), "3", "enter").Explain(Explained{"galera  clone\nwanted everywhere"}),
		"help":      press(Model{}.Resize(100, 14).Take(healthy()), "?"),
		"silent":    Model{}.Resize(100, 12).Take(healthy()).Take(Look{Err: "no answer from unix:///run/belay/belayd.sock"}),
		"tiny":      Model{}.Resize(10, 3).Take(healthy()),
	} {
		t.Run(name, func(t *testing.T) {
			got := m.View(false) + "\n"
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-golden +now\n%s", diff)
			}
		})
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestEveryScreenFits: whatever is pressed, in whatever size, each screen has its
// height and no line is longer than its width; colours change nothing of the text,
// and what services say cannot draw.
func TestEveryScreenFits(t *testing.T) {
	keys := []string{"tab", "shift+tab", "up", "down", "pgdown", "pgup", "home", "end", "enter", "esc", "/", "v", "backspace", "space", "?", "r", "1", "2", "3", "4", "left", "ü", "f12"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := Model{}.Resize(leastWidth+r.IntN(120), leastHeight+r.IntN(40))
		for range 60 {
			switch r.IntN(8) {
			case 0:
				m = m.Take([]Look{healthy(), troubled(), {Err: "no quorum"}}[r.IntN(3)])
			case 1:
				m = m.Resize(leastWidth+r.IntN(120), leastHeight+r.IntN(40))
			case 2:
				m = m.Explain(Explained{strings.Repeat("why\n", r.IntN(50))})
			default:
				m, _ = m.Key(keys[r.IntN(len(keys))])
			}
			drawn := m.View(false)
			lines := strings.Split(drawn, "\n")
			if len(lines) != m.height {
				t.Fatalf("seed %d: %d lines on a height of %d", seed, len(lines), m.height)
			}
			for _, line := range lines {
				if width := len([]rune(line)); width > m.width || strings.Contains(line, "\x1b") {
					t.Fatalf("seed %d: %d characters on a width of %d: %q", seed, width, m.width, line)
				}
			}
			if bare := escapes.ReplaceAllString(m.View(true), ""); bare != drawn {
				t.Fatalf("seed %d: colours change the text:\n%s", seed, cmp.Diff(drawn, bare))
			}
		}
	}
}

// TestKeys: what a key asks for, and what ends it.
func TestKeys(t *testing.T) {
	m := Model{}.Resize(100, 24).Take(healthy())
	if _, ask := m.Key("r"); !ask.Look {
		t.Error("r does not look")
	}
	onResource := press(m, "3", "end")
	if _, ask := onResource.Key("enter"); ask.Explain != "vip" {
		t.Errorf("enter on the last resource asks %+v", ask)
	}
	if gone := press(onResource, "enter", "esc").Explain(Explained{"late"}); strings.Contains(gone.View(false), "late") {
		t.Error("an answer is shown to somebody who has gone on")
	}
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"?", "ctrl+c"}, {"?", "q", "q"}} {
		if !press(m, keys...).Done() {
			t.Errorf("%v does not end it", keys)
		}
	}
	for _, keys := range [][]string{{"/", "q"}, {"?", "q"}} {
		if press(m, keys...).Done() {
			t.Errorf("%v ends it", keys)
		}
	}
	if m.After() != 20 {
		t.Errorf("asks for events after %d", m.After())
	}
}

// TestEventsAreBounded and never told twice.
func TestEventsAreBounded(t *testing.T) {
	m := Model{}.Resize(100, 24)
	for n := range 3 * maxEvents {
		m = m.Take(Look{At: now, Index: uint64(n), Events: []state.Event{{Index: uint64(n), At: now, Kind: "plan", Text: fmt.Sprint(n)}}})
	}
	if len(m.events) != maxEvents || m.events[maxEvents-1].Text != fmt.Sprint(3*maxEvents-1) {
		t.Errorf("%d events", len(m.events))
	}
}
