// Package memnet is an in-memory network for tests of gossip: packets and
// streams between named addresses, with latency, loss, one-way cuts, frozen and
// dead hosts. It works inside a testing/synctest bubble, where all its delays
// are virtual. memberlist's own MockNetwork cannot serve: its senders block for
// ever on a dead peer.
//
// It owns no goroutine; deliveries run on timers.
package memnet

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// queueLen bounds the packets and streams a host holds unread, as a socket
	// buffer does; what comes then is dropped.
	queueLen = 2048
	// retransmit is the delay a stream suffers per lost segment, as TCP's least
	// retransmission timeout; dialRetransmit the one of a lost SYN.
	retransmit     = 200 * time.Millisecond
	dialRetransmit = time.Second
)

type link struct{ from, to string }

type host struct {
	addr      string
	dead      bool // silent for ever: packets vanish
	frozen    bool // sends nothing, what arrives waits
	transport *Transport
	held      []func()
}

// Network connects transports. Its methods may be called at any time.
type Network struct {
	mu      sync.Mutex
	rand    *rand.Rand
	latency time.Duration
	jitter  time.Duration
	loss    float64
	cuts    map[link]bool
	noUDP   map[string]bool
	hosts   map[string]*host
	wake    chan struct{} // closed and replaced when a link may have healed
	packets uint64
	bytes   uint64
}

// New returns a network of 200 us latency and no faults; seed drives its dice.
func New(seed uint64) *Network {
	return &Network{
		rand:    rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)),
		latency: 200 * time.Microsecond,
		cuts:    map[link]bool{}, noUDP: map[string]bool{}, hosts: map[string]*host{}, wake: make(chan struct{}),
	}
}

// Transport attaches a host at addr (IP:port). A host that was there before is
// replaced: its process has restarted.
func (n *Network) Transport(addr string) *Transport {
	t := &Transport{
		net: n, addr: addr,
		packets: make(chan *memberlist.Packet, queueLen),
		streams: make(chan net.Conn, queueLen),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[addr] = &host{addr: addr, transport: t}
	return t
}

// SetLatency sets the one-way delay and a uniform jitter on top.
func (n *Network) SetLatency(latency, jitter time.Duration) {
	n.change(func() { n.latency, n.jitter = latency, jitter })
}

// SetLoss sets the share of packets lost, 0 to 1. Stream segments are delayed
// instead, as TCP would.
func (n *Network) SetLoss(share float64) { n.change(func() { n.loss = share }) }

// Cut stops everything sent from one address to another; the other way stays.
// Streams between the two stall until Heal.
func (n *Network) Cut(from, to string) { n.change(func() { n.cuts[link{from, to}] = true }) }

// Heal undoes Cut.
func (n *Network) Heal(from, to string) { n.change(func() { delete(n.cuts, link{from, to}) }) }

// Partition cuts every link between the two groups, both ways.
func (n *Network) Partition(left, right []string) {
	n.change(func() {
		for _, a := range left {
			for _, b := range right {
				n.cuts[link{a, b}], n.cuts[link{b, a}] = true, true
			}
		}
	})
}

// HealAll undoes every Cut and Partition.
func (n *Network) HealAll() { n.change(func() { clear(n.cuts) }) }

// BlockPackets drops every packet from and to a host, or lets them pass again;
// streams pass, as through a firewall that knows only TCP.
func (n *Network) BlockPackets(addr string, block bool) { n.change(func() { n.noUDP[addr] = block }) }

// Kill makes a host vanish without a word, as a power cut does.
func (n *Network) Kill(addr string) {
	n.change(func() {
		if h := n.hosts[addr]; h != nil {
			h.dead = true
			h.held = nil
		}
	})
}

// Freeze stops a host from sending; what is sent to it waits, as it does in the
// socket buffers of a stopped process. The process's own timers are not stopped:
// that is up to the test.
func (n *Network) Freeze(addr string) {
	n.change(func() {
		if h := n.hosts[addr]; h != nil {
			h.frozen = true
		}
	})
}

// Thaw lets a frozen host go on, and delivers what has waited.
func (n *Network) Thaw(addr string) {
	var held []func()
	n.change(func() {
		if h := n.hosts[addr]; h != nil {
			h.frozen = false
			held, h.held = h.held, nil
		}
	})
	for _, deliver := range held {
		deliver()
	}
}

// Sent returns how many packets, and bytes in packets, have been sent.
func (n *Network) Sent() (packets, bytes uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.packets, n.bytes
}

func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.wake)
	n.wake = make(chan struct{})
}

// open says whether a stream segment can pass, and returns the channel that
// tells when that may have changed.
func (n *Network) open(from, to string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, b := n.hosts[from], n.hosts[to]
	ok := a != nil && b != nil && !a.dead && !b.dead && !b.frozen && !n.cuts[link{from, to}]
	return ok, n.wake
}

func (n *Network) delay() time.Duration {
	if n.jitter <= 0 {
		return n.latency
	}
	return n.latency + time.Duration(n.rand.Int64N(int64(n.jitter)))
}

// segmentDelay is the delay of one stream segment under the present loss.
func (n *Network) segmentDelay(step time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.delay()
	for tries := 0; n.loss > 0 && tries < 6 && n.rand.Float64() < n.loss; tries++ {
		d += step
		step *= 2
	}
	return d
}

// send passes one packet on, or loses it.
func (n *Network) send(from, to string, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.packets++
	n.bytes += uint64(len(b))
	src, dst := n.hosts[from], n.hosts[to]
	if src == nil || dst == nil || src.dead || src.frozen || dst.dead || n.noUDP[from] || n.noUDP[to] || n.cuts[link{from, to}] || n.rand.Float64() < n.loss {
		return
	}
	packet := &memberlist.Packet{Buf: append([]byte(nil), b...), From: address(from)}
	time.AfterFunc(n.delay(), func() { n.arrive(dst, func() { dst.transport.deliver(packet) }) })
}

// arrive runs a delivery unless its host is dead, later if it is frozen.
func (n *Network) arrive(dst *host, deliver func()) {
	n.mu.Lock()
	switch {
	case dst.dead:
		n.mu.Unlock()
	case dst.frozen:
		if len(dst.held) < queueLen {
			dst.held = append(dst.held, deliver)
		}
		n.mu.Unlock()
	default:
		n.mu.Unlock()
		deliver()
	}
}

type address string

func (address) Network() string  { return "memnet" }
func (a address) String() string { return string(a) }

func splitAddr(addr string) (net.IP, int, error) {
	hostPart, portPart, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, 0, fmt.Errorf("memnet address %q: %w", addr, err)
	}
	port, err := strconv.Atoi(portPart)
	ip := net.ParseIP(hostPart)
	if err != nil || ip == nil {
		return nil, 0, fmt.Errorf("memnet address %q is not IP:port", addr)
	}
	return ip, port, nil
}
