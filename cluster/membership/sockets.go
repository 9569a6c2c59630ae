package membership

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

// sockets is gossip's UDP and TCP port. memberlist has such a transport too, but
// that takes 64 KiB of fresh memory for each packet, which in a daemon at rest was
// most of all that the garbage collector had to do.
//
// It starts two goroutines, which end with Shutdown.
type sockets struct {
	udp     *net.UDPConn
	tcp     *net.TCPListener
	packets chan *memberlist.Packet
	streams chan net.Conn
	log     *zap.Logger

	work sync.WaitGroup
	once sync.Once
	done chan struct{} // closed by Shutdown
}

var _ memberlist.NodeAwareTransport = (*sockets)(nil)

const (
	// maxPacket is more than any UDP datagram holds.
	maxPacket = 1 << 16
	// receiveBuffer is what the kernel is asked to keep of packets unread; it may
	// grant less, down to leastReceiveBuffer.
	receiveBuffer, leastReceiveBuffer = 2 << 20, 16 << 10
	// acceptPause is the pause after a connection could not be accepted: there are
	// no file descriptors left, for instance.
	acceptPause = 50 * time.Millisecond
)

// listen opens the port on ip.
func listen(ip string, port int, log *zap.Logger) (*sockets, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", ip, err)
	}
	at := netip.AddrPortFrom(addr, uint16(port)) //nolint:gosec // the configuration bounds it
	s := &sockets{packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), log: log, done: make(chan struct{})}
	if s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err != nil {
		return nil, err
	}
	if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
		s.tcp.Close()
		return nil, err
	}
	for size := receiveBuffer; size >= leastReceiveBuffer && s.udp.SetReadBuffer(size) != nil; size /= 2 {
		continue // with less, more packets are lost when many come at once
	}
	s.work.Go(s.read)
	s.work.Go(s.accept)
	return s, nil
}

// read hands on what arrives, until Shutdown.
func (s *sockets) read() {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buffer)
		at := time.Now()
		if err != nil {
			if s.closed() {
				return
			}
			s.log.Debug("read a gossip packet", zap.Error(err))
			continue
		}
		if n == 0 {
			continue
		}
		packet := &memberlist.Packet{Buf: append([]byte(nil), buffer[:n]...), From: net.UDPAddrFromAddrPort(from), Timestamp: at}
		select {
		case s.packets <- packet:
		case <-s.done:
			return
		}
	}
}

// accept hands on connections, until Shutdown.
func (s *sockets) accept() {
	for {
		conn, err := s.tcp.AcceptTCP()
		if err != nil {
			s.log.Debug("accept a gossip connection", zap.Error(err))
			select {
			case <-time.After(acceptPause):
				continue
			case <-s.done:
				return
			}
		}
		select {
		case s.streams <- conn:
		case <-s.done:
			conn.Close()
			return
		}
	}
}

func (s *sockets) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// FinalAdvertiseAddr implements memberlist.Transport: the configuration always
// names the address.
func (s *sockets) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	addr := net.ParseIP(ip)
	if addr == nil {
		return nil, 0, fmt.Errorf("advertise address %q is not an IP address", ip)
	}
	if four := addr.To4(); four != nil {
		addr = four
	}
	return addr, port, nil
}

// WriteTo implements memberlist.Transport.
func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = s.udp.WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return s.WriteTo(b, a.Addr)
}

// PacketCh implements memberlist.Transport.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// DialTimeout implements memberlist.Transport.
func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", addr, timeout)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return s.DialTimeout(a.Addr, timeout)
}

// StreamCh implements memberlist.Transport.
func (s *sockets) StreamCh() <-chan net.Conn { return s.streams }

// Shutdown implements memberlist.Transport: it closes the port and waits for the
// goroutines. It may be called again.
func (s *sockets) Shutdown() error {
	s.once.Do(func() {
		close(s.done)
		s.tcp.Close() //nolint:errcheck // nothing is written through a listener
		s.udp.Close() //nolint:errcheck // packets may get lost at any time
	})
	s.work.Wait()
	return nil
}
