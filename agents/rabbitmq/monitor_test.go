package rabbitmq

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// four brokers of which some do not see each other.
func four(t *testing.T) *fakeCluster {
	c := newCluster(t, "n1", "n2", "n3", "n4")
	for _, h := range c.hosts {
		h.holds("rabbit@n1", "rabbit@n2", "rabbit@n3", "rabbit@n4")
		h.advice = map[string]string{adviceMode: modeStart}
	}
	for _, h := range c.hosts {
		h.ok(resources.OpStart)
	}
	for _, h := range c.hosts {
		h.now = h.now.Add(time.Hour)
		h.ok(resources.OpMonitor)
		h.now = h.now.Add(time.Hour)
	}
	return c
}

func TestMonitorCountsMajorities(t *testing.T) {
	peers := func(roles map[resources.NodeName]resources.Role) []agents.Peer {
		var all []agents.Peer
		for node, role := range roles {
			all = append(all, agents.Peer{Node: node, Role: role})
		}
		return all
	}
	tests := []struct {
		name   string
		unseen []string
		peers  []agents.Peer
		ok     bool
		reason string
	}{
		{"all", nil, nil, true, ""},
		{"three of four", []string{"rabbit@n4"}, nil, true, "3 of 4"},
		{"an even split is a minority on both sides", []string{"rabbit@n3", "rabbit@n4"}, nil, false, "a minority: runs with 2 of 4"},
		{"one of four", []string{"rabbit@n2", "rabbit@n3", "rabbit@n4"}, nil, false, "1 of 4"},
		{"half, one of the others proven stopped", []string{"rabbit@n3", "rabbit@n4"}, peers(map[resources.NodeName]resources.Role{"n3": resources.RoleStopped, "n4": resources.RoleStarted}), true, "2 of 4"},
		{"alone, two proven stopped", []string{"rabbit@n2", "rabbit@n3", "rabbit@n4"}, peers(map[resources.NodeName]resources.Role{"n3": resources.RoleStopped, "n4": resources.RoleStopped}), false, "1 of 2"},
		{"alone, all others proven stopped", []string{"rabbit@n2", "rabbit@n3", "rabbit@n4"}, peers(map[resources.NodeName]resources.Role{"n2": resources.RoleStopped, "n3": resources.RoleStopped, "n4": resources.RoleStopped}), true, "1 of 4"},
		{"nobody has looked at them", []string{"rabbit@n3", "rabbit@n4"}, peers(map[resources.NodeName]resources.Role{"n3": resources.RoleUnknown, "n4": resources.RoleUnknown}), false, "2 of 4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := four(t).host("n1")
			h.unseen = test.unseen
			h.view.Peers["rabbitmq"] = test.peers
			result := h.do(resources.OpMonitor)
			if (result.Outcome == agents.OutcomeOK) != test.ok || !strings.Contains(result.Reason, test.reason) {
				t.Errorf("%s: %s", result.Outcome, result.Reason)
			}
			if result.Role != resources.RoleStarted {
				t.Errorf("role %s: it runs", result.Role)
			}
		})
	}
}

func TestMonitorOfABrokerInTrouble(t *testing.T) {
	tests := []struct {
		name    string
		trouble func(*fakeHost)
		outcome agents.Outcome
		reason  string
	}{
		{"healthy", func(*fakeHost) {}, agents.OutcomeOK, ""},
		{"the application is stopped or paused", func(h *fakeHost) { h.app = false }, agents.OutcomeFailed, "stop_app or because the node is paused"},
		{"a partition", func(h *fakeHost) { h.partitions = "rabbit@n2,{rabbit@n1,[rabbit@n3]}" }, agents.OutcomeFailed, "does not speak to rabbit@n1, rabbit@n2, rabbit@n3"},
		{"AMQP does not answer", func(h *fakeHost) { h.greets = errors.New("i/o timeout") }, agents.OutcomeFailed, "clients cannot use it"},
		{"rabbitmqctl does not answer, AMQP does", func(h *fakeHost) { h.hangs = true }, agents.OutcomeOK, "rabbitmqctl had no answer"},
		{"neither answers", func(h *fakeHost) { h.hangs, h.greets = true, errors.New("i/o timeout") }, agents.OutcomeUnknown, "deadline"},
		{"it died", func(h *fakeHost) { h.units.Die(syscall.SIGKILL) }, agents.OutcomeNotRunning, "the broker is gone: rabbitmq-server.service is failed/failed, result signal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := four(t).host("n1")
				test.trouble(h)
				result := h.do(resources.OpMonitor)
				if result.Outcome != test.outcome || !strings.Contains(result.Reason, test.reason) {
					t.Errorf("%s: %s", result.Outcome, result.Reason)
				}
			})
		})
	}
}

