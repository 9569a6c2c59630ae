package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge is one network of the rig: a bridge and the addresses that the rig
// itself has on it.
type Bridge struct {
	Name      string
	MAC       string   // fixed: see MakeBridge
	Addresses []string // CIDR
}

// MakeBridge creates the bridge, up, with its addresses. What is there already
// is left as it is.
//
// The MAC is fixed because a bridge without one takes the lowest of its
// ports': unplugging that host would change the MAC of the addresses on the
// bridge, and every peer would talk to a stale one for half a minute.
func (ns Namespace) MakeBridge(bridge Bridge) error {
	return ns.withLinks(func(links *netlink.Handle) error {
		mac, err := net.ParseMAC(bridge.MAC)
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr = bridge.Name, mac
		snooping := false
		link := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
		if err := links.LinkAdd(link); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("make bridge %s: %w", bridge.Name, err)
		}
		made, err := links.LinkByName(bridge.Name)
		if err != nil {
			return fmt.Errorf("make bridge %s: %w", bridge.Name, err)
		}
		for _, text := range bridge.Addresses {
			address, err := netlink.ParseAddr(text)
			if err != nil {
				return err
			}
			if err := links.AddrReplace(made, address); err != nil {
				return fmt.Errorf("give %s the address %s: %w", bridge.Name, text, err)
			}
		}
		return links.LinkSetUp(made)
	})
}

// SetAddress adds or removes one address of a bridge.
func (ns Namespace) SetAddress(bridge, cidr string, present bool) error {
	return ns.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(bridge)
		if err != nil {
			return fmt.Errorf("find bridge %s: %w", bridge, err)
		}
		address, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		if present {
			err = links.AddrReplace(link, address)
		} else if err = links.AddrDel(link, address); errors.Is(err, unix.EADDRNOTAVAIL) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("address %s of %s: %w", cidr, bridge, err)
		}
		return nil
	})
}

// LoopbackUp switches the namespace's own loopback interface on.
func (ns Namespace) LoopbackUp() error { return ns.SetUp("lo", true) }

// Attach puts an interface on a bridge. It returns an error for which
// IsNotFound holds while the interface is not there.
func (ns Namespace) Attach(name, bridge string) error {
	return ns.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(name)
		if err != nil {
			return err
		}
		master, err := links.LinkByName(bridge)
		if err != nil {
			return fmt.Errorf("attach %s to %s: %v", name, bridge, err)
		}
		if err := links.LinkSetMaster(link, master); err != nil {
			return fmt.Errorf("attach %s to %s: %w", name, bridge, err)
		}
		return nil
	})
}

// SetUp switches an interface on or off: a cable plugged or pulled.
func (ns Namespace) SetUp(name string, up bool) error {
	return ns.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(name)
		if err != nil {
			return err
		}
		if up {
			return links.LinkSetUp(link)
		}
		return links.LinkSetDown(link)
	})
}

// Delete deletes an interface. One that is not there is fine.
func (ns Namespace) Delete(name string) error {
	return ns.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(name)
		if IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		// The kernel takes a cable away by itself soon after its other end's
		// namespace has gone: also between looking and deleting.
		if err := links.LinkDel(link); err != nil && !IsNotFound(err) {
			return err
		}
		return nil
	})
}

// Up reports whether an interface is there and switched on.
func (ns Namespace) Up(name string) (bool, error) {
	var up bool
	err := ns.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(name)
		if err == nil {
			up = link.Attrs().Flags&net.FlagUp != 0
		}
		return err
	})
	return up, err
}

// IsNotFound reports whether err says that an interface does not exist.
func IsNotFound(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing) || errors.Is(err, unix.ENODEV)
}

func (ns Namespace) withLinks(fn func(*netlink.Handle) error) error {
	return ns.Do(func() error {
		// A netlink socket belongs to the namespace it was opened in.
		links, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("open netlink: %w", err)
		}
		defer links.Close()
		return fn(links)
	})
}

// Pair is one direction between two cables, by interface name.
type Pair struct{ From, To string }

// filterRules drops what is forwarded between the pairs in a set. "fwd" would
// be a keyword, hence the name of the chain.
const filterRules = `table bridge belay_rig {
	set cut { type ifname . ifname; }
	chain forwarding {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cut counter drop
	}
	chain losing {
		type filter hook forward priority 1; policy accept;
	}
}`

// MakeFilter installs the filter that Cut, Heal and Lose change.
func (ns Namespace) MakeFilter(ctx context.Context) error {
	if run(ctx, "nsenter", "--net="+ns.Path(), "nft", "list", "table", "bridge", "belay_rig") == nil {
		return nil
	}
	return ns.nft(ctx, filterRules)
}

// Cut drops everything between the pairs from now on.
func (ns Namespace) Cut(ctx context.Context, pairs ...Pair) error {
	return ns.nft(ctx, elements("add", pairs))
}

// Heal undoes Cut. A pair that is not cut is fine.
func (ns Namespace) Heal(ctx context.Context, pairs ...Pair) error {
	// Deleting an absent element fails, adding a present one does not.
	return ns.nft(ctx, elements("add", pairs)+"\n"+elements("delete", pairs))
}

// HealAll undoes every Cut.
func (ns Namespace) HealAll(ctx context.Context) error {
	return ns.nft(ctx, "flush set bridge belay_rig cut")
}

// Lose drops a percentage of what is forwarded from now on, packet by packet and
// at random; 0 undoes it. The namespace's own traffic is not concerned.
func (ns Namespace) Lose(ctx context.Context, percent int) error { return ns.nft(ctx, losing(percent)) }

func losing(percent int) string {
	const flush, add = "flush chain bridge belay_rig losing", "add rule bridge belay_rig losing "
	switch {
	case percent <= 0:
		return flush
	case percent >= 100: // which nft does not take for a share
		return flush + "\n" + add + "counter drop"
	}
	return flush + "\n" + add + fmt.Sprintf("numgen random mod 100 < %d counter drop", percent)
}

func elements(verb string, pairs []Pair) string {
	text := verb + " element bridge belay_rig cut {"
	for i, pair := range pairs {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %q . %q", pair.From, pair.To)
	}
	return text + " }"
}

func (ns Namespace) nft(ctx context.Context, rules string) error {
	return run(ctx, "nsenter", "--net="+ns.Path(), "nft", rules)
}
