package rabbitmq

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// startAll probes every host, asks the Advisor, and starts all at once.
func (c *fakeCluster) startAll(current agents.Advice) agents.Advice {
	c.t.Helper()
	reports := map[string]agents.Result{}
	for name, h := range c.hosts {
		reports[name] = h.do(resources.OpProbe)
	}
	advice := c.hosts[slices.Sorted(maps.Keys(c.hosts))[0]].agent().Advise(c.situation(reports, current))
	var all sync.WaitGroup
	for _, h := range c.hosts {
		h.advice = advice.Instances[h.node]
		all.Go(func() {
			if result := h.do(resources.OpStart); result.Outcome != agents.OutcomeOK {
				c.t.Errorf("start on %s: %s: %s", h.node, result.Outcome, result.Reason)
			}
		})
	}
	all.Wait()
	return advice
}

func (c *fakeCluster) whole() {
	c.t.Helper()
	all := slices.Sorted(maps.Keys(c.hosts))
	for _, h := range c.hosts {
		h.now = h.now.Add(time.Minute)
		result := h.do(resources.OpMonitor)
		if result.Outcome != agents.OutcomeOK || result.Attributes[attrRunning] != strings.Join(all, ",") {
			c.t.Errorf("%s: %s, running %s: %s", h.node, result.Outcome, result.Attributes[attrRunning], result.Reason)
		}
	}
}

func TestFirstBootFormsOneCluster(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		advice := c.startAll(agents.Advice{})
		if advice.Instances["n1"][adviceMode] != modeSeed || advice.Instances["n2"][adviceTargets] != "rabbit@n1" {
			t.Errorf("advice %v", advice.Instances)
		}
		c.whole()
		want := []string{"rabbit@n2 stop_app", "rabbit@n2 reset", "rabbit@n2 join_cluster rabbit@n1", "rabbit@n2 start_app"}
		if diff := cmp.Diff(c.host("n2").ran(), want); diff != "" {
			t.Errorf("surgery on n2 (-got +want):\n%s", diff)
		}
		if got := c.host("n1").ran(); len(got) > 0 {
			t.Errorf("surgery on the seed: %v", got)
		}
		if entries, _ := filepath.Glob(filepath.Join(c.host("n2").data, "*")); !slices.Equal(entries, []string{filepath.Join(c.host("n2").data, membersFile)}) {
			t.Errorf("left over: %v", entries)
		}
	})
}

// Two nodes that join at once get in each other's way: the one that Mnesia fails
// for tries again, and is a member all the same.
func TestJoinOutlivesAnotherJoin(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		c.host("n3").unlucky = 1
		c.startAll(agents.Advice{})
		c.whole()
		want := []string{"rabbit@n3 stop_app", "rabbit@n3 reset", "rabbit@n3 join_cluster rabbit@n1", "rabbit@n3 start_app", "rabbit@n3 start_app"}
		if diff := cmp.Diff(c.host("n3").ran(), want); diff != "" {
			t.Errorf("surgery on n3 (-got +want):\n%s", diff)
		}
	})
}

// What it has copied may be useless then, however often it is started: it joins
// anew, from nothing.
func TestJoinBeginsAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		c.host("n3").torn = true
		c.startAll(agents.Advice{})
		c.whole()
		want := []string{
			"rabbit@n3 stop_app", "rabbit@n3 reset", "rabbit@n3 join_cluster rabbit@n1", "rabbit@n3 start_app", "rabbit@n3 start_app",
			"rabbit@n3 stop_app", "rabbit@n1 forget_cluster_node rabbit@n3", "rabbit@n3 force_reset", "rabbit@n3 join_cluster rabbit@n1", "rabbit@n3 start_app",
		}
		if diff := cmp.Diff(c.host("n3").ran(), want); diff != "" {
			t.Errorf("surgery on n3 (-got +want):\n%s", diff)
		}
	})
}

// It does not begin again for ever.
func TestJoinGivesUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2")
		c.host("n1").ok(resources.OpStart)
		c.host("n2").unlucky = 1000
		c.host("n2").advice = map[string]string{adviceMode: modeJoin, adviceTargets: "rabbit@n1"}
		if result := c.host("n2").do(resources.OpStart); result.Outcome != agents.OutcomeFailed {
			t.Errorf("got %+v", result)
		}
		if got := 1000 - c.host("n2").unlucky; got < 2 || got > 10 {
			t.Errorf("started %d times", got)
		}
	})
}

