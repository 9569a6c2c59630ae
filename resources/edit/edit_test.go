package edit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/edit"
)

const base = `
[[node]]
name = "c0"
[[node]]
name = "c1"
attributes = { rack = "a" }
[[fence]]
id = "bmc-c0"
agent = "redfish"
targets = ["c0"]
[fence.params]
endpoint = "https://192.0.2.1"
[[fence]]
id = "nova"
agent = "fence_compute"
targets = ["c0", "c1"]
[[resource]]
id = "galera"
agent = "galera"
clone = { promotable = true }
[[resource]]
id = "haproxy"
agent = "haproxy"
clone = true
[[resource]]
id = "vip"
agent = "vip"
params = { address = "192.0.2.9/24", nic = "eth0" }
[[resource]]
id = "api"
agent = "systemd:nova-api"
[resource.op.start]
timeout = "20s"
[resource.op.monitor]
interval = "10s"
[[resource]]
id = "sched"
agent = "systemd:nova-scheduler"
[[group]]
id = "nova"
members = ["api", "sched"]
[[order]]
first = "vip"
then = "haproxy"
[[colocation]]
resource = "vip"
with = "haproxy"
[[location]]
resource = "vip"
node = "c0"
`

func decode(t *testing.T, text string) *resources.Definition {
	t.Helper()
	def, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "base", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// verb is one command, by the words that follow belayctl.
func run(def *resources.Definition, line []string) (*resources.Definition, error) {
	two, rest := strings.Join(line[:2], " "), line[2:]
	switch two {
	case "resource create":
		return edit.CreateResource(def, rest)
	case "bundle create":
		return edit.CreateBundle(def, rest)
	case "resource update":
		return edit.UpdateResource(def, rest)
	case "resource delete":
		return edit.DeleteResource(def, rest[0], len(rest) > 1)
	case "resource enable":
		return edit.Enable(def, rest)
	case "resource disable":
		return edit.Disable(def, rest)
	case "resource meta":
		return edit.SetMeta(def, rest[0], rest[1:])
	case "resource clone":
		return edit.CloneResource(def, rest, false)
	case "resource promotable":
		return edit.CloneResource(def, rest, true)
	case "resource unclone":
		return edit.UncloneResource(def, rest[0])
	case "group add":
		return edit.AddToGroup(def, rest)
	case "group remove":
		return edit.RemoveFromGroup(def, rest[0], rest[1:])
	case "constraint order":
		if rest[0] == "remove" {
			return edit.RemoveOrder(def, rest[1], rest[2])
		}
		return edit.AddOrder(def, rest)
	case "constraint colocation":
		if rest[0] == "remove" {
			return edit.RemoveColocation(def, rest[1], rest[2])
		}
		return edit.AddColocation(def, rest[1:])
	case "constraint location":
		return edit.AddLocation(def, rest)
	case "constraint ticket":
		if rest[0] == "remove" {
			return edit.RemoveTicket(def, rest[1], rest[2])
		}
		return edit.AddTicket(def, rest)
	case "tag create":
		return edit.MakeTag(def, rest)
	case "tag delete":
		return edit.DeleteTags(def, rest)
	case "constraint remove":
		return edit.RemoveConstraints(def, rest)
	case "property set":
		return edit.SetProperties(def, rest)
	case "property unset":
		return edit.UnsetProperties(def, rest)
	case "resource defaults":
		return edit.SetResourceDefaults(def, rest)
	case "op defaults":
		return edit.SetOpDefaults(def, rest)
	case "node attribute":
		return edit.SetNodeAttributes(def, rest[0], rest[1:])
	case "fence create":
		return edit.CreateFence(def, rest)
	case "fence update":
		return edit.UpdateFence(def, rest)
	case "fence delete":
		return edit.DeleteFence(def, rest[0])
	case "fence level":
		if rest[0] == "add" {
			return edit.AddFenceLevel(def, rest[1:])
		}
		return edit.RemoveFenceLevel(def, rest[1:])
	}
	panic("no verb " + two)
}

// words splits a command line at spaces, except in single quotes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 0 {
			all = append(all, strings.Fields(part)...)
			if i > 0 && part != "" && part[0] != ' ' {
				panic("quotes end a word here")
			}
			if part != "" && part[len(part)-1] != ' ' && i < strings.Count(line, "'") {
				all[len(all)-1] += "\x00"
			}
		} else if n := len(all); n > 0 && strings.HasSuffix(all[n-1], "\x00") {
			all[n-1] = strings.TrimSuffix(all[n-1], "\x00") + part
		} else {
			all = append(all, part)
		}
	}
	return all
}

