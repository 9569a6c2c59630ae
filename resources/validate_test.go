package resources_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/belay-ha/belay/resources"
)

func table() AgentTable {
	return NewAgentTable(
		AgentInfo{Name: "galera", Promotable: true, MonitorInterval: 10 * time.Second, Params: []ParamInfo{
			{Name: "enable_creation", Kind: ParamBool}, {Name: "datadir", Kind: ParamPath}, {Name: "sst_password", Kind: ParamString, Secret: true},
			{Name: "wait", Kind: ParamDuration}, {Name: "method", Kind: ParamEnum, Enum: []string{"rsync", "mariabackup"}}, {Name: "slots", Kind: ParamInt},
		}},
		AgentInfo{Name: "vip", MonitorInterval: time.Second, Params: []ParamInfo{
			{Name: "address", Kind: ParamPrefix, Required: true}, {Name: "gateway", Kind: ParamAddress},
		}},
		AgentInfo{Name: "haproxy", MonitorInterval: time.Second, Params: []ParamInfo{
			{Name: "listen.*.bind", Kind: ParamEndpoint, Required: true}, {Name: "listen.*.resource", Kind: ParamResource}, {Name: "config", Kind: ParamPath},
		}},
		AgentInfo{Name: "systemd", Suffix: true},
	)
}

func fences() FenceTable {
	return FenceTable{Names: []string{"ipmi", "redfish"}, Check: func(agent string, params Params) ([]ParamProblem, bool) {
		if agent != "redfish" {
			return nil, false
		}
		if params["endpoint"] == "" {
			return []ParamProblem{{Code: ProblemMissingParam, Param: "endpoint", Text: "required and not given"}}, true
		}
		return nil, true
	}}
}

func ptr[T any](value T) *T { return &value }

// cluster returns a definition without problems.
func cluster() *Definition {
	monitor := func(interval Duration) Operation { return Operation{Name: OpMonitor, Interval: interval} }
	return &Definition{
		Name: "overcloud",
		Nodes: []Node{
			{Name: "c0", Address: "192.0.2.10", Attributes: map[string]string{"osprole": "controller"}},
			{Name: "c1", Address: "192.0.2.11"}, {Name: "c2", Address: "c2.example.org"},
		},
		Fences: []FenceDevice{{ID: "bmc-c0", Agent: "redfish", Targets: []NodeName{"c0"}, Params: Params{"endpoint": "https://198.51.100.10"}}},
		Resources: []Resource{
			{ID: "galera", Agent: "galera", Clone: &Clone{Promotable: true, PromotedMax: ptr(3)}, Ops: []Operation{
				{Name: OpPromote, Timeout: Duration(300 * time.Second), OnFail: OnFailBlock}, monitor(Duration(10 * time.Second)),
			}},
			{ID: "haproxy", Agent: "haproxy", Clone: &Clone{}, Params: Params{
				"listen.galera.bind": "192.0.2.201:3306", "listen.galera.resource": "galera",
			}},
			{ID: "vip", Agent: "vip", Params: Params{"address": "192.0.2.201/24"}},
			{ID: "api", Agent: "systemd:nova-api", Ops: []Operation{monitor(Duration(time.Second))}},
			{ID: "sched", Agent: "systemd:nova-scheduler"},
		},
		Groups:      []Group{{ID: "nova", Members: []ResourceID{"api", "sched"}}},
		Orders:      []Order{{ID: "o1", First: "galera", FirstAction: OpPromote, Then: "nova", ThenAction: OpStart}},
		Colocations: []Colocation{{ID: "l1", Resource: "vip", With: "haproxy", Score: Infinity}},
		Locations:   []Location{{ID: "p1", Selector: &Selector{Agent: "systemd:*"}, Rule: `osprole == "controller"`, Score: Infinity}},
	}
}

func TestValidateFindsNothingWrong(t *testing.T) {
	if problems := Validate(cluster(), table(), fences()); len(problems) > 0 {
		t.Errorf("got %v", problems)
	}
	if problems := Validate(&Definition{}, AgentTable{}, FenceTable{}); len(problems) > 0 {
		t.Errorf("empty definition: got %v", problems)
	}
}