// After a power cut every node starts with what it has, and nothing is reset:
// all messages are there.
func TestPowerCutLosesNothing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		for _, h := range c.hosts {
			h.holds("rabbit@n1", "rabbit@n2", "rabbit@n3")
		}
		c.startAll(agents.Advice{})
		c.whole()
		for name, h := range c.hosts {
			if h.message() != "message of "+name || len(h.ran()) > 0 {
				t.Errorf("%s: message %q, surgery %v", name, h.message(), h.ran())
			}
		}
	})
}

func TestNodeWithoutDataJoinsAndIsForgottenFirst(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		for _, node := range []string{"n1", "n2"} { // n3 has a new disk
			c.host(node).holds("rabbit@n1", "rabbit@n2", "rabbit@n3")
		}
		c.startAll(agents.Advice{})
		c.whole()
		want := []string{"rabbit@n3 stop_app", "rabbit@n1 forget_cluster_node rabbit@n3", "rabbit@n3 reset", "rabbit@n3 join_cluster rabbit@n1", "rabbit@n3 start_app"}
		if diff := cmp.Diff(c.host("n3").ran(), want); diff != "" {
			t.Errorf("surgery (-got +want):\n%s", diff)
		}
		if c.host("n1").message() == "" || c.host("n2").message() == "" {
			t.Error("the others lost their messages")
		}
	})
}

// running returns three brokers up in one cluster.
func running(t *testing.T) *fakeCluster {
	c := newCluster(t, "n1", "n2", "n3")
	for _, h := range c.hosts {
		h.holds("rabbit@n1", "rabbit@n2", "rabbit@n3")
	}
	for _, h := range c.hosts {
		h.advice = map[string]string{adviceMode: modeStart}
		h.ok(resources.OpStart)
	}
	return c
}

func TestForgottenNodeRejoinsAfterACopy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := running(t)
		h := c.host("n3")
		h.ok(resources.OpStop)
		c.host("n1").setMembers("rabbit@n1", "rabbit@n2")
		c.host("n2").setMembers("rabbit@n1", "rabbit@n2")
		h.write("/var/log/rabbitmq/rabbit@n3.log", "an old inconsistent_cluster\n")
		result := h.ok(resources.OpStart)
		c.whole()
		copies, err := filepath.Glob(filepath.Join(h.data, "backup-*"))
		if err != nil || len(copies) != 1 || !strings.Contains(result.Reason, copies[0]) {
			t.Fatalf("copies %v, %v; reason %q", copies, err, result.Reason)
		}
		for file, want := range map[string]string{
			"rabbit@n3/msg_stores/vhosts/X/msg_store_persistent/0.rdq": "message of rabbit@n3",
			"rabbit@n3-feature_flags":                                  "[quorum_queue].",
			"definitions.json":                                         `"from":"rabbit@n1"`,
		} {
			data, err := os.ReadFile(filepath.Join(copies[0], file))
			if err != nil || !strings.Contains(string(data), want) {
				t.Errorf("copy of %s: %q, %v", file, data, err)
			}
		}
		if info, err := os.Stat(filepath.Join(copies[0], "definitions.json")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("definitions.json: %v, %v", info, err)
		}
		if h.read("/var/lib/rabbitmq/mnesia/.belay-definitions.json") != "" {
			t.Error("the scratch file is left")
		}
	})
}

// One peer that lost its disk and disagrees is no reason to wipe the data that
// this node still has.
func TestDisagreementWithoutAMajorityKeepsTheData(t *testing.T) {
	tests := []struct {
		name   string
		peers  func(*fakeCluster)
		reason string
	}{
		{"a peer that lost its data", func(c *fakeCluster) {
			c.host("n2").ok(resources.OpStop)
			c.host("n1").setMembers("rabbit@n1")
		}, "rabbit@n1 runs with 1 of the 3 members"},
		{"peers that do not answer", func(c *fakeCluster) {
			c.host("n1").setMembers("rabbit@n1", "rabbit@n2")
			c.host("n2").setMembers("rabbit@n1", "rabbit@n2")
			c.host("n2").ok(resources.OpStop)
		}, "runs with 1 of the 3 members"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c := running(t)
				h := c.host("n3")
				h.ok(resources.OpStop)
				test.peers(c)
				result := h.do(resources.OpStart)
				if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, test.reason) || !strings.Contains(result.Reason, "its data is kept") {
					t.Errorf("%s: %s", result.Outcome, result.Reason)
				}
				if h.message() != "message of rabbit@n3" || len(h.ran()) > 0 {
					t.Errorf("message %q, surgery %v", h.message(), h.ran())
				}
			})
		})
	}
}