// changes returns the lines that differ between two definitions' files.
func changes(before, after *resources.Definition) []string {
	old, new := strings.Split(string(definition.Encode(before)), "\n"), strings.Split(string(definition.Encode(after)), "\n")
	var lines []string
	for _, d := range diffLines(old, new) {
		if strings.TrimSpace(d[1:]) != "" {
			lines = append(lines, d)
		}
	}
	return lines
}

// diffLines is a plain longest-common-subsequence diff.
func diffLines(a, b []string) []string {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			lines = append(lines, "-"+a[i])
			i++
		default:
			lines = append(lines, "+"+b[j])
			j++
		}
	}
	return lines
}

func TestVerbs(t *testing.T) {
	cases := []struct {
		line string
		want []string
	}{
		// The patterns of resource create.
		{"resource create glance systemd:glance-api --clone interleave=true",
			[]string{"+[[resource]]", `+id = "glance"`, `+agent = "systemd:glance-api"`, "+[resource.clone]", "+interleave = true"}},
		{"resource create x systemd:u op start timeout=200s op stop timeout=200s --clone interleave=true --disabled --force",
			[]string{"+[[resource]]", `+id = "x"`, `+agent = "systemd:u"`, "+[resource.meta]", `+target_role = "stopped"`, "+[resource.clone]",
				"+interleave = true", "+[resource.op.start]", `+timeout = "3m20s"`, "+[resource.op.stop]", `+timeout = "3m20s"`}},
		{"resource create x systemd:u --group nova", []string{"+[[resource]]", `+id = "x"`, `+agent = "systemd:u"`, `-members = ["api", "sched"]`, `+members = ["api", "sched", "x"]`}},
		{"resource create x systemd:u --group=new", []string{"+[[resource]]", `+id = "x"`, `+agent = "systemd:u"`, "+[[group]]", `+id = "new"`, `+members = ["x"]`}},
		{"resource create x systemd:u --group nova --before sched", []string{"+[[resource]]", `+id = "x"`, `+agent = "systemd:u"`, `-members = ["api", "sched"]`, `+members = ["api", "x", "sched"]`}},
		{"resource create c ocf:pacemaker:remote reconnect_interval=60 op monitor interval=20",
			[]string{"+[[resource]]", `+id = "c"`, `+agent = "ocf:pacemaker:remote"`, "+params = { reconnect_interval = 60 }", "+[resource.op.monitor]", `+interval = "20s"`}},
		{"resource create fs Filesystem device=srv:/glance directory=/var/lib/glance fstype=nfs options=v3 --clone",
			[]string{"+[[resource]]", `+id = "fs"`, `+agent = "Filesystem"`, "+[resource.params]", `+device = "srv:/glance"`, `+directory = "/var/lib/glance"`,
				`+fstype = "nfs"`, `+options = "v3"`, "+[resource.clone]"}},
		{"resource create g galera enable_creation=true wsrep_cluster_address=gcomm://a,b additional_parameters=--open-files-limit=16384 meta master-max=3 ordered=true op promote timeout=300s on-fail=block --master",
			[]string{"+[[resource]]", `+id = "g"`, `+agent = "galera"`,
				`+[resource.params]`, `+additional_parameters = "--open-files-limit=16384"`, `+enable_creation = true`, `+wsrep_cluster_address = "gcomm://a,b"`,
				"+[resource.clone]", "+promotable = true", "+promoted_max = 3", "+ordered = true", "+[resource.op.promote]", `+timeout = "5m"`, `+on_fail = "block"`}},
		{`resource create r rabbitmq-cluster set_policy='ha-all ^(?!amq\.).* {"ha-mode":"all"}' meta notify=true --clone ordered=true interleave=true`,
			[]string{"+[[resource]]", `+id = "r"`, `+agent = "rabbitmq-cluster"`, `+params = { set_policy = 'ha-all ^(?!amq\.).* {"ha-mode":"all"}' }`,
				"+[resource.clone]", "+interleave = true", "+ordered = true", "+notify = true"}},
		{"resource create redis redis wait_last_known_master=true --master meta notify=true ordered=true interleave=true",
			[]string{"+[[resource]]", `+id = "redis"`, `+agent = "redis"`, "+params = { wait_last_known_master = true }", "+[resource.clone]",
				"+promotable = true", "+interleave = true", "+ordered = true", "+notify = true"}},
		{"resource create n ocf:neutron:NeutronScale --clone globally-unique=true clone-max=3 interleave=true",
			[]string{"+[[resource]]", `+id = "n"`, `+agent = "ocf:neutron:NeutronScale"`, "+[resource.clone]", "+clone_max = 3", "+globally_unique = true", "+interleave = true"}},
		{"resource create e ocf:openstack:NovaEvacuate auth_url=http://10.0.0.1:5000/v2.0?a=b op monitor interval=10s timeout=600s monitor interval=20s",
			[]string{"+[[resource]]", `+id = "e"`, `+agent = "ocf:openstack:NovaEvacuate"`, `+params = { auth_url = "http://10.0.0.1:5000/v2.0?a=b" }`,
				"+[[resource.op.monitor]]", `+interval = "10s"`, `+timeout = "10m"`, "+[[resource.op.monitor]]", `+interval = "20s"`}},
		{"resource create x vip clone meta resource-stickiness=INFINITY is-managed=no",
			[]string{"+[[resource]]", `+id = "x"`, `+agent = "vip"`, "+[resource.meta]", "+managed = false", `+resource_stickiness = "INFINITY"`, "+[resource.clone]"}},
		// Changes.
		{"resource update vip address=192.0.2.8/24 nic= meta target-role=Stopped failure-timeout=60",
			[]string{`-params = { address = "192.0.2.9/24", nic = "eth0" }`, `+params = { address = "192.0.2.8/24" }`, "+[resource.meta]", `+target_role = "stopped"`, `+failure_timeout = "1m"`}},
		{"resource update api op start timeout=200s op monitor interval=5s op monitor interval=30s role=Started",
			[]string{`-timeout = "20s"`, "-[resource.op.monitor]", `-interval = "10s"`, `+timeout = "3m20s"`,
				"+[[resource.op.monitor]]", `+interval = "5s"`, "+[[resource.op.monitor]]", `+interval = "30s"`, `+role = "started"`}},
		{"resource update api op monitor timeout=9s op start timeout=", []string{"-[resource.op.start]", `-timeout = "20s"`, `+timeout = "9s"`}},
		{"resource update api op monitor OCF_CHECK_LEVEL=10", []string{"+params = { OCF_CHECK_LEVEL = 10 }"}},
		{"resource update galera-master meta master-max=2", []string{"+promoted_max = 2"}},
		{"resource update nova meta priority=10", []string{"+[group.meta]", "+priority = 10"}},
		{"resource disable nova vip", []string{"+[resource.meta]", `+target_role = "stopped"`, "+[group.meta]", `+target_role = "stopped"`}},
		{"resource meta vip priority=5", []string{"+[resource.meta]", "+priority = 5"}},
		{"resource enable vip", nil},
		{"resource clone vip globally-unique=true clone-node-max=2 target-role=Stopped", []string{"+[resource.meta]", `+target_role = "stopped"`, "+[resource.clone]", "+clone_node_max = 2", "+globally_unique = true"}},
		{"resource promotable haproxy-clone promoted-max=2", []string{"+promotable = true", "+promoted_max = 2"}},
		{"resource unclone haproxy-clone", []string{"-[resource.clone]"}},
		{"resource delete sched cascade", []string{"-[[resource]]", `-id = "sched"`, `-agent = "systemd:nova-scheduler"`, `-members = ["api", "sched"]`, `+members = ["api"]`}},
		{"resource delete galera-clone", []string{`-id = "galera"`, `-agent = "galera"`, "-[resource.clone]", "-promotable = true", "-[[resource]]"}},
		{"group add nova vip --before api", []string{`-members = ["api", "sched"]`, `+members = ["vip", "api", "sched"]`}},
		{"group add other sched api", []string{`-id = "nova"`, `-members = ["api", "sched"]`, `+id = "other"`, `+members = ["sched", "api"]`}},
		{"group add nova api --after=sched", []string{`-members = ["api", "sched"]`, `+members = ["sched", "api"]`}},
		{"group remove nova api", []string{`-members = ["api", "sched"]`, `+members = ["sched"]`}},
		{"group remove nova", []string{"-[[group]]", `-id = "nova"`, `-members = ["api", "sched"]`}},
		// Constraints.
		{"constraint order start haproxy-clone then vip require-all=false", []string{"+[[order]]", `+first = "haproxy"`, `+then = "vip"`, "+require_all = false"}},
		{"constraint order start vip then haproxy-clone kind=Optional", []string{`+kind = "optional"`}},
		{"constraint order promote galera-master then haproxy-clone", []string{"+[[order]]", `+first = "galera"`, `+first_action = "promote"`, `+then = "haproxy"`, `+then_action = "start"`}},
		{"constraint order promote galera-master then start vip id=o1 symmetrical=false",
			[]string{"+[[order]]", `+id = "o1"`, `+first = "galera"`, `+first_action = "promote"`, `+then = "vip"`, `+then_action = "start"`, "+symmetrical = false"}},
		{"constraint order nova then vip", []string{"+[[order]]", `+first = "nova"`, `+then = "vip"`}},
		{"constraint order remove vip haproxy", []string{"-[[order]]", `-first = "vip"`, `-then = "haproxy"`}},
		{"constraint colocation add haproxy-clone with galera-clone", []string{"+[[colocation]]", `+resource = "haproxy"`, `+with = "galera"`}},
		{"constraint colocation add vip with master galera-master", []string{"+[[colocation]]", `+resource = "vip"`, `+with = "galera"`, `+with_role = "promoted"`}},
		{"constraint colocation add vip with nova -INFINITY node-attribute=rack", []string{"+[[colocation]]", `+resource = "vip"`, `+with = "nova"`, `+score = "-INFINITY"`, `+node_attribute = "rack"`}},
		{"constraint colocation add slave galera with vip score=50", []string{"+[[colocation]]", `+resource = "galera"`, `+role = "started"`, `+with = "vip"`, "+score = 50"}},
		{"constraint colocation remove vip haproxy-clone", []string{"-[[colocation]]", `-resource = "vip"`, `-with = "haproxy"`}},
		{"constraint location galera rule resource-discovery=exclusive score=0 osprole eq compute",
			[]string{"+[[location]]", `+resource = "galera"`, `+rule = "osprole eq compute"`, "+score = 0", `+resource_discovery = "exclusive"`}},
		{`constraint location agent=systemd:* rule 'osprole == "controller"'`,
			[]string{"+[[location]]", `+resources = { agent = "systemd:*" }`, `+rule = 'osprole == "controller"'`, `+score = "INFINITY"`}},
		{"constraint location vip rule score=5 role=master rack eq 'room 1' and cpus gt 4",
			[]string{"+[[location]]", `+resource = "vip"`, `+rule = 'rack eq "room 1" and cpus gt 4'`, "+score = 5", `+role = "promoted"`}},
		{"constraint location vip prefers c0=100 c1", []string{"+score = 100", "+[[location]]", `+resource = "vip"`, `+node = "c1"`}},
		{"constraint location nova avoids c1 c0=7", []string{"+[[location]]", `+resource = "nova"`, `+node = "c1"`, `+score = "-INFINITY"`, "+[[location]]", `+resource = "nova"`, `+node = "c0"`, "+score = -7"}},
		{"constraint remove order-vip-haproxy location-vip-c0", []string{"-[[order]]", `-first = "vip"`, `-then = "haproxy"`, "-[[location]]", `-resource = "vip"`, `-node = "c0"`, `-score = "INFINITY"`}},
		// Cluster.
		{"property set stonith-enabled=false no-quorum-policy=FREEZE", []string{"+[cluster.properties]", `+no_quorum_policy = "freeze"`, "+fencing_enabled = false"}},
		{"property set maintenance-mode=true lease=5s", []string{"+[cluster.properties]", "+maintenance_mode = true", `+lease = "5s"`}},
		{"property unset maintenance-mode", nil},
		{"resource defaults resource-stickiness=INFINITY migration-threshold=INFINITY", []string{"+[defaults.resource]", `+resource_stickiness = "INFINITY"`, "+migration_threshold = 0"}},
		{"op defaults timeout=60 on-fail=block", []string{"+[defaults.op]", `+timeout = "1m"`, `+on_fail = "block"`}},
		{"node attribute c1 osprole=compute rack=", []string{`-attributes = { rack = "a" }`, `+attributes = { osprole = "compute" }`}},
		// Fencing.
		{"fence create bmc-c1 redfish targets=c1 endpoint=https://192.0.2.2 password=secret://bmc level=2 delay=5s",
			[]string{"+[[fence]]", `+id = "bmc-c1"`, `+agent = "redfish"`, `+targets = ["c1"]`, "+level = 2", `+delay = "5s"`, "+[fence.params]", `+endpoint = "https://192.0.2.2"`, `+password = "secret://bmc"`}},
		{"fence create f fence_compute auth-url=http://x:5000/ login=admin passwd=secret://p tenant-name=t domain=d record-only=1 action=off pcmk_host_list='c0 c1' op monitor interval=60 timeout=5 --force",
			[]string{"+[[fence]]", `+id = "f"`, `+agent = "fence_compute"`, `+targets = ["c0", "c1"]`, "+[fence.params]", `+auth_url = "http://x:5000/"`,
				`+domain = "d"`, `+login = "admin"`, `+passwd = "secret://p"`, "+record_only = 1", `+tenant_name = "t"`}},
		{"fence create f fence_apc ipaddr=192.0.2.3 pcmk_host_map=c1:7", []string{"+[[fence]]", `+id = "f"`, `+agent = "fence_apc"`, `+targets = ["c1"]`, "+[fence.host_map]", "+c1 = 7", "+[fence.params]", `+ipaddr = "192.0.2.3"`}},
		{"fence create f fence_apc ipaddr=192.0.2.3 pcmk_host_map=c0:7;c1:8 pcmk_host_argument=port pcmk_delay_base=1s pcmk_delay_max=4s", []string{"+[[fence]]", `+id = "f"`, `+agent = "fence_apc"`, `+targets = ["c0", "c1"]`,
			`+delay = "1s"`, `+delay_max = "4s"`, `+host_param = "port"`, "+[fence.host_map]", "+c0 = 7", "+c1 = 8", "+[fence.params]", `+ipaddr = "192.0.2.3"`}},
		{"fence update bmc-c0 endpoint=https://192.0.2.7 targets=c1", []string{`-targets = ["c0"]`, `+targets = ["c1"]`, `-endpoint = "https://192.0.2.1"`, `+endpoint = "https://192.0.2.7"`}},
		{"fence delete nova", []string{"-[[fence]]", `-id = "nova"`, `-agent = "fence_compute"`, `-targets = ["c0", "c1"]`}},
		{"fence level add 1 c1 bmc-c0,nova", []string{`-targets = ["c0"]`, `+targets = ["c0", "c1"]`, "+level = 1", "+level = 1"}},
		{"fence level add 2 c0 bmc-c0", []string{"+level = 2"}},
		{"constraint order set api sched sequential=false require-all=false set vip setoptions kind=Optional id=o",
			[]string{"+[[order]]", `+id = "o"`, `+kind = "optional"`, "+sets = [", `+  { resources = ["api", "sched"], sequential = false, require_all = false },`, `+  { resources = ["vip"] },`, "+]"}},
		{"constraint colocation add set api sched setoptions score=-5 id=c", []string{"+[[colocation]]", `+id = "c"`, "+score = -5", "+sets = [", `+  { resources = ["api", "sched"] },`, "+]"}},
		{"constraint ticket geo promoted galera-clone loss-policy=Freeze", []string{"+[[ticket]]", `+ticket = "geo"`, `+resource = "galera"`, `+role = "promoted"`, `+loss_policy = "freeze"`}},
		{"constraint ticket set vip api setoptions ticket=geo id=t", []string{"+[[ticket]]", `+id = "t"`, `+ticket = "geo"`, "+sets = [", `+  { resources = ["vip", "api"] },`, "+]"}},
		{"tag create edge vip haproxy", []string{"+[[tag]]", `+id = "edge"`, `+members = ["vip", "haproxy"]`}},
		{"fence level remove 1 c1 nova", []string{`-targets = ["c0", "c1"]`, `+targets = ["c0"]`}},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			def := decode(t, base)
			got, err := run(def, words(c.line))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, changes(def, got)); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
			if diff := cmp.Diff(decode(t, base), def); diff != "" {
				t.Errorf("the definition was changed in place:\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct{ line, want string }{
		{"resource create x", "a resource needs an id and an agent: write ID AGENT [NAME=VALUE...]"},
		{"resource create vip vip", `"vip" is there already: use: belayctl resource update vip`},
		{"resource create x vip adress 192.0.2.1", `unexpected "adress": write NAME=VALUE`},
		{"constraint order set set vip", "a set needs a resource: write set RESOURCE... [NAME=VALUE...]"},
		{"constraint order set vip then=api", `no option of sets is called "then": there are action, require_all, role, score, sequential`},
		{"constraint ticket geo", "a ticket needs its name and a resource: write TICKET [ROLE] RESOURCE"},
		{"constraint ticket remove geo vip", `"vip" is not bound to ticket "geo": see: belayctl constraint list`},
		{"tag create edge", "a tag needs a name and resources: write ID RESOURCE..."},
		{"tag delete edge", `no tag is called "edge"`},
		{"resource create x vip --clon", `unexpected "--clon": did you mean --clone?`},
		{"resource create x vip op", "op needs a name"},
		{"resource create x vip op timeout=5", "op needs a name"},
		{"resource create x vip op strat timeout=5", `no operation is called "strat": did you mean "start"?`},
		{"resource create x vip op start timout=5", `no operation setting is called "timout": did you mean "timeout"?`},
		{"resource create x vip op start timeout=soon", `timeout=soon: duration "soon": write a number with a unit, such as 500ms, 30s or 5m`},
		{"resource create x vip meta target-rol=Stopped", `no meta-attribute is called "target-rol": did you mean "target_role"?`},
		{"resource create x vip meta notify=true", `notify is an option of clones, and "x" is none: add --clone or --promotable`},
		{"resource create x vip --clone --group g", "a member of a group has no clone of its own: clone the group instead"},
		{"resource create x vip --group vip", `"vip" is a resource, not a group`},
		{"resource create x vip --group", "--group needs a name"},
		{"resource create x vip --group nova --after vip", `no member of nova is called "vip": there are api, sched`},
		{"resource create x vip --after api", "--before and --after need --group"},
		{"resource create x vip --clone clone-max=some", `clone-max=some: "some" is not a whole number`},
		{"resource update vpi a=b", `no resource or group is called "vpi": did you mean "vip"?`},
		{"resource update nova a=b", `the group "nova" has meta-attributes only: update its members`},
		{"resource update vip --clone", "update changes settings only: use: belayctl resource group add, or belayctl resource clone"},
		{"resource delete vip", `"vip" is used by order order-vip-haproxy, colocation colocation-vip-haproxy, location location-vip-c0: remove them first, or add --cascade`},
		{"resource delete api", `"api" is used by group nova: remove them first, or add --cascade`},
		{"resource disable galera-slave", `no resource or group is called "galera-slave": did you mean "galera"?`},
		{"resource unclone vip", `"vip" is no clone`},
		{"group add nova haproxy", `"haproxy" is a clone, and members of a group have none of their own: use: belayctl resource unclone haproxy`},
		{"group add nova", "a group needs a name and members: write GROUP ID..."},
		{"group remove nva", `no group is called "nva": did you mean "nova"?`},
		{"constraint order vip haproxy", "an order needs the word then: write [start|promote] A then [start|promote] B"},
		{"constraint order strat vip then haproxy", `no action is called "strat": did you mean "start"?`},
		{"constraint order vip then", `"" is no action and resource: write [start|promote|stop|demote] RESOURCE`},
		{"constraint order vip then haproxy knd=Optional", `no option of orders is called "knd": did you mean "kind"?`},
		{"constraint order remove haproxy vip", `there is no order of "haproxy" and "vip": see: belayctl constraint list`},
		{"constraint colocation add vip haproxy", "a colocation needs the word with: write A with B [SCORE]"},
		{"constraint colocation add vip with mster galera", `unknown role "mster": use stopped, started, unpromoted or promoted`},
		{"constraint location vip likes c0", `no kind of location is called "likes": there are avoids, prefers, rule`},
		{"constraint location vip prefers c9=5", `no node is called "c9": did you mean "c0"?`},
		{"constraint location vip prefers c1=much", `c1=much: score "much" is neither an integer nor INFINITY or -INFINITY`},
		{"constraint location vip rule score=0 osprole = compute", `rule, column 9: unexpected "=": did you mean "=="?, in "osprole = compute"`},
		{"resource meta vip stickines=3", `no meta-attribute is called "stickines": did you mean "stickiness"?`},
		{"constraint remove order-vip-haprox", `no constraint is called "order-vip-haprox": did you mean "order-vip-haproxy"?`},
		{"property set cluster-recheck-interval=1min", `there is no property "cluster-recheck-interval": Belay plans again on every change and needs no interval`},
		{"property set stonith-enabled", `unexpected "stonith-enabled": write NAME=VALUE`},
		{"property set no-quorum-polic=stop", `no property is called "no-quorum-polic": did you mean "no_quorum_policy"?`},
		{"node attribute c3 a=b", `no node is called "c3": did you mean "c0"?`},
		{"fence create f fence_apc pcmk_host_map=c0:1;c1", `pcmk_host_map=c0:1;c1: "c1" does not give a node its value: write NODE:VALUE;NODE:VALUE`},
		{"fence create f fence_apc pcmk_host_map=c0:1;c0:2", `pcmk_host_map=c0:1;c0:2: node "c0" is mapped twice`},
		{"fence create f redfish pcmk_reboot_action=off", "pcmk_reboot_action is not known here: use targets=, level=, delay=, delay_max=, host_map= and timeout="},
		{"fence create f redfish --clone", "a fence device is no resource: it has no meta-attributes, clone or group: write NAME=VALUE"},
		{"fence update bmc-c1 a=b", `no fence device is called "bmc-c1": did you mean "bmc-c0"?`},
		{"fence level add 2 c0 nova", `"nova" has level 1 for c1 too: make a device of its own for each level`},
		{"fence level add 0 c0 nova", `the level "0" is not from 1 to 9`},
		{"fence level remove 2 c0", `no device fences "c0" at level 2: see: belayctl fence list`},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			_, err := run(decode(t, base), words(c.line))
			var refusal *edit.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got %T %v, want *edit.Error", err, err)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

// The imperative form and the file must mean the same.
func TestCreateEqualsFile(t *testing.T) {
	got, err := edit.CreateResource(&resources.Definition{}, words("galera galera enable_creation=true meta master-max=3 op promote timeout=300s on-fail=block --master interleave=true"))
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, `
[[resource]]
id = "galera"
agent = "galera"
[resource.params]
enable_creation = true
[resource.clone]
promotable = true
promoted_max = 3
interleave = true
[resource.op.promote]
timeout = "300s"
on_fail = "block"
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func FuzzCreateResource(f *testing.F) {
	f.Add("id\nvip\na=b\nop\nmonitor\ninterval=5s\nmeta\ntarget-role=Stopped\n--clone\ninterleave=true")
	f.Add("id\nx\n--group\ng\n--disabled\nk=v=w x {\"a\":1}")
	f.Add("id\nx\nop\nstart\ntimeout=1\nmonitor\nrole=Master\n--master\nmaster-max=3")
	f.Fuzz(func(t *testing.T, text string) {
		def, err := edit.CreateResource(&resources.Definition{}, strings.Split(text, "\n"))
		if err != nil {
			var refusal *edit.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got %T %v", err, err)
			}
			return
		}
		if len(def.Resources) != 1 || string(def.Resources[0].ID) != strings.Split(text, "\n")[0] {
			t.Fatalf("made %+v", def.Resources)
		}
	})
}
