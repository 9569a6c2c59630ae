package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// socket sends and receives one protocol's packets on one link. The kernel
// adds and removes the Ethernet header (packet(7), SOCK_DGRAM).
type socket struct {
	fd       int
	index    int
	protocol uint16 // in network order
}

// open returns a socket for ARP, or for IPv6 when the address is one.
func open(on link, ip netip.Addr) (*socket, error) {
	protocol := hton(unix.ETH_P_ARP)
	if ip.Is6() {
		protocol = hton(unix.ETH_P_IPV6)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(protocol))
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	s := &socket{fd: fd, index: on.index, protocol: protocol}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: on.index}); err != nil {
		return nil, errors.Join(fmt.Errorf("packet socket on %s: %w", on.name, err), s.close())
	}
	if ip.Is6() {
		// Neighbour discovery speaks to multicast groups that this host may not
		// have joined yet.
		member := unix.PacketMreq{Ifindex: int32(on.index), Type: unix.PACKET_MR_ALLMULTI}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member); err != nil {
			return nil, errors.Join(fmt.Errorf("packet socket on %s: all multicast: %w", on.name, err), s.close())
		}
	}
	return s, nil
}

func (s *socket) close() error { return unix.Close(s.fd) }

// frame is a packet and the hardware address that it goes to.
type frame struct {
	to      net.HardwareAddr
	payload []byte
}

func (s *socket) send(f frame) error {
	to := &unix.SockaddrLinklayer{Protocol: s.protocol, Ifindex: s.index, Halen: uint8(len(f.to))}
	copy(to.Addr[:], f.to)
	return unix.Sendto(s.fd, f.payload, 0, to)
}

// receive returns the next packet from another host, or nil at until.
func (s *socket) receive(until time.Time) ([]byte, net.HardwareAddr, error) {
	buffer := make([]byte, 2048)
	for {
		wait := time.Until(until)
		if wait <= 0 {
			return nil, nil, nil
		}
		poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int((wait+time.Millisecond-1)/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, nil, err
		}
		n, from, err := unix.Recvfrom(s.fd, buffer, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		at, ok := from.(*unix.SockaddrLinklayer)
		if !ok || at.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		return buffer[:n], net.HardwareAddr(at.Addr[:min(int(at.Halen), len(at.Addr))]), nil
	}
}

func hton(v uint16) uint16 { return v<<8 | v>>8 }
