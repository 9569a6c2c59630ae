package vip

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

// The packets of ARP (RFC 826, RFC 5227) and of IPv6 neighbour discovery (RFC
// 4861), as far as an address that moves needs them.

const (
	arpRequest = 1
	arpReply   = 2

	solicitation  = 135 // ICMPv6 types, RFC 4861 §4.3 and §4.4
	advertisement = 136
	override      = 0x20 // flag of an advertisement: replace what you know
)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// probeOf returns the question "who has ip?", asked by nobody.
func probeOf(mac net.HardwareAddr, ip netip.Addr) frame {
	if ip.Is4() {
		return frame{broadcast, arp(arpRequest, mac, netip.IPv4Unspecified(), make(net.HardwareAddr, 6), ip)}
	}
	group := solicitedNode(ip)
	return frame{multicast(group), discovery(solicitation, 0, netip.IPv6Unspecified(), group, ip, nil)}
}

// announcementsOf returns what tells every neighbour that ip is at mac. ARP
// implementations differ in whether they heed requests or replies, so both.
func announcementsOf(mac net.HardwareAddr, ip netip.Addr) []frame {
	if ip.Is4() {
		return []frame{
			{broadcast, arp(arpRequest, mac, ip, make(net.HardwareAddr, 6), ip)},
			{broadcast, arp(arpReply, mac, ip, broadcast, ip)},
		}
	}
	all := netip.IPv6LinkLocalAllNodes()
	return []frame{{multicast(all), discovery(advertisement, override, ip, all, ip, mac)}}
}

// claims returns the hardware address of the packet's sender when the packet
// says that the sender has ip or is about to take it (RFC 5227 §2.1.1, RFC
// 4862 §5.4), else nil.
func claims(payload []byte, from net.HardwareAddr, ip netip.Addr) net.HardwareAddr {
	if ip.Is4() {
		return claimsARP(payload, ip)
	}
	return claimsDiscovery(payload, from, ip)
}

func arp(op uint16, mac net.HardwareAddr, sender netip.Addr, targetMAC net.HardwareAddr, target netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4} // Ethernet, IPv4, lengths
	p = binary.BigEndian.AppendUint16(p, op)
	p = append(append(p, mac...), sender.AsSlice()...)
	return append(append(p, targetMAC...), target.AsSlice()...)
}

func claimsARP(p []byte, ip netip.Addr) net.HardwareAddr {
	if len(p) < 28 || !slices.Equal(p[:6], []byte{0, 1, 8, 0, 6, 4}) {
		return nil
	}
	mac := net.HardwareAddr(slices.Clone(p[8:14]))
	sender, target := netip.AddrFrom4([4]byte(p[14:18])), netip.AddrFrom4([4]byte(p[24:28]))
	probe := sender.IsUnspecified() && target == ip && binary.BigEndian.Uint16(p[6:]) == arpRequest
	if sender == ip || probe {
		return mac
	}
	return nil
}

// discovery returns an IPv6 packet with a neighbour solicitation or
// advertisement for target; mac is its link-layer option when not nil.
func discovery(kind, flags byte, from, to, target netip.Addr, mac net.HardwareAddr) []byte {
	body := append([]byte{kind, 0, 0, 0, flags, 0, 0, 0}, target.AsSlice()...)
	if mac != nil {
		body = append(append(body, 2, 1), mac...) // target link-layer address, in units of 8 bytes
	}
	head := []byte{0x60, 0, 0, 0, 0, byte(len(body)), 58, 255} // hop limit 255: RFC 4861 §7.1.1
	head = append(append(head, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(body[2:], checksum(head[8:40], body))
	return append(head, body...)
}

// checksum of an ICMPv6 message (RFC 4443 §2.3); addresses are the packet's.
func checksum(addresses, body []byte) uint16 {
	sum := uint32(len(body)) + 58
	for _, part := range [][]byte{addresses, body} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(part[i])<<8 | uint32(part[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func claimsDiscovery(p []byte, from net.HardwareAddr, ip netip.Addr) net.HardwareAddr {
	if len(p) < 64 || p[0]>>4 != 6 || p[6] != 58 || p[7] != 255 || netip.AddrFrom16([16]byte(p[48:64])) != ip {
		return nil
	}
	switch p[40] {
	case advertisement:
		return slices.Clone(from)
	case solicitation:
		// Only a solicitation from nobody wants the address; others ask for it.
		if netip.AddrFrom16([16]byte(p[8:24])).IsUnspecified() {
			return slices.Clone(from)
		}
	}
	return nil
}

// solicitedNode returns the group that the owner of an address listens on.
func solicitedNode(ip netip.Addr) netip.Addr {
	group := [16]byte{0xff, 2, 11: 1, 12: 0xff}
	copy(group[13:], ip.AsSlice()[13:])
	return netip.AddrFrom16(group)
}

// multicast returns the Ethernet address of an IPv6 group (RFC 2464 §7).
func multicast(group netip.Addr) net.HardwareAddr {
	last := group.As16()
	return append(net.HardwareAddr{0x33, 0x33}, last[12:]...)
}
