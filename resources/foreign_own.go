package resources

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ownAgents are the agents of Pacemaker whose work an agent of Belay's own does,
// under its name here. Their parameters are translated by who reads them.
var ownAgents = map[string]string{
	"ocf:heartbeat:IPaddr2": "vip", "ocf:heartbeat:IPaddr": "vip", "ocf:heartbeat:galera": "galera",
	"ocf:heartbeat:rabbitmq-cluster": "rabbitmq", "ocf:rabbitmq:rabbitmq-server-ha": "rabbitmq",
}

// OwnAgent returns the name here of one of Pacemaker's agents, given in full or in
// short as pcs takes it ("IPaddr2"), and whether Belay has it under a name of its
// own.
func OwnAgent(name string) (string, bool) {
	if own, known := ownAgents[name]; known {
		return own, true
	}
	if strings.Contains(name, ":") {
		return "", false
	}
	own, known := ownAgents["ocf:heartbeat:"+name]
	return own, known
}

// OwnAgents returns the names here of those of Pacemaker's agents, given in full, that
// fit: sorted, each once.
func OwnAgents(fits func(name string) bool) []string {
	var all []string
	for name, own := range ownAgents {
		if fits(name) {
			all = append(all, own)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// PrefixBits reads the length of an address's prefix, or a mask such as
// 255.255.255.0. What is neither counts as the address alone.
func PrefixBits(text string, address netip.Addr) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= address.BitLen() {
		return n, true
	}
	mask, err := netip.ParseAddr(text)
	if err != nil || !mask.Is4() || !address.Is4() {
		return address.BitLen(), false
	}
	bits := uint32(0)
	for _, b := range mask.As4() {
		bits = bits<<8 | uint32(b)
	}
	ones := 0
	for ; ones < 32 && bits&(1<<31) != 0; ones++ {
		bits <<= 1
	}
	if bits != 0 {
		return address.BitLen(), false
	}
	return ones, true
}
