package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func conditionStatus(t *testing.T) api.Status {
	t.Helper()
	c := newConsole(t)
	c.fake.runs("controller-0", "galera", resources.RolePromoted)
	c.fake.runs("controller-1", "galera", resources.RolePromoted)
	c.fake.runs("controller-2", "galera", resources.RoleStarted)
	c.fake.runs("controller-0", "vip", resources.RoleStarted)
	c.fake.runs("controller-1", "haproxy", resources.RoleStarted).Failed = true
	c.fake.state.Nodes["controller-1"].Standby = true
	c.fake.state.Nodes["compute-7"].Liveness = state.LivenessDead
	return api.BuildStatus(c.fake.state, api.Live{}, "controller-0", false, epoch)
}

func TestConditions(t *testing.T) {
	status := conditionStatus(t)
	for text, want := range map[string]bool{
		"resource/galera promoted>=2": true, "resource/galera promoted >= 3": false, "resource/galera started==3": true, "galera promoted!=2": false,
		"galera-clone promoted<3": true, "resource/galera promoted": true, "resource/reader started": false, "resource/reader stopped": true,
		"resource/vip on controller-0": true, "resource/vip on controller-1": false, "resource/haproxy failed": true, "resource/vip failed": false,
		"node/controller-0 online": true, "node/controller-1 standby": true, "node/controller-0 standby": false, "node/compute-7 offline": true, "node/compute-7 lost": true, "node/compute-7 off": false,
		"cluster settled": true, "cluster quorum": true, "cluster healthy": true,
		"not node/compute-7 online and (resource/vip on controller-1 or resource/vip on controller-0)": true,
		"resource/vip started and node/compute-7 online":                                               false,
		"!(cluster settled) || galera started>2":                                                       true,
	} {
		c, err := parseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if err := c.check(status); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, how := c.holds(status); got != want || !got && how == "" {
			t.Errorf("%s: %v, %q", text, got, how)
		}
	}
}

func TestConditionsThatCannotBe(t *testing.T) {
	status := conditionStatus(t)
	for text, want := range map[string]string{
		"":                                             "column 1: what to wait for is missing",
		"resource/galera":                              "column 16: started, promoted or stopped is missing",
		"resource/galera promotd>=1":                   `column 17: "promotd" is none of started, promoted, stopped, failed and on`,
		"resource/galera promoted>=x":                  `column 27: "x" is no number`,
		"resource/galera promoted>=":                   "column 27: a number is missing",
		"node/controller-0 onlin":                      `column 19: "onlin" is none of online`,
		"host/x online":                                `column 1: no kind is called "host"`,
		"cluster settled now":                          `column 17: unexpected "now"`,
		"(cluster settled":                             "column 17: a bracket is not closed",
		"resource/galerra started":                     `no resource is called "galerra": did you mean "galera"?`,
		"node/controler-0 online":                      `no node is called "controler-0": did you mean "controller-0"?`,
		"resource/vip on controller-9":                 `no node is called "controller-9"`,
		strings.Repeat("not ", 60) + "cluster settled": "nested more than 50 deep",
		strings.Repeat("x", 2000):                      "longer than 1000 bytes",
	} {
		c, err := parseCondition(text)
		if err == nil {
			err = c.check(status)
		}
		if err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != exitInput {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
	}
}

// FuzzCondition: no text makes it panic, and what is wrong has its place.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{"resource/galera promoted>=3", "not (node/a online or cluster settled) && b on c", "((", "a b >= 999999999999999999999", "!=<>=&|"} {
		f.Add(text)
	}
	status := api.Status{Nodes: []api.NodeStatus{{Name: "a"}}, Defined: []api.ResourceSummary{{ID: "b"}}}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err != nil {
			if len(text) <= maxCondition && !strings.Contains(err.Error(), ", column ") {
				t.Errorf("no place in %v", err)
			}
			return
		}
		c.holds(status)
		_ = c.check(status) //nolint:errcheck // only that it ends
	})
}

// TestWaitOutlivesAnElection: a cluster without a leader for a moment ends no
// wait; one that never finds one ends it with the exit code for that.
func TestWaitOutlivesAnElection(t *testing.T) {
	for _, args := range [][]string{{"wait", "--for", "cluster quorum", "--timeout", "60"}, {"resource", "disable", "reader", "--wait=60"}} {
		c := newConsole(t)
		inner := c.app.dial
		c.app.dial = func(addr string, getenv func(string) string) (Cluster, error) {
			cluster, err := inner(addr, getenv)
			return &electing{fakeCluster: cluster.(*fakeCluster), left: 2}, err
		}
		c.must(t, args...)
	}
	c := newConsole(t)
	c.app.dial = func(string, func(string) string) (Cluster, error) {
		return &electing{fakeCluster: c.fake, left: 1000}, nil
	}
	if code := c.run(t, "wait", "--for", "cluster quorum", "--timeout", "2"); code != exitNoQuorum {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
}

// electing is a cluster that has no leader for its first answers.
type electing struct {
	*fakeCluster
	left int
}

func (e *electing) leaderless() error {
	if e.left--; e.left >= 0 {
		return &api.Error{Code: api.CodeNoQuorum, Text: "no leader"}
	}
	return nil
}

func (e *electing) Status(ctx context.Context, stale bool) (api.Status, error) {
	if err := e.leaderless(); err != nil {
		return api.Status{}, err
	}
	return e.fakeCluster.Status(ctx, stale)
}

func (e *electing) Wait(ctx context.Context, request api.WaitRequest) (api.WaitAnswer, error) {
	if err := e.leaderless(); err != nil {
		return api.WaitAnswer{}, err
	}
	return e.fakeCluster.Wait(ctx, request)
}

// TestProgress: a line for each event where nobody looks, one line on a terminal.
func TestProgress(t *testing.T) {
	c := newConsole(t)
	i := c.fake.runs("controller-1", "galera", resources.RoleStopped)
	i.Action = "9.0"
	c.fake.state.Operations["9.0"] = &state.Operation{ID: "9.0", Node: "controller-1", Instance: "galera", Op: resources.OpStart, StartedAt: epoch}
	live := api.Live{Progress: map[resources.ActionID]agents.Progress{"9.0": {Text: "received 1.2 GiB of 4 GiB"}}}
	busy := api.BuildStatus(c.fake.state, live, "controller-0", false, epoch)
	idle := busy
	idle.Resources = nil

	p := c.app.newProgress()
	p.show(busy)
	c.clock = c.clock.Add(15 * time.Second)
	p.show(busy)
	p.show(idle)
	p.end()
	want := "    1s  start galera on controller-1\n   17s  start galera on controller-1: 18s, received 1.2 GiB of 4 GiB\n   18s  start galera on controller-1: ended\n"
	if c.err.String() != want {
		t.Errorf("got\n%swant\n%s", c.err.String(), want)
	}

	c.err.Reset()
	c.app.terminal = true
	p = c.app.newProgress()
	p.show(busy)
	p.end()
	if got := c.err.String(); !strings.HasPrefix(got, "\r\x1b[Kwaiting 1s; start galera on controller-1 (") || !strings.Contains(got, "received 1.2 GiB") || !strings.HasSuffix(got, "\r\x1b[K") || strings.Contains(got, "\n") {
		t.Errorf("on a terminal: %q", got)
	}
}
