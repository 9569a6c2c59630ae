package membership

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TestLoopback runs three members over real sockets: sealed packets and streams
// on its own sockets.
func TestLoopback(t *testing.T) {
	port := freePort(t)
	var peers []Peer
	for i := range 3 {
		peers = append(peers, Peer{Name: fmt.Sprintf("n%d", i), Addr: fmt.Sprintf("127.0.0.%d:%d", 31+i, port)})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var members []*Membership
	var awake atomic.Int64
	ended := make(chan error, len(peers))
	for i, p := range peers {
		m, err := New(Config{
			Name: p.Name, BindAddr: fmt.Sprintf("127.0.0.%d", 31+i), Port: port, Key: testKey, Label: "loop",
			Logger: zap.NewNop(), Peers: func() []Peer { return peers }, Meta: []byte(p.Name),
			Awake: func() { awake.Add(1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
		go func() { ended <- m.Run(ctx) }()
	}
	deadline, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, m := range members {
		for !allAlive(m, len(peers)) {
			changed := m.Changed()
			if allAlive(m, len(peers)) {
				break
			}
			select {
			case <-changed:
			case <-deadline.Done():
				t.Fatalf("no convergence: %+v", m.Snapshot())
			}
		}
	}
	o, err := members[0].Confirm(ctx, "n2")
	if err != nil || o.Verdict != Alive || string(o.Meta) != "n2" {
		t.Errorf("Confirm = %s (%s), meta %q, %v", o.Verdict, o.Evidence.Text, o.Meta, err)
	}
	if awake.Load() == 0 {
		t.Error("pings went out, and nobody was told that the process is awake")
	}
	stop()
	for range peers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func allAlive(m *Membership, n int) bool {
	alive := 0
	for _, o := range m.Snapshot() {
		if o.Verdict == Alive {
			alive++
		}
	}
	return alive == n
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.31:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
