package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// kernel is the host's own network.
type kernel struct{}

// dumpTries bounds how often a listing is repeated that the kernel interrupted.
const dumpTries = 5

// dump repeats a listing that changed while it was read.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	var err error
	for range dumpTries {
		var all []T
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, err
}

// Netlink calls take microseconds and cannot be interrupted: an ended context
// is obeyed before them.

func (kernel) links(ctx context.Context) ([]link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links := make([]link, 0, len(all))
	for _, l := range all {
		attrs := l.Attrs()
		links = append(links, link{
			name:     attrs.Name,
			index:    attrs.Index,
			mac:      attrs.HardwareAddr,
			loopback: attrs.Flags&net.FlagLoopback != 0,
			talks:    attrs.RawFlags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0 && len(attrs.HardwareAddr) == 6,
			up:       attrs.Flags&net.FlagUp != 0,
			carrier:  attrs.OperState != netlink.OperDown && attrs.OperState != netlink.OperLowerLayerDown && attrs.OperState != netlink.OperNotPresent,
		})
	}
	return links, nil
}

func (kernel) addresses(ctx context.Context) ([]address, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	found := make([]address, 0, len(all))
	for _, one := range all {
		ip, ok := netip.AddrFromSlice(one.IP)
		if !ok {
			continue
		}
		bits, _ := one.Mask.Size()
		found = append(found, address{
			prefix: netip.PrefixFrom(ip.Unmap(), bits),
			index:  one.LinkIndex,
			failed: one.Flags&unix.IFA_F_DADFAILED != 0,
		})
	}
	return found, nil
}

func (kernel) put(ctx context.Context, on link, prefix netip.Prefix, lifetime time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wanted := &netlink.Addr{IPNet: ipNet(prefix)}
	if lifetime > 0 {
		// Whole seconds; 0 would mean for ever.
		seconds := int((lifetime + time.Second - 1) / time.Second)
		wanted.ValidLft, wanted.PreferedLft = seconds, seconds
	}
	if prefix.Addr().Is6() {
		// Our own probe came before; the kernel's would keep the address
		// unusable for a second.
		wanted.Flags = unix.IFA_F_NODAD
	}
	return netlink.AddrReplace(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: on.index}}, wanted)
}

func (kernel) remove(ctx context.Context, held address) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return netlink.AddrDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: held.index}}, &netlink.Addr{IPNet: ipNet(held.prefix)})
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}

// The probe of RFC 5227 §2.1.1 with shorter waits: three probes 90 ms apart
// and an end after 290 ms, because the cluster, not the probe, is what decides
// who has the address, and clients are waiting.
const (
	probeCount = 3
	probeGap   = 90 * time.Millisecond
	probeEnd   = 290 * time.Millisecond
)

func (kernel) conflict(ctx context.Context, on link, ip netip.Addr) (net.HardwareAddr, error) {
	s, err := open(on, ip)
	if err != nil {
		return nil, err
	}
	defer s.close()
	end := time.Now().Add(probeEnd)
	for i := range probeCount {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.send(probeOf(on.mac, ip)); err != nil {
			return nil, fmt.Errorf("send probe: %w", err)
		}
		until := time.Now().Add(probeGap)
		if i == probeCount-1 {
			until = end
		}
		for {
			payload, from, err := s.receive(until)
			if err != nil {
				return nil, fmt.Errorf("wait for an answer: %w", err)
			}
			if payload == nil {
				break // time is up
			}
			if mac := claims(payload, from, ip); mac != nil && mac.String() != on.mac.String() {
				return mac, nil
			}
		}
	}
	return nil, nil
}

func (kernel) announce(on link, ip netip.Addr) error {
	s, err := open(on, ip)
	if err != nil {
		return err
	}
	defer s.close()
	for _, frame := range announcementsOf(on.mac, ip) {
		if err := s.send(frame); err != nil {
			return fmt.Errorf("send announcement: %w", err)
		}
	}
	return nil
}
