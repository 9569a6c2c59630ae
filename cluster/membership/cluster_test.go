package membership

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/belay-ha/belay/cluster/membership/memnet"
	"github.com/belay-ha/belay/internal/bubble"
)

var testKey = bytes.Repeat([]byte{7}, KeySize)

// event is one verdict that one observer changed.
type event struct {
	observer, node, verdict, text string
	at                            time.Time
}

// journal collects the "member verdict" lines of all members.
type journal struct {
	mu     sync.Mutex
	events []event
}

func (j *journal) logger(observer string) *zap.Logger {
	return zap.New(&journalCore{j: j, observer: observer})
}

func (j *journal) since(at time.Time) []event {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []event
	for _, e := range j.events {
		if !e.at.Before(at) {
			out = append(out, e)
		}
	}
	return out
}

// of returns the events with one of the verdicts.
func of(events []event, verdicts ...Verdict) []event {
	var out []event
	for _, e := range events {
		for _, v := range verdicts {
			if e.verdict == v.String() {
				out = append(out, e)
			}
		}
	}
	return out
}

type journalCore struct {
	j        *journal
	observer string
}

func (c *journalCore) Enabled(l zapcore.Level) bool      { return l >= zapcore.InfoLevel }
func (c *journalCore) With([]zapcore.Field) zapcore.Core { return c }
func (c *journalCore) Sync() error                       { return nil }
func (c *journalCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) && e.Message == "member verdict" {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *journalCore) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	text := func(key string) string { s, _ := enc.Fields[key].(string); return s }
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.j.events = append(c.j.events, event{c.observer, text("node"), text("to"), text("evidence"), time.Now()})
	return nil
}

// rig is a cluster in a bubble.
type rig struct {
	t     *testing.T
	net   *memnet.Network
	rand  *rand.Rand
	names []string // written by setNames only: peers runs on other goroutines
	nodes map[string]*testNode
	journal
	namesMu sync.Mutex
}

func (r *rig) setNames(names ...string) {
	r.namesMu.Lock()
	defer r.namesMu.Unlock()
	r.names = names
}

func (r *rig) addName(name string) { r.setNames(append(slices.Clone(r.names), name)...) }

type testNode struct {
	*Membership
	name, addr string
	stop       context.CancelFunc
	done       chan struct{}
	gate       chan struct{} // empty: the process is paused
}

// newRig starts n members and waits until all see all alive. Run it in a bubble.
func newRig(t *testing.T, n int, seed uint64) *rig {
	r := &rig{t: t, net: memnet.New(seed), rand: rand.New(rand.NewPCG(seed, 1)), nodes: map[string]*testNode{}}
	for i := range n {
		r.names = append(r.names, fmt.Sprintf("n%02d", i))
	}
	for i := range n {
		r.start(i, nil)
	}
	r.converge(r.names, 30*time.Second)
	time.Sleep(time.Duration(r.rand.IntN(300)) * time.Millisecond)
	return r
}

func (r *rig) addr(i int) string { return fmt.Sprintf("10.0.%d.%d:7451", i/200, i%200+1) }

func (r *rig) peers() []Peer {
	r.namesMu.Lock()
	defer r.namesMu.Unlock()
	var out []Peer
	for i, name := range r.names {
		out = append(out, Peer{Name: name, Addr: r.addr(i)})
	}
	return out
}

func (r *rig) start(i int, change func(*Config)) *testNode {
	name, addr := r.names[i], r.addr(i)
	cfg := Config{
		Name: name, Key: testKey, Label: "test", Logger: r.logger(name),
		Peers: r.peers,
	}
	if change != nil {
		change(&cfg)
	}
	cfg.Transport = r.net.Transport(addr)
	m, err := New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &testNode{Membership: m, name: name, addr: addr, stop: stop, done: make(chan struct{}), gate: make(chan struct{}, 1)}
	n.gate <- struct{}{}
	m.stall = func() { <-n.gate; n.gate <- struct{}{} }
	r.nodes[name] = n
	go func() {
		defer close(n.done)
		if err := m.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	return n
}

// close ends all members, so that the bubble can end.
func (r *rig) close() {
	for _, n := range r.nodes {
		n.stop()
	}
	for _, n := range r.nodes {
		<-n.done
	}
	time.Sleep(time.Minute) // memberlist's own probes in flight
}

// verdict is what observer holds of node.
func (r *rig) verdict(observer, node string) Verdict {
	o, _ := r.nodes[observer].Observe(node)
	return o.Verdict
}

// converge waits until all of names hold all of names alive.
func (r *rig) converge(names []string, limit time.Duration) {
	r.t.Helper()
	r.await(limit, "convergence", func() bool {
		for _, a := range names {
			for _, b := range names {
				if r.verdict(a, b) != Alive {
					return false
				}
			}
		}
		return true
	})
}

func (r *rig) await(limit time.Duration, what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("no %s within %s", what, limit)
		}
	}
}