func TestMonitorBelievesSilenceOnlySoLong(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := four(t).host("n1")
		h.hangs = true
		for i := range maxSilence {
			h.now = h.now.Add(2 * time.Minute)
			result := h.do(resources.OpMonitor)
			if want := i < maxSilence-1; (result.Outcome == agents.OutcomeOK) != want {
				t.Errorf("silence %d: %s: %s", i+1, result.Outcome, result.Reason)
			}
		}
	})
}

// rabbitmqctl costs seconds of CPU: it runs once in deep_interval.
func TestMonitorAsksTheBrokerSeldom(t *testing.T) {
	h := four(t).host("n1")
	h.ok(resources.OpMonitor)
	before := len(h.runner.Calls())
	for range 6 {
		h.now = h.now.Add(9 * time.Second)
		h.ok(resources.OpMonitor)
	}
	if calls := len(h.runner.Calls()) - before; calls != 0 {
		t.Errorf("%d rabbitmqctl in 54 s", calls)
	}
	h.now = h.now.Add(9 * time.Second)
	h.ok(resources.OpMonitor)
	if calls := len(h.runner.Calls()) - before; calls != 1 {
		t.Errorf("%d rabbitmqctl in 63 s, want 1", calls)
	}
}

func TestMonitorForgetsRemovedMembersOnAdvice(t *testing.T) {
	c := four(t)
	c.host("n4").ok(resources.OpStop)
	h := c.host("n1")
	h.advice = map[string]string{adviceMode: modeStart, adviceForget: "rabbit@n4,rabbit@n3,rabbit@n9,--all@x"}
	h.ok(resources.OpMonitor)
	if diff := cmp.Diff(h.ran(), []string{"rabbit@n1 forget_cluster_node rabbit@n4"}); diff != "" {
		t.Errorf("surgery (-got +want):\n%s", diff)
	}
	h.now = h.now.Add(time.Hour)
	if got := h.ok(resources.OpMonitor).Attributes[attrMembers]; got != "rabbit@n1,rabbit@n2,rabbit@n3" {
		t.Errorf("members %s", got)
	}
}

func TestMonitorForgetsNobodyInAMinorityOrWhenToldNotTo(t *testing.T) {
	for name, change := range map[string]func(*fakeHost){
		"minority":     func(h *fakeHost) { h.unseen = []string{"rabbit@n2", "rabbit@n3"} },
		"told not to":  func(h *fakeHost) { h.params["forget_removed"] = "false" },
		"still joined": func(h *fakeHost) { h.advice[adviceForget] = "rabbit@n2" },
	} {
		t.Run(name, func(t *testing.T) {
			c := four(t)
			c.host("n4").ok(resources.OpStop)
			h := c.host("n1")
			h.advice = map[string]string{adviceMode: modeStart, adviceForget: "rabbit@n4"}
			change(h)
			h.do(resources.OpMonitor)
			if len(h.ran()) > 0 {
				t.Errorf("surgery %v", h.ran())
			}
		})
	}
}

func TestProbeReportsWhatTheNodeHolds(t *testing.T) {
	tests := []struct {
		name string
		host func(*fakeHost)
		want map[string]string
	}{
		{"nothing", func(*fakeHost) {}, map[string]string{"node_name": "rabbit@n1", "data": "none", "store": "none"}},
		{"an empty directory", func(h *fakeHost) { h.write(h.dir()+"/x", ""); h.remove(h.dir() + "/x") }, map[string]string{"node_name": "rabbit@n1", "data": "none", "store": "none"}},
		{"a cluster's data", func(h *fakeHost) { h.holds("rabbit@n1", "'rabbit@n-2'") }, map[string]string{"node_name": "rabbit@n1", "data": "cluster", "store": "mnesia", "members": "rabbit@n-2,rabbit@n1"}},
		{"a cluster of one", func(h *fakeHost) { h.virgin() }, map[string]string{"node_name": "rabbit@n1", "data": "single", "store": "mnesia", "members": "rabbit@n1", "queues": "false"}},
		{"a cluster of one with queues", func(h *fakeHost) { h.holds("rabbit@n1") }, map[string]string{"node_name": "rabbit@n1", "data": "single", "store": "mnesia", "members": "rabbit@n1", "queues": "true"}},
		{"books that cannot be read", func(h *fakeHost) { h.holds("rabbit@n1"); h.write(h.config(), "{[rabbit@n1],[ra") }, map[string]string{"node_name": "rabbit@n1", "data": "unknown", "store": "mnesia"}},
		{"Khepri", func(h *fakeHost) {
			h.holds("rabbit@n1")
			h.write("/var/lib/rabbitmq/mnesia/rabbit@n1-feature_flags", "[feature_flags_v2,khepri_db,quorum_queue].\n")
		}, map[string]string{"node_name": "rabbit@n1", "data": "unknown", "store": "khepri"}},
		{"a name of its own", func(h *fakeHost) { h.write("/etc/rabbitmq/rabbitmq-env.conf", "# x\nNODENAME=bunny@c1\n") }, map[string]string{"node_name": "bunny@c1", "data": "none", "store": "none"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newCluster(t, "n1").host("n1")
			test.host(h)
			result := h.do(resources.OpProbe)
			if result.Outcome != agents.OutcomeNotRunning {
				t.Fatalf("%+v", result)
			}
			if diff := cmp.Diff(result.Attributes, test.want); diff != "" {
				t.Errorf("attributes (-got +want):\n%s", diff)
			}
		})
	}
}

