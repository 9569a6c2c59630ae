package node

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// timer is a hardware watchdog in virtual time.
type timer struct {
	mu       sync.Mutex
	timeout  time.Duration
	fires    *time.Timer
	fired    time.Time // when it reset the host
	disarmed bool
	left     bool
	software bool
}

func (w *timer) Software() bool { return w.software }

func (w *timer) Timeout() time.Duration { return w.timeout }

func (w *timer) Feed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fired.IsZero() {
		w.fires.Reset(w.timeout)
	}
	return nil
}

func (w *timer) Disarm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fires.Stop()
	w.disarmed = true
	return nil
}

func (w *timer) Abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	return nil
}

func (w *timer) reset() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired
}

// watchdogs arms timers for a member.
type watchdogs struct {
	mu     sync.Mutex
	opened []*timer
	// software has softdog opened from now on.
	software bool
}

func (h *watchdogs) open(_ string, timeout time.Duration) (Watchdog, error) {
	w := &timer{timeout: timeout, software: h.software}
	w.fires = time.AfterFunc(timeout, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fired = time.Now()
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = append(h.opened, w)
	return w, nil
}

func (h *watchdogs) last() *timer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.opened) == 0 {
		return nil
	}
	return h.opened[len(h.opened)-1]
}

const ownTimeout = 10 * time.Second

// guarded is a member that has a watchdog, with a lease of 5 s.
func guarded(t *testing.T) (*testMember, *watchdogs) {
	m, h := newMember(t), &watchdogs{}
	m.config.OpenWatchdog = h.open
	m.config.Fences = fencing.NewRegistry([]fencing.Spec{{
		Name: "watchdog", Watchdog: true, Passive: true, Params: []fencing.ParamSpec{
			{Name: "device", Type: fencing.TypeString, Default: "/dev/watchdog"}, {Name: "timeout", Type: fencing.TypeDuration, Default: ownTimeout.String()},
			{Name: "unsafe_in_vm", Type: fencing.TypeBool}, {Name: "unsafe_softdog", Type: fencing.TypeBool}},
	}})
	m.define(func(d *resources.Definition) {
		d.Fences = []resources.FenceDevice{{ID: "wd", Agent: "watchdog", Targets: []resources.NodeName{"a", "b"}}}
	})
	return m, h
}

// lets gives the member a lease each second, for so long.
func (m *testMember) lets(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(leasePause) {
		m.lease.heard(time.Now())
		m.feeder.given(time.Now())
	}
}

func TestWatchdogIsFedByLeasesAlone(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, h := guarded(t)
		stop := m.run(m.keepWatchdog)
		defer stop()
		time.Sleep(10 * time.Second)
		if h.last() != nil {
			t.Fatal("armed before any leader let it")
		}
		m.lets(time.Minute)
		w := h.last()
		if w == nil || !w.reset().IsZero() {
			t.Fatalf("with leases: %+v", w)
		}
		ended := time.Now()
		time.Sleep(time.Minute)
		bound := (&state.Watchdog{Timeout: resources.Duration(ownTimeout), Lease: resources.Duration(m.machine.current.Load().Lease())}).Bound()
		if fired := w.reset(); fired.IsZero() || fired.Sub(ended) > bound {
			t.Errorf("without a lease it fired after %s, the others count on %s", fired.Sub(ended), bound)
		}
	})
}

// A host on which everything was stopped lives on, and needs leases again as soon
// as it hears a leader, who may start something.
func TestIdleHostIsNotReset(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, h := guarded(t)
		defer m.run(m.exec.Run)()
		defer m.run(m.keepWatchdog)()
		m.lets(10 * time.Second)
		time.Sleep(10 * time.Minute)
		if fired := h.last().reset(); !fired.IsZero() || m.runs("vip") || !m.exec.Idle() {
			t.Fatalf("without a leader: reset %s, runs %v, idle %v", fired, m.runs("vip"), m.exec.Idle())
		}
		resumed := time.Now()
		for range 60 { // a leader that is heard, but gives no lease
			m.lease.heard(time.Now())
			time.Sleep(time.Second)
		}
		if fired := h.last().reset(); fired.IsZero() || fired.Sub(resumed) > 5*time.Second+ownTimeout+3*feedTick {
			t.Errorf("a host that may run things and has no lease: reset %s", fired)
		}
	})
}