func TestNothingIsWipedWithoutACopy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := running(t)
		h := c.host("n3")
		h.ok(resources.OpStop)
		c.host("n1").setMembers("rabbit@n1", "rabbit@n2")
		c.host("n2").setMembers("rabbit@n1", "rabbit@n2")
		h.data = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(h.data, nil, 0o600); err != nil { // no directory can be made there
			t.Fatal(err)
		}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "copy the node's data") {
			t.Errorf("%s: %s", result.Outcome, result.Reason)
		}
		if h.message() != "message of rabbit@n3" {
			t.Error("the data is gone")
		}
	})
}

// A package's first start leaves a cluster of one on every host.
func TestClustersOfOneMerge(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		for name, h := range c.hosts {
			h.holds(name)
			h.write(h.dir()+"/rabbit_durable_queue.DCD", "12345678")
		}
		c.host("n2").write(c.host("n2").dir()+"/rabbit_durable_queue.DCD", strings.Repeat("q", 400))
		advice := c.startAll(agents.Advice{})
		if advice.Instances["n2"][adviceMode] != modeSeed || !strings.Contains(advice.Reason, "only one that has queues") {
			t.Errorf("%s: %v", advice.Reason, advice.Instances)
		}
		c.whole()
		if c.host("n2").message() != "message of rabbit@n2" {
			t.Error("the seed lost its message")
		}
		for _, node := range []string{"n1", "n3"} {
			copies, _ := filepath.Glob(filepath.Join(c.host(node).data, "backup-*", "rabbit@"+node, "msg_stores/vhosts/X/msg_store_persistent/0.rdq"))
			if len(copies) != 1 {
				t.Errorf("%s was reset without a copy", node)
			}
		}
	})
}

func TestInterruptedJoinIsTakenUpAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2")
		c.host("n1").ok(resources.OpStart)
		h := c.host("n2")
		// The daemon died after the first start of the join: a cluster of one is there.
		h.advice = map[string]string{adviceMode: modeJoin, adviceTargets: "rabbit@n1"}
		h.virgin()
		if err := os.WriteFile(filepath.Join(h.data, joiningFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		h.ok(resources.OpStart)
		c.whole()
		if copies, _ := filepath.Glob(filepath.Join(h.data, "backup-*")); len(copies) != 0 {
			t.Errorf("copies of nothing: %v", copies)
		}
	})
}

func TestJoinWaitsForTheSeed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2")
		h := c.host("n2")
		h.advice = map[string]string{adviceMode: modeJoin, adviceTargets: "rabbit@n1"}
		time.AfterFunc(40*time.Second, func() { c.host("n1").do(resources.OpStart) })
		begin := time.Now()
		h.ok(resources.OpStart)
		if waited := time.Since(begin); waited < 40*time.Second || waited > 50*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestJoinWithoutAPeerIsUnknownAndStartsNothing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2")
		h := c.host("n2")
		h.advice = map[string]string{adviceMode: modeJoin, adviceTargets: "rabbit@n1"}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeUnknown || h.Running() || result.Attributes[attrData] != dataNone {
			t.Errorf("%+v", result)
		}
	})
}

func TestStartWithoutDataAndWithoutADecision(t *testing.T) {
	h := newCluster(t, "n1").host("n1")
	for _, mode := range []string{"", modeWait, modeStart} {
		h.advice = map[string]string{adviceMode: mode}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeFailed || h.Running() || result.Attributes[attrData] != dataNone {
			t.Errorf("mode %q: %+v", mode, result)
		}
	}
}

