package memnet

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/internal/bubble"
)

const (
	left  = "10.0.0.1:7451"
	right = "10.0.0.2:7451"
)

// arrived counts the packets waiting at t once all that are under way landed.
func arrived(t *Transport) int {
	time.Sleep(10 * time.Millisecond)
	return len(t.packets)
}

func TestPackets(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*Network)
		mend  func(*Network)
		// sent left to right and right to left during the fault: how many of
		// each arrive at once, and how many more after mend.
		right, left, later int
	}{
		"none":          {func(*Network) {}, func(*Network) {}, 1, 1, 0},
		"cut one way":   {func(n *Network) { n.Cut(left, right) }, func(n *Network) { n.Heal(left, right) }, 0, 1, 0},
		"partition":     {func(n *Network) { n.Partition([]string{left}, []string{right}) }, (*Network).HealAll, 0, 0, 0},
		"loss":          {func(n *Network) { n.SetLoss(1) }, func(n *Network) { n.SetLoss(0) }, 0, 0, 0},
		"blocked":       {func(n *Network) { n.BlockPackets(right, true) }, func(n *Network) { n.BlockPackets(right, false) }, 0, 0, 0},
		"frozen right":  {func(n *Network) { n.Freeze(right) }, func(n *Network) { n.Thaw(right) }, 0, 0, 1},
		"killed right":  {func(n *Network) { n.Kill(right) }, func(*Network) {}, 0, 0, 0},
		"slow, not off": {func(n *Network) { n.SetLatency(time.Second, 0) }, func(*Network) { time.Sleep(2 * time.Second) }, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				n := New(1)
				l, r := n.Transport(left), n.Transport(right)
				c.fault(n)
				l.WriteTo([]byte("x"), right)
				r.WriteTo([]byte("y"), left)
				if got := arrived(r); got != c.right {
					t.Errorf("%d packets reached right, want %d", got, c.right)
				}
				if got := arrived(l); got != c.left {
					t.Errorf("%d packets reached left, want %d", got, c.left)
				}
				c.mend(n)
				if got := arrived(r) - c.right; got != c.later {
					t.Errorf("%d more packets reached right, want %d", got, c.later)
				}
			})
		})
	}
}

func TestStreams(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := New(1)
		l, r := n.Transport(left), n.Transport(right)
		near, err := l.DialTimeout(right, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		far := <-r.StreamCh()
		buf := make([]byte, 8)

		near.Write([]byte("one"))
		near.Write([]byte("two"))
		if _, err := io.ReadFull(far, buf[:6]); err != nil || string(buf[:6]) != "onetwo" {
			t.Errorf("read %q, %v", buf[:6], err)
		}

		n.Cut(left, right)
		near.Write([]byte("late"))
		far.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := far.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read over a cut link: %v, want a timeout", err)
		}
		start := time.Now()
		if _, err := l.DialTimeout(right, time.Second); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("dial over a cut link: %v after %s, want a timeout after 1 s", err, time.Since(start))
		}
		n.HealAll()
		far.SetReadDeadline(time.Time{})
		if k, err := far.Read(buf); err != nil || string(buf[:k]) != "late" {
			t.Errorf("after healing: read %q, %v", buf[:k], err)
		}

		near.Close()
		if _, err := far.Read(buf); err != io.EOF {
			t.Errorf("read after close: %v, want EOF", err)
		}
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("write to a closed reader succeeds")
		}

		n.Freeze(right)
		conn, err := l.DialTimeout(right, time.Second)
		if err != nil {
			t.Errorf("dial of a frozen host: %v; its kernel would accept", err)
		} else {
			conn.Close()
		}
		n.Thaw(right)
		r.Shutdown()
		if _, err := l.DialTimeout(right, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial of a host without a process: %v, want refused", err)
		}
	})
}
