package definition

import (
	"github.com/belay-ha/belay/resources"
)

func (d *decoder) bundle(i *item) {
	b := resources.Bundle{
		ID: resources.ResourceID(i.text("id")), Image: i.text("image"), Launcher: resources.BundleLauncher(i.text("launcher")), Pull: resources.BundlePull(i.text("pull")),
		Replicas: i.number("replicas"), PerHost: i.number("replicas_per_host"), PromotedMax: i.number("promoted_max"),
		RunCommand: i.text("run_command"), Options: i.text("options"), Network: i.text("network"),
		IPRangeStart: i.text("ip_range_start"), HostNetmask: i.number("host_netmask"), HostInterface: i.text("host_interface"),
		ControlPort: i.number("control_port"), AddHost: i.truth("add_host"), Resource: resources.ResourceID(i.text("resource")),
	}
	for _, p := range i.inners("port") {
		b.Ports = append(b.Ports, resources.BundlePort{Port: p.number("port"), InternalPort: p.number("internal_port"), Range: p.text("range")})
		p.unknown()
	}
	for _, s := range i.inners("storage") {
		b.Storage = append(b.Storage, resources.BundleStorage{
			Source: s.text("source"), SourceRoot: s.text("source_root"), Target: s.text("target"), Options: s.text("options"),
		})
		s.unknown()
	}
	if meta := i.inner("meta"); meta != nil {
		meta.meta(&b.Meta)
		meta.unknown()
	}
	d.def.Bundles = append(d.def.Bundles, b)
	i.done(d.paths.Next("bundle", string(b.ID)))
}

func (w *writer) bundle(b *resources.Bundle) {
	w.header("[[bundle]]")
	w.text("id", string(b.ID))
	w.text("image", b.Image)
	w.text("pull", string(b.Pull))
	w.text("launcher", string(b.Launcher))
	w.number("replicas", b.Replicas)
	w.number("replicas_per_host", b.PerHost)
	w.number("promoted_max", b.PromotedMax)
	w.text("run_command", b.RunCommand)
	w.text("options", b.Options)
	w.text("network", b.Network)
	w.text("ip_range_start", b.IPRangeStart)
	w.number("host_netmask", b.HostNetmask)
	w.text("host_interface", b.HostInterface)
	w.number("control_port", b.ControlPort)
	w.truth("add_host", b.AddHost)
	w.text("resource", string(b.Resource))
	w.meta("bundle.meta", b.Meta)
	for _, p := range b.Ports {
		w.WriteString("[[bundle.port]]\n")
		w.number("port", p.Port)
		w.number("internal_port", p.InternalPort)
		w.text("range", p.Range)
	}
	for _, s := range b.Storage {
		w.WriteString("[[bundle.storage]]\n")
		w.text("source", s.Source)
		w.text("source_root", s.SourceRoot)
		w.text("target", s.Target)
		w.text("options", s.Options)
	}
}
