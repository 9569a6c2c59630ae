package resources_test

import (
	. "github.com/belay-ha/belay/resources"
	"slices"
	"testing"
)

func someBundle() Bundle {
	three, port := 3, 80
	return Bundle{ID: "web", Image: "registry/web:1", Replicas: &three, IPRangeStart: "192.0.2.253", Ports: []BundlePort{{Port: &port}}, Storage: []BundleStorage{{SourceRoot: "/var/log/web", Target: "/var/log", Options: "rw"}}}
}

// TestBundleParts: the parts are known by their ids, and addresses skip the last
// of a network, as in Pacemaker.
func TestBundleParts(t *testing.T) {
	d := &Definition{Bundles: []Bundle{someBundle()}}
	var ids []ResourceID
	for _, r := range d.Everything() {
		ids = append(ids, r.ID)
		if found, ok := d.Resource(r.ID); !ok || Digest(found) != Digest(&r) {
			t.Errorf("%s is not found by its id", r.ID)
		}
	}
	want := []ResourceID{"web-ip-192.0.2.253", "web-podman-0", "web-ip-192.0.2.254", "web-podman-1", "web-ip-192.0.3.1", "web-podman-2"}
	if !slices.Equal(ids, want) {
		t.Errorf("parts %v, want %v", ids, want)
	}
	container, _ := d.Resource("web-podman-1")
	for name, value := range map[string]string{
		"image": "registry/web:1", "hostname": "web-1", "port.0": "192.0.2.254:80:80", "mount.0": "/var/log/web/web-1:/var/log:rw", "directory.0": "/var/log/web/web-1", "host.web-2": "192.0.3.1",
	} {
		if container.Params[name] != value {
			t.Errorf("parameter %s is %q, want %q", name, container.Params[name], value)
		}
	}
	if _, found := d.Resource("web-podman-3"); found {
		t.Error("there is a fourth replica")
	}
}

func TestValidateBundles(t *testing.T) {
	type d = Definition
	for name, tc := range map[string]struct {
		change func(*d, *Bundle)
		want   []string
	}{
		"nothing":         {func(*d, *Bundle) {}, nil},
		"no image":        {func(_ *d, b *Bundle) { b.Image = "" }, []string{"missing bundle[web]: image is missing"}},
		"no replicas":     {func(_ *d, b *Bundle) { *b.Replicas = 0 }, []string{"invalid_value bundle[web].replicas: 0 is not from 1 to 1000"}},
		"no address":      {func(_ *d, b *Bundle) { b.IPRangeStart = "web" }, []string{`invalid_value bundle[web].ip_range_start: "web" is no IPv4 address (such as 192.0.2.10)`}},
		"too few":         {func(_ *d, b *Bundle) { b.IPRangeStart = "192.0.254.254" }, []string{"invalid_value bundle[web].ip_range_start: there are no 3 addresses from 192.0.254.254 on"}},
		"a port of none":  {func(_ *d, b *Bundle) { b.Ports[0].Port = nil }, []string{"missing bundle[web].port: port or range is missing"}},
		"storage of none": {func(_ *d, b *Bundle) { b.Storage[0].SourceRoot = "" }, []string{"missing bundle[web].storage: source or source_root is missing"}},
		"nothing inside":  {func(_ *d, b *Bundle) { b.Resource = "wbe" }, []string{`unknown_name bundle[web].resource: no resource is called "wbe" (did you mean "web"?)`}},
		"a clone inside":  {func(def *d, b *Bundle) { b.Resource = "haproxy" }, []string{`contradiction bundle[web].resource: "haproxy" is a clone (leave its clone out: the bundle has as many as replicas)`}},
		"a name for two": {func(def *d, b *Bundle) {
			def.Resources = append(def.Resources, Resource{ID: "web-podman-0", Agent: "vip"})
		}, []string{`duplicate bundle[web].id: "web-podman-0" is the name of a part of the bundle and of a resource`}},
		"half a quotation": {func(_ *d, b *Bundle) { b.RunCommand = "sh -c 'x" }, []string{`invalid_value bundle[web].run_command: "sh -c 'x" ends inside a quotation`}},
		"a relative root":  {func(_ *d, b *Bundle) { b.Storage[0].SourceRoot = "logs" }, []string{`invalid_value bundle[web].storage.source_root: "logs" is not an absolute path`}},
		"promoted nothing": {func(_ *d, b *Bundle) { b.PromotedMax = b.Replicas }, []string{"contradiction bundle[web].promoted_max: promoted_max without resource means nothing"}},
		"guest for all":    {func(def *d, _ *Bundle) { def.Defaults.Resource.RemoteNode = "g" }, []string{"invalid_value defaults.resource.remote_node: several resources cannot make the same node (give it to one resource)"}},
		"guest is a node":  {func(def *d, _ *Bundle) { def.Resources[0].Meta.RemoteNode = "c0" }, []string{`duplicate resource[galera].meta.remote_node: "c0" is a node already`}},
	} {
		t.Run(name, func(t *testing.T) {
			def, b := cluster(), someBundle()
			tc.change(def, &b)
			def.Bundles = []Bundle{b}
			var got []string
			for _, p := range Validate(def, AgentTable{}, FenceTable{}) {
				got = append(got, string(p.Code)+" "+p.String())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestPlanOnly: what runs in something can be planned with, and not applied.
func TestPlanOnly(t *testing.T) {
	def := cluster()
	def.Resources = append(def.Resources, Resource{ID: "inner", Agent: "vip", Params: Params{"address": "192.0.2.77/24"}})
	def.Resources[1].Meta.RemoteNode = "guest"
	b := someBundle()
	b.Resource, b.Launcher, b.Options = "inner", LauncherDocker, "--name=mine"
	def.Bundles = []Bundle{b}
	if problems := Validate(def, table().WithForeign(), fences()); len(problems) > 0 {
		t.Errorf("cannot be planned with: %v", problems)
	}
	codes := map[string]ProblemCode{}
	for _, p := range Validate(def, table(), fences()) {
		codes[p.Path] = p.Code
		if p.Suggestion == "" {
			t.Errorf("%s: says nothing of what to do instead", p)
		}
	}
	for _, path := range []string{"bundle[web].resource", "bundle[web].launcher", "bundle[web].options", "resource[" + string(def.Resources[1].ID) + "].meta.remote_node"} {
		if codes[path] != ProblemUnsupported {
			t.Errorf("%s: %q, want unsupported; all: %v", path, codes[path], codes)
		}
	}
}
