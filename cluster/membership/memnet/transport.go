package memnet

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// Transport is one process's end of the Network.
type Transport struct {
	net     *Network
	addr    string
	packets chan *memberlist.Packet
	streams chan net.Conn

	mu     sync.Mutex
	closed bool
	conns  map[*Conn]struct{}
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// FinalAdvertiseAddr returns the address the transport was attached at.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return splitAddr(t.addr) }

// WriteTo sends a packet. Like UDP it knows nothing of its fate.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if t.isClosed() {
		return time.Time{}, net.ErrClosed
	}
	t.net.send(t.addr, addr, b)
	return time.Now(), nil
}

// WriteToAddress is WriteTo.
func (t *Transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// PacketCh yields what arrives.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh yields the streams others open.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout opens a stream. A host that is gone, or cut off in either
// direction, times out; a host without a process refuses; a frozen one accepts,
// as its kernel would, and answers when it thaws.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	if t.isClosed() {
		return nil, net.ErrClosed
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	wait := t.net.segmentDelay(dialRetransmit) + t.net.segmentDelay(dialRetransmit)
	for {
		select {
		case <-deadline.C:
			return nil, dialError(addr, os.ErrDeadlineExceeded)
		case <-time.After(wait):
		}
		peer, up, wake := t.net.accepting(t.addr, addr)
		if up {
			if peer.isClosed() {
				return nil, dialError(addr, syscall.ECONNREFUSED)
			}
			return t.connect(peer)
		}
		select {
		case <-wake: // the next SYN may get through
		case <-deadline.C:
			return nil, dialError(addr, os.ErrDeadlineExceeded)
		}
	}
}

// DialAddressTimeout is DialTimeout.
func (t *Transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// Shutdown ends the process at this address: its streams close, dials to it are
// refused.
func (t *Transport) Shutdown() error {
	t.mu.Lock()
	t.closed = true
	conns := t.conns
	t.conns = nil
	t.mu.Unlock()
	for c := range conns {
		c.Close()
	}
	return nil
}

func (t *Transport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *Transport) deliver(p *memberlist.Packet) {
	if t.isClosed() {
		return
	}
	p.Timestamp = time.Now()
	select {
	case t.packets <- p:
	default: // the socket buffer is full
	}
}

// connect makes both ends and hands the far one to the peer.
func (t *Transport) connect(peer *Transport) (net.Conn, error) {
	near, far := newPair(t.net, t.addr, peer.addr)
	near.onClose, far.onClose = func() { t.untrack(near) }, func() { peer.untrack(far) }
	if !t.track(near) || !peer.track(far) {
		near.Close()
		far.Close()
		return nil, dialError(peer.addr, syscall.ECONNREFUSED)
	}
	t.net.mu.Lock()
	dst := t.net.hosts[peer.addr]
	t.net.mu.Unlock()
	t.net.arrive(dst, func() {
		select {
		case peer.streams <- far:
		default:
			far.Close() // the accept queue is full
		}
	})
	return near, nil
}

func (t *Transport) track(c *Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.conns == nil {
		t.conns = map[*Conn]struct{}{}
	}
	t.conns[c] = struct{}{}
	return true
}

func (t *Transport) untrack(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// accepting says whether a handshake between the two can complete.
func (n *Network) accepting(from, to string) (*Transport, bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, b := n.hosts[from], n.hosts[to]
	up := a != nil && b != nil && !a.dead && !b.dead && !a.frozen && !n.cuts[link{from, to}] && !n.cuts[link{to, from}]
	if !up {
		return nil, false, n.wake
	}
	return b.transport, true, n.wake
}

func dialError(addr string, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: err}
}

// errReset is what a closed stream returns to its own side.
var errReset = errors.New("memnet: stream closed")