// What was demoted only, or could not be stopped, still runs.
func TestBusyHostIsReset(t *testing.T) {
	for name, hinder := range map[string]func(*testMember){
		"demoted only": func(m *testMember) {
			m.define(func(d *resources.Definition) {
				d.Properties.NoQuorumPolicy = resources.NoQuorumDemote
				d.Fences = []resources.FenceDevice{{ID: "wd", Agent: "watchdog", Targets: []resources.NodeName{"a"}}}
			})
		},
		"cannot be stopped": func(m *testMember) { m.agent.set(true, false) },
		"hangs":             func(m *testMember) { m.agent.set(false, true) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m, h := guarded(t)
				hinder(m)
				defer m.run(m.exec.Run)()
				defer m.run(m.keepWatchdog)()
				m.lets(10 * time.Second)
				ended := time.Now()
				time.Sleep(time.Minute)
				if fired := h.last().reset(); fired.IsZero() || fired.Sub(ended) > 5*time.Second+ownTimeout+2*feedTick {
					t.Errorf("fed although services run without a lease: reset %s", fired)
				}
			})
		})
	}
}

func TestShorterLeaseHoldsAtOnce(t *testing.T) {
	var f feeder
	now := time.Now()
	f.promise(10 * time.Second)
	f.given(now)
	if leased := f.may(now.Add(9 * time.Second)); !leased {
		t.Error("not leased")
	}
	f.promise(5 * time.Second)
	if leased := f.may(now.Add(6 * time.Second)); leased {
		t.Error("a lease that was given before outlasts what was promised since")
	}
	f.given(now.Add(-time.Second)) // an answer that was overtaken
	if leased := f.may(now.Add(4500 * time.Millisecond)); !leased {
		t.Error("an older lease replaced a newer one")
	}
}

// The timer is disarmed only when the cluster does not count on it any more.
func TestWatchdogIsGivenUpInOrder(t *testing.T) {
	fact := &state.Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(ownTimeout), Lease: resources.Duration(5 * time.Second)}
	for name, c := range map[string]struct{ announced, disarmed bool }{
		"counted on":     {announced: true},
		"not counted on": {disarmed: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m, h := guarded(t)
				stop := m.run(m.keepWatchdog)
				defer stop()
				m.lets(5 * time.Second)
				if c.announced {
					m.apply(&state.MemberWatchdog{Node: "a", Incarnation: m.exec.Incarnation(), Watchdog: fact})
				}
				m.define(func(d *resources.Definition) {})
				m.lets(5 * time.Second)
				if got := h.last().disarmed; got != c.disarmed {
					t.Errorf("out of the definition: disarmed %v", got)
				}
				stop()
				if w := h.last(); w.disarmed != c.disarmed || w.left == c.disarmed {
					t.Errorf("at the daemon's end: %+v", w)
				}
			})
		})
	}
}

func TestOutwait(t *testing.T) {
	fact := &state.Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(ownTimeout), Lease: resources.Duration(5 * time.Second)}
	for name, c := range map[string]struct {
		announced *state.Watchdog
		timeout   time.Duration
		proven    bool
		says      string
	}{
		"it must be down": {announced: fact, timeout: time.Minute, proven: true},
		"it feeds none":   {timeout: time.Minute, says: "feeds no watchdog"},
		"too little time": {announced: fact, timeout: 20 * time.Second, says: "raise fencing_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m, _ := guarded(t)
				if c.announced != nil {
					m.apply(&state.MemberWatchdog{Node: "b", Incarnation: "run-b", Watchdog: c.announced})
				}
				order := m.lose(resources.FencingReboot)
				order.Timeout = resources.Duration(c.timeout)
				began := time.Now()
				answer, err := m.Fence(t.Context(), order)
				if err != nil || answer.Proven != c.proven || !strings.Contains(answer.Error, c.says) {
					t.Fatalf("%+v, %v", answer, err)
				}
				if c.proven && (answer.Proof != state.ProofWatchdog || time.Since(began) < fact.Bound() || len(answer.Steps) != 1 || answer.Steps[0].Took.Std() < fact.Bound()) {
					t.Errorf("proof %q after %s: %+v", answer.Proof, time.Since(began), answer.Steps)
				}
			})
		})
	}
}

// It is over at once when the node announces a new start.
func TestOutwaitEndsWithTheFencing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, _ := guarded(t)
		m.apply(&state.MemberWatchdog{Node: "b", Incarnation: "run-b", Watchdog: &state.Watchdog{Timeout: resources.Duration(ownTimeout), Lease: resources.Duration(5 * time.Second)}})
		order := m.lose(resources.FencingReboot)
		go func() {
			time.Sleep(3 * time.Second)
			m.apply(&state.MemberBooted{Node: "b", Incarnation: "run-b2", BootID: "boot-2"})
		}()
		began := time.Now()
		answer, err := m.Fence(context.Background(), order)
		if answer.Proven || time.Since(began) > 4*time.Second {
			t.Errorf("%+v, %v after %s", answer, err, time.Since(began))
		}
	})
}
