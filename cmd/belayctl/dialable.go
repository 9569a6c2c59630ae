package main

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/security"
)

// A member's ports, where the address names none. Gossip takes the next one.
const (
	defaultPort = "7450"
	lastPort    = 65534
)

// dialable returns an address of a member as HOST:PORT. It refuses what other
// hosts cannot dial: what is no address, one that stands for every address, one
// that means another host to each, and ports that leave none for gossip.
func dialable(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), defaultPort
	}
	number, portErr := strconv.Atoi(port)
	ip, err := netip.ParseAddr(host)
	// Digits and dots that are no address are no name either.
	isName := security.CheckName(host) == nil && strings.Trim(host, "0123456789.") != ""
	switch {
	case strings.Contains(address, "/"), err != nil && !isName:
		return "", usage("address %q: write an IP address or a name, with :PORT if not %s", address, defaultPort)
	case portErr != nil || number < 1 || number > lastPort:
		return "", usage("address %q: the port is a number from 1 to %d (gossip takes the next one)", address, lastPort)
	case err == nil && (ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})):
		return "", usage("address %q: other hosts cannot dial it", address)
	}
	return net.JoinHostPort(host, port), nil
}
