package rabbitmq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// Lines of RabbitMQ 3.10 on its way up.
const (
	saidTables = "[info] Running boot step database defined by app rabbit\n[info] Waiting for Mnesia tables for 30000 ms, 9 retries left\n"
	saidInVain = "[warning] Error while waiting for Mnesia tables: {timeout_waiting_for_tables,['rabbit@n1','rabbit@n2'],[rabbit_durable_queue]}\n"
	// A peer took the node for up while its earlier life was gone: with Erlang 25
	// RabbitMQ's own way around that does nothing.
	saidGlobalHang = "[info] <0.437.0> Global hang workaround: global state on rabbit@n2 seems broken\n"
	saidRecover    = "[info] Running boot step recovery defined by app rabbit\n"
)

// hangs makes the first attempts to boot hang after they have logged something.
func (h *fakeHost) hangsAtBoot(attempts int, said string, boots *int) {
	h.units.OnStart = func(ctx context.Context) error {
		*boots++
		if *boots > attempts {
			return h.boots(ctx)
		}
		h.says(said)
		<-ctx.Done()
		return ctx.Err()
	}
}

// says appends to the broker's log.
func (h *fakeHost) says(text string) {
	log := "/var/log/rabbitmq/" + h.name + ".log"
	h.write(log, h.read(log)+text)
}

// pair returns two members of a cluster with data, of which the second runs
// when running is true.
func pair(t *testing.T, running bool) (n1, n2 *fakeHost) {
	t.Helper()
	c := newCluster(t, "n1", "n2")
	n1, n2 = c.host("n1").holds("rabbit@n1", "rabbit@n2"), c.host("n2").holds("rabbit@n1", "rabbit@n2")
	for _, h := range []*fakeHost{n1, n2} {
		h.advice = map[string]string{adviceMode: modeStart}
		h.params = resources.Params{}
	}
	if running {
		n2.ok(resources.OpStart)
	}
	return n1, n2
}

func (h *fakeHost) startWithin(limit time.Duration) agents.Result {
	h.t.Helper()
	request := h.Request(resources.OpStart)
	request.Timeout = limit
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	return h.agent().Start(ctx, request)
}

// A member that returns may hang in Mnesia although the others run: another
// attempt is made instead of waiting until the operation's time is over.
func TestStartIsRepeatedWhenItHangsThoughAMemberRuns(t *testing.T) {
	for name, said := range map[string]string{
		"waits for tables":        saidTables + saidInVain,
		"logs nothing":            "",
		"logs nothing any longer": saidTables,
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h, _ := pair(t, true)
				boots, began := 0, time.Now()
				h.hangsAtBoot(1, said, &boots)
				result := h.startWithin(6 * time.Minute)
				if result.Outcome != agents.OutcomeOK || boots != 2 {
					t.Fatalf("%s after %d attempts: %s", result.Outcome, boots, result.Reason)
				}
				if took := time.Since(began); took > 90*time.Second {
					t.Errorf("it took %s", took)
				}
				if h.message() != "message of rabbit@n1" {
					t.Error("the data is not what it was")
				}
			})
		})
	}
}

// A member that was gone for a few seconds only is still connected to, by members
// that have not noticed, when it returns. They are told before it does.
func TestStartPartsMembersFromTheEarlierLife(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		for _, h := range c.hosts {
			h.holds("rabbit@n1", "rabbit@n2", "rabbit@n3").advice = map[string]string{adviceMode: modeStart}
		}
		c.host("n2").ok(resources.OpStart)
		c.host("n3").ok(resources.OpStart)
		c.host("n3").clings = "rabbit@n1"
		began := time.Now()
		if result := c.host("n1").startWithin(6 * time.Minute); result.Outcome != agents.OutcomeOK || time.Since(began) > 5*time.Second {
			t.Errorf("%s after %s: %s", result.Outcome, time.Since(began), result.Reason)
		}
	})
}

// A member for whom the order comes too late does nothing: another one is asked.
func TestStartPartsByAMemberThatIsInTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCluster(t, "n1", "n2", "n3")
		for _, h := range c.hosts {
			h.holds("rabbit@n1", "rabbit@n2", "rabbit@n3").advice = map[string]string{adviceMode: modeStart}
		}
		n1, n2, n3 := c.host("n1"), c.host("n2"), c.host("n3")
		n2.ok(resources.OpStart)
		n3.ok(resources.OpStart)
		n2.late, n2.parted, n2.clings, n3.clings = true, nil, "rabbit@n1", "rabbit@n1"
		if result := n1.startWithin(6 * time.Minute); result.Outcome != agents.OutcomeOK {
			t.Fatalf("%s: %s", result.Outcome, result.Reason)
		}
		if !slices.Equal(n2.parted, []string{"rabbit@n1"}) || !slices.Equal(n3.parted, []string{"rabbit@n1"}) {
			t.Errorf("told to part: n2 from %q, n3 from %q; want each once from rabbit@n1", n2.parted, n3.parted)
		}
		if n2.clings != "" || n3.clings != "" {
			t.Errorf("still connected to the earlier life: n2 to %q, n3 to %q", n2.clings, n3.clings)
		}
	})
}

