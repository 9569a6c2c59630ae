package security

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Bounds of the shared port.
const (
	handshakeTimeout  = 5 * time.Second
	maxHandshakes     = 256 // in progress
	maxHandshakesByIP = 32  // in progress from one address, so that one host cannot lock out the others
	acceptQueue       = 64  // accepted connections waiting for each protocol's owner
)

// Mux splits one port into protocols by ALPN. Every connection is TLS; one that
// is not, that names no known protocol, or whose certificate is refused, is
// closed.
type Mux struct {
	listener net.Listener
	creds    *Credentials
	log      *zap.Logger

	raft, api, join *queue

	mu    sync.Mutex
	busy  map[string]int // handshakes in progress by IP
	total int
	conns map[*tracked]struct{}
}

// NewMux returns a mux over an open listener, which Run closes.
func NewMux(l net.Listener, creds *Credentials, log *zap.Logger) *Mux {
	// A stranger can cause these lines at will.
	log = log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, 10*time.Second, 5, 1000)
	}))
	return &Mux{
		listener: l, creds: creds, log: log,
		raft: newQueue(l.Addr()), api: newQueue(l.Addr()), join: newQueue(l.Addr()),
		busy: map[string]int{}, conns: map[*tracked]struct{}{},
	}
}

// Raft returns the listener of ProtoRaft: nodes only. Its connections are
// *tls.Conn, with the handshake done.
func (m *Mux) Raft() net.Listener { return m.raft }

// API returns the listener of ProtoHTTP2 and ProtoHTTP1, for http.Server.Serve:
// nodes and people. Its connections are *tls.Conn, which HTTP/2 needs; handlers
// find the peer with PeerIdentity(*request.TLS).
func (m *Mux) API() net.Listener { return m.api }

// Join returns the listener of ProtoJoin, for http.Server.Serve with HTTP/1.1:
// anybody. A request's TLS field is nil there.
func (m *Mux) Join() net.Listener { return m.join }

// Run accepts until ctx ends or the listener fails, waits for its goroutines,
// and closes the listener and the three that it feeds. Connections that were
// handed out stay open; they belong to whoever accepted them.
func (m *Mux) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { m.listener.Close() }) //nolint:errcheck // ends Accept
	defer stop()
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
		m.listener.Close() //nolint:errcheck // closed before as a rule
		for _, q := range []*queue{m.raft, m.api, m.join} {
			q.finish()
		}
	}()
	cfg := m.creds.ServerConfig()
	for {
		raw, err := m.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept on %v: %w", m.listener.Addr(), err)
		}
		if err != nil { // too many open files, a connection that broke at once
			m.log.Warn("accept", zap.Error(err))
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if ip := hostOf(raw); m.enter(ip) {
			wg.Go(func() {
				defer m.leave(ip)
				m.serve(ctx, raw, cfg)
			})
		} else {
			m.log.Warn("too many handshakes in progress: connection refused", zap.String("peer", ip))
			raw.Close() //nolint:errcheck // refused
		}
	}
}

func hostOf(c net.Conn) string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}

func (m *Mux) enter(ip string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total >= maxHandshakes || m.busy[ip] >= maxHandshakesByIP {
		return false
	}
	m.total++
	m.busy[ip]++
	return true
}

func (m *Mux) leave(ip string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total--
	if m.busy[ip]--; m.busy[ip] == 0 {
		delete(m.busy, ip)
	}
}

// serve shakes hands and hands the connection on, within handshakeTimeout.
func (m *Mux) serve(ctx context.Context, raw net.Conn, cfg *tls.Config) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	t := m.track(raw)
	conn := tls.Server(t, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		m.log.Warn("connection refused", zap.Stringer("peer", raw.RemoteAddr()), zap.Error(err))
		t.Close() //nolint:errcheck // refused
		return
	}
	state := conn.ConnectionState()
	if id, err := PeerIdentity(state); err == nil {
		m.name(t, id)
		if m.creds.isRevoked(id) { // since the handshake, so DropRevoked may have missed it
			t.Close() //nolint:errcheck // refused
			return
		}
	}
	var q *queue
	var out net.Conn = conn
	switch state.NegotiatedProtocol {
	case ProtoRaft:
		q = m.raft
	case ProtoHTTP2, ProtoHTTP1:
		q = m.api
	case ProtoJoin:
		q, out = m.join, plainHTTP{conn}
	default: // the configuration lets no other through
		m.log.Warn("connection refused: unknown protocol", zap.Stringer("peer", raw.RemoteAddr()))
		t.Close() //nolint:errcheck // refused
		return
	}
	if !q.put(ctx, out) {
		m.log.Warn("connection refused: nobody accepts it", zap.Stringer("peer", raw.RemoteAddr()), zap.String("protocol", state.NegotiatedProtocol))
		t.Close() //nolint:errcheck // refused
	}
}

// DropRevoked closes the open connections whose certificates have been revoked
// since, and returns how many. Call it after each change of the deny list.
func (m *Mux) DropRevoked() int {
	m.mu.Lock()
	var drop []*tracked
	for t := range m.conns {
		if t.id.Kind != NobodyPeer && m.creds.isRevoked(t.id) {
			drop = append(drop, t)
		}
	}
	m.mu.Unlock()
	for _, t := range drop {
		t.Close() //nolint:errcheck // cut off
	}
	return len(drop)
}

// tracked is the socket below a TLS connection; it knows whose it is.
type tracked struct {
	net.Conn
	mux *Mux
	id  Identity // guarded by mux.mu
}

func (m *Mux) track(c net.Conn) *tracked {
	t := &tracked{Conn: c, mux: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[t] = struct{}{}
	return t
}

func (m *Mux) name(t *tracked, id Identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.id = id
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.mux.mu.Lock()
	delete(t.mux.conns, t)
	t.mux.mu.Unlock()
	return t.Conn.Close()
}

// queue is the listener of one protocol.
type queue struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn, acceptQueue), closed: make(chan struct{})}
}

func (q *queue) put(ctx context.Context, c net.Conn) bool {
	select {
	case <-q.closed:
		return false
	default:
	}
	select {
	case q.conns <- c:
		return true
	case <-q.closed:
	case <-ctx.Done():
	}
	return false
}

// finish closes the queue and what nobody accepted. No put runs any more.
func (q *queue) finish() {
	q.Close() //nolint:errcheck // always nil
	for {
		select {
		case c := <-q.conns:
			c.Close() //nolint:errcheck // refused
		default:
			return
		}
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case <-q.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: the protocol is refused from now on.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr implements net.Listener.
func (q *queue) Addr() net.Addr { return q.addr }
