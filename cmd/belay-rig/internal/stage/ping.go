package stage

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// pingInterval is how often a Pinger asks.
const pingInterval = 20 * time.Millisecond

// Pinger pings the address from outside. Other than ping(8) it knows of each
// answer when it was asked for: on a busy machine an answer may be read long
// after the host that gave it has gone.
type Pinger struct {
	record
	conn    *net.IPConn
	id      uint16
	stop    chan struct{}
	workers sync.WaitGroup
}

// Ping starts a Pinger.
func (s *Stage) Ping(ctx context.Context) (*Pinger, error) {
	conn, err := s.rig.DialICMP(ctx, VIP)
	if err != nil {
		return nil, fmt.Errorf("ping the address: %w", err)
	}
	var id [2]byte
	rand.Read(id[:]) // never fails
	p := &Pinger{conn: conn, id: binary.BigEndian.Uint16(id[:]), stop: make(chan struct{})}
	p.workers.Go(p.ask)
	p.workers.Go(p.listen)
	return p, nil
}

// ask sends requests until Stop. An address that nobody has is an error of
// sending, too, and what is measured.
func (p *Pinger) ask() {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for seq := uint16(0); ; seq++ {
		p.conn.Write(echoRequest(p.id, seq, time.Now())) //nolint:errcheck // see above
		select {
		case <-ticker.C:
		case <-p.stop:
			return
		}
	}
}

// listen reads answers until Stop closes the socket.
func (p *Pinger) listen() {
	buffer := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFromIP(buffer)
		select {
		case <-p.stop:
			return
		default:
		}
		if err != nil {
			time.Sleep(time.Millisecond) // unreachable: the next answer may come
			continue
		}
		if asked, ours := echoReply(buffer[:n], p.id); ours {
			p.good(asked, time.Now())
		}
	}
}

// Stop ends the pinger.
func (p *Pinger) Stop() {
	close(p.stop)
	p.conn.Close() //nolint:errcheck // nothing is lost
	p.workers.Wait()
}

// Types of ICMP messages (RFC 792), and the length of one that carries a time.
const (
	icmpEchoReply = 0
	icmpEcho      = 8
	echoLen       = 16
)

// echoRequest is an ICMP echo that carries when it was sent.
func echoRequest(id, seq uint16, sent time.Time) []byte {
	message := make([]byte, echoLen)
	message[0] = icmpEcho
	binary.BigEndian.PutUint16(message[4:], id)
	binary.BigEndian.PutUint16(message[6:], seq)
	binary.BigEndian.PutUint64(message[8:], uint64(sent.UnixNano()))
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return message
}

// echoReply returns when the request of a reply was sent, if it is a reply to
// this pinger.
func echoReply(message []byte, id uint16) (sent time.Time, ours bool) {
	if len(message) != echoLen || message[0] != icmpEchoReply || binary.BigEndian.Uint16(message[4:]) != id {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(message[8:]))), true
}

// checksum is the Internet checksum (RFC 1071) of a message of even length.
func checksum(message []byte) uint16 {
	var sum uint32
	for i := 0; i < len(message); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(message[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	return ^uint16(sum)
}
