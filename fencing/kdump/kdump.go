// Package kdump finds out whether a host's kernel has crashed and is writing its
// memory to disk, from what the host says itself: kdump's small kernel sends a
// datagram every few seconds while it saves (fence_kdump_send of fence-agents,
// set up by fence_kdump_nodes in /etc/kdump.conf or KDUMP_FENCE in Debian's).
//
// Such a host runs nothing of the cluster any more, so hearing it is proof, and
// its power need not be cut, which would lose the dump. The device switches
// nothing and reads no power: it stands at a level before one that does.
//
// While somebody listens, one goroutine reads the port; it ends with the last.
package kdump

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Name is the agent's name in definitions.
const Name = "kdump"

// Spec describes the device. All devices of a daemon share the hub.
func Spec(hub *Hub) fencing.Spec {
	return fencing.Spec{
		Name:    Name,
		Summary: "hears a crashed kernel's word that it is dumping (fence_kdump_send); cuts no power",
		Host:    "address",
		Passive: true, Dumps: true,
		Params: []fencing.ParamSpec{
			{Name: "address", Type: fencing.TypeString, Required: true, Description: "the IP address, or name, that the node's crash kernel sends from"},
			{Name: "port", Type: fencing.TypeInt, Default: "7410", Min: 1, Max: 65535, Description: "the UDP port that it sends to"},
			{Name: "timeout", Type: fencing.TypeDuration, Default: "15s", Description: "how long to wait for its word: longer than it takes to begin, and than the pause between two"},
		},
		New: func(name string, p fencing.Params) (fencing.Device, error) {
			return &device{name: name, hub: hub, address: p["address"], port: p.Int("port"), timeout: p.Duration("timeout")}, nil
		},
	}
}

// device implements fencing.Device, to be found among devices, and
// fencing.Dumper.
type device struct {
	name    string
	hub     *Hub
	address string
	port    int
	timeout time.Duration
}

// Name implements fencing.Device.
func (d *device) Name() string { return d.name }

// Timeout implements fencing.Device.
func (d *device) Timeout() time.Duration { return d.timeout }

// Status implements fencing.Device. Whether it can listen is all that can be
// said of the device; the power stays unknown.
func (d *device) Status(ctx context.Context) (fencing.Power, fencing.Evidence, error) {
	addresses, err := d.resolve(ctx, fencing.StepRead)
	if err != nil {
		return fencing.PowerUnknown, fencing.Evidence{}, err
	}
	heard, err := d.hub.join(d.port)
	if err != nil {
		return fencing.PowerUnknown, fencing.Evidence{}, d.fail(fencing.KindConfig, fencing.StepRead, err.Error(), nil)
	}
	heard.leave()
	return fencing.PowerUnknown, fencing.Evidence{Detail: fmt.Sprintf("can listen for %v on UDP port %d", addresses, d.port)}, nil
}

// Off implements fencing.Device; it is never possible.
func (d *device) Off(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.fail(fencing.KindUnsupported, fencing.StepOff, "it switches no power", nil)
}

// On implements fencing.Device; it is never possible.
func (d *device) On(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.fail(fencing.KindUnsupported, fencing.StepOn, "it switches no power", nil)
}

// Dumping implements fencing.Dumper.
func (d *device) Dumping(ctx context.Context) (fencing.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	addresses, err := d.resolve(ctx, fencing.StepDump)
	if err != nil {
		return fencing.Evidence{}, err
	}
	heard, err := d.hub.join(d.port)
	if err != nil {
		return fencing.Evidence{}, d.fail(fencing.KindConfig, fencing.StepDump, err.Error(), nil)
	}
	defer heard.leave()
	for {
		select {
		case from := <-heard.from:
			for _, address := range addresses {
				if from.Addr().Unmap() == address {
					return fencing.Evidence{Detail: fmt.Sprintf("%s says that its kernel has crashed and saves its memory", from)}, nil
				}
			}
		case <-ctx.Done():
			return fencing.Evidence{}, d.fail(fencing.KindTimeout, fencing.StepDump,
				fmt.Sprintf("%v did not say on UDP port %d that its kernel has crashed", addresses, d.port), ctx.Err())
		}
	}
}

func (d *device) resolve(ctx context.Context, step string) ([]netip.Addr, error) {
	addresses, err := (&net.Resolver{}).LookupNetIP(ctx, "ip", d.address)
	if err != nil {
		return nil, d.fail(fencing.KindConfig, step, fmt.Sprintf("look up %s: %v", d.address, err), err)
	}
	for i, a := range addresses {
		addresses[i] = a.Unmap()
	}
	return addresses, nil
}

func (d *device) fail(kind fencing.Kind, step, text string, err error) error {
	return fencing.NewError(kind, d.name, step, text, err)
}

// magic and version of fence_kdump's message: two 32-bit numbers in the sender's
// byte order (fence-agents, kdump/message.h).
const (
	magic   = 0x1B302A40
	version = 1
)

// valid reports whether a datagram is the message.
func valid(data []byte) bool {
	if len(data) != 8 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(data) == magic && order.Uint32(data[4:]) == version {
			return true
		}
	}
	return false
}
