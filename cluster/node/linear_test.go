package node

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// What clients see of the API must be explained by one order of all requests in
// which each took effect at once, between its beginning and its end: changes of
// the definition by the revision that was seen, attributes, and reads.

type kind uint8

const (
	read kind = iota
	define
	attribute
)

// asking is a request of a history.
type asking struct {
	kind     kind
	old, new string // of a definition: the mark that was seen; the mark, or the value, that is set
}

// answering is what was answered. What is unknown may have been done at any time
// since, or never.
type answering struct {
	unknown, conflict bool
	mark, value       string // read
}

// contents is what requests are about.
type contents struct{ mark, value string }

func (c contents) step(in asking, out answering) (bool, contents) {
	switch {
	case in.kind == read:
		return out.mark == c.mark && out.value == c.value, c
	case in.kind == attribute:
		return true, contents{c.mark, in.new}
	case out.unknown && c.mark != in.old:
		return true, c
	case (c.mark == in.old) == out.conflict:
		return false, c
	case out.conflict:
		return true, c
	}
	return true, contents{in.new, c.value}
}

var model = porcupine.Model{
	Init: func() any { return contents{} },
	Step: func(s, in, out any) (bool, any) {
		//nolint:forcetypeassert // the histories are of this file
		return s.(contents).step(in.(asking), out.(answering))
	},
}

// history is what clients have asked and were told.
type history struct {
	began time.Time

	mu         sync.Mutex
	operations []porcupine.Operation // guarded by mu
	marks      map[uint64]string     // guarded by mu: of each revision that was seen
	outcomes   map[string]int        // guarded by mu
}

func newHistory() *history {
	return &history{began: time.Now(), marks: map[uint64]string{}, outcomes: map[string]int{}}
}

// record notes a request that has been answered just now, or was given up.
func (h *history) record(client int, in asking, out answering, began time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := int64(time.Since(h.began))
	outcome := "done"
	switch {
	case out.unknown:
		end, outcome = math.MaxInt64, "unknown"
	case out.conflict:
		outcome = "conflict"
	}
	h.outcomes[fmt.Sprintf("%d %s", in.kind, outcome)]++
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(began.Sub(h.began)), Return: end})
}

// sees notes a revision's mark, which never changes.
func (h *history) sees(t *testing.T, revision uint64, mark string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, seen := h.marks[revision]; seen && known != mark {
		t.Errorf("revision %d was read as %q and as %q", revision, known, mark)
	}
	h.marks[revision] = mark
}

// checkLimit bounds the search for an order, by the clock.
const checkLimit = 20 * time.Second

func (h *history) check() porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model, h.operations, checkLimit)
}

const (
	holder   = "a"     // the node whose attributes are read; it keeps its power
	markKey  = "mark"  // in the definition
	valueKey = "value" // set by command
)

// see reads the state by a client, and records it.
func (h *history) see(t *testing.T, number int, c *api.Client, stale bool) (*state.State, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	began := tick()
	s, err := c.State(ctx, stale)
	if err != nil {
		return nil, err
	}
	mark := markOf(s)
	h.sees(t, s.Revision, mark)
	h.record(number, asking{kind: read}, answering{mark: mark, value: s.Nodes[holder].Attributes[valueKey]}, began)
	return s, nil
}

func markOf(s *state.State) string {
	for _, n := range s.Definition.Nodes {
		if n.Name == holder {
			return n.Attributes[markKey]
		}
	}
	return ""
}

// tick lets virtual time pass, so that a request that follows an answer does not
// begin at the moment at which that came, and returns the time.
func tick() time.Time {
	time.Sleep(time.Microsecond)
	return time.Now()
}

const requestTimeout = 12 * time.Second

// change gives a command by a client, and records what came of it.
func (h *history) change(number int, c *api.Client, in asking, command state.Command) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	began := tick()
	_, err := c.Command(ctx, command)
	var wire *api.Error
	var network *net.OpError
	switch {
	case err == nil:
		h.record(number, in, answering{}, began)
	case errors.As(err, &wire) && wire.Code == api.CodeConflict:
		h.record(number, in, answering{conflict: true}, began)
	case errors.As(err, &wire) && (wire.Code == api.CodeNoQuorum || wire.Code == api.CodeUnavailable):
		// Nothing was done, it says: nobody may ever see it.
	case errors.As(err, &network) && network.Op == "dial":
	default:
		h.record(number, in, answering{unknown: true}, began)
	}
}

