package raftlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Dialer opens a connection to a peer, encrypted, and proves that the peer is
// the node of that name: an address that now belongs to another member must be
// refused. It obeys ctx.
type Dialer interface {
	Dial(ctx context.Context, node, addr string) (net.Conn, error)
}

// ErrSevered is the answer to every use of the network after Sever.
var ErrSevered = errors.New("node is cut off from its peers")

// Stream carries Raft's connections: those that the listener accepts, already
// authenticated, and those that the dialer opens. It implements
// raft.StreamLayer.
type Stream struct {
	advertise string
	listener  net.Listener
	dialer    Dialer

	mu      sync.Mutex
	conns   map[*streamConn]struct{}
	severed bool
	once    sync.Once
}

// NewStream returns a stream layer. advertise is the host:port under which the
// peers reach the listener. It starts nothing.
func NewStream(advertise string, l net.Listener, d Dialer) *Stream {
	return &Stream{
		advertise: advertise, listener: l, dialer: d,
		conns: map[*streamConn]struct{}{},
	}
}

// Accept implements net.Listener. After Sever it hands out nothing more.
func (s *Stream) Accept() (net.Conn, error) {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return nil, err
		}
		if t, err := s.track(c); err == nil {
			return t, nil
		}
		cut(c)
	}
}

// Dial implements raft.StreamLayer. The address carries the node's name, as
// qualify makes it.
func (s *Stream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	node, addr, ok := strings.Cut(string(address), "@")
	if !ok {
		return nil, fmt.Errorf("dial raft peer %q: the address names no node", address)
	}
	if s.isSevered() {
		return nil, fmt.Errorf("dial raft peer %s: %w", node, ErrSevered)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c, err := s.dialer.Dial(ctx, node, addr)
	if err != nil {
		return nil, fmt.Errorf("dial raft peer %s at %s: %w", node, addr, err)
	}
	t, err := s.track(c)
	if err != nil {
		cut(c)
		return nil, fmt.Errorf("dial raft peer %s: %w", node, err)
	}
	return t, nil
}

// qualify makes the address that Dial takes.
func qualify(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(string(id) + "@" + string(addr))
}

// Addr implements net.Listener: the advertised address.
func (s *Stream) Addr() net.Addr { return advertised(s.advertise) }

// Sever cuts every connection at once and refuses new ones, for good. It does
// not wait for anything: it is for a node that must stop speaking to its peers
// now. Closing a TLS connection politely could wait for a full send buffer.
func (s *Stream) Sever() {
	s.mu.Lock()
	s.severed = true
	conns := s.conns
	s.conns = map[*streamConn]struct{}{}
	s.mu.Unlock()
	for c := range conns {
		cut(c.Conn)
	}
}

// Close implements net.Listener: it stops the listener and cuts every
// connection. Idempotent.
func (s *Stream) Close() error {
	var err error
	s.once.Do(func() {
		s.Sever()
		err = s.listener.Close()
	})
	return err
}

func (s *Stream) isSevered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.severed
}

func (s *Stream) track(c net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed {
		return nil, ErrSevered
	}
	t := &streamConn{Conn: c, stream: s}
	s.conns[t] = struct{}{}
	return t, nil
}

// streamConn forgets itself when it is closed.
type streamConn struct {
	net.Conn
	stream *Stream
}

// Close implements net.Conn.
func (c *streamConn) Close() error {
	c.stream.mu.Lock()
	delete(c.stream.conns, c)
	c.stream.mu.Unlock()
	return c.Conn.Close()
}

// cut closes the socket below c without a farewell.
func cut(c net.Conn) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	c.Close() //nolint:errcheck // nothing is left to do with it
}

// advertised is a net.Addr that says what peers should dial.
type advertised string

func (a advertised) Network() string { return "tcp" }
func (a advertised) String() string  { return string(a) }