func (c change) apply(d *Definition) { c(d) }

type change func(*Definition)

func order(first, then ResourceID) change {
	return func(d *Definition) {
		o := Order{First: first, Then: then}
		o.ID = o.DefaultID()
		d.Orders = append(d.Orders, o)
	}
}

func TestValidate(t *testing.T) {
	type d = Definition
	cases := []struct {
		name   string
		change func(*d)
		want   []string // CODE PATH: TEXT (SUGGESTION)
	}{
		{"policy", func(d *d) { d.Properties.NoQuorumPolicy = "stopp" },
			[]string{`invalid_value cluster.properties.no_quorum_policy: "stopp" is not one of stop, freeze, ignore, demote, suicide (did you mean "stop"?)`}},
		{"negative budget", func(d *d) { d.Properties.FenceBudget = -1 }, []string{`invalid_value cluster.properties.fence_budget: -1 is negative`}},
		{"odd node", func(d *d) { d.Nodes[0].Kind = "guest" }, []string{`invalid_value node[c0].kind: "guest" is not one of member, remote`}},
		{"nobody votes", func(d *d) {
			for i := range d.Nodes {
				d.Nodes[i].Kind = NodeRemote
			}
		}, []string{`contradiction node[c0].kind: every node is remote: nobody would vote (leave kind out for up to 7 nodes)`}},
		{"live migration by an agent that cannot", func(d *d) {
			yes := true
			d.Resources[0].Meta.AllowMigrate = &yes
		}, []string{`invalid_value resource[galera].meta.allow_migrate: agent "galera" cannot migrate (leave it out: it is stopped and started)`}},
		{"duplicate node", func(d *d) { d.Nodes[1].Name = "c0" },
			[]string{`duplicate node[c0#2].name: name "c0" is taken already`}},
		{"address with port", func(d *d) { d.Nodes[0].Address = "192.0.2.10:7450" },
			[]string{`invalid_value node[c0].address: "192.0.2.10:7450" is neither an IP address nor a host name (write it without port and prefix, such as 192.0.2.10)`}},
		{"mistyped address", func(d *d) { d.Nodes[0].Address = "192.0.2.300" },
			[]string{`invalid_value node[c0].address: "192.0.2.300" is neither an IP address nor a host name (write it without port and prefix, such as 192.0.2.10)`}},
		{"same address", func(d *d) { d.Nodes[1].Address = "192.0.2.10" },
			[]string{`duplicate node[c1].address: 192.0.2.10 is already the address of node "c0"`}},
		{"fence without targets", func(d *d) { d.Fences[0].Targets = nil },
			[]string{`missing fence[bmc-c0]: targets is missing (name the nodes that it can switch off)`}},
		{"fence target", func(d *d) { d.Fences[0].Targets = []NodeName{"c0", "c0", "c4x"} },
			[]string{`duplicate fence[bmc-c0].targets#2: node "c0" is listed twice`, `unknown_name fence[bmc-c0].targets#3: no node is called "c4x"`}},
		{"fence agent", func(d *d) { d.Fences[0].Agent = "redfsh" },
			[]string{`unknown_agent fence[bmc-c0].agent: no fence agent is called "redfsh" (did you mean "redfish"?)`}},
		{"host map of some targets", func(d *d) {
			d.Fences[0].Targets, d.Fences[0].HostMap = []NodeName{"c0", "c1"}, map[NodeName]string{"c0": "/1", "c2": "/2"}
		}, []string{`missing fence[bmc-c0].host_map: target "c1" is not in host_map (give every target its own value)`,
			`unknown_name fence[bmc-c0].host_map.c2: node "c2" is no target of this device`}},
		{"host map that sets a parameter twice", func(d *d) {
			d.Fences[0].HostMap, d.Fences[0].HostParam = map[NodeName]string{"c0": "x"}, "endpoint"
		}, []string{`contradiction fence[bmc-c0].params.endpoint: host_map sets endpoint for each target (take it out of params)`}},
		{"host parameter alone", func(d *d) { d.Fences[0].HostParam = "plug" },
			[]string{`contradiction fence[bmc-c0].host_param: host_param says nothing without host_map (add host_map, or take it out)`}},
		{"shorter in all than its base", func(d *d) { d.Fences[0].Delay, d.Fences[0].DelayMax = 5e9, 3e9 },
			[]string{`contradiction fence[bmc-c0].delay_max: delay_max 3s is less than delay 5s (it is the longest delay, the random part included)`}},
		{"fence parameter", func(d *d) { d.Fences[0].Params = nil },
			[]string{`missing_param fence[bmc-c0].params: endpoint: required and not given`}},
		{"agent", func(d *d) { d.Resources[2].Agent = "vipp" },
			[]string{`unknown_agent resource[vip].agent: no agent is called "vipp" (did you mean "vip"?)`}},
		{"agent without suffix", func(d *d) { d.Resources[3].Agent = "systemd" },
			[]string{`unknown_agent resource[api].agent: no agent is called "systemd" (write "systemd:NAME")`}},
		{"agent suffix kept", func(d *d) { d.Resources[3].Agent = "sytemd:nova-api" },
			[]string{`unknown_agent resource[api].agent: no agent is called "sytemd:nova-api" (did you mean "systemd:nova-api"?)`}},
		{"unknown and missing parameter", func(d *d) { d.Resources[2].Params = Params{"adress": "192.0.2.1/24"} },
			[]string{`unknown_param resource[vip].params.adress: agent "vip" has no parameter "adress" (did you mean "address"?)`,
				`missing_param resource[vip].params: agent "vip" needs the parameter "address"`}},
		{"required in a table", func(d *d) { d.Resources[1].Params = Params{"listen.galera.resource": "galera"} },
			[]string{`missing_param resource[haproxy].params: agent "haproxy" needs the parameter "listen.galera.bind"`}},
		{"pattern parameter", func(d *d) { d.Resources[1].Params["listen.galera.bnd"] = "x" },
			[]string{`unknown_param resource[haproxy].params.listen.galera.bnd: agent "haproxy" has no parameter "listen.galera.bnd" (did you mean "listen.galera.bind"?)`}},
		{"dangling parameter", func(d *d) { d.Resources[1].Params["listen.galera.resource"] = "galera-master" },
			[]string{`invalid_param resource[haproxy].params.listen.galera.resource: no resource or group is called "galera-master" (did you mean "galera"?)`}},
		{"parameter values", func(d *d) {
			d.Resources[0].Params = Params{"enable_creation": "yes", "datadir": "var", "sst_password": "hunter2", "wait": "soon", "method": "rsink", "slots": "many"}
			d.Resources[2].Params = Params{"address": "192.0.2.1", "gateway": "here"}
			d.Resources[1].Params["listen.galera.bind"] = "192.0.2.1"
		}, []string{
			`invalid_param resource[galera].params.datadir: "var" is not an absolute path (begin it with /)`,
			`invalid_param resource[galera].params.enable_creation: "yes" is not true or false`,
			`invalid_param resource[galera].params.method: "rsink" is not one of rsync, mariabackup (did you mean "rsync"?)`,
			`invalid_param resource[galera].params.slots: "many" is not a whole number`,
			"clear_secret resource[galera].params.sst_password: a secret stands in the clear, for all who may read the definition (`belayctl secret set galera-sst_password`, and write \"secret://galera-sst_password\" here)",
			`invalid_param resource[galera].params.wait: "soon" is not a time (such as 500ms, 30s or 5m)`,
			`invalid_param resource[haproxy].params.listen.galera.bind: "192.0.2.1" is not HOST:PORT (such as 192.0.2.1:3306 or [2001:db8::1]:3306)`,
			`invalid_param resource[vip].params.address: "192.0.2.1" is not an address with its prefix length (such as 192.0.2.1/24)`,
			`invalid_param resource[vip].params.gateway: "here" is not an IP address (such as 192.0.2.1 or 2001:db8::1, without prefix)`,
		}},
		{"secrets", func(d *d) {
			d.Resources[0].Params = Params{"sst_password": "secret://sst", "slots": "secret://slots", "method": "secret://"}
		}, []string{
			`invalid_param resource[galera].params.method: a secret reference is secret://NAME`,
			`invalid_param resource[galera].params.slots: must be a plain integer, not a secret`,
		}},
		{"clone", func(d *d) {
			d.Resources[1].Clone = &Clone{Max: ptr(-1), NodeMax: ptr(2), PromotedMax: ptr(1)}
			d.Resources[2].Clone = &Clone{Promotable: true, Max: ptr(2), Min: ptr(3), PromotedMax: ptr(3), PromotedNodeMax: ptr(2), NodeMax: ptr(0)}
		}, []string{
			`invalid_value resource[haproxy].clone.clone_max: -1 is negative`,
			`contradiction resource[haproxy].clone.promoted_max: promoted_max without promotable means nothing (set promotable = true)`,
			`contradiction resource[haproxy].clone.clone_node_max: copies that are not told apart cannot share a node (set globally_unique = true)`,
			`invalid_value resource[vip].clone.clone_node_max: with 0 copies on each node it runs nowhere (to stop it set meta target_role)`,
			`contradiction resource[vip].clone.clone_min: clone_min 3 is more than clone_max 2`,
			`contradiction resource[vip].clone.promoted_max: promoted_max 3 is more than clone_max 2`,
			`contradiction resource[vip].clone.promoted_node_max: promoted_node_max 2 is more than the 0 copies that a node may hold`,
			`invalid_value resource[vip].clone.promotable: agent "vip" cannot promote`,
		}},
		{"clone of a member", func(d *d) { d.Resources[3].Clone = &Clone{} },
			[]string{`contradiction resource[api].clone: a member of a group has no clone of its own (clone the group "nova" instead)`}},
		{"operations", func(d *d) {
			d.Resources[3].Ops = []Operation{
				{Name: OpMonitor}, {Name: OpPromote}, {Name: OpStart, Interval: Duration(time.Second), OnFail: "fense"}, {Name: OpStart, OnFail: OnFailDemote},
				{Name: "strat"}, {Name: OpStop, Timeout: -1},
			}
		}, []string{
			`missing resource[api].op.monitor: a monitor needs an interval (such as "10s")`,
			`contradiction resource[api].op.promote: only a promotable clone has the operation promote (set clone.promotable)`,
			`invalid_value resource[api].op.start.on_fail: "fense" is not one of ignore, block, demote, stop, restart, standby, fence (did you mean "fence"?)`,
			`invalid_value resource[api].op.start.interval: only a monitor has an interval`,
			`contradiction resource[api].op.start#2.on_fail: demote is for monitor and promote of a promotable clone`,
			`duplicate resource[api].op.start#2: the operation start is there already`,
			`invalid_value resource[api].op.strat: "strat" is not one of start, stop, promote, demote, monitor, notify, reload, probe, migrate_to, migrate_from (did you mean "start"?)`,
			`invalid_value resource[api].op.stop.timeout: the time -1ns is negative`,
		}},
		{"monitors with the same interval", func(d *d) { d.Resources[3].Ops = append(d.Resources[3].Ops, d.Resources[3].Ops[0]) },
			[]string{`duplicate resource[api].op.monitor#2: a monitor with interval 1s and role unknown is there already (give each monitor of a resource its own interval or role)`}},
		{"groups", func(d *d) {
			d.Groups = append(d.Groups, Group{ID: "g2", Members: []ResourceID{"api", "nova", "skhed", "vip", "vip"}}, Group{ID: "vip"})
		}, []string{
			`contradiction group[g2].members#1: "api" is a member of group "nova" already`,
			`invalid_value group[g2].members#2: "nova" is a group: groups cannot hold groups`,
			`unknown_name group[g2].members#3: no resource or group is called "skhed" (did you mean "sched"?)`,
			`duplicate group[g2].members#5: "vip" is a member already`,
			`duplicate group[vip].id: "vip" is a resource already`,
			`missing group[vip]: members is missing`,
		}},
		{"dangling names with prefixes and suffixes", func(d *d) {
			d.Resources = append(d.Resources, Resource{ID: "delay", Agent: "systemd:delay"}, Resource{ID: "openstack-nova-conductor", Agent: "systemd:nova-conductor"})
			order("openstack-ceilometer-delay-clone", "nova-conductor-clone").apply(d)
		}, []string{
			`unknown_name order[order-openstack-ceilometer-delay-clone-nova-conductor-clone].first: no resource or group is called "openstack-ceilometer-delay-clone" (did you mean "delay"?)`,
			`unknown_name order[order-openstack-ceilometer-delay-clone-nova-conductor-clone].then: no resource or group is called "nova-conductor-clone" (did you mean "openstack-nova-conductor"?)`,
		}},
		{"order", func(d *d) {
			d.Orders = append(d.Orders, Order{ID: "o2", First: "vip", FirstAction: OpPromote, Then: "vip", Kind: "optionl"})
		},
			[]string{
				`contradiction order[o2].first_action: "vip" cannot promote: it is no promotable clone (use start or stop, or set clone.promotable)`,
				`contradiction order[o2].then_action: "vip" cannot promote: it is no promotable clone (use start or stop, or set clone.promotable)`,
				`invalid_value order[o2].kind: "optionl" is not one of mandatory, optional, serialize (did you mean "optional"?)`,
				`cycle order[o2].then: "vip" cannot wait for itself`,
			}},
		{"same order twice", func(d *d) { order("vip", "haproxy").apply(d); order("vip", "haproxy").apply(d) },
			[]string{`duplicate order[order-vip-haproxy#2]: the same constraint is there already (remove one, or give it an id of its own)`}},
		{"cycle", func(d *d) {
			order("haproxy", "vip").apply(d)
			order("vip", "galera").apply(d)
			order("galera", "haproxy").apply(d)
		},
			[]string{`cycle order[order-galera-haproxy]: these orders wait for each other: start haproxy -> start vip -> start galera -> start haproxy (make one of them kind optional, or remove it)`}},
		{"cycle through promote and a group", func(d *d) { order("sched", "galera").apply(d) },
			[]string{`cycle order[order-sched-galera]: these orders wait for each other: promote galera -> start nova -> start api -> start sched -> start galera -> promote galera (make one of them kind optional, or remove it)`}},
		{"member before its predecessor", func(d *d) { order("sched", "api").apply(d) },
			[]string{`cycle order[order-sched-api]: these orders wait for each other: start sched -> start api -> start sched (make one of them kind optional, or remove it)`}},
		{"optional cycle", func(d *d) {
			order("haproxy", "vip").apply(d)
			d.Orders = append(d.Orders, Order{ID: "o2", First: "vip", Then: "haproxy", Kind: OrderOptional})
		}, nil},
		{"colocation", func(d *d) {
			d.Colocations = append(d.Colocations, Colocation{ID: "l2", Resource: "vip", With: "vip", WithRole: RolePromoted})
		}, []string{
			`contradiction colocation[l2].with_role: "vip" is never promoted: it is no promotable clone (leave the role out, or set clone.promotable)`,
			`contradiction colocation[l2].with: "vip" cannot be placed relative to itself`,
			`invalid_value colocation[l2].score: a score of 0 does nothing (leave it out for INFINITY)`,
		}},
		{"together and apart", func(d *d) {
			d.Colocations = append(d.Colocations, Colocation{ID: "l2", Resource: "haproxy", With: "vip", Score: -Infinity})
		},
			[]string{`contradiction colocation[l2]: "haproxy" must never be with "vip", but "l1" demands it`}},
		{"apart in another role only", func(d *d) {
			d.Colocations = append(d.Colocations,
				Colocation{ID: "l2", Resource: "vip", With: "galera", Score: Infinity},
				Colocation{ID: "l3", Resource: "vip", With: "galera", WithRole: RolePromoted, Score: -Infinity})
		}, nil},
		{"tied by a group, apart by a colocation", func(d *d) {
			d.Colocations = append(d.Colocations,
				Colocation{ID: "l2", Resource: "vip", With: "sched", Score: Infinity}, Colocation{ID: "l3", Resource: "vip", With: "api", Score: -Infinity})
		}, []string{`contradiction colocation[l3]: "vip" must never be with "api", but groups and colocations tie them to one node`}},
		{"location", func(d *d) {
			d.Locations = append(d.Locations,
				Location{ID: "p2", Resource: "vip"},
				Location{ID: "p3", Resource: "vipp", Node: "c9", Rule: "x eq 1", Discovery: "nevr"},
				Location{ID: "p4", Resource: "vip", Rule: "osprole = compute"},
				Location{ID: "p5", Resource: "vip", Rule: "osrole eq compute"},
				Location{ID: "p6", Selector: &Selector{Agent: "[a"}, Node: "c1"})
		}, []string{
			`missing location[p2]: node or rule is missing`,
			`unknown_name location[p3].resource: no resource or group is called "vipp" (did you mean "vip"?)`,
			`contradiction location[p3].rule: give node or rule, not both`,
			`invalid_value location[p3].resource_discovery: "nevr" is not one of always, never, exclusive (did you mean "never"?)`,
			`invalid_value location[p4].rule: rule "osprole = compute", at its column 9: unexpected "=": did you mean "=="?`,
			`unknown_name location[p5].rule: no node has the attribute "osrole" (did you mean "osprole"?)`,
			`invalid_value location[p6].resources.agent: "[a" is not a shell pattern`,
		}},
		{"on a node and never on it", func(d *d) {
			d.Locations = append(d.Locations,
				Location{ID: "p2", Resource: "vip", Node: "c1", Score: Infinity}, Location{ID: "p3", Resource: "vip", Node: "c1", Score: -Infinity})
		}, []string{`contradiction location[p3]: "vip" must never be on "c1", but "p2" demands it`}},
		{"meta", func(d *d) {
			d.Resources[2].Meta = Meta{Requires: ptr(Requires("fencin")), MigrationThreshold: ptr(-3), Stickiness: ptr(Score(-1))}
			d.Defaults.Op = Operation{Name: OpStart, OnFail: "fense"}
		}, []string{
			`invalid_value defaults.op.name: defaults hold for every operation and name none`,
			`invalid_value defaults.op.on_fail: "fense" is not one of ignore, block, demote, stop, restart, standby, fence (did you mean "fence"?)`,
			`invalid_value resource[vip].meta.requires: "fencin" is not one of nothing, quorum, fencing, unfencing (did you mean "fencing"?)`,
			`invalid_value resource[vip].meta.migration_threshold: -3 is negative`,
			`invalid_value resource[vip].meta.resource_stickiness: -1 is negative: a resource would run away from where it runs`,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			def := cluster()
			c.change(def)
			before := cluster()
			c.change(before)
			var got []string
			for _, p := range Validate(def, table(), fences()) {
				got = append(got, string(p.Code)+" "+p.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
			if diff := cmp.Diff(before, def); diff != "" {
				t.Errorf("Validate changed the definition:\n%s", diff)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"galera", "haproxy", "openstack-nova-conductor", "vip"}
	for name, want := range map[string]string{
		"galrea": "galera", "Galera": "galera", "galera-master": "galera", "haproxy-clone": "haproxy", "nova-conductor": "openstack-nova-conductor",
		"vpi": "vip", "keystone": "", "": "", strings.Repeat("x", 500): "",
	} {
		got, ok := Nearest(name, known)
		if got != want || ok != (want != "") {
			t.Errorf("Nearest(%.20q) = %q, %v; want %q", name, got, ok, want)
		}
	}
}
