package node

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// once watches that a service never runs twice, until it is stopped.
func (w *world) once() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if hosts := w.runs("vip"); len(hosts) > 1 {
				w.t.Errorf("the service runs on %s and on %s", hosts[0].name, hosts[1].name)
				return
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// leads waits until one of the hosts leads the log, and returns it.
func (w *world) leads(among ...*box) (leader *box, after time.Duration) {
	after = w.until("one of them leads", func() bool {
		for _, b := range among {
			if n := b.run(); n != nil && n.raft.Status().State == raftlog.Leader {
				leader = b
			}
		}
		return leader != nil
	})
	return leader, after
}

func (w *world) others(b *box) (others []*box) {
	for _, o := range w.boxes {
		if o != b {
			others = append(others, o)
		}
	}
	return others
}

// settled waits until every member is back and the service runs on one of them,
// and checks that all have the same state.
func (w *world) settled() {
	w.t.Helper()
	w.until("every member is back", w.whole)
	w.until("the service runs", func() bool { return len(w.runs("vip")) == 1 })
	w.until("all have applied the same", w.whole)
	var first string
	for _, b := range w.boxes {
		s, err := json.Marshal(b.run().Local())
		if err != nil {
			w.t.Fatal(err)
		}
		if first == "" {
			first = string(s)
		}
		if string(s) != first {
			w.t.Errorf("%s has another state at index %d", b.name, b.run().Local().Index)
		}
	}
}

// The leader, with the service on it, loses its power: another leads within the
// second, proves it off, takes the service over, and switches it on again.
func TestLeaderLosesItsPower(t *testing.T) {
	inWorld(t, 1, 3, func(w *world) {
		defer w.once()()
		old := w.leader()
		host := w.runs("vip")[0]
		if old != host {
			if err := old.run().raft.TransferLeadership(t.Context(), host.name); err != nil {
				t.Fatal(err)
			}
			old = w.leader()
		}
		old.cutPower()
		leader, after := w.leads(w.others(old)...)
		if after > time.Second {
			t.Errorf("a new leader after %s", after)
		}
		lost := func() *state.Node { return leader.run().Local().Nodes[resources.NodeName(old.name)] }
		after += w.until("it is proven off", func() bool { return lost().Off != nil })
		if len(w.runs("vip")) > 0 {
			t.Error("the service was taken over before the proof")
		}
		after += w.until("the service runs again", func() bool { return len(w.runs("vip")) == 1 })
		if after > 5*time.Second {
			t.Errorf("the service was away for %s", after)
		}
		w.settled() // it has been switched on
	})
}

// A member that is cut off stops what it runs when its lease has run out, and
// nobody takes that over without a proof. When it is back nothing else happens.
func TestMinorityStopsAndRejoins(t *testing.T) {
	inWorld(t, 2, 3, func(w *world) {
		w.stuck = true
		defer w.once()()
		host := w.runs("vip")[0]
		w.isolate(host)
		time.Sleep(state.DefaultLease - time.Second)
		if len(w.runs("vip")) != 1 {
			t.Error("it was stopped before the lease ran out")
		}
		time.Sleep(2 * time.Second)
		if len(w.runs("vip")) != 0 {
			t.Error("it was not stopped when the lease had run out")
		}
		leader, _ := w.leads(w.others(host)...)
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			if len(w.runs("vip")) != 0 {
				t.Fatal("it was taken over without a proof")
			}
		}
		w.heal(host)
		w.settled()
		if term := leader.run().raft.Status().Term; leader.run().raft.Status().State != raftlog.Leader || host.run().raft.Status().Term != term {
			t.Error("who came back has deposed the leader")
		}
		for _, b := range w.boxes {
			if b.boots != 1 {
				t.Errorf("%s has started %d times", b.name, b.boots)
			}
		}
	})
}

// Links that come and go, also in one direction, end no service twice and leave
// a whole cluster behind.
func TestFlappingLinks(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, seed, 3, func(w *world) {
				defer w.once()()
				dice := rand.New(rand.NewPCG(seed, 7))
				for range 30 {
					from := w.boxes[dice.IntN(3)]
					to := w.others(from)[dice.IntN(2)]
					w.cut(from, to)
					time.Sleep(time.Duration(dice.Int64N(int64(1500 * time.Millisecond))))
					if dice.IntN(3) > 0 {
						w.heal(from)
					}
				}
				for _, b := range w.boxes {
					w.heal(b)
				}
				w.settled()
			})
		})
	}
}

// All hosts lose their power at once, and get it back.
func TestOutageOfAll(t *testing.T) {
	inWorld(t, 3, 3, func(w *world) {
		defer w.once()()
		index := w.leader().run().Local().Revision
		var outage sync.WaitGroup
		for _, b := range w.boxes {
			outage.Go(b.cutPower)
		}
		outage.Wait()
		time.Sleep(10 * time.Second)
		for _, b := range w.boxes {
			b.powerOn()
		}
		if took := w.until("the service runs", func() bool { return len(w.runs("vip")) == 1 }); took > 15*time.Second {
			t.Errorf("the service runs after %s", took)
		}
		w.settled()
		if got := w.leader().run().Local().Revision; got != index {
			t.Errorf("the definition's revision is %d, was %d", got, index)
		}
	})
}
