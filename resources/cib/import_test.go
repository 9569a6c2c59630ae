package cib_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/cib"
	"github.com/belay-ha/belay/resources/definition"
)

// around makes a CIB of what stands in its configuration.
func around(options, resources, constraints string) string {
	return `<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="options">` + options + `</cluster_property_set></crm_config>
<nodes><node id="1" uname="alpha"><instance_attributes id="a1"><nvpair id="a1r" name="rack" value="7"/></instance_attributes></node><node id="2" uname="beta"/></nodes>
<resources>` + resources + `</resources>
<constraints>` + constraints + `</constraints>
</configuration><status/></cib>`
}

func dummy(id, inside string) string {
	return `<primitive id="` + id + `" class="systemd" type="` + id + `">` + inside + `</primitive>`
}

// TestImport tells what becomes of each thing, in the definition's own text.
func TestImport(t *testing.T) {
	web, db := dummy("web", ""), dummy("db", "")
	cases := []struct {
		name, options, resources, constraints string
		want                                  string // in the definition
		note                                  string // among the notes
	}{
		{"options", `<nvpair id="o1" name="no-quorum-policy" value="freeze"/><nvpair id="o2" name="symmetric-cluster" value="no"/>`, web, "",
			"no_quorum_policy = \"freeze\"\nsymmetric_cluster = false", ""},
		{"node attributes", "", web, "", "name = \"alpha\"\nattributes = { rack = 7 }", ""},
		{"a unit", "", web, "", "id = \"web\"\nagent = \"systemd:web\"", ""},
		{"an unknown agent", "", `<primitive id="fs" class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="p"><nvpair id="p1" name="device" value="/dev/sda"/></instance_attributes></primitive>`, "",
			"agent = \"ocf:heartbeat:Filesystem\"\nparams = { device = \"/dev/sda\" }", "ocf:heartbeat:Filesystem runs as it is"},
		{"an address", "", `<primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="p"><nvpair id="p1" name="ip" value="192.0.2.7"/><nvpair id="p2" name="cidr_netmask" value="24"/></instance_attributes></primitive>`, "",
			"agent = \"vip\"\nparams = { address = \"192.0.2.7/24\" }", ""},
		{"a password", "", `<primitive id="db" class="ocf" provider="heartbeat" type="galera"><instance_attributes id="p"><nvpair id="p1" name="check_passwd" value="hunter2"/></instance_attributes></primitive>`, "",
			`check_password = "secret://db-check_password"`, "belayctl secret set db-check_password"},
		{"a clone is one with its resource", "", `<clone id="all"><meta_attributes id="m"><nvpair id="m1" name="interleave" value="true"/><nvpair id="m2" name="is-managed" value="false"/></meta_attributes>` + web + `</clone>` + db,
			`<rsc_colocation id="c" rsc="db" with-rsc="all" score="10"/>`,
			"[resource.meta]\nmanaged = false\n[resource.clone]\ninterleave = true", ""},
		{"constraints name it", "", `<clone id="all">` + web + `</clone>` + db, `<rsc_colocation id="c" rsc="db" with-rsc="all" score="10"/>`,
			"resource = \"db\"\nwith = \"web\"\nscore = 10", ""},
		{"meta-attributes", "", dummy("web", `<meta_attributes id="m"><nvpair id="m1" name="migration-threshold" value="INFINITY"/><nvpair id="m2" name="failure-timeout" value="PT5M"/></meta_attributes>`), "",
			"migration_threshold = 0\nfailure_timeout = \"5m\"", ""},
		{"a bundle", "", `<bundle id="b"><meta_attributes id="bm"><nvpair id="bm1" name="container-attribute-target" value="host"/></meta_attributes><podman image="img" replicas="3" promoted-max="1" network="host" run-command="/run"/><network ip-range-start="192.0.2.9" host-netmask="24"><port-mapping id="pm" port="80" internal-port="8080"/></network><storage><storage-mapping id="sm" source-dir-root="/var/log/b" target-dir="/var/log" options="rw"/></storage>` + db + `</bundle>`, `<rsc_location id="l" rsc="b" node="alpha" score="5"/>`,
			"[[bundle]]\nid = \"b\"\nimage = \"img\"\npull = \"missing\"\nreplicas = 3\npromoted_max = 1\nrun_command = \"/run\"\nnetwork = \"host\"\nip_range_start = \"192.0.2.9\"\nhost_netmask = 24\nresource = \"db\"\n[bundle.meta]\ncontainer_attribute_target = \"host\"\n[[bundle.port]]\nport = 80\ninternal_port = 8080\n[[bundle.storage]]\nsource_root = \"/var/log/b\"\ntarget = \"/var/log\"\noptions = \"rw\"", "manages nothing inside of containers"},
		{"a template makes no guest", "", `<template id="t" class="systemd" type="vm"><meta_attributes id="m"><nvpair id="x" name="remote-node" value="guest"/><nvpair id="y" name="priority" value="3"/></meta_attributes></template><primitive id="vm" template="t"/>`, "",
			"agent = \"systemd:vm\"\n[resource.meta]\npriority = 3\n", ""},
		{"a guest", "", dummy("vm", `<meta_attributes id="m"><nvpair id="x" name="remote-node" value="guest"/><nvpair id="y" name="remote-addr" value="192.0.2.60"/></meta_attributes>`) + web, `<rsc_location id="l" rsc="web" node="guest" score="5"/>`,
			"[resource.meta]\nremote_node = \"guest\"", "install belayd in the guest"},
		{"a remote node", "", web + `<primitive id="far" class="ocf" provider="pacemaker" type="remote"><instance_attributes id="p"><nvpair id="p1" name="server" value="192.0.2.50"/></instance_attributes></primitive>`, `<rsc_order id="o" first="far" then="web"/>`,
			"name = \"far\"\nkind = \"remote\"\naddress = \"192.0.2.50\"", "install belayd there"},
		{"live migration", "", dummy("web", `<meta_attributes id="m"><nvpair id="x" name="allow-migrate" value="true"/></meta_attributes><operations><op id="mt" name="migrate_to" interval="0" timeout="300s"/></operations>`), "",
			"[resource.meta]\nallow_migrate = true\n[resource.op.migrate_to]\ntimeout = \"5m\"", ""},
		{"operations", "", dummy("web", `<operations><op id="m" name="monitor" interval="10s" timeout="20" on-fail="standby"/><op id="s" name="start" interval="0" timeout="2min"/></operations>`), "",
			"[resource.op.monitor]\ninterval = \"10s\"\ntimeout = \"20s\"\non_fail = \"standby\"\n[resource.op.start]\ntimeout = \"2m\"", ""},
		{"a rule", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score="INFINITY" boolean-op="or"><expression id="e1" attribute="rack" operation="gt" type="integer" value="3"/><rule id="r2" score="0"><expression id="e2" attribute="spare" operation="not_defined"/><expression id="e3" attribute="#uname" operation="ne" value="beta"/></rule></rule></rsc_location>`,
			`rule = 'rack > integer "3" or (not_defined spare and #uname != "beta")'`, ""},
		{"dates", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score="3" boolean-op="or"><date_expression id="d1" operation="in_range" start="2026-01-31"><duration id="du" months="1"/></date_expression><date_expression id="d2" operation="gt" start="2027-01-01 12:00:00 +02:00"/></rule></rsc_location>`,
			`rule = "(date >= 2026-01-31T00:00:00Z and date <= 2026-02-28T00:00:00Z) or date > 2027-01-01T10:00:00Z"`, ""},
		{"a date_spec", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score="3"><date_expression id="d" operation="date_spec"><date_spec id="ds" hours="9-16" weekdays="1-5"/></date_expression></rule></rsc_location>`,
			`rule = 'date in "weekdays=1-5 hours=9-16"'`, ""},
		{"a set of colocations", "", dummy("a", "") + dummy("b", "") + dummy("c", ""), `<rsc_colocation id="together" score="5"><resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/><resource_ref id="c"/></resource_set></rsc_colocation>`,
			"id = \"together\"\nscore = 5\nsets = [\n  { resources = [\"a\", \"b\", \"c\"] },\n]", ""},
		{"two sets in order", "", dummy("a", "") + dummy("b", "") + dummy("c", ""), `<rsc_order id="o" kind="Optional"><resource_set id="s1" sequential="false"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="s2" action="start"><resource_ref id="c"/></resource_set></rsc_order>`,
			"kind = \"optional\"\nsets = [\n  { resources = [\"a\", \"b\"], sequential = false },\n  { resources = [\"c\"], action = \"start\" },\n]", ""},
		{"any one of a set", "", dummy("a", "") + dummy("b", "") + dummy("c", ""), `<rsc_order id="o"><resource_set id="s1" sequential="false" require-all="false"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="s2"><resource_ref id="c"/></resource_set></rsc_order>`,
			"{ resources = [\"a\", \"b\"], sequential = false, require_all = false },", ""},
		{"a set with a kind of its own", "", dummy("a", "") + dummy("b", "") + dummy("c", ""), `<rsc_order id="o"><resource_set id="s1" kind="Serialize"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="s2"><resource_ref id="c"/></resource_set></rsc_order>`,
			"id = \"o-2\"\nkind = \"serialize\"\nsets = [\n  { resources = [\"a\", \"b\"] },", ""},
		{"sets that have nothing to do with each other", "", dummy("a", "") + dummy("b", "") + dummy("c", "") + dummy("d", ""), `<rsc_colocation id="o" score="0"><resource_set id="s1" score="3"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="s2" score="-4"><resource_ref id="c"/><resource_ref id="d"/></resource_set></rsc_colocation>`,
			"id = \"o-2\"\nscore = -4\nsets = [\n  { resources = [\"c\", \"d\"] },", ""},
		{"a score from an attribute", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score-attribute="pingd"><expression id="e" attribute="pingd" operation="defined"/></rule></rsc_location>`,
			"rule = \"defined pingd\"\nscore_attribute = \"pingd\"", ""},
		{"rules that ask for the leader and for ids", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score="5"><expression id="e" attribute="#is_dc" operation="eq" value="false"/><expression id="e2" attribute="#id" operation="defined"/></rule></rsc_location>`,
			"rule = '#is_dc == \"false\" and defined #uname'", ""},
		{"a monitor that begins later", "", dummy("web", `<operations><op id="m" name="monitor" interval="10s" start-delay="30"/></operations>`), "", "interval = \"10s\"\nstart_delay = \"30s\"", ""},
		{"a ticket", "", web + db, `<rsc_ticket id="t" rsc="web" ticket="geo" loss-policy="fence"/>`, "[[ticket]]\nid = \"t\"\nticket = \"geo\"\nresource = \"web\"\nloss_policy = \"fence\"", ""},
		{"sets that need a ticket", "", web + db, `<rsc_ticket id="t" ticket="geo"><resource_set id="s"><resource_ref id="web"/><resource_ref id="db"/></resource_set></rsc_ticket>`,
			"ticket = \"geo\"\nsets = [\n  { resources = [\"web\", \"db\"] },", ""},
		{"locations of a set", "", web + db, `<rsc_location id="l" node="beta" score="7"><resource_set id="s"><resource_ref id="web"/><resource_ref id="db"/></resource_set></rsc_location>`,
			"id = \"l\"\nsets = [\n  { resources = [\"web\", \"db\"] },\n]\nnode = \"beta\"\nscore = 7", ""},
		{"a pattern", "", dummy("web1", "") + dummy("web2", "") + db, `<rsc_location id="l" rsc-pattern="^web" node="beta" score="7"/>`,
			"resources = { id = \"^web\" }\nnode = \"beta\"\nscore = 7", ""},
		{"a pattern for a clone's name", "", `<clone id="web-all">` + web + `</clone>` + db, `<rsc_location id="l" rsc-pattern="all$" node="beta" score="7"/>`,
			"resource = \"web\"\nnode = \"beta\"\nscore = 7", "match rsc-pattern now: 1"},
		{"a fence device for each plug", "", web + `<primitive id="pdu" class="stonith" type="fence_apc"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_map" value="alpha:3;beta:4"/><nvpair id="p2" name="ipaddr" value="192.0.2.9"/></instance_attributes></primitive>`, "",
			"id = \"pdu-beta\"\nagent = \"fence_apc\"\ntargets = [\"beta\"]\n[fence.params]\nipaddr = \"192.0.2.9\"\nport = 4", ""},
		{"a fence plugin", "", web + `<primitive id="f" class="stonith" type="external/ssh"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_list" value="alpha"/></instance_attributes></primitive>`, "",
			"id = \"f\"\nagent = \"stonith:external/ssh\"\ntargets = [\"alpha\"]", "Belay cannot run external/ssh"},
		{"a fence device for whoever it lists", "", web + `<primitive id="f" class="stonith" type="fence_apc"/>`, "",
			"id = \"f\"\nagent = \"fence_apc\"\n", "does not say which nodes it switches"},
		{"an order with a fence device", "", web + `<primitive id="f" class="stonith" type="fence_apc"/>`, `<rsc_order id="o" first="f" then="web"/>`,
			"id = \"web\"", "every member can always use"},
		{"levels by pattern", "", web + `<primitive id="f" class="stonith" type="fence_apc"/>`, `</constraints><fencing-topology><fencing-level id="fl" target-pattern="^a" index="2" devices="f"/></fencing-topology><constraints>`,
			"id = \"f-level2\"\nagent = \"fence_apc\"\ntargets = [\"alpha\"]\nlevel = 2", "for each node that it is for now: 1"},
		{"levels by attribute", "", web + `<primitive id="f" class="stonith" type="fence_apc"/>`, `</constraints><fencing-topology><fencing-level id="fl" target-attribute="rack" target-value="7" index="1" devices="f"/></fencing-topology><constraints>`,
			"id = \"f\"\nagent = \"fence_apc\"\ntargets = [\"alpha\"]", ""},
		{"a device that listens for crashed kernels", "", web + `<primitive id="dump" class="stonith" type="fence_kdump"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_list" value="alpha beta"/><nvpair id="p2" name="timeout" value="30"/><nvpair id="p3" name="ipport" value="7411"/></instance_attributes></primitive>`, "",
			"id = \"dump-beta\"\nagent = \"kdump\"\ntargets = [\"beta\"]\n[fence.params]\naddress = \"beta\"\nport = 7411\ntimeout = \"30s\"\n", ""},
		{"a device that cuts nodes off", "", web + `<primitive id="scsi" class="stonith" type="fence_scsi"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_list" value="alpha"/><nvpair id="p2" name="pcmk_reboot_action" value="off"/></instance_attributes><meta_attributes id="m"><nvpair id="m1" name="provides" value="unfencing"/></meta_attributes></primitive>`, "",
			"id = \"scsi\"\nagent = \"fence_scsi\"\ntargets = [\"alpha\"]\nprovides = \"unfencing\"\n", "which Pacemaker takes for dead"},
		{"what requires unfencing", "", dummy("web", `<meta_attributes id="m"><nvpair id="m1" name="requires" value="unfencing"/></meta_attributes>`), "", "requires = \"unfencing\"", ""},
		{"delays of a fence device", "", web + `<primitive id="pdu" class="stonith" type="fence_apc"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_list" value="alpha,beta"/><nvpair id="p2" name="pcmk_delay_base" value="alpha:0;beta:3s"/><nvpair id="p3" name="pcmk_delay_max" value="10"/></instance_attributes></primitive>`, "",
			"targets = [\"beta\"]\ndelay = \"3s\"\ndelay_max = \"10s\"\n", ""},
		{"parameters of a group", "", `<group id="g"><instance_attributes id="gi"><nvpair id="gi1" name="device" value="/dev/sda"/><nvpair id="gi2" name="fstype" value="xfs"/></instance_attributes>` +
			`<primitive id="fs" class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="p"><nvpair id="p1" name="device" value="/dev/sdb"/></instance_attributes></primitive></group>`, "",
			"params = { device = \"/dev/sdb\", fstype = \"xfs\" }", ""},
		{"several copies on a node", "", `<clone id="c"><meta_attributes id="m"><nvpair id="m1" name="clone-node-max" value="2"/></meta_attributes>` + web + `</clone>`, "",
			"clone_node_max = 2\nglobally_unique = true", ""},
		{"copies that are not told apart", "", `<clone id="c"><meta_attributes id="m"><nvpair id="m1" name="clone-node-max" value="2"/><nvpair id="m2" name="globally-unique" value="false"/></meta_attributes>` + web + `</clone>`, "",
			"[resource.clone]\n", "one copy on a node"},
		{"more promoted copies than copies", "", `<clone id="c"><meta_attributes id="m"><nvpair id="m1" name="promotable" value="true"/><nvpair id="m2" name="promoted-max" value="2"/><nvpair id="m3" name="promoted-node-max" value="2"/></meta_attributes>` + web + `</clone>`, "",
			"promoted_max = 2\npromoted_node_max = 1\n", "no more promoted copies"},
		{"an operation twice", "", dummy("web", `<operations><op id="a" name="start" interval="0" timeout="30s"/><op id="b" name="start" interval="0" timeout="40s"/></operations>`), "",
			"[resource.op.start]\ntimeout = \"30s\"", "the first holds"},
		{"a time that is none", "", dummy("web", `<operations><op id="a" name="start" interval="0" timeout="soon"/></operations>`), "", "[resource.op.start]\n", "is no length of time"},
		{"options by rule that decide nothing", `</cluster_property_set><cluster_property_set id="night" score="3"><rule id="nr" score="0"><date_expression id="nd" operation="date_spec"><date_spec id="ns" hours="1-5"/></date_expression></rule><nvpair id="n1" name="cluster-delay" value="9s"/>`, web, "", `id = "web"`, "Belay does this by itself"},
		{"ids compared", "", web, `<rsc_location id="l" rsc="web"><rule id="r" score="5"><expression id="e" attribute="#id" operation="lt" value="3"/><expression id="e2" attribute="#id" operation="gt" value="1"/></rule></rsc_location>`,
			`rule = '(#uname == "alpha" or #uname == "beta") and #uname == "beta"'`, ""},
		{"a bundle that says that it promotes nothing", "", `<bundle id="b"><podman image="img" promoted-max="3"/></bundle>`, "", "image = \"img\"\npull = \"missing\"\nreplicas = 3\n", "promotes nothing"},
		{"a resource in a container", "", dummy("box", "") + dummy("web", `<meta_attributes id="m"><nvpair id="x" name="container" value="box"/></meta_attributes>`), "",
			"[[colocation]]\nid = \"web-in-box\"\nresource = \"web\"\nwith = \"box\"", "and not its container"},
		{"where a remote node is connected", "", web + `<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>`, `<rsc_location id="l" rsc="far" node="beta" score="-INFINITY"/>`,
			"resource = \"far\"\nnode = \"beta\"\nscore = \"-INFINITY\"", ""},
		{"a colocation of fence devices", "", web + `<primitive id="f" class="stonith" type="fence_apc"/><primitive id="g" class="stonith" type="fence_apc"/>`, `<rsc_colocation id="c" rsc="f" with-rsc="g" score="-INFINITY"/>`, `id = "web"`, "fence devices alone"},
		{"an option that schemas no longer have", `<nvpair id="o1" name="is-managed-default" value="false"/>`, web, "", "id = \"web\"\nagent = \"systemd:web\"\n", "none that Pacemaker's scheduler knows"},
		{"a score with more than digits", "", dummy("web", `<meta_attributes id="m"><nvpair id="m1" name="priority" value="2.0"/></meta_attributes>`), "", "priority = 2", "is read as 2"},
		{"a resource that does not exist", "", web, `<rsc_location id="l" rsc="gone" node="beta" score="7"/>`, `id = "web"`, `"gone", which does not exist`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			found, err := cib.Import(strings.NewReader(around(tc.options, tc.resources, tc.constraints)), "c.xml")
			if err != nil {
				t.Fatal(err)
			}
			text := string(definition.Encode(found.Definition))
			if !strings.Contains(text, tc.want) || len(found.Left) > 0 {
				t.Errorf("got\n%s\nleft out %v\nwant\n%s", text, found.Left, tc.want)
			}
			if notes := lines(found.Notes); !strings.Contains(notes, tc.note) {
				t.Errorf("notes %q, want %q", notes, tc.note)
			}
		})
	}
}

