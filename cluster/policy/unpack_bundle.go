package policy

import (
	"strconv"
	"strings"
	"time"
)

// bundlePlan is a bundle's configuration, read: what its replicas are like.
type bundlePlan struct {
	config               *BundleConfig
	id, agent            string
	replicas             []string // their addresses, "" for none
	perHost, promotedMax int
	mounts               []bundleMount
	ports                []bundlePort
	hosts                string // options that make all replicas known to each other
	child                *ResourceConfig
}

type bundleMount struct {
	source, target, options string
	perReplica              bool
}

type bundlePort struct{ source, target string }

// Paths and the port that a container with a remote executor has.
const (
	remoteExecutor = "/usr/sbin/pacemaker-remoted"
	remoteKey      = "/etc/pacemaker/authkey"
	remoteLogs     = "/var/log/pacemaker/bundles"
	remotePort     = "3121"
)

// readBundle returns nil for a bundle that cannot be: one without a known
// launcher, or with a primitive that cannot be reached.
func readBundle(c *ResourceConfig) *bundlePlan {
	b := c.Bundle
	if b == nil || b.Launcher != "docker" && b.Launcher != "podman" {
		return nil
	}
	p := &bundlePlan{config: b, id: c.ID, agent: b.Launcher}
	p.promotedMax = parseCount(b.PromotedMax, 0, 0)
	count := parseCount(b.Replicas, 1, 1)
	if b.Replicas == "" && p.promotedMax > 0 {
		count = p.promotedMax
	}
	p.perHost = parseCount(b.PerHost, 1, 1)
	if len(c.Members) > 0 {
		p.child = &c.Members[0]
		if b.IPRangeStart == "" {
			if b.ControlPort == "" {
				return nil
			}
			p.perHost = 1
		}
	}
	p.readMounts()
	p.readPorts()
	p.giveAddresses(min(count, maxInstances))
	return p
}

func (p *bundlePlan) readMounts() {
	logs := false
	for _, m := range p.config.Storage {
		mount := bundleMount{source: m.SourceDir, target: m.TargetDir, options: m.Options}
		if mount.source == "" {
			mount.source, mount.perReplica = m.SourceDirRoot, true
		}
		if mount.source == "" || mount.target == "" {
			continue
		}
		p.mounts = append(p.mounts, mount)
		logs = logs || mount.target == "/var/log"
	}
	if p.child == nil {
		return
	}
	p.mounts = append(p.mounts, bundleMount{source: remoteKey, target: remoteKey})
	if !logs {
		p.mounts = append(p.mounts, bundleMount{source: remoteLogs, target: "/var/log", perReplica: true})
	}
}

func (p *bundlePlan) readPorts() {
	for _, m := range p.config.Ports {
		port := bundlePort{m.Port, m.InternalPort}
		if port.source == "" {
			port = bundlePort{source: m.Range}
		}
		if port.source == "" {
			break
		}
		if port.target == "" {
			port.target = port.source
		}
		p.ports = append(p.ports, port)
	}
	if p.child != nil {
		p.ports = append(p.ports, bundlePort{p.controlPort(), p.controlPort()})
	}
}

func (p *bundlePlan) controlPort() string {
	if p.config.ControlPort != "" {
		return p.config.ControlPort
	}
	return remotePort
}

// giveAddresses counts up from the first address.
func (p *bundlePlan) giveAddresses(count int) {
	addHost, known := parseTruth(p.config.AddHost)
	addHost = addHost || !known
	var hosts strings.Builder
	last := ""
	p.replicas = make([]string, count)
	for i := range p.replicas {
		if p.config.IPRangeStart == "" {
			continue
		}
		if last == "" {
			last = p.config.IPRangeStart
		} else {
			last = nextAddress(last)
		}
		p.replicas[i] = last
		name := p.id + "-" + strconv.Itoa(i)
		if addHost {
			hosts.WriteString(" --add-host=" + name + ":" + last)
		} else {
			hosts.WriteString(" --hosts-entry=" + last + "=" + name)
		}
	}
	p.hosts = hosts.String()
}

