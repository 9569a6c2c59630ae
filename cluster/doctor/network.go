package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// slowLink is a round trip that is no LAN's: the failure detector and Raft are
// tuned for less.
const slowLink = 50 * time.Millisecond

// network: each member reaches each other on both ports.
func (j *judge) network() string {
	links, slowest := 0, time.Duration(0)
	for _, e := range j.in.Examinations {
		for _, l := range e.Links {
			if n, known := j.in.State.Nodes[l.To]; !known || n.Liveness == state.LivenessLeft {
				continue
			}
			links++
			slowest = max(slowest, l.Took.Std())
			switch {
			case l.API != "":
				j.find("port_api", Critical, e.Node, fmt.Sprintf("on %s: systemctl status belayd; let %s through its firewall (tcp)", l.To, l.Address), "it cannot use %s at %s: %s", l.To, l.Address, l.API)
			case l.GossipTCP != "":
				j.find("port_gossip", Critical, e.Node, fmt.Sprintf("on %s: let the port after that of %s through its firewall (tcp and udp)", l.To, l.Address), "it reaches %s, but not its gossip port: %s", l.To, l.GossipTCP)
			case l.Gossip != "" && l.Gossip != "alive":
				j.find("gossip", Warning, e.Node, fmt.Sprintf("on %s and %s: let the gossip port through the firewall (udp)", e.Node, l.To), "it reaches %s, and its failure detector says %s: UDP may not pass", l.To, l.Gossip)
			case l.Took.Std() > slowLink:
				j.find("slow_link", Warning, e.Node, "look for a loaded or distant network: detection and elections are tuned for a LAN", "a small request to %s and back takes %s at best", l.To, l.Took.Std().Round(time.Millisecond))
			}
		}
	}
	if links == 0 {
		return "no other member"
	}
	return fmt.Sprintf("%s, slowest round trip %s", count(links, "way"), slowest.Round(10*time.Microsecond))
}

// packets: large ones pass where small ones do, and everybody sends the same size.
func (j *judge) packets() string {
	sizes, stuck := map[int][]string{}, 0
	for _, e := range j.in.Examinations {
		for _, l := range e.Links {
			if l.API == "" && l.Large != "" {
				stuck++
				j.find("mtu", Critical, e.Node, fmt.Sprintf("on %s: ip link show %s; ping -M do -s 1472 %s", e.Node, l.Interface, hostOf(l.Address)),
					"small requests reach %s, %d KiB do not: large packets vanish on the way (%s)", l.To, LargeRequest>>10, l.Large)
			}
			if l.MTU > 0 && l.Interface != "lo" && !slices.Contains(sizes[l.MTU], string(e.Node)) {
				sizes[l.MTU] = append(sizes[l.MTU], string(e.Node))
			}
		}
	}
	var words []string
	for size, nodes := range sizes {
		words = append(words, fmt.Sprintf("%d on %s", size, strings.Join(nodes, ", ")))
	}
	slices.Sort(words)
	if len(words) > 1 {
		j.find("mtu_differs", Warning, "", "ip link set DEVICE mtu SIZE, the same everywhere", "members send packets of different sizes: %s", strings.Join(words, "; "))
	}
	switch {
	case stuck > 0:
		return fmt.Sprintf("%d KiB do not pass on %d of the ways", LargeRequest>>10, stuck)
	case len(words) == 0:
		return fmt.Sprintf("%d KiB pass everywhere", LargeRequest>>10)
	}
	return "MTU " + strings.Join(words, "; ")
}

func hostOf(address string) string {
	if i := strings.LastIndexByte(address, ':'); i > 0 {
		return strings.Trim(address[:i], "[]")
	}
	return address
}

// ports: what a member will need can be had on this host.
func (j *judge) ports() string {
	var words []string
	for _, e := range j.in.Examinations {
		for _, p := range e.Host.Ports {
			words = append(words, p.Address)
			if p.Error != "" {
				j.find("port_taken", Critical, e.Node, "ss -lntup | grep "+portOf(p.Address), "%s cannot be had for %s: %s", p.Address, p.Use, p.Error)
			}
		}
	}
	return strings.Join(words, ", ")
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
