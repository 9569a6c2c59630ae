package resources

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bundle runs one container image in several copies, its replicas: each a
// container, with an address of its own where it has one (Pacemaker Explained,
// "Bundles"). The parts are resources whose ids follow from the bundle's, and that
// Definition.Resource knows.
type Bundle struct {
	ID    ResourceID `json:"id"`
	Image string     `json:"image"`
	// Pull says whether a start may fetch the image: never (default) or missing.
	Pull BundlePull `json:"pull,omitempty"`
	// Launcher runs the containers: podman (default) or docker.
	Launcher BundleLauncher `json:"launcher,omitempty"`
	// Replicas in the cluster and on one node.
	Replicas    *int `json:"replicas,omitempty"`          // promoted_max, or 1
	PerHost     *int `json:"replicas_per_host,omitempty"` // 1
	PromotedMax *int `json:"promoted_max,omitempty"`      // 0: Resource is not promotable
	// RunCommand is what runs in the container, instead of the image's own; Options
	// are further words for the launcher, Network is its network.
	RunCommand string `json:"run_command,omitempty"`
	Options    string `json:"options,omitempty"`
	Network    string `json:"network,omitempty"`
	// IPRangeStart is the address of the first replica; the others follow it.
	IPRangeStart  string `json:"ip_range_start,omitempty"`
	HostNetmask   *int   `json:"host_netmask,omitempty"` // 32
	HostInterface string `json:"host_interface,omitempty"`
	// ControlPort is where a container with a Resource is reached.
	ControlPort *int  `json:"control_port,omitempty"` // 3121
	AddHost     *bool `json:"add_host,omitempty"`     // true: replicas know each other by name

	Ports   []BundlePort    `json:"ports,omitempty"`
	Storage []BundleStorage `json:"storage,omitempty"`
	// Resource runs in each container: one of the definition that has no clone and
	// no group. It can be planned with, and not applied.
	Resource ResourceID `json:"resource,omitempty"`
	Meta     Meta       `json:"meta,omitzero"`
}

// BundleLauncher runs containers.
type BundleLauncher string

// The launchers.
const (
	LauncherPodman BundleLauncher = "podman" // default
	LauncherDocker BundleLauncher = "docker"
)

// BundlePull says when an image is fetched.
type BundlePull string

// When an image is fetched: by hand alone, or also by a start on a node that lacks it.
const (
	PullNever   BundlePull = "never" // default
	PullMissing BundlePull = "missing"
)

// BundlePort is a port of the host that leads into the container: one, or a range
// ("2200-2210").
type BundlePort struct {
	Port         *int   `json:"port,omitempty"`
	InternalPort *int   `json:"internal_port,omitempty"` // Port
	Range        string `json:"range,omitempty"`
}

// BundleStorage is a directory or file of the host in the container. Of SourceRoot
// each replica gets a directory of its own.
type BundleStorage struct {
	Source     string `json:"source,omitempty"`
	SourceRoot string `json:"source_root,omitempty"`
	Target     string `json:"target"`
	Options    string `json:"options,omitempty"`
}

// MaxReplicas bounds a bundle.
const MaxReplicas = 1000

// Count returns how many replicas there are.
func (b *Bundle) Count() int {
	n := max(Or(b.PromotedMax, 0), 1)
	return min(max(Or(b.Replicas, n), 1), MaxReplicas)
}

// Launches returns the launcher.
func (b *Bundle) Launches() BundleLauncher {
	if b.Launcher == "" {
		return LauncherPodman
	}
	return b.Launcher
}

// Container returns the id of a replica's container, counted from 0.
func (b *Bundle) Container(replica int) ResourceID {
	return ResourceID(fmt.Sprintf("%s-%s-%d", b.ID, b.Launches(), replica))
}

// Host returns the name of a replica: its host name, and that of the node that it
// is to what runs in it.
func (b *Bundle) Host(replica int) NodeName {
	return NodeName(fmt.Sprintf("%s-%d", b.ID, replica))
}

// Address returns a replica's address, and its resource; false if it has none.
func (b *Bundle) Address(replica int) (netip.Addr, ResourceID, bool) {
	first, err := netip.ParseAddr(b.IPRangeStart)
	if err != nil || !first.Is4() {
		return netip.Addr{}, "", false
	}
	octets := first.As4()
	for range replica { // the last of a network is skipped
		switch {
		case octets[2] > 253:
			return netip.Addr{}, "", false
		case octets[3] > 253:
			octets[2]++
			octets[3] = 1
		default:
			octets[3]++
		}
	}
	address := netip.AddrFrom4(octets)
	return address, ResourceID(fmt.Sprintf("%s-ip-%s", b.ID, address)), true
}

// Parts returns the resources that a replica is made of: its address, if it has
// one, and its container.
func (b *Bundle) Parts(replica int) []Resource {
	var parts []Resource
	address, id, addressed := b.Address(replica)
	if addressed {
		ip := Resource{ID: id, Agent: "vip", Meta: b.Meta, Params: Params{"address": fmt.Sprintf("%s/%d", address, Or(b.HostNetmask, address.BitLen()))}}
		if b.HostInterface != "" {
			ip.Params["interface"] = b.HostInterface
		}
		parts = append(parts, ip)
	}
	return append(parts, Resource{ID: b.Container(replica), Agent: string(b.Launches()), Meta: b.Meta, Params: b.containerParams(replica)})
}