// TestImportBounds: a short file does not become a long definition.
func TestImportBounds(t *testing.T) {
	var many, refs strings.Builder
	for i := range 1000 {
		id := fmt.Sprintf("r%d", i)
		many.WriteString(dummy(id, ""))
		refs.WriteString(`<resource_ref id="` + id + `"/>`)
	}
	set := func(id string) string {
		return `<resource_set id="` + id + `" sequential="false">` + refs.String() + `</resource_set>`
	}
	found, err := cib.Import(strings.NewReader(around("", many.String(), `<rsc_order id="o">`+set("s1")+set("s2")+`</rsc_order>`)), "c.xml")
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Definition.Orders) > 0 || !strings.Contains(lines(found.Left), "stand for more than") {
		t.Errorf("%d orders, left out %v", len(found.Definition.Orders), found.Left)
	}
}

// TestImportTorn imports what is left of a CIB when a piece is cut out of it.
func TestImportTorn(t *testing.T) {
	text := around(`<nvpair id="o1" name="no-quorum-policy" value="freeze"/>`,
		`<clone id="all">`+dummy("web", `<operations><op id="m" name="monitor" interval="10s"/></operations>`)+`</clone><group id="g">`+dummy("a", "")+dummy("b", "")+`</group>`+
			`<primitive id="f" class="stonith" type="fence_apc"><instance_attributes id="p"><nvpair id="p1" name="pcmk_host_map" value="alpha:3;beta:4"/></instance_attributes></primitive>`,
		`<rsc_location id="l" rsc="all"><rule id="r" score="1"><expression id="e" attribute="rack" operation="eq" value="7"/></rule></rsc_location>`+
			`<rsc_order id="o"><resource_set id="s"><resource_ref id="a"/><resource_ref id="all"/></resource_set></rsc_order>`)
	for from := 0; from < len(text); from += 3 {
		for _, length := range []int{1, 9, 40} {
			torn := text[:from] + text[min(from+length, len(text)):]
			found, err := cib.Import(strings.NewReader(torn), "c.xml")
			if err != nil {
				continue
			}
			if problems := resources.Validate(found.Definition, resources.AgentTable{}, resources.FenceTable{}.WithForeign()); len(problems) > 0 {
				t.Fatalf("%v in the import of\n%s", problems, torn)
			}
		}
	}
}

