package resources

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// planOnly reports what can be planned with and not be carried out; a table that
// takes other cluster managers' agents takes it too.
func (v *validator) planOnly(path, suggestion, format string, args ...any) {
	if !v.agents.empty() && !v.agents.foreign {
		v.add(ProblemUnsupported, path, suggestion, format, args...)
	}
}

func (v *validator) bundles() {
	var paths Paths
	used := map[ResourceID]ResourceID{}
	for i := range v.def.Bundles {
		b := &v.def.Bundles[i]
		path := paths.Next("bundle", string(b.ID))
		v.id(path, "id", string(b.ID))
		if _, taken := v.resource[b.ID]; taken {
			v.add(ProblemDuplicate, path+".id", "", "%q is a resource already", b.ID)
		}
		if _, taken := v.group[b.ID]; taken {
			v.add(ProblemDuplicate, path+".id", "", "%q is a group already", b.ID)
		}
		if b.Image == "" {
			v.add(ProblemMissing, path, "", "image is missing")
		}
		oneOf(v, path+".launcher", b.Launcher, LauncherPodman, LauncherDocker)
		oneOf(v, path+".pull", b.Pull, PullNever, PullMissing)
		// One that is no launcher at all is told of above.
		if _, known := v.agents.Find(string(b.Launches())); !known && (b.Launches() == LauncherPodman || b.Launches() == LauncherDocker) {
			v.planOnly(path+".launcher", `leave launcher out: podman runs the same images`, "no agent of Belay's runs containers by %s", b.Launches())
		}
		v.meta(path+".meta", b.Meta)
		v.noGuest(path+".meta", b.Meta)
		v.bundleWords(path, b)
		v.bundleCounts(path, b)
		v.bundleNetwork(path, b)
		v.bundleStorage(path, b)
		v.bundleInside(path, b, used)
		v.bundleParts(path, b)
	}
}

// bundleWords checks what the launcher is told word by word.
func (v *validator) bundleWords(path string, b *Bundle) {
	if _, err := LauncherOptions(b.Options); err != nil {
		v.planOnly(path+".options", "leave it out", "%v", err)
	}
	if name := secretVariable(b.Options); name != "" && !v.agents.foreign {
		v.add(ProblemClearSecret, path+".options", "write "+name+" into a file of each node that root alone may read, and give --env-file=FILE here",
			"the variable %s: a secret stands in the clear, for all who may read the definition", name)
	}
	if _, err := SplitWords(b.RunCommand); err != nil {
		v.add(ProblemInvalid, path+".run_command", "", "%v", err)
	}
}

func (v *validator) bundleCounts(path string, b *Bundle) {
	for name, n := range map[string]*int{"replicas": b.Replicas, "replicas_per_host": b.PerHost} {
		if n != nil && (*n < 1 || *n > MaxReplicas) {
			v.add(ProblemInvalid, path+"."+name, "", "%d is not from 1 to %d", *n, MaxReplicas)
		}
	}
	v.notNegative(path+".promoted_max", Or(b.PromotedMax, 0))
	v.atMost(path, "promoted_max", b.PromotedMax, "replicas", b.Replicas)
}

func (v *validator) bundleNetwork(path string, b *Bundle) {
	if b.IPRangeStart != "" {
		address, err := netip.ParseAddr(b.IPRangeStart)
		_, _, last := b.Address(b.Count() - 1)
		switch {
		case err != nil || !address.Is4():
			v.add(ProblemInvalid, path+".ip_range_start", "such as 192.0.2.10", "%q is no IPv4 address", b.IPRangeStart)
		case !last:
			v.add(ProblemInvalid, path+".ip_range_start", "", "there are no %d addresses from %s on", b.Count(), b.IPRangeStart)
		}
	}
	for name, limit := range map[string]struct {
		n    *int
		most int
	}{"host_netmask": {b.HostNetmask, 32}, "control_port": {b.ControlPort, 65535}} {
		if limit.n != nil && (*limit.n < 1 || *limit.n > limit.most) {
			v.add(ProblemInvalid, path+"."+name, "", "%d is not from 1 to %d", *limit.n, limit.most)
		}
	}
	for i, p := range b.Ports {
		at := listPath(path, "port", i)
		switch {
		case p.Port != nil && p.Range != "":
			v.add(ProblemConflict, at+".range", "", "give port or range, not both")
		case p.Port == nil && p.Range == "":
			v.add(ProblemMissing, at, "", "port or range is missing")
		}
		for name, n := range map[string]*int{"port": p.Port, "internal_port": p.InternalPort} {
			if n != nil && (*n < 1 || *n > 65535) {
				v.add(ProblemInvalid, at+"."+name, "", "%d is not from 1 to 65535", *n)
			}
		}
	}
}