// PartIDs returns the ids of all parts of all replicas.
func (b *Bundle) PartIDs() []ResourceID {
	var ids []ResourceID
	for replica := range b.Count() {
		if _, ip, addressed := b.Address(replica); addressed {
			ids = append(ids, ip)
		}
		ids = append(ids, b.Container(replica))
	}
	return ids
}

// containerParams are what the agent that runs containers takes.
func (b *Bundle) containerParams(replica int) Params {
	params := Params{"image": b.Image}
	given := func(name, value string) {
		if value != "" {
			params[name] = value
		}
	}
	given("pull", string(b.Pull))
	given("command", b.RunCommand)
	given("options", b.Options)
	given("network", b.Network)
	address, _, addressed := b.Address(replica)
	if addressed {
		params["hostname"] = string(b.Host(replica))
	}
	for k := range b.Count() {
		if other, _, ok := b.Address(k); ok && Or(b.AddHost, true) {
			params["host."+string(b.Host(k))] = other.String()
		}
	}
	for k, p := range b.Ports {
		text := p.mapping()
		switch {
		case addressed:
			params["port."+strconv.Itoa(k)] = address.String() + ":" + text
		case b.Network != "host":
			params["port."+strconv.Itoa(k)] = text
		}
	}
	for k, s := range b.Storage {
		source := s.Source
		if source == "" {
			source = strings.TrimSuffix(s.SourceRoot, "/") + "/" + string(b.Host(replica))
			params["directory."+strconv.Itoa(k)] = source
		}
		text := source + ":" + s.Target
		if s.Options != "" {
			text += ":" + s.Options
		}
		params["mount."+strconv.Itoa(k)] = text
	}
	return params
}

func (p *BundlePort) mapping() string {
	if p.Port == nil {
		return p.Range + ":" + p.Range
	}
	return fmt.Sprintf("%d:%d", *p.Port, Or(p.InternalPort, *p.Port))
}

// Bundle returns the bundle with the id.
func (d *Definition) Bundle(id ResourceID) (*Bundle, bool) {
	i := slices.IndexFunc(d.Bundles, func(b Bundle) bool { return b.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.Bundles[i], true
}

// BundleOf returns the bundle that runs the resource in its containers.
func (d *Definition) BundleOf(id ResourceID) (*Bundle, bool) {
	i := slices.IndexFunc(d.Bundles, func(b Bundle) bool { return b.Resource == id && id != "" })
	if i < 0 {
		return nil, false
	}
	return &d.Bundles[i], true
}

// PartOf returns the bundle that has the resource for a part.
func (d *Definition) PartOf(id ResourceID) (*Bundle, bool) {
	b, _, found := d.replicaOf(id)
	return b, found
}

// replicaOf returns the bundle that has the resource for a part, and of which replica.
func (d *Definition) replicaOf(id ResourceID) (*Bundle, int, bool) {
	for i := range d.Bundles {
		b := &d.Bundles[i]
		if !strings.HasPrefix(string(id), string(b.ID)+"-") {
			continue
		}
		for replica := range b.Count() {
			_, ip, addressed := b.Address(replica)
			if id == b.Container(replica) || addressed && id == ip {
				return b, replica, true
			}
		}
	}
	return nil, 0, false
}

// bundlePart returns the part of a bundle with the id.
func (d *Definition) bundlePart(id ResourceID) (*Resource, bool) {
	b, replica, found := d.replicaOf(id)
	if !found {
		return nil, false
	}
	for _, part := range b.Parts(replica) {
		if part.ID == id {
			return &part, true
		}
	}
	return nil, false
}

// Everything returns all resources: those that are defined as such, and the parts
// of bundles.
func (d *Definition) Everything() []Resource {
	if len(d.Bundles) == 0 {
		return d.Resources
	}
	all := slices.Clone(d.Resources)
	for i := range d.Bundles {
		for replica := range d.Bundles[i].Count() {
			all = append(all, d.Bundles[i].Parts(replica)...)
		}
	}
	return all
}

// Inner returns the nodes that are no hosts of their own, by what they are in:
// guests, by the resource that makes them, and the replicas of bundles with
// something in them, by their containers. They can be planned with only.
func (d *Definition) Inner() map[NodeName]ResourceID {
	inner := map[NodeName]ResourceID{}
	for i := range d.Resources {
		if name := d.Resources[i].Meta.RemoteNode; name != "" {
			inner[name] = d.Resources[i].ID
		}
	}
	for i := range d.Bundles {
		b := &d.Bundles[i]
		for replica := range b.Count() {
			if b.Resource != "" {
				inner[b.Host(replica)] = b.Container(replica)
			}
		}
	}
	return inner
}

// InnerNames returns the names of Inner's nodes in order.
func (d *Definition) InnerNames() []NodeName { return slices.Sorted(maps.Keys(d.Inner())) }
