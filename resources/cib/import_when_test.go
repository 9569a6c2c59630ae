package cib_test

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources/cib"
	"github.com/belay-ha/belay/resources/definition"
)

const (
	byNode  = `<rule id="r" score="INFINITY"><expression id="e" attribute="#uname" operation="eq" value="beta"/></rule>`
	byDate  = `<rule id="r" score="INFINITY"><date_expression id="e" operation="lt" end="2030-01-01T00:00:00Z"/></rule>`
	byAgent = `<rule id="r" score="INFINITY"><rsc_expression id="e" class="systemd"/></rule>`
	byOp    = `<rule id="r" score="INFINITY"><op_expression id="e" name="monitor" interval="10s"/></rule>`
)

func pair(name, value string) string {
	return `<nvpair id="x-` + name + `-` + value + `" name="` + name + `" value="` + value + `"/>`
}

// TestImportByRule: values by rule come in the order of their scores, and not where a
// constant one comes before.
func TestImportByRule(t *testing.T) {
	ip := func(sets string) string {
		return `<primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="p" score="5">` + pair("ip", "192.0.2.7") + pair("cidr_netmask", "24") + pair("nic", "eth0") + `</instance_attributes>` + sets + `</primitive>`
	}
	for name, tc := range map[string]struct{ options, resources, constraints, defaults, want, left string }{
		"a parameter by node": {"", ip(`<instance_attributes id="q" score="9">` + byNode + pair("nic", "eth1") + `</instance_attributes>`), "", "",
			"[[resource.when]]\nrule = '#uname == \"beta\"'\nparams = { interface = \"eth1\" }\n", ""},
		"below a constant one": {"", ip(`<instance_attributes id="q" score="2">` + byNode + pair("nic", "eth1") + `</instance_attributes>`), "", "",
			"params = { address = \"192.0.2.7/24\", interface = \"eth0\" }\n", ""},
		"meta by date": {"", dummy("web", `<meta_attributes id="m">`+byDate+pair("is-managed", "false")+`</meta_attributes>`), "", "",
			"[[resource.when]]\nrule = \"date < 2030-01-01T00:00:00Z\"\n[resource.when.meta]\nmanaged = false\n", ""},
		"meta by node": {"", dummy("web", `<meta_attributes id="m">`+byNode+pair("is-managed", "false")+`</meta_attributes>`), "", "",
			"id = \"web\"", `the values of "m" hold by a rule about more than the time`},
		"an operation by date": {"", dummy("web", `<operations><op id="o" name="monitor" interval="10s" timeout="9s"><meta_attributes id="m">`+byDate+pair("on-fail", "ignore")+pair("timeout", "3s")+`</meta_attributes></op></operations>`), "", "",
			"[[resource.when]]\nrule = \"date < 2030-01-01T00:00:00Z\"\n[resource.when.op.monitor]\ninterval = \"10s\"\non_fail = \"ignore\"\n", ""},
		"a property": {"</cluster_property_set><cluster_property_set id=\"s2\">" + byDate + pair("maintenance-mode", "true"), dummy("web", ""), "", "",
			"[[cluster.when]]\nrule = \"date < 2030-01-01T00:00:00Z\"\n[cluster.when.properties]\nmaintenance_mode = true\n", ""},
		"another property": {"</cluster_property_set><cluster_property_set id=\"s2\">" + byDate + pair("no-quorum-policy", "freeze"), dummy("web", ""), "", "",
			"id = \"web\"", "cluster option no-quorum-policy by a rule cannot be represented"},
		"defaults by agent": {"", dummy("web", "") + ip(""), "", `<rsc_defaults><meta_attributes id="d">` + byAgent + pair("priority", "3") + `</meta_attributes></rsc_defaults>`,
			"[[defaults.when]]\nrule = 'agent in \"systemd:*\"'\n[defaults.when.resource]\npriority = 3\n", ""},
		"defaults by operation": {"", dummy("web", ""), "", `<op_defaults><meta_attributes id="d">` + byOp + pair("timeout", "3s") + `</meta_attributes></op_defaults>`,
			"[[defaults.when]]\nrule = 'op in \"monitor/10s\"'\n[defaults.when.op]\ntimeout = \"3s\"\n", ""},
		"a parameter in a rule": {"", `<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/>`,
			`<rsc_location id="l" rsc="d"><rule id="r" score="1"><expression id="e" attribute="rack" operation="eq" value="state" value-source="param"/></rule></rsc_location>`, "",
			"rule = 'rack == param \"state\"'", ""},
		"a parameter that Belay calls otherwise": {"", ip(""),
			`<rsc_location id="l" rsc="ip"><rule id="r" score="1"><expression id="e" attribute="rack" operation="eq" value="nic" value-source="param"/></rule></rsc_location>`, "",
			"id = \"ip\"", "compares with a param"},
		"a meta-attribute in a rule": {"", dummy("web", `<meta_attributes id="m">`+pair("priority", "7")+`</meta_attributes>`),
			`<rsc_location id="l" rsc="web"><rule id="r" score="1"><expression id="e" attribute="rack" operation="eq" value="priority" value-source="meta"/></rule></rsc_location>`, "",
			"rule = 'rack == \"7\"'", ""},
		"a location for a time": {"", dummy("web", ""), `<rsc_location id="l" rsc="web" node="beta" score="INFINITY"><lifetime>` + byDate + `</lifetime></rsc_location>`, "",
			"rule = '#uname == \"beta\" and (date < 2030-01-01T00:00:00Z)'\n", ""},
		"a location by a rule for a time": {"", dummy("web", ""),
			`<rsc_location id="l" rsc="web"><rule id="q" score="7"><expression id="f" attribute="rack" operation="eq" value="b"/></rule><lifetime>` + byDate + `</lifetime></rsc_location>`, "",
			"rule = '(rack == \"b\") and (date < 2030-01-01T00:00:00Z)'\nscore = 7\n", ""},
		"a location for nodes only": {"", dummy("web", ""), `<rsc_location id="l" rsc="web" node="beta" score="5"><lifetime>` + byNode + `</lifetime></rsc_location>`, "",
			"id = \"web\"", `the values of "l" hold by a rule about more than the time`},
		"looks for a time": {"", dummy("web", ""), `<rsc_location id="l" rsc="web" node="beta" score="5" resource-discovery="exclusive"><lifetime>` + byDate + `</lifetime></rsc_location>`, "",
			"id = \"web\"", `location "l" holds for a time only (lifetime)`},
		"an order for a time": {"", dummy("web", "") + dummy("db", ""), `<rsc_order id="l" first="web" then="db"><lifetime>` + byDate + `</lifetime></rsc_order>`, "",
			"id = \"web\"", `order "l" holds for a time only (lifetime)`},
		"a bundle's meta by date": {"", `<bundle id="box"><podman image="i"/><meta_attributes id="m">` + byDate + pair("is-managed", "false") + `</meta_attributes></bundle>`, "", "",
			"id = \"box\"", `the values of "m" hold by a rule, which cannot be represented`},
		"a loose group": {"", `<group id="g"><meta_attributes id="m">` + pair("ordered", "false") + pair("collocated", "false") + `</meta_attributes>` + dummy("web", "") + dummy("db", "") + `</group>`, "", "",
			"members = [\"web\", \"db\"]\nordered = false\ncollocated = false\n", ""},
		"a delayed start": {"", dummy("web", `<operations><op id="o" name="start" interval="0" start-delay="3s"/></operations>`), "", "",
			"[resource.op.start]\nstart_delay = \"3s\"\n", ""},
		"what is removed": {pair("stop-orphan-resources", "false"), dummy("web", ""), "", "", "stop_removed_resources = false\n", ""},
		"shutdown locks":  {pair("shutdown-lock", "true"), dummy("web", ""), "", "", "id = \"web\"", "shutdown-lock \"true\" cannot be represented"},
		"left off": {"", dummy("web", "") + `<primitive id="f" class="stonith" type="fence_apc"><instance_attributes id="p">` + pair("pcmk_host_list", "alpha") + pair("pcmk_reboot_action", "off") + `</instance_attributes></primitive>`, "", "",
			"leave_off = true\n", ""},
		"cycled": {"", dummy("web", "") + `<primitive id="f" class="stonith" type="fence_apc"><instance_attributes id="p">` + pair("pcmk_host_list", "alpha") + pair("pcmk_reboot_action", "cycle") + `</instance_attributes></primitive>`, "", "",
			"id = \"f\"", "pcmk_reboot_action"},
		"with what is not promoted": {"", `<clone id="c"><meta_attributes id="m">` + pair("promotable", "true") + `</meta_attributes>` + dummy("db", "") + `</clone>` + dummy("web", ""),
			`<rsc_colocation id="k" rsc="web" with-rsc="c" with-rsc-role="Unpromoted" score="1"/>`, "", "with_role = \"started\"\n", ""},
	} {
		text := strings.Replace(around(tc.options, tc.resources, tc.constraints), "</configuration>", tc.defaults+"</configuration>", 1)
		found, err := cib.Import(strings.NewReader(text), "c.xml")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(definition.Encode(found.Definition)); !strings.Contains(got, tc.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
		if left := lines(found.Left); !strings.Contains(left, tc.left) || (tc.left == "") != (left == "") {
			t.Errorf("%s: left out %q, want %q", name, left, tc.left)
		}
	}
}