// nextAddress is the IPv4 address after one, or "" after the last.
func nextAddress(address string) string {
	parts := strings.Split(address, ".")
	if len(parts) != 4 {
		return ""
	}
	var octets [4]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return ""
		}
		octets[i] = n
	}
	switch {
	case octets[2] > 253:
		return ""
	case octets[3] > 253:
		octets[2]++
		octets[3] = 1
	default:
		octets[3]++
	}
	for i, n := range octets {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}

// unpackBundle makes a bundle's replicas. The clone of the primitive inside is
// made first, but is the last of the bundle's members.
func (e *engine) unpackBundle(r *resource) bool {
	p := readBundle(r.config)
	if p == nil {
		return false
	}
	r.bndl = &bundleInfo{perHost: p.perHost, promotedMax: p.promotedMax, max: len(p.replicas)}
	if p.perHost == 1 {
		r.unset(flagUnique)
	}
	if p.child != nil {
		config := p.cloneConfig()
		child := e.unpackResource(&config, r, noNumber)
		if child == nil {
			return false
		}
		r.bndl.child = child
	}
	for i, address := range p.replicas {
		rep := &replica{number: i, address: address}
		if child := r.bndl.child; child != nil {
			if i >= len(child.members) {
				return false
			}
			rep.child = child.members[i]
			rep.child.set(flagExclusive)
			if rep.child.is(flagNotify) {
				child.set(flagNotify)
			}
		}
		r.bndl.replicas = append(r.bndl.replicas, rep)
	}
	e.passAttributeTarget(r)
	for _, rep := range r.bndl.replicas {
		if !e.unpackReplica(r, p, rep) {
			return false
		}
	}
	if r.bndl.child != nil {
		r.members = append(r.members, r.bndl.child)
	}
	return true
}

// passAttributeTarget tells the bundle whose node attributes its primitive
// uses.
func (e *engine) passAttributeTarget(r *resource) {
	const name = "container-attribute-target"
	for _, rep := range r.bndl.replicas {
		if rep.child == nil {
			return
		}
		if target := rep.child.meta[name]; target != "" {
			r.meta[name] = target
			r.bndl.child.meta[name] = target
		}
	}
}

// unpackReplica makes one container with its address and connection. The
// primitive's utilization is the container's.
func (e *engine) unpackReplica(r *resource, p *bundlePlan, rep *replica) bool {
	config := p.containerConfig(rep.number)
	rep.container = e.unpackPart(r, &config)
	if rep.container == nil {
		return false
	}
	if rep.address != "" {
		config := p.addressConfig(rep.number)
		if rep.ip = e.unpackPart(r, &config); rep.ip == nil {
			return false
		}
	}
	if rep.child == nil {
		return true
	}
	rep.container.utilization, rep.child.utilization = rep.child.utilization, nil
	address := rep.address
	if address == "" {
		address = "#uname"
	}
	rep.node = e.nodeBy[e.bundleNodeName(r.config, rep.number)]
	e.known = max(e.known, rep.node.born+1)
	config = connectionConfig(rep.node.name, rep.container.id, address, p.controlPort(), "")
	rep.connection = e.unpackPart(r, &config)
	if rep.connection == nil {
		return false
	}
	rep.node.connection = rep.connection
	rep.connection.remoteNode = rep.node
	rep.connection.container = rep.container
	rep.node.attrs["#kind"] = "container"
	return true
}

func (e *engine) unpackPart(bundle *resource, config *ResourceConfig) *resource {
	own := *config
	part := e.unpackResource(&own, bundle, noNumber)
	if part != nil {
		part.set(flagReplicaPart)
		bundle.members = append(bundle.members, part)
	}
	return part
}