func lines(problems []cib.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return strings.Join(all, "\n")
}

// TestImportLeaves tells what a definition cannot say, each with its place.
func TestImportLeaves(t *testing.T) {
	web := dummy("web", "")
	for want, config := range map[string][3]string{
		`role Unpromoted`:                          {"", web + dummy("db", ""), `<rsc_colocation id="c" rsc="web" with-rsc="db" with-rsc-role="Unpromoted" score="1"/>`},
		`one copy of "web"`:                        {"", `<clone id="all">` + web + `</clone>`, `<rsc_location id="l" rsc="web:1" node="beta" score="1"/>`},
		`the connection of a remote node that`:     {"", web + `<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>`, `<rsc_colocation id="c" rsc="web" with-rsc="far" score="1"/>`},
		`"f", a fence device that`:                 {"", web + `<primitive id="f" class="stonith" type="fence_apc"/>`, `<rsc_colocation id="c" rsc="web" with-rsc="f" score="1"/>`},
		`"f", a stopped fence device that`:         {"", web + `<primitive id="f" class="stonith" type="fence_apc"><meta_attributes id="m"><nvpair id="x" name="target-role" value="Stopped"/></meta_attributes></primitive>`, `<rsc_order id="o" first="f" then="web"/>`},
		`enable-startup-probes "false"`:            {`<nvpair id="o" name="enable-startup-probes" value="false"/>`, web, ""},
		`c.xml:5:56: order[o2]: these orders wait`: {"", web + dummy("db", ""), `<rsc_order id="o1" first="web" then="db"/><rsc_order id="o2" first="db" then="web"/>`},
	} {
		found, err := cib.Import(strings.NewReader(around(config[0], config[1], config[2])), "c.xml")
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if left := lines(found.Left); !strings.Contains(left, want) {
			t.Errorf("left out %q, want %q", left, want)
		}
	}
}
