package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Delay is a cable that takes its time, in both directions. It is made without
// netem, which not every kernel has: the cable is taken off its bridge, and two
// goroutines carry each frame between it and a cable of their own on the bridge.
// Filters that know the cable by name do not see it meanwhile. Stop ends it.
type Delay struct {
	ns           Namespace
	port, bridge string
	least, most  time.Duration

	stopped atomic.Bool
	sockets [2]int // the port's, and that of our own cable
	carry   sync.WaitGroup
}

// Bounds of a delayed cable.
const (
	maxFrame  = 64<<10 + 256 // the kernel hands over what it has not cut into packets yet
	maxQueue  = 2048         // frames on their way in one direction; more are lost, as on a cable
	lookAgain = 100 * time.Millisecond
)

// Delay makes every frame through a bridge's port late by a time between least
// and most, drawn for each; none overtakes another.
func (ns Namespace) Delay(port, bridge string, least, most time.Duration) (*Delay, error) {
	d := &Delay{ns: ns, port: port, bridge: bridge, least: least, most: max(least, most), sockets: [2]int{-1, -1}}
	if err := d.insert(); err != nil {
		return nil, errors.Join(fmt.Errorf("delay %s: %w", port, err), d.Stop())
	}
	d.carry.Go(func() { d.carryFrames(d.sockets[0], d.sockets[1]) })
	d.carry.Go(func() { d.carryFrames(d.sockets[1], d.sockets[0]) })
	return d, nil
}

// own and far are the ends of our own cable: own is ours, far is on the bridge.
func (d *Delay) own() string { return d.port + "-o" }
func (d *Delay) far() string { return d.port + "-f" }

func (d *Delay) insert() error {
	return d.ns.withLinks(func(links *netlink.Handle) error {
		port, err := links.LinkByName(d.port)
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = d.own(), port.Attrs().MTU
		if err := links.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: d.far()}); err != nil {
			return err
		}
		own, err := links.LinkByName(d.own())
		if err != nil {
			return err
		}
		far, err := links.LinkByName(d.far())
		if err != nil {
			return err
		}
		bridge, err := links.LinkByName(d.bridge)
		if err != nil {
			return err
		}
		for i, link := range []netlink.Link{port, own} {
			if d.sockets[i], err = frames(link.Attrs().Index); err != nil {
				return err
			}
		}
		// Last: from here on nothing passes but through us.
		return errors.Join(links.LinkSetNoMaster(port), links.LinkSetMaster(far, bridge), links.LinkSetUp(own), links.LinkSetUp(far))
	})
}

// frames opens a socket for all frames of an interface, with what the kernel notes
// about checksums and packets that it has still to cut (packet(7)).
func frames(index int) (int, error) {
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	wait := unix.NsecToTimeval(lookAgain.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

type lateFrame struct {
	due  time.Time
	data []byte
}

// carryFrames carries one direction until Stop, or until an interface is gone.
func (d *Delay) carryFrames(from, to int) {
	queue := make(chan lateFrame, maxQueue)
	var sender sync.WaitGroup
	sender.Go(func() {
		for frame := range queue {
			time.Sleep(time.Until(frame.due))
			if !d.stopped.Load() {
				_, _ = unix.Write(to, frame.data) // a lost frame is a lost frame
			}
		}
	})
	defer sender.Wait()
	defer close(queue)
	buffer := make([]byte, maxFrame)
	var last time.Time
	for !d.stopped.Load() {
		n, err := unix.Read(from, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue // ENETDOWN is told once; an interface that is gone stays silent
		case err != nil:
			return
		}
		frame := lateFrame{due: time.Now().Add(d.draw()), data: append([]byte(nil), buffer[:n]...)}
		if frame.due.Before(last) {
			frame.due = last
		}
		last = frame.due
		select {
		case queue <- frame:
		default:
		}
	}
}

func (d *Delay) draw() time.Duration { return d.least + rand.N(d.most-d.least+1) }

// Stop puts the cable back as it was. A second call does nothing more, and neither
// does it matter that the cable has gone, or is another one by now.
func (d *Delay) Stop() error {
	d.stopped.Store(true)
	d.carry.Wait()
	for i, fd := range d.sockets {
		if fd >= 0 {
			_ = unix.Close(fd)
			d.sockets[i] = -1
		}
	}
	err := d.ns.Delete(d.own()) // and with it its other end
	return errors.Join(err, d.ns.withLinks(func(links *netlink.Handle) error {
		port, err := links.LinkByName(d.port)
		if IsNotFound(err) || err == nil && port.Attrs().MasterIndex != 0 {
			return nil // it is gone, or new and on its bridge
		}
		if err != nil {
			return err
		}
		bridge, err := links.LinkByName(d.bridge)
		if err != nil {
			return err
		}
		if err := links.LinkSetMaster(port, bridge); err != nil && !IsNotFound(err) {
			return fmt.Errorf("put %s back: %w", d.port, err)
		}
		return nil
	}))
}