// containerConfig is the configuration of a replica's container.
func (p *bundlePlan) containerConfig(number int) ResourceConfig {
	id := cleanID(p.id + "-" + p.agent + "-" + strconv.Itoa(number))
	options, mounts := p.runOptions(number)
	params := []Pair{
		{"image", p.config.Image}, {"allow_pull", "true"}, {"force_kill", "false"}, {"reuse", "false"},
		{"run_opts", options}, {"mount_points", mounts},
	}
	command := p.config.RunCommand
	if command == "" && p.child != nil {
		command = remoteExecutor
	}
	params = append(appendPair(params, "run_cmd", command), Pair{"monitor_cmd", "/bin/true"})
	return p.partConfig(id, p.agent, number, params)
}

// runOptions are the options with which the container is run, and the
// directories that must exist for it.
func (p *bundlePlan) runOptions(number int) (options, mounts string) {
	var b strings.Builder
	name := p.id + "-" + strconv.Itoa(number)
	if p.agent == "docker" {
		b.WriteString(" --restart=no")
	}
	if p.config.IPRangeStart != "" {
		b.WriteString(" -h " + name)
	}
	b.WriteString(" -e PCMK_stderr=1")
	if p.config.Network != "" {
		b.WriteString(" --net=" + p.config.Network)
	}
	b.WriteString(" -e PCMK_remote_port=" + p.controlPort())
	var dirs []string
	for _, m := range p.mounts {
		source := m.source
		if m.perReplica {
			source += "/" + name
			dirs = append(dirs, source)
		}
		b.WriteString(" -v " + source + ":" + m.target)
		if m.options != "" {
			b.WriteString(":" + m.options)
		}
	}
	for _, port := range p.ports {
		if address := p.replicas[number]; address != "" {
			b.WriteString(" -p " + address + ":" + port.source + ":" + port.target)
		} else if p.config.Network != "host" {
			b.WriteString(" -p " + port.source + ":" + port.target)
		}
	}
	if p.config.Options != "" {
		b.WriteString(" " + p.config.Options)
	}
	b.WriteString(" " + p.hosts)
	return b.String(), strings.Join(dirs, ",")
}

// addressConfig is the configuration of a replica's address.
func (p *bundlePlan) addressConfig(number int) ResourceConfig {
	address := p.replicas[number]
	netmask := p.config.HostNetmask
	if netmask == "" {
		netmask = "32"
	}
	params := appendPair([]Pair{{"ip", address}}, "nic", p.config.HostInterface)
	params = append(params, Pair{"cidr_netmask", netmask})
	return p.partConfig(cleanID(p.id+"-ip-"+address), "IPaddr2", number, params)
}

func (p *bundlePlan) partConfig(id, agent string, number int, params []Pair) ResourceConfig {
	return ResourceConfig{
		ID: id, Variant: Primitive, Class: "ocf", Provider: "heartbeat", Type: agent,
		Params: []AttributeSet{{ID: p.id + "-attributes-" + strconv.Itoa(number), Pairs: params}},
		Ops:    []OpConfig{implicitOp(id, taskMonitor, 60*time.Second, "")},
	}
}

// cloneConfig is the configuration of the clone of the primitive inside.
func (p *bundlePlan) cloneConfig() ResourceConfig {
	suffix := "-clone"
	pairs := []Pair{
		{"ordered", "true"},
		{"clone-max", strconv.Itoa(len(p.replicas))},
		{"clone-node-max", strconv.Itoa(p.perHost)},
		{"globally-unique", strconv.FormatBool(p.perHost > 1)},
	}
	if p.promotedMax > 0 {
		suffix = "-master"
		pairs = append(pairs, Pair{"promotable", "true"}, Pair{"promoted-max", strconv.Itoa(p.promotedMax)})
	}
	return ResourceConfig{
		ID: p.id + suffix, Variant: Clone,
		Meta:    []AttributeSet{{ID: p.id + "-clone-meta", Pairs: pairs}},
		Members: []ResourceConfig{*p.child},
	}
}

// cleanID replaces what an id must not contain.
func cleanID(id string) string {
	return strings.NewReplacer(":", ".", "#", ".").Replace(id)
}