// kill lets a member vanish without a word.
func (r *rig) kill(name string) {
	r.net.Kill(r.nodes[name].addr)
	n := r.nodes[name]
	n.stop()
	<-n.done
	delete(r.nodes, name)
}

// pause stops a member for d: its clockwork and its network.
func (r *rig) pause(name string, d time.Duration) {
	n := r.nodes[name]
	<-n.gate
	r.net.Freeze(n.addr)
	time.Sleep(d)
	r.net.Thaw(n.addr)
	n.gate <- struct{}{}
}

func percentile(d []time.Duration, p float64) time.Duration {
	slices.Sort(d)
	return d[min(int(float64(len(d))*p), len(d)-1)]
}

// TestDetectionTime kills members one after the other and measures, at every
// survivor, when it holds the victim suspect and dead.
func TestDetectionTime(t *testing.T) {
	for _, c := range []struct{ members, clusters, kills int }{
		{3, 25, 1}, {16, 3, 4}, {64, 1, 3},
	} {
		t.Run(fmt.Sprintf("%d members", c.members), func(t *testing.T) {
			var suspect, dead []time.Duration
			for i := range c.clusters {
				bubble.Test(t, func(t *testing.T) {
					r := newRig(t, c.members, uint64(i)+1)
					defer r.close()
					for range c.kills {
						s, d := r.measure()
						suspect, dead = append(suspect, s...), append(dead, d...)
					}
				})
			}
			t.Logf("suspect p50 %s p99 %s max %s; dead p50 %s p99 %s max %s (%d samples)",
				percentile(suspect, .5), percentile(suspect, .99), percentile(suspect, 1),
				percentile(dead, .5), percentile(dead, .99), percentile(dead, 1), len(dead))
			if got := percentile(suspect, .99); got > time.Second {
				t.Errorf("suspect p99 = %s, want at most 1 s", got)
			}
			if got := percentile(dead, .99); got > 2*time.Second {
				t.Errorf("dead p99 = %s, want at most 2 s", got)
			}
			if got := percentile(dead, 1); got > 3*time.Second {
				t.Errorf("dead max = %s, want at most 3 s", got)
			}
		})
	}
}

// measure kills one member and returns the times of all survivors.
func (r *rig) measure() (suspect, dead []time.Duration) {
	r.t.Helper()
	time.Sleep(time.Duration(r.rand.IntN(1000)) * time.Millisecond)
	var up []string
	for name := range r.nodes {
		up = append(up, name)
	}
	slices.Sort(up)
	victim := up[r.rand.IntN(len(up))]
	n := r.nodes[victim]
	at := time.Now()
	r.net.Kill(n.addr)
	time.Sleep(3500 * time.Millisecond)
	for _, e := range r.since(at) {
		switch {
		case e.observer == victim:
		case e.node != victim:
			r.t.Errorf("%s holds healthy %s %s: %s", e.observer, e.node, e.verdict, e.text)
		case e.verdict == Suspect.String():
			suspect = append(suspect, e.at.Sub(at))
		case e.verdict == Dead.String():
			dead = append(dead, e.at.Sub(at))
		}
	}
	if want := len(up) - 1; len(suspect) != want || len(dead) != want {
		r.t.Errorf("%d of %d survivors suspect %s, %d hold it dead", len(suspect), want, victim, len(dead))
	}
	n.stop()
	<-n.done
	delete(r.nodes, victim)
	return suspect, dead
}