// setValue and setMark are changes of the two things that clients read.
func (h *history) setValue(number int, c *api.Client, value string) {
	h.change(number, c, asking{kind: attribute, new: value}, &state.NodeAttribute{Node: holder, Key: valueKey, Value: &value})
}

func (h *history) setMark(number int, c *api.Client, seen *state.State, mark string) {
	d := *seen.Definition
	d.Nodes = append([]resources.Node(nil), d.Nodes...)
	for i := range d.Nodes {
		if d.Nodes[i].Name == holder {
			d.Nodes[i].Attributes = map[string]string{markKey: mark}
		}
	}
	h.change(number, c, asking{kind: define, old: markOf(seen), new: mark}, &state.DefinitionSet{Base: seen.Revision, Definition: &d})
}

// clients have people and programs change and read things by any member, until
// each has asked so many times, and return what they saw.
func (w *world) clients(seed uint64, clients, requests int) *history {
	h := newHistory()
	var work sync.WaitGroup
	for number := range clients {
		work.Go(func() {
			dice := rand.New(rand.NewPCG(seed, uint64(number)))
			for n := range requests {
				c := w.client(fmt.Sprintf("client-%d", number), w.boxes[dice.IntN(len(w.boxes))])
				unique := fmt.Sprintf("%d-%d", number, n)
				switch dice.IntN(3) {
				case 0:
					h.setValue(number, c, unique)
				case 1:
					if seen, err := h.see(w.t, number, c, false); err == nil {
						time.Sleep(time.Duration(dice.Int64N(int64(20 * time.Millisecond)))) // it thinks
						h.setMark(number, c, seen, unique)
					}
				default:
					h.see(w.t, number, c, false) //nolint:errcheck // no answer is no part of a history
				}
				time.Sleep(time.Duration(dice.Int64N(int64(200 * time.Millisecond))))
			}
		})
	}
	work.Wait()
	return h
}

func TestHistoriesAreLinearizable(t *testing.T) {
	outcomes, seeds := map[string]int{}, uint64(6)
	if testing.Short() { // with the race detector
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var h *history
			inWorld(t, seed, 3, func(w *world) {
				w.stuck = true // who loses its power loses its attributes
				stop := w.trouble(seed)
				h = w.clients(seed, 5, 60)
				stop()
			})
			t.Logf("%d requests: %v", len(h.operations), h.outcomes)
			if got := h.check(); got != porcupine.Ok {
				t.Errorf("the history of %d requests is %s", len(h.operations), got)
			}
			for outcome, n := range h.outcomes {
				outcomes[outcome] += n
			}
		})
	}
	for _, outcome := range []string{"0 done", "1 done", "1 conflict", "2 done", "2 unknown"} {
		if outcomes[outcome] == 0 {
			t.Errorf("the histories show little: nothing ended as %q", outcome)
		}
	}
}

