package rig

import (
	"fmt"
	"strconv"
	"strings"
)

// hostCount is how many hosts a rig has.
const hostCount = 3

// Host is one of the rig's hosts, by its number: 0, 1, 2.
type Host int

// Hosts returns all hosts of a rig.
func Hosts() []Host {
	hosts := make([]Host, hostCount)
	for i := range hosts {
		hosts[i] = Host(i)
	}
	return hosts
}

// ParseHost reads a host's number or name.
func ParseHost(text string) (Host, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(text, "controller-"))
	if err != nil || number < 0 || number >= hostCount {
		return 0, fmt.Errorf("no host %q: the hosts are controller-0 to controller-%d, or 0 to %d", text, hostCount-1, hostCount-1)
	}
	return Host(number), nil
}

// String returns the host's name, controller-0.
func (h Host) String() string { return "controller-" + strconv.Itoa(int(h)) }

// ClusterAddr is the host's address on the cluster network, host0.
func (h Host) ClusterAddr() string { return fmt.Sprintf("10.77.0.%d", 11+int(h)) }

// OOBAddr is the host's address on the management network, oob0.
func (h Host) OOBAddr() string { return fmt.Sprintf("10.78.0.%d", 11+int(h)) }

// BMCAddr is the address of the host's BMC: Redfish on 443, IPMI on 623.
func (h Host) BMCAddr() string { return fmt.Sprintf("10.78.0.%d", 101+int(h)) }

func (h Host) bmcCIDR() string { return h.BMCAddr() + "/24" }

// clusterCable and oobCable are the rig's ends of the host's two cables. The
// kernel allows 15 characters.
func (h Host) clusterCable() string { return fmt.Sprintf("vb-%d", int(h)) }
func (h Host) oobCable() string     { return fmt.Sprintf("oob-%d", int(h)) }

// MACs of the host's own ends. Fixed, so that peers' ARP entries stay true
// when the host is rebooted.
func (h Host) clusterMAC() string { return fmt.Sprintf("02:be:1a:77:00:%02x", 11+int(h)) }
func (h Host) oobMAC() string     { return fmt.Sprintf("02:be:1a:78:00:%02x", 11+int(h)) }

// machineID is the host's /etc/machine-id.
func (h Host) machineID() string { return fmt.Sprintf("%032x", 0xbe1a_0001+int(h)) }
