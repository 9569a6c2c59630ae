package cib

import "github.com/belay-ha/belay/cluster/policy"

// bundle reads a bundle.
func (r *reader) bundle(e *element) policy.ResourceConfig {
	c := r.common(e, policy.Bundle)
	c.Bundle = &policy.BundleConfig{}
	for _, part := range e.children {
		switch part.name {
		case "docker", "podman", "rkt":
			if c.Bundle.Launcher != "" {
				r.fault(part.at, "bundle %q has both %s and %s", c.ID, c.Bundle.Launcher, part.name)
			}
			r.launcher(part, c.Bundle)
		case "network":
			r.network(part, c.Bundle)
		case "storage":
			r.storage(part, c.Bundle)
		case "primitive":
			member(&c, r.primitive(part))
		}
	}
	if c.Bundle.Launcher == "" {
		r.fault(e.at, "bundle %q has none of docker, podman, rkt", c.ID)
	}
	if len(c.Members) > 1 {
		r.fault(e.at, "bundle %q has more than one primitive", c.ID)
	}
	return c
}

func (r *reader) launcher(e *element, b *policy.BundleConfig) {
	b.Launcher = e.name
	b.Image = r.need(e, "image")
	b.Replicas = r.count(e, "replicas")
	b.PerHost = r.count(e, "replicas-per-host")
	if b.PromotedMax = r.count(e, "promoted-max"); b.PromotedMax == "" {
		b.PromotedMax = r.count(e, "masters")
	}
	r.copies(e, "replicas", b.Replicas)
	r.copies(e, "promoted-max", b.PromotedMax)
	b.Network, b.Options, b.RunCommand = e.get("network"), e.get("options"), e.get("run-command")
}

func (r *reader) network(e *element, b *policy.BundleConfig) {
	b.HasNetwork = true
	b.IPRangeStart = e.get("ip-range-start")
	b.HostNetmask = r.count(e, "host-netmask")
	b.HostInterface = e.get("host-interface")
	b.ControlPort = r.count(e, "control-port")
	b.AddHost = e.get("add-host")
	r.optionalBool(e, "add-host")
	for _, m := range e.all("port-mapping") {
		b.Ports = append(b.Ports, policy.PortMapping{
			ID: m.id(), Port: r.count(m, "port"), InternalPort: r.count(m, "internal-port"), Range: m.get("range"),
		})
	}
}

func (r *reader) storage(e *element, b *policy.BundleConfig) {
	for _, m := range e.all("storage-mapping") {
		s := policy.StorageMapping{
			ID: m.id(), SourceDir: m.get("source-dir"), SourceDirRoot: m.get("source-dir-root"),
			TargetDir: r.need(m, "target-dir"), Options: m.get("options"),
		}
		if s.SourceDir == "" && s.SourceDirRoot == "" {
			r.fault(m.at, "<storage-mapping> %q has neither source-dir nor source-dir-root", s.ID)
		}
		b.Storage = append(b.Storage, s)
	}
}
