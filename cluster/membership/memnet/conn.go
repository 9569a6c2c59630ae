package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxBuffered bounds one direction of a stream; a writer that exceeds it waits.
const maxBuffered = 1 << 20

type segment struct {
	data  []byte
	ready time.Time
}

// flow is one direction of a stream.
type flow struct {
	from, to string
	mu       sync.Mutex
	segments []segment
	buffered int
	last     time.Time
	eof      bool // the writer has closed
	broken   bool // the reader has closed
	wake     chan struct{}
}

func (f *flow) signal() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// Conn is one end of a stream. Data waits while its link is cut or its reader
// is frozen.
type Conn struct {
	network *Network
	in, out *flow
	onClose func()

	mu                          sync.Mutex
	readDeadline, writeDeadline time.Time
	reset                       chan struct{} // closed and replaced with a deadline
	closed                      bool
}

var _ net.Conn = (*Conn)(nil)

func newPair(n *Network, a, b string) (*Conn, *Conn) {
	there := &flow{from: a, to: b, wake: make(chan struct{})}
	back := &flow{from: b, to: a, wake: make(chan struct{})}
	return &Conn{network: n, in: back, out: there, reset: make(chan struct{})},
		&Conn{network: n, in: there, out: back, reset: make(chan struct{})}
}

// Read returns what has arrived.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		deadline, reset, closed := c.state(true)
		if closed {
			return 0, errReset
		}
		up, healed := c.network.open(c.in.from, c.in.to)
		c.in.mu.Lock()
		wake := c.in.wake
		wait := time.Duration(-1)
		if up {
			now := time.Now()
			if len(c.in.segments) > 0 {
				s := &c.in.segments[0]
				if wait = s.ready.Sub(now); wait <= 0 {
					n := copy(p, s.data)
					if s.data = s.data[n:]; len(s.data) == 0 {
						c.in.segments = c.in.segments[1:]
					}
					c.in.buffered -= n
					c.in.signal()
					c.in.mu.Unlock()
					return n, nil
				}
			} else if c.in.eof {
				c.in.mu.Unlock()
				return 0, io.EOF
			}
		}
		c.in.mu.Unlock()
		if err := pause(wait, deadline, wake, healed, reset); err != nil {
			return 0, &net.OpError{Op: "read", Net: "tcp", Addr: address(c.in.from), Err: err}
		}
	}
}

// Write queues data, and waits only if the other end does not read.
func (c *Conn) Write(p []byte) (int, error) {
	delay := c.network.segmentDelay(retransmit)
	for {
		deadline, reset, closed := c.state(false)
		if closed {
			return 0, errReset
		}
		c.out.mu.Lock()
		if c.out.broken {
			c.out.mu.Unlock()
			return 0, &net.OpError{Op: "write", Net: "tcp", Addr: address(c.out.to), Err: io.ErrClosedPipe}
		}
		if c.out.buffered == 0 || c.out.buffered+len(p) <= maxBuffered {
			ready := time.Now().Add(delay)
			if ready.Before(c.out.last) {
				ready = c.out.last // a stream keeps its order
			}
			c.out.last = ready
			c.out.segments = append(c.out.segments, segment{append([]byte(nil), p...), ready})
			c.out.buffered += len(p)
			c.out.signal()
			c.out.mu.Unlock()
			return len(p), nil
		}
		wake := c.out.wake
		c.out.mu.Unlock()
		if err := pause(-1, deadline, wake, nil, reset); err != nil {
			return 0, &net.OpError{Op: "write", Net: "tcp", Addr: address(c.out.to), Err: err}
		}
	}
}

// pause waits for wait (if not negative), a wake-up or the deadline.
func pause(wait time.Duration, deadline time.Time, wakes ...<-chan struct{}) error {
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		if wait < 0 || left < wait {
			wait = left
		}
	}
	var timer <-chan time.Time
	if wait >= 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	wakes = append(wakes, nil, nil, nil)
	select {
	case <-timer:
	case <-wakes[0]:
	case <-wakes[1]:
	case <-wakes[2]:
	}
	return nil
}

func (c *Conn) state(reading bool) (deadline time.Time, reset <-chan struct{}, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reading {
		return c.readDeadline, c.reset, c.closed
	}
	return c.writeDeadline, c.reset, c.closed
}

// Close ends the stream: the other side reads what was written, then EOF.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.reset)
	c.reset = make(chan struct{})
	c.mu.Unlock()
	c.out.mu.Lock()
	c.out.eof = true
	c.out.signal()
	c.out.mu.Unlock()
	c.in.mu.Lock()
	c.in.broken = true
	c.in.signal()
	c.in.mu.Unlock()
	if c.onClose != nil {
		c.onClose()
	}
	return nil
}

// LocalAddr is this end's address.
func (c *Conn) LocalAddr() net.Addr { return address(c.out.from) }

// RemoteAddr is the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return address(c.out.to) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline bounds Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline bounds Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *Conn) setDeadlines(read, write *time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if read != nil {
		c.readDeadline = *read
	}
	if write != nil {
		c.writeDeadline = *write
	}
	close(c.reset)
	c.reset = make(chan struct{})
	return nil
}
