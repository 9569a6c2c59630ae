package cib

import (
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// bundle takes a bundle, and what is in it.
func (m *importer) bundle(c *policy.ResourceConfig) {
	at := m.at(c.ID)
	if c.Bundle == nil || c.Bundle.Launcher != "docker" && c.Bundle.Launcher != "podman" {
		m.lose(at, "bundle %q cannot be represented: only podman and docker run containers", c.ID)
		m.without(c, "a bundle")
		return
	}
	b := resources.Bundle{
		ID: resources.ResourceID(c.ID), Image: c.Bundle.Image, RunCommand: c.Bundle.RunCommand, Options: c.Bundle.Options, Network: c.Bundle.Network,
		Replicas: m.count(c, "replicas", c.Bundle.Replicas), PerHost: m.count(c, "replicas-per-host", c.Bundle.PerHost),
		PromotedMax:  m.count(c, "promoted-max", c.Bundle.PromotedMax),
		IPRangeStart: c.Bundle.IPRangeStart, HostNetmask: m.count(c, "host-netmask", c.Bundle.HostNetmask), HostInterface: c.Bundle.HostInterface,
		ControlPort: m.count(c, "control-port", c.Bundle.ControlPort),
	}
	b.Pull = resources.PullMissing // ocf:heartbeat:podman does, with the parameters that a bundle gives it
	if c.Bundle.Launcher != "podman" {
		b.Launcher = resources.BundleLauncher(c.Bundle.Launcher)
		m.note(at, "bundle %q: Belay runs containers by podman: the definition can be planned with, and applied without launcher = %q", c.ID, c.Bundle.Launcher)
	}
	if on, ok := parseBool(c.Bundle.AddHost); ok && !on {
		b.AddHost = &on
	}
	for _, p := range c.Bundle.Ports {
		b.Ports = append(b.Ports, resources.BundlePort{Port: m.count(c, "port", p.Port), InternalPort: m.count(c, "internal-port", p.InternalPort), Range: p.Range})
	}
	for _, s := range c.Bundle.Storage {
		b.Storage = append(b.Storage, resources.BundleStorage{Source: s.SourceDir, SourceRoot: s.SourceDirRoot, Target: s.TargetDir, Options: s.Options})
	}
	m.bundleMeta(c, &b)
	m.named[c.ID], m.origin["bundle["+c.ID+"]"] = b.ID, at
	if len(c.Members) > 0 && !m.notRun(&c.Members[0]) {
		inside := &c.Members[0]
		m.finish(inside, m.start(inside), resources.Or(b.PromotedMax, 0) > 0)
		b.Resource = resources.ResourceID(inside.ID)
		m.note(m.at(inside.ID), "resource %q: Belay manages nothing inside of containers: the definition can be planned with; before you apply it, leave resource = %[1]q out of bundle %[2]q and let the container's own program be the service, or run it on the nodes", inside.ID, c.ID)
	}
	if b.Resource == "" && b.PromotedMax != nil {
		m.note(at, "bundle %q promotes nothing, as nothing is in it: promoted-max only says how many replicas there are", c.ID)
		if b.Replicas == nil {
			b.Replicas = b.PromotedMax
		}
		b.PromotedMax = nil
	}
	m.def.Bundles = append(m.def.Bundles, b)
}

// bundleMeta reads a bundle's meta-attributes. What is in it takes over those of a
// clone.
func (m *importer) bundleMeta(c *policy.ResourceConfig, b *resources.Bundle) {
	inner := resources.Clone{}
	for _, s := range m.settings(c.Meta, "") {
		switch {
		case s.name == "promotable" || s.name == "promoted-max" || s.name == "master-max":
			m.cloneMeta(&inner, s)
		case s.name == "interleave" || s.name == "ordered":
			m.note(s.at, "meta-attribute %s of bundle %q is left out: it says in which order replicas start, not where", s.name, c.ID)
		case !m.meta(&b.Meta, s):
			m.otherMeta(c.ID, s)
		}
	}
	if b.PromotedMax == nil && inner.Promotable && len(c.Members) > 0 {
		most := resources.Or(inner.PromotedMax, 1)
		b.PromotedMax = &most
		if b.Replicas == nil {
			one := 1
			b.Replicas = &one
		}
	}
}

// count reads a number; what is none says nothing, as to Pacemaker.
func (m *importer) count(c *policy.ResourceConfig, name, text string) *int {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		m.note(m.at(c.ID), "%s %q of bundle %q is no number: the default holds", name, text, c.ID)
		return nil
	}
	return &n
}
