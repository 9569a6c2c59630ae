package inspector

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// kernel reads the host's sockets through sock_diag(7), which, unlike
// /proc/net/udp, names the interface that a socket is bound to: a host may have
// other DHCP servers on other interfaces.
type kernel struct{}

// dhcpServer is the UDP port of DHCP servers (RFC 2131 §4.1).
const dhcpServer = 67

// established is TCP_ESTABLISHED of the kernel.
const established = 1

// DHCPServers lists the sockets that get DHCP requests from the interface:
// bound to it, or to none.
func (kernel) DHCPServers(iface string) ([]string, error) {
	link, err := netlink.LinkByName(iface)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, nil // nobody is served through an interface that is not there
	}
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", iface, err)
	}
	all, err := netlink.SocketDiagUDP(unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("list UDP sockets: %w", err)
	}
	var servers []string
	for _, s := range all {
		if s.ID.SourcePort != dhcpServer {
			continue
		}
		switch s.ID.Interface {
		case 0:
			servers = append(servers, fmt.Sprintf("%s port 67 on every interface", s.ID.Source))
		case uint32(link.Attrs().Index):
			servers = append(servers, fmt.Sprintf("%s port 67 on %s", s.ID.Source, iface))
		}
	}
	return servers, nil
}

// Connections counts the established connections to a local port.
func (kernel) Connections(port int) (int, error) {
	open := 0
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		all, err := netlink.SocketDiagTCP(family)
		if err != nil {
			return 0, fmt.Errorf("list TCP sockets: %w", err)
		}
		for _, s := range all {
			if int(s.ID.SourcePort) == port && s.State == established {
				open++
			}
		}
	}
	return open, nil
}
