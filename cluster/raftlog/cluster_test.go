package raftlog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/internal/bubble"
)

// listMachine keeps the entries it applied.
type listMachine struct {
	mu      sync.Mutex
	entries []string
	refuse  error         // answer of Restore
	block   chan struct{} // if set, Apply waits for it
}

func (m *listMachine) Apply(index, _ uint64, data []byte) any {
	if m.block != nil {
		<-m.block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, string(data))
	return fmt.Sprintf("%s@%d", data, index)
}

func (m *listMachine) Snapshot() (io.WriterTo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := json.Marshal(m.entries)
	return bytes.NewBuffer(b), err
}

func (m *listMachine) Restore(r io.Reader) error {
	if m.refuse != nil {
		return m.refuse
	}
	var e []string
	if err := json.NewDecoder(r).Decode(&e); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = e
	return nil
}

func (m *listMachine) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.entries...)
}

// stallStore is an in-memory store whose writes can be made to hang.
type stallStore struct {
	*raft.InmemStore
	mu    sync.Mutex
	stall chan struct{}
}

func (s *stallStore) StoreLogs(logs []*raft.Log) error {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		<-stall
	}
	return s.InmemStore.StoreLogs(logs)
}

func (s *stallStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s *stallStore) hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stall = make(chan struct{})
	return sync.OnceFunc(func() { close(s.stall) })
}

// peer is one node of a test cluster.
type peer struct {
	*Node
	id      string
	machine *listMachine
	trans   *raft.InmemTransport
	store   *stallStore
	faults  chan error
}

// group is a cluster in one process with virtual time. Use it inside a bubble.
type group struct {
	t     *testing.T
	dirs  func(string) string
	peers []*peer
}

// inBubble runs f with a group of n voters whose leader is settled, and shuts
// everything down before the bubble ends.
func inBubble(t *testing.T, n int, f func(t *testing.T, g *group)) {
	t.Helper()
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		g := &group{t: t, dirs: func(id string) string { return dir + "/" + id }}
		defer g.shutdown()
		for i := range n {
			g.add(fmt.Sprintf("n%d", i))
		}
		first := g.peers[0]
		if err := first.Bootstrap(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.leader(first)
		for _, p := range g.peers[1:] {
			if _, err := first.AddVoter(t.Context(), p.id, p.id, 0); err != nil {
				t.Fatal(err)
			}
		}
		g.settle()
		f(t, g)
	})
}

// add starts a node that is connected to all others but no member yet.
func (g *group) add(id string, adjust ...func(*Config)) *peer {
	g.t.Helper()
	p := &peer{id: id, machine: &listMachine{}, store: &stallStore{InmemStore: raft.NewInmemStore()}, faults: make(chan error, 1)}
	_, p.trans = raft.NewInmemTransport(raft.ServerAddress(id))
	cfg := Config{
		ID: id, DataDir: g.dirs(id), Transport: p.trans, Machine: p.machine, Store: p.store,
		OnFault: func(err error) { p.faults <- err }, Logger: zap.NewNop(),
	}
	for _, a := range adjust {
		a(&cfg)
	}
	node, err := New(cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		g.t.Fatal(err)
	}
	p.Node = node
	for _, o := range g.peers {
		o.trans.Connect(p.trans.LocalAddr(), p.trans)
		p.trans.Connect(o.trans.LocalAddr(), o.trans)
	}
	g.peers = append(g.peers, p)
	return p
}

func (g *group) shutdown() {
	for _, p := range g.peers {
		if err := p.Node.Shutdown(context.Background()); err != nil {
			g.t.Error(err)
		}
	}
}

// isolate cuts p off from the others; heal undoes it.
func (g *group) isolate(p *peer) { g.wire(p, false) }
func (g *group) heal(p *peer)    { g.wire(p, true) }

func (g *group) wire(p *peer, on bool) {
	for _, o := range g.peers {
		switch {
		case o == p:
		case on:
			o.trans.Connect(p.trans.LocalAddr(), p.trans)
			p.trans.Connect(o.trans.LocalAddr(), o.trans)
		default:
			o.trans.Disconnect(p.trans.LocalAddr())
			p.trans.Disconnect(o.trans.LocalAddr())
		}
	}
}

// until waits in virtual time, 30 s at most.
func (g *group) until(what string, ok func() bool) time.Duration {
	g.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > 30*time.Second {
			g.t.Fatalf("not after 30 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // virtual
	}
	return time.Since(start)
}

// leader waits until exactly one of the candidates leads and the others of them
// know it.
func (g *group) leader(among ...*peer) *peer {
	g.t.Helper()
	var leader *peer
	g.until("a leader", func() bool {
		leader = nil
		for _, p := range among {
			if p.Status().State == Leader {
				leader = p
			}
		}
		if leader == nil {
			return false
		}
		for _, p := range among {
			if p.Status().LeaderID != leader.id {
				return false
			}
		}
		return true
	})
	return leader
}

// settle waits for a leader and for everyone to have applied its log.
func (g *group) settle() *peer {
	g.t.Helper()
	l := g.leader(g.peers...)
	if err := l.Barrier(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	g.until("all have applied the leader's log", func() bool {
		for _, p := range g.peers {
			if p.AppliedIndex() != l.AppliedIndex() || p.Configuration().Index != l.Configuration().Index {
				return false
			}
		}
		return true
	})
	return l
}

func (g *group) others(p *peer) []*peer {
	var out []*peer
	for _, o := range g.peers {
		if o != p {
			out = append(out, o)
		}
	}
	return out
}