// Whatever the advice says, a member's data is started, never reset.
func TestMemberStartsWithItsDataWhateverTheAdvice(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		for _, mode := range []string{"", modeWait, modeSeed, modeJoin} {
			h := newCluster(t, "n1").host("n1").holds("rabbit@n1", "rabbit@n2")
			h.advice = map[string]string{adviceMode: mode, adviceTargets: "rabbit@n2"}
			h.ok(resources.OpStart)
			if h.message() == "" || len(h.ran()) > 0 {
				t.Errorf("mode %q: surgery %v", mode, h.ran())
			}
		}
	})
}

func TestForceBootOnlyOnTheOperatorsWord(t *testing.T) {
	h := newCluster(t, "n1").host("n1").holds("rabbit@n1", "rabbit@n2")
	h.advice = map[string]string{adviceMode: modeStart, adviceForce: "true"}
	h.ok(resources.OpStart)
	if got := h.ran(); !slices.Equal(got, []string{"rabbit@n1 force_boot"}) {
		t.Errorf("surgery %v", got)
	}
}

func TestStartSaysWhyTheBrokerDidNotCome(t *testing.T) {
	for said, want := range map[string]string{
		"BOOT FAILED\n{error,{timeout_waiting_for_tables,[rabbit@n1,rabbit@n2],...}}\n":                                  "waited in vain",
		"** FATAL ** Failed to merge schema: Bad cookie in table definition rabbit_node_maintenance_states: rabbit@n1\n": "one of the two lost its data",
	} {
		h := newCluster(t, "n1").host("n1").holds("rabbit@n1", "rabbit@n2")
		h.write("/var/log/rabbitmq/rabbit@n1.log", "of an earlier start: inconsistent_cluster eaddrinuse\n")
		h.units.OnStart = func(context.Context) error {
			h.write("/var/log/rabbitmq/rabbit@n1.log", h.read("/var/log/rabbitmq/rabbit@n1.log")+said)
			return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "rabbitmq-server.service", Active: "failed"}}
		}
		h.advice = map[string]string{adviceMode: modeStart}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, want) || strings.Contains(result.Output, "eaddrinuse") {
			t.Errorf("%s: %s\n%s", result.Outcome, result.Reason, result.Output)
		}
		if h.message() == "" {
			t.Error("the data is gone")
		}
	}
}

func TestStartRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		edit    func(*agents.UnitState)
		outcome agents.Outcome
	}{
		"enabled":   {func(s *agents.UnitState) { s.UnitFile = "enabled" }, agents.OutcomeNotPermitted},
		"not found": {func(s *agents.UnitState) { s.Load = "not-found" }, agents.OutcomeNotInstalled},
		"masked":    {func(s *agents.UnitState) { s.Load = "masked" }, agents.OutcomeNotPermitted},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCluster(t, "n1").host("n1")
			h.units.Change(test.edit)
			if result := h.do(resources.OpStart); result.Outcome != test.outcome || result.Reason == "" || h.Running() {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestStopKillsABrokerThatDoesNotEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newCluster(t, "n1").host("n1")
		h.ok(resources.OpStart)
		h.units.Stubborn = true
		begin := time.Now()
		h.ok(resources.OpStop)
		if took := time.Since(begin); took != 84*time.Second || h.Running() { // 70 % of 120 s
			t.Errorf("took %v, running %t", took, h.Running())
		}
	})
}

func TestStopFailsWhileABrokerRunsOutsideTheUnit(t *testing.T) {
	h := newCluster(t, "n1").host("n1")
	h.up = true
	if result := h.do(resources.OpStop); result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "outside") {
		t.Errorf("%+v", result)
	}
}

func TestCopiesAreBounded(t *testing.T) {
	h := newCluster(t, "n1").host("n1").holds("rabbit@n1")
	c, _, _ := h.agent().begin(h.Request(resources.OpStart))
	if err := os.MkdirAll(filepath.Join(h.data, "backup-20200101T000000.000.partial", "half"), 0o700); err != nil {
		t.Fatal(err)
	}
	var newest string
	for range 6 {
		h.now = h.now.Add(time.Second)
		var err error
		if newest, err = c.backup(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	copies, _ := filepath.Glob(filepath.Join(h.data, "backup-*"))
	if len(copies) != 3 || copies[2] != newest {
		t.Errorf("copies %v, newest %s", copies, newest)
	}
}