func listPath(path, key string, i int) string {
	if i == 0 {
		return path + "." + key
	}
	return fmt.Sprintf("%s.%s#%d", path, key, i+1)
}

func (v *validator) bundleStorage(path string, b *Bundle) {
	for i, s := range b.Storage {
		at := listPath(path, "storage", i)
		switch {
		case s.Source != "" && s.SourceRoot != "":
			v.add(ProblemConflict, at+".source_root", "", "give source or source_root, not both")
		case s.Source == "" && s.SourceRoot == "":
			v.add(ProblemMissing, at, "", "source or source_root is missing")
		}
		if s.Target == "" {
			v.add(ProblemMissing, at, "", "target is missing")
		}
		if s.SourceRoot != "" && !strings.HasPrefix(s.SourceRoot, "/") {
			v.add(ProblemInvalid, at+".source_root", "", "%q is not an absolute path", s.SourceRoot)
		}
	}
}

// bundleInside checks what runs in the containers.
func (v *validator) bundleInside(path string, b *Bundle, used map[ResourceID]ResourceID) {
	at := path + ".resource"
	if b.Resource == "" {
		if Or(b.PromotedMax, 0) > 0 {
			v.add(ProblemConflict, path+".promoted_max", "", "promoted_max without resource means nothing")
		}
		return
	}
	r, found := v.resource[b.Resource]
	switch {
	case !found:
		v.add(ProblemUnknownName, at, didYouMean(string(b.Resource), v.names), "no resource is called %q", b.Resource)
		return
	case r.Clone != nil:
		v.add(ProblemConflict, at, "leave its clone out: the bundle has as many as replicas", "%q is a clone", b.Resource)
	case v.groupOf[b.Resource] != nil:
		v.add(ProblemConflict, at, "", "%q is a member of group %q", b.Resource, v.groupOf[b.Resource].ID)
	case used[b.Resource] != "":
		v.add(ProblemConflict, at, "", "%q is in bundle %q already", b.Resource, used[b.Resource])
	}
	used[b.Resource] = b.ID
	if b.IPRangeStart == "" && b.ControlPort == nil {
		v.add(ProblemMissing, path, "", "what is in it needs ip_range_start or control_port")
	}
	v.planOnly(at, "leave it out and let the container's own program be the service, with a health check (options = \"--health-cmd …\"); or run it on the nodes",
		"Belay cannot manage %q inside of containers", b.Resource)
}

// bundleParts reports parts whose names are taken.
func (v *validator) bundleParts(path string, b *Bundle) {
	for replica := range b.Count() {
		for _, part := range b.Parts(replica) {
			if _, taken := v.resource[part.ID]; taken {
				v.add(ProblemDuplicate, path+".id", "", "%q is the name of a part of the bundle and of a resource", part.ID)
			}
		}
	}
}

// guest checks the node that a resource makes.
func (v *validator) guest(path string, m Meta) {
	if m.RemoteNode == "" {
		return
	}
	at := path + ".meta.remote_node"
	if !ValidName(string(m.RemoteNode)) {
		v.add(ProblemInvalid, at, "", "%q is not a usable name", m.RemoteNode)
	}
	if _, taken := v.def.Node(m.RemoteNode); taken {
		v.add(ProblemDuplicate, at, "", "%q is a node already", m.RemoteNode)
	}
	if i := slices.IndexFunc(v.def.Resources, func(r Resource) bool { return r.Meta.RemoteNode == m.RemoteNode }); i >= 0 && "resource["+string(v.def.Resources[i].ID)+"]" != path {
		v.add(ProblemDuplicate, at, "", "%q is the node of %q already", m.RemoteNode, v.def.Resources[i].ID)
	}
	v.planOnly(at, `install belayd in the guest, join it, and define it as a node of kind "remote"`, "Belay cannot manage what runs in guest node %q from outside", m.RemoteNode)
}

// noGuest reports a node name where it would be given to several resources.
func (v *validator) noGuest(path string, m Meta) {
	if m.RemoteNode != "" {
		v.add(ProblemInvalid, path+".remote_node", "give it to one resource", "several resources cannot make the same node")
	}
}
