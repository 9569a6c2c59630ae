package raftlog

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// plainDialer connects without encryption, for tests of the stream layer alone.
type plainDialer struct{ dialled chan string }

func (d plainDialer) Dial(ctx context.Context, node, addr string) (net.Conn, error) {
	if d.dialled != nil {
		d.dialled <- node
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", addr)
}

func newStream(t *testing.T, d Dialer) *Stream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := NewStream(l.Addr().String(), l, d)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStreamSever(t *testing.T) {
	dialled := make(chan string, 1)
	a, b := newStream(t, plainDialer{dialled}), newStream(t, plainDialer{})
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := b.Accept()
		if err == nil {
			accepted <- c
		}
		b.Accept() // ends with Close
	}()
	target := qualify("b", raft.ServerAddress(b.Addr().String()))
	out, err := a.Dial(target, time.Second)
	must(t, err)
	if node := <-dialled; node != "b" {
		t.Errorf("dialled %q", node)
	}
	in := <-accepted

	b.Sever()
	if _, err := out.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read from a severed peer: %v", err)
	}
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read by the severed node: %v", err)
	}
	if _, err := b.Dial(qualify("a", raft.ServerAddress(a.Addr().String())), time.Second); !errors.Is(err, ErrSevered) {
		t.Errorf("dial by the severed node: %v", err)
	}
	again, err := a.Dial(target, time.Second)
	must(t, err)
	if _, err := again.Read(make([]byte, 1)); err == nil {
		t.Error("a severed node served a new connection")
	}
	if _, err := a.Dial("127.0.0.1:1", time.Second); err == nil {
		t.Error("dialled an address without a node name")
	}
}

// Three nodes over real sockets: the leader is severed, the others go on.
func TestNodesOverSockets(t *testing.T) {
	var nodes []*Node
	var streams []*Stream
	for _, id := range []string{"n0", "n1", "n2"} {
		s := newStream(t, plainDialer{})
		n, err := New(Config{ID: id, DataDir: t.TempDir(), Stream: s, Machine: &listMachine{},
			HeartbeatTimeout: MinHeartbeatTimeout, OnFault: func(err error) { t.Errorf("%s: %v", id, err) }})
		must(t, err)
		must(t, n.Start())
		t.Cleanup(func() { must(t, n.Shutdown(context.Background())) })
		nodes, streams = append(nodes, n), append(streams, s)
	}
	must(t, nodes[0].Bootstrap(t.Context()))
	waitFor(t, nodes[0], func() bool { return nodes[0].Status().State == Leader })
	for i := 1; i < 3; i++ {
		_, err := nodes[0].AddVoter(t.Context(), nodes[i].cfg.ID, streams[i].Addr().String(), 0)
		must(t, err)
	}
	index, _, err := nodes[0].Propose(t.Context(), []byte("a"))
	must(t, err)
	for _, n := range nodes {
		must(t, n.WaitApplied(t.Context(), index))
	}
	if s := nodes[1].Status(); s.LeaderID != "n0" || s.LeaderAddr != streams[0].Addr().String() {
		t.Errorf("n1 sees leader %+v", s)
	}
	// What was replicated may arrive before the first heartbeat is answered.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c := nodes[0].Contacts()
		if len(c) == 2 && !c[0].LastContact.IsZero() && !c[1].LastContact.IsZero() {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("contacts %+v", c)
		}
	}
	streams[0].Sever()
	next := waitForLeader(t, nodes[1:])
	_, _, err = next.Propose(t.Context(), []byte("b"))
	must(t, err)
}

// waitFor waits for a condition that changes with a node's state.
func waitFor(t *testing.T, n *Node, ok func() bool) {
	t.Helper()
	changed, stop := n.Watch()
	defer stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-changed:
		case <-limit:
			t.Fatal("not after 20 s")
		}
	}
}

func waitForLeader(t *testing.T, nodes []*Node) *Node {
	t.Helper()
	var leader *Node
	waitFor(t, nodes[0], func() bool {
		id := nodes[0].Status().LeaderID
		for _, n := range nodes {
			if n.cfg.ID == id && n.Status().State == Leader {
				leader = n
			}
		}
		return leader != nil
	})
	return leader
}

func TestRaftLogLinesReachZap(t *testing.T) {
	core, seen := observer.New(zap.InfoLevel)
	log := newHCLog(zap.New(core)).Named("net").With("peer", "n1")
	log.Debug("not shown")
	for range 50 {
		log.Error("no answer", "error", errors.New("refused"), "odd")
	}
	all := seen.All()
	if len(all) != 5 {
		t.Fatalf("%d lines, want 5 of 50", len(all))
	}
	e := all[0]
	if e.Level != zap.WarnLevel || e.Message != "raft.net: no answer" || e.ContextMap()["peer"] != "n1" || e.ContextMap()["error"] != "refused" {
		t.Errorf("line %+v, fields %v", e.Entry, e.ContextMap())
	}
}