// A member that does not answer keeps none from starting.
func TestStartPartsFromMembersThatAnswer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h, peer := pair(t, true)
		peer.hangs = true
		began := time.Now()
		if result := h.startWithin(6 * time.Minute); result.Outcome != agents.OutcomeOK || time.Since(began) > 2*partTimeout {
			t.Errorf("%s after %s: %s", result.Outcome, time.Since(began), result.Reason)
		}
	})
}

// A broker whose peers' registry of names hangs is ended soon, not after a minute of
// silence.
func TestStartIsRepeatedSoonWhenNamesHang(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h, _ := pair(t, true)
		boots, began := 0, time.Now()
		h.hangsAtBoot(1, saidTables+saidGlobalHang, &boots)
		result := h.startWithin(6 * time.Minute)
		if took := time.Since(began); result.Outcome != agents.OutcomeOK || boots != 2 || took > 35*time.Second {
			t.Errorf("%s after %d attempts and %s: %s", result.Outcome, boots, took, result.Reason)
		}
	})
}

// What may take long by rights is left alone: building indexes anew, and waiting
// for members while none runs.
func TestStartIsPatient(t *testing.T) {
	for name, test := range map[string]struct {
		peerRuns bool
		said     string
	}{
		"its queues are recovered": {true, saidTables + saidInVain + saidRecover},
		"no member runs":           {false, saidTables + saidInVain},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h, _ := pair(t, test.peerRuns)
				boots := 0
				h.units.OnStart = func(ctx context.Context) error {
					boots++
					h.says(test.said)
					time.Sleep(5 * time.Minute)
					return errors.Join(ctx.Err(), h.boots(ctx))
				}
				if result := h.startWithin(6 * time.Minute); result.Outcome != agents.OutcomeOK || boots != 1 {
					t.Errorf("%s after %d attempts: %s", result.Outcome, boots, result.Reason)
				}
			})
		})
	}
}

// The last attempt has all the time that is left, and its end is the truth.
func TestStartHangsAgainAndAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h, _ := pair(t, true)
		boots, began := 0, time.Now()
		h.hangsAtBoot(100, saidTables+saidInVain, &boots)
		result := h.startWithin(6 * time.Minute)
		if result.Outcome != agents.OutcomeFailed || boots != bootAttempts || !strings.Contains(result.Reason, "was ended") {
			t.Errorf("%s after %d attempts: %s", result.Outcome, boots, result.Reason)
		}
		if took := time.Since(began); took > 6*time.Minute {
			t.Errorf("it took %s", took)
		}
		if h.units.Running() {
			t.Error("a broker is left behind")
		}
	})
}

// A broker that gives up for a reason that may pass is tried again; one whose
// reason stays is not.
func TestStartIsRepeatedWhenItsReasonMayPass(t *testing.T) {
	for name, test := range map[string]struct {
		said  string
		boots int
	}{
		"no reason that is known": {"[error] BOOT FAILED\n[error] Exit:{killed,{gen_server,call,[mnesia_controller]}}\n", 2},
		"its name is still taken": {"[error] {duplicate_name,...}\n", 2},
		"the disk is full":        {"[error] {error,enospc}\n", 1},
		"another database":        {"** FATAL ** Failed to merge schema: Bad cookie\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h, _ := pair(t, true)
				boots := 0
				h.units.OnStart = func(ctx context.Context) error {
					if boots++; boots > 1 {
						return h.boots(ctx)
					}
					h.says(test.said)
					return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "rabbitmq-server.service", Active: "failed", Result: "exit-code", ExitStatus: 1}}
				}
				result := h.startWithin(6 * time.Minute)
				if boots != test.boots || (result.Outcome == agents.OutcomeOK) != (test.boots == 2) {
					t.Errorf("%s after %d attempts: %s", result.Outcome, boots, result.Reason)
				}
			})
		})
	}
}

// An operation that the cluster cuts short is over at once.
func TestStartEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h, _ := pair(t, true)
		boots := 0
		h.hangsAtBoot(100, "", &boots)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Second, cancel)
		began := time.Now()
		result := h.agent().Start(ctx, h.Request(resources.OpStart))
		if result.Outcome != agents.OutcomeCancelled || boots != 1 || time.Since(began) > 21*time.Second {
			t.Errorf("%s after %d attempts and %s: %s", result.Outcome, boots, time.Since(began), result.Reason)
		}
	})
}

// A broker that waits for others does not obey a stop. Others may wait for that
// stop, so it must not take as long as that of a broker with clients.
func TestStopOfABrokerOnItsWayUpIsShort(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h, _ := pair(t, false)
		boots := 0
		h.hangsAtBoot(1, saidTables+saidInVain, &boots)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if result := h.agent().Start(ctx, h.Request(resources.OpStart)); result.Outcome == agents.OutcomeOK {
			t.Fatalf("start: %+v", result)
		}
		h.units.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.Processes = "activating", "start", []int{7} })
		h.units.Stubborn = true
		began := time.Now()
		h.ok(resources.OpStop)
		if took := time.Since(began); took > 15*time.Second || h.Running() {
			t.Errorf("took %v, running %t", took, h.Running())
		}
	})
}
