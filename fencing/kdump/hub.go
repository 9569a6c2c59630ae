package kdump

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Hub shares one socket of each port between all that listen on it: two nodes
// may crash at once. It is safe for concurrent use; the zero value is ready.
type Hub struct {
	mu    sync.Mutex
	ports map[int]*port // guarded by mu: those that somebody listens on
}

// port is one socket and who listens.
type port struct {
	conn      *net.UDPConn
	done      chan struct{} // closed when its reader has ended
	listeners map[*listener]bool
}

// listener gets the senders of valid messages.
type listener struct {
	hub    *Hub
	number int
	// from is bounded: who does not read loses what is repeated anyway.
	from chan netip.AddrPort
}

const backlog = 64

// join opens the port if nobody has it open yet. The listener must leave.
func (h *Hub) join(number int) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.ports[number]
	if p == nil {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{Port: number})
		if err != nil {
			return nil, fmt.Errorf("listen for crashed kernels: %w", err)
		}
		p = &port{conn: conn, done: make(chan struct{}), listeners: map[*listener]bool{}}
		if h.ports == nil {
			h.ports = map[int]*port{}
		}
		h.ports[number] = p
		go h.read(p)
	}
	l := &listener{hub: h, number: number, from: make(chan netip.AddrPort, backlog)}
	p.listeners[l] = true
	return l, nil
}

// leave closes the port when nobody is left, and waits for its reader.
func (l *listener) leave() {
	l.hub.mu.Lock()
	p := l.hub.ports[l.number]
	delete(p.listeners, l)
	last := len(p.listeners) == 0
	if last {
		delete(l.hub.ports, l.number)
	}
	l.hub.mu.Unlock()
	if last {
		p.conn.Close()
		<-p.done
	}
}

// read tells the listeners who has sent a message, until the port is closed.
func (h *Hub) read(p *port) {
	defer close(p.done)
	buf := make([]byte, 64)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed
		}
		if !valid(buf[:n]) {
			continue
		}
		h.mu.Lock()
		for l := range p.listeners {
			select {
			case l.from <- from:
			default:
			}
		}
		h.mu.Unlock()
	}
}
