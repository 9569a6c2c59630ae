package policy

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

func TestParseLength(t *testing.T) {
	for word, want := range map[string]time.Duration{
		"30": 30 * time.Second, "30s": 30 * time.Second, " 5 min": 5 * time.Minute, "2h": 2 * time.Hour,
		"100000h": math.MaxUint32 * time.Millisecond, "1500ms": 1500 * time.Millisecond, "7us": 7 * time.Microsecond, "0": 0,
		"PT1M": time.Minute, "P1D": 24 * time.Hour, "P1M": 30 * 24 * time.Hour, "P10S": 10 * time.Second, "PT1H30S": time.Hour + 30*time.Second,
	} {
		if got, ok := parseLength(word); !ok || got != want {
			t.Errorf("%q is %v, %v, want %v", word, got, ok, want)
		}
	}
	for _, word := range []string{"", "s", "5 parsecs", "P", "PT", "P5", "P1X", "-", "99999999999999999999"} {
		if got, ok := parseLength(word); ok {
			t.Errorf("%q is read as %v", word, got)
		}
	}
}

func TestParseScoreOr(t *testing.T) {
	for word, want := range map[string]resources.Score{
		"": 7, "x": 7, "-": 7, "5": 5, "-5": -5, "+5": 5, "INFINITY": resources.Infinity, "-infinity": -resources.Infinity,
		"1000001": resources.Infinity, "-99999999999999999999": -resources.Infinity, "99999999999999999999": resources.Infinity,
	} {
		if got := parseScoreOr(word, 7); got != want {
			t.Errorf("%q is %v, want %v", word, got, want)
		}
	}
}

func TestBaseOf(t *testing.T) {
	for id, want := range map[string]string{"a": "a", "a:0": "a", "a:12": "a", "a:b": "a:b", "a:": "a", "10": "10", "": "", ":1": ":1"} {
		if got := baseOf(id); got != want {
			t.Errorf("%q without its number is %q, want %q", id, got, want)
		}
	}
}

func TestNextAddress(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "10.0.0.2", "10.0.0.254": "10.0.1.1", "10.0.254.1": "", "10.0.253.254": "10.0.254.1", "fe80::1": "", "a.b.c.d": "",
	} {
		if got := nextAddress(address); got != want {
			t.Errorf("after %s comes %q, want %q", address, got, want)
		}
	}
}

// said makes a set of names and values that always holds.
func said(words ...string) []AttributeSet {
	set := AttributeSet{ID: "said"}
	for i := 0; i+1 < len(words); i += 2 {
		set.Pairs = append(set.Pairs, Pair{words[i], words[i+1]})
	}
	return []AttributeSet{set}
}

// members are configured nodes with the names.
func members(names ...string) []NodeConfig {
	var nodes []NodeConfig
	for _, name := range names {
		nodes = append(nodes, NodeConfig{ID: "id-" + name, Name: name})
	}
	return nodes
}

func dummyConfig(id string) ResourceConfig {
	return ResourceConfig{ID: id, Class: "ocf", Provider: "pacemaker", Type: "Dummy"}
}

func TestMetaInheritance(t *testing.T) {
	member := dummyConfig("member")
	member.Meta = said("a", "own")
	group := ResourceConfig{ID: "group", Variant: Group, Meta: said("a", "group", "b", "group", "c", "#default"), Members: []ResourceConfig{member}}
	clone := ResourceConfig{ID: "clone", Variant: Clone, Meta: said("b", "clone", "c", "clone", "clone-max", "2"), Members: []ResourceConfig{group}}
	e := newEngine(&Input{
		Nodes: members("n1", "n2", "n3"), Resources: []ResourceConfig{clone},
		ResourceDefaults: said("a", "default", "c", "default", "d", "default"),
	})
	r := e.find("member:1")
	if r == nil || len(e.all) != 5 {
		t.Fatalf("%d resources, instance 1 is %v", len(e.all), r)
	}
	for name, want := range map[string]string{"a": "own", "b": "group", "c": "clone", "d": "default", "resource-stickiness": "1", "globally-unique": "false"} {
		if r.meta[name] != want {
			t.Errorf("%s is %q, want %q", name, r.meta[name], want)
		}
	}
	if e.findConfigured("member") != e.find("clone") || r.is(flagUnique) || r.stickiness != 1 {
		t.Error("what is cloned is not taken for the clone")
	}
}