// With Khepri, what the node said when it last ran tells a member from a
// cluster of one.
func TestKhepriMembersAreRemembered(t *testing.T) {
	c := running(t)
	h := c.host("n1")
	h.ok(resources.OpStop)
	h.write("/var/lib/rabbitmq/mnesia/rabbit@n1-feature_flags", "[khepri_db].\n")
	h.remove(h.config())
	if got := h.do(resources.OpProbe).Attributes; got[attrData] != dataCluster || got[attrStore] != storeKhepri {
		t.Errorf("attributes %v", got)
	}
}

func (h *fakeHost) remove(name string) {
	if err := syscall.Unlink(h.path(name)); err != nil {
		h.t.Fatal(err)
	}
}

func TestParseAnswer(t *testing.T) {
	tests := []struct {
		name, text string
		want       answer
		bad        bool
	}{
		{"3.10", "{belay,true,[rabbit@g3,rabbit@g2,rabbit@g1],[rabbit@g3,rabbit@g1],[],false}\n", answer{AppRunning: true, Members: []string{"rabbit@g1", "rabbit@g2", "rabbit@g3"}, Running: []string{"rabbit@g1", "rabbit@g3"}}, false},
		{"wrapped and quoted", "{belay,true,\n       ['rabbit@ctl-1',\n        'rabbit@ctl-2'],\n       ['rabbit@ctl-1'],\n       [],true}", answer{AppRunning: true, Members: []string{"rabbit@ctl-1", "rabbit@ctl-2"}, Running: []string{"rabbit@ctl-1"}, Khepri: true}, false},
		{"partitions", "{belay,true,[a@x,b@y],[a@x],['b@y',{c@z,[a@x]}],false}", answer{AppRunning: true, Members: []string{"a@x", "b@y"}, Running: []string{"a@x"}, Partitions: []string{"a@x", "b@y", "c@z"}}, false},
		{"stopped", "{belay,false,[a@x],[],[],false}", answer{Members: []string{"a@x"}}, false},
		{"an error", "{error,badrpc}", answer{}, true},
		{"nothing", "", answer{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseAnswer(test.text)
			if (err != nil) != test.bad {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestComplaintFindsTheReason(t *testing.T) {
	exit := agents.Exit{Code: 69, Stderr: "\n04:40:43.564 [warning] Feature flags: x\nError: unable to perform an operation on node 'rabbit@g3'. Please see diagnostics.\n\nMost common reasons for this are:\n * Erlang cookie hash: yi4UV8iRgNAsGyXVz4NpzA==\n"}
	if got := complaint(exit); got != "unable to perform an operation on node 'rabbit@g3'. Please see diagnostics." {
		t.Errorf("complaint %q", got)
	}
	if got := output(exit.Stderr); strings.Contains(got, "yi4UV8") {
		t.Errorf("the output shows the cookie's hash: %q", got)
	}
}

// serve answers one connection after another with what reply returns.
func serve(t *testing.T, address string, reply func(request []byte) []byte) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8)
			n, _ := io.ReadAtLeast(conn, request, 3)
			_, _ = conn.Write(reply(request[:n]))
			_ = conn.Close()
		}
	}()
	return listener
}

func TestGreets(t *testing.T) {
	for name, test := range map[string]struct {
		reply []byte
		ok    bool
	}{
		"Connection.Start":       {[]byte("\x01\x00\x00\x00\x00\x01\xf0\x00\x0a\x00\x0a\x00\x09\x00\x00\x01\xcb\x0ccapabilities"), true},
		"another protocol":       {[]byte("AMQP\x00\x00\x09\x01AMQP"), false},
		"nothing":                {nil, false},
		"some other method":      {[]byte("\x01\x00\x00\x00\x00\x01\xf0\x00\x0a\x00\x32\x00"), false},
		"half a frame, then end": {[]byte("\x01\x00\x00"), false},
	} {
		t.Run(name, func(t *testing.T) {
			listener := serve(t, "127.0.0.1:0", func([]byte) []byte { return test.reply })
			if err := (TCP{}).Greets(t.Context(), listener.Addr().String()); (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}