// trouble breaks and mends hosts and links, one at a time, until it is stopped.
func (w *world) trouble(seed uint64) (stop func()) {
	dice := rand.New(rand.NewPCG(seed, 1000))
	ended, done := make(chan struct{}), make(chan struct{})
	pause := func(least, most time.Duration) bool {
		select {
		case <-time.After(least + time.Duration(dice.Int64N(int64(most-least)))):
			return true
		case <-ended:
			return false
		}
	}
	one := func(b *box) {
		switch dice.IntN(6) {
		case 0: // cut off
			w.isolate(b)
			pause(300*time.Millisecond, 6*time.Second)
			w.heal(b)
		case 1: // heard, but deaf
			for _, o := range w.boxes {
				if o != b {
					w.cut(o, b)
				}
			}
			pause(300*time.Millisecond, 4*time.Second)
			w.heal(b)
		case 2: // what it says and is told comes late
			w.net.Freeze(b.name)
			w.gossip.Freeze(b.gossips())
			pause(100*time.Millisecond, 3*time.Second)
			w.gossip.Thaw(b.gossips())
			w.net.Thaw(b.name)
		case 3: // its daemon is killed
			b.stop(ErrPowerCut)
			pause(100*time.Millisecond, 2*time.Second)
			if b.powered() {
				b.start()
			}
		case 4: // cut off, it does not even notice: its log waits for its disk
			goOn := b.store.hang()
			w.isolate(b)
			pause(700*time.Millisecond, 1800*time.Millisecond)
			goOn()
			w.heal(b)
		case 5: // its power fails
			if b.name != holder {
				b.cutPower()
				pause(500*time.Millisecond, 3*time.Second)
			}
		}
		if !b.powered() {
			b.powerOn()
		}
	}
	go func() {
		defer close(done)
		for pause(200*time.Millisecond, 2*time.Second) {
			b := w.boxes[dice.IntN(len(w.boxes))]
			for _, o := range w.boxes { // the leader, as a rule
				if n := o.run(); n != nil && n.live.Load() != nil && dice.IntN(3) > 0 {
					b = o
				}
			}
			one(b)
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// A leader whose log waits for its disk does not notice that another leads. What
// it is asked then it must not answer from its own copy.
func TestReplacedLeaderReadsNothing(t *testing.T) {
	var h *history
	inWorld(t, 1, 3, func(w *world) {
		w.stuck = true
		old := w.leader()
		h = newHistory()
		h.setValue(0, w.client("client", old), "old")
		goOn := old.store.hang()
		w.isolate(old)
		var work sync.WaitGroup
		work.Go(func() { h.setValue(1, w.client("client", old), "hangs") })
		leads := func(b *box) bool { return b.run().raft.Status().State == raftlog.Leader }
		var leader *box
		w.until("another leads", func() bool {
			for _, b := range w.boxes {
				if b != old && leads(b) {
					leader = b
				}
			}
			return leader != nil
		})
		h.setValue(0, w.client("client", leader), "new")
		if !leads(old) {
			t.Error("the old leader has noticed: this shows nothing")
		}
		work.Go(func() {
			if s, err := h.see(t, 0, w.client("client", old), false); err == nil && s.Nodes[holder].Attributes[valueKey] != "new" {
				t.Error("the old leader has answered from its own copy")
			}
		})
		time.Sleep(500 * time.Millisecond)
		goOn()
		w.heal(old)
		work.Wait()
	})
	if got := h.check(); got != porcupine.Ok {
		t.Errorf("the history is %s", got)
	}
}

// The check finds what is not linearizable: copies that are read as if they were
// the newest, and a change that overwrites one that its author has not seen.
func TestBrokenHistoriesAreFound(t *testing.T) {
	var h *history
	inWorld(t, 1, 3, func(w *world) {
		leader := w.leader()
		behind := w.boxes[(leader.index()+1)%3]
		h = newHistory()
		h.setValue(0, w.client("client", leader), "old")
		w.until("all have it", w.whole)
		w.isolate(behind)
		h.setValue(0, w.client("client", leader), "new")
		if _, err := h.see(t, 0, w.client("client", behind), true); err != nil {
			t.Error(err)
		}
	})
	if got := h.check(); got != porcupine.Illegal {
		t.Errorf("a stale copy read as the newest is %s", got)
	}
	at := func(call, end int64, in asking, out answering) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: end}
	}
	first, second := asking{define, "", "x"}, asking{define, "", "y"}
	for name, c := range map[string]struct {
		operations []porcupine.Operation
		want       porcupine.CheckResult
	}{
		"a lost update":                  {[]porcupine.Operation{at(0, 1, first, answering{}), at(2, 3, second, answering{})}, porcupine.Illegal},
		"a conflict":                     {[]porcupine.Operation{at(0, 1, first, answering{}), at(2, 3, second, answering{conflict: true})}, porcupine.Ok},
		"a conflict with nobody":         {[]porcupine.Operation{at(0, 1, first, answering{conflict: true})}, porcupine.Illegal},
		"an unknown change that is seen": {[]porcupine.Operation{at(0, math.MaxInt64, first, answering{unknown: true}), at(2, 3, asking{}, answering{mark: "x"})}, porcupine.Ok},
		"one that comes and goes": {[]porcupine.Operation{
			at(0, math.MaxInt64, first, answering{unknown: true}), at(2, 3, asking{}, answering{mark: "x"}), at(4, 5, asking{}, answering{}),
		}, porcupine.Illegal},
	} {
		if got := porcupine.CheckOperations(model, c.operations); got != (c.want == porcupine.Ok) {
			t.Errorf("%s: linearizable is %v", name, got)
		}
	}
}