func TestBundleParts(t *testing.T) {
	e := newEngine(&Input{Nodes: members("n1"), Resources: []ResourceConfig{{
		ID: "web", Variant: Bundle, Members: []ResourceConfig{dummyConfig("httpd")},
		Bundle: &BundleConfig{
			Launcher: "podman", Image: "httpd:1", Replicas: "2", IPRangeStart: "10.0.0.254", HasNetwork: true,
			Ports:   []PortMapping{{ID: "p", Port: "80"}},
			Storage: []StorageMapping{{ID: "s", SourceDirRoot: "/srv", TargetDir: "/data", Options: "rw"}},
		},
	}}})
	bundle := e.find("web")
	if bundle == nil || len(bundle.bndl.replicas) != 2 {
		t.Fatal("there are no replicas")
	}
	second := bundle.bndl.replicas[1]
	for want, r := range map[string]*resource{
		"web-podman-1": second.container, "web-ip-10.0.1.1": second.ip, "web-1": second.connection, "httpd:1": second.child,
	} {
		if r == nil || r.id != want || e.find(want) != r || r.within() != "web/1" {
			t.Errorf("%s is missing or not found", want)
		}
	}
	if n := e.nodeBy["web-1"]; n == nil || !n.guest() || n.attrs["#kind"] != "container" || second.node != n {
		t.Error("the replica has no guest node")
	}
	if second.connection.container != second.container || second.connection.requires != requiresQuorum {
		t.Error("the connection is not the container's")
	}
	params := e.params(second.container, nil)
	want := " -h web-1 -e PCMK_stderr=1 -e PCMK_remote_port=3121 -v /srv/web-1:/data:rw -v /etc/pacemaker/authkey:/etc/pacemaker/authkey" +
		" -v /var/log/pacemaker/bundles/web-1:/var/log -p 10.0.1.1:80:80 -p 10.0.1.1:3121:3121" +
		"  --add-host=web-0:10.0.0.254 --add-host=web-1:10.0.1.1"
	if params["run_opts"] != want {
		t.Errorf("the container runs with\n%q, want\n%q", params["run_opts"], want)
	}
	if params["mount_points"] != "/srv/web-1,/var/log/pacemaker/bundles/web-1" || params["run_cmd"] != remoteExecutor {
		t.Errorf("the container has %v", params)
	}
	if last := bundle.members[len(bundle.members)-1]; last != bundle.bndl.child || last.id != "web-clone" || last.clone.max != 2 {
		t.Error("the clone of the primitive is not the last member")
	}
}

func TestGuestConnection(t *testing.T) {
	vm := dummyConfig("vm")
	vm.Meta = said("remote-node", "guest", "remote-addr", "10.0.0.9", "is-managed", "true")
	e := newEngine(&Input{Nodes: members("n1"), Resources: []ResourceConfig{{ID: "g", Variant: Group, Members: []ResourceConfig{vm}}}, Options: said("symmetric-cluster", "false")})
	conn := e.find("guest")
	if conn == nil || conn.container != e.find("vm") || !e.nodeBy["guest"].guest() {
		t.Fatal("the guest node is not known")
	}
	if conn.is(flagMigratable) || e.params(conn, nil)["addr"] != "10.0.0.9" {
		t.Error("the connection is not as configured")
	}
	if w := conn.allowed[e.nodeBy["n1"].index]; !w.in || w.score != 0 {
		t.Error("the connection cannot follow its container in an asymmetric cluster")
	}
}

func TestBrokenResources(t *testing.T) {
	lsb := ResourceConfig{ID: "lsb", Class: "lsb", Type: "x"}
	e := newEngine(&Input{Nodes: members("n1", "n2"), Resources: []ResourceConfig{
		{ID: "empty", Variant: Clone},
		{ID: "nobody", Variant: Group},
		{ID: "roles", Variant: Clone, Meta: said("promotable", "true"), Members: []ResourceConfig{lsb}},
		{ID: "rocket", Variant: Bundle, Bundle: &BundleConfig{Launcher: "rkt"}},
		{ID: "closed", Variant: Bundle, Bundle: &BundleConfig{Launcher: "docker"}, Members: []ResourceConfig{lsb}},
		{ID: "unique", Variant: Clone, Meta: said("globally-unique", "true", "clone-max", "9"), Members: []ResourceConfig{lsb}},
	}})
	var ids []string
	for _, r := range e.all {
		ids = append(ids, r.id)
	}
	if got := strings.Join(ids, " "); got != "unique lsb:0 lsb:1" {
		t.Errorf("there are %s", got)
	}
	if e.anonymous["lsb"] != e.find("unique") {
		t.Error("an agent without unique instances has them")
	}
}
