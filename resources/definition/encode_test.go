package definition

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/belay-ha/belay/resources"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDefinition(t)
		text := Encode(want)
		d := Read(File{"f.toml", text}).read
		if len(d.problems) > 0 {
			t.Fatalf("%v\n%s", d.problems, text)
		}
		if diff := cmp.Diff(want, d.def, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("want(-) got(+):\n%s\n%s", diff, text)
		}
	})
}

func optional[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	if rapid.Bool().Draw(t, "set "+label) {
		v := g.Draw(t, label)
		return &v
	}
	return nil
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) T {
	var zero T
	return resources.Or(optional(t, g, label), zero)
}

var (
	anyName     = rapid.StringMatching(`[a-z][a-z0-9_.-]{0,6}`)
	anyDuration = rapid.Map(rapid.Int64Range(1, 1e13), func(n int64) resources.Duration { return resources.Duration(n) })
	anyRound    = rapid.Map(rapid.Int64Range(1, 1e5), func(n int64) resources.Duration {
		return resources.Duration(time.Duration(n) * time.Second)
	})
	anyCount = rapid.IntRange(0, 1000)
	anyScore = rapid.Map(rapid.IntRange(-1_000_000, 1_000_000), func(n int) resources.Score { return resources.Score(n) })
	anyRole  = rapid.SampledFrom([]resources.Role{resources.RoleStopped, resources.RoleStarted, resources.RolePromoted})
	anyText  = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "true", "-7", "007", "1e3", `ha-all ^(?!amq\.).* {"ha-mode":"all"}`, "it's\n\"two\" lines\n", "a'''b\n", "tail'", "\r\n\x00\x7f",
	}))
	anyParamName = rapid.OneOf(rapid.StringMatching(`[ab](\.[ab]){0,3}`), rapid.String())
)

func drawParams(t *rapid.T) map[string]string {
	params := rapid.MapOfN(anyParamName, anyText, 0, 6).Draw(t, "params")
	if len(params) == 0 {
		return nil
	}
	return params
}

func drawMeta(t *rapid.T) resources.Meta {
	return resources.Meta{
		Priority: optional(t, anyScore, "priority"), TargetRole: optional(t, anyRole, "role"), Managed: optional(t, rapid.Bool(), "managed"),
		Maintenance: optional(t, rapid.Bool(), "maintenance"), Stickiness: optional(t, anyScore, "stickiness"),
		Requires:           optional(t, rapid.Just(resources.RequiresQuorum), "requires"),
		MigrationThreshold: optional(t, anyCount, "threshold"), FailureTimeout: optional(t, anyRound, "failure timeout"),
		MultipleActive: optional(t, rapid.Just(resources.MultipleActiveBlock), "active"), Critical: optional(t, rapid.Bool(), "critical"),
		AllowUnhealthyNodes: optional(t, rapid.Bool(), "unhealthy"), AllowMigrate: optional(t, rapid.Bool(), "migrate"),
		RemoteNode: resources.NodeName(maybe(t, anyName, "guest")), AttributeTarget: maybe(t, rapid.Just(resources.AttributesOfHost), "target"),
	}
}

func drawClone(t *rapid.T) *resources.Clone {
	if !rapid.Bool().Draw(t, "clone") {
		return nil
	}
	return &resources.Clone{
		Max: optional(t, anyCount, "max"), NodeMax: optional(t, anyCount, "node max"), Min: optional(t, anyCount, "min"),
		GloballyUnique: rapid.Bool().Draw(t, "unique"), Interleave: rapid.Bool().Draw(t, "interleave"), Ordered: rapid.Bool().Draw(t, "ordered"),
		Notify: rapid.Bool().Draw(t, "notify"), Promotable: rapid.Bool().Draw(t, "promotable"),
		PromotedMax: optional(t, anyCount, "promoted max"), PromotedNodeMax: optional(t, anyCount, "promoted node max"),
	}
}

func drawOperation(t *rapid.T, name resources.Op) resources.Operation {
	return resources.Operation{
		Name: name, Interval: maybe(t, anyRound, "interval"), Timeout: maybe(t, anyDuration, "timeout"), Role: maybe(t, anyRole, "role"),
		StartDelay: maybe(t, anyRound, "start delay"), OnFail: maybe(t, rapid.SampledFrom(resources.OnFailValues), "on fail"), Params: drawParams(t), Enabled: optional(t, rapid.Bool(), "enabled"),
	}
}

func drawSets(t *rapid.T) []resources.ResourceSet {
	var sets []resources.ResourceSet
	for range rapid.IntRange(0, 2).Draw(t, "sets") {
		sets = append(sets, resources.ResourceSet{
			Resources: names[resources.ResourceID](t, "resources"), Sequential: optional(t, rapid.Bool(), "sequential"), RequireAll: optional(t, rapid.Bool(), "all"),
			Role: maybe(t, anyRole, "role"), Action: resources.Op(maybe(t, anyText, "action")), Score: optional(t, anyScore, "score"),
		})
	}
	return sets
}

func drawResource(t *rapid.T) resources.Resource {
	r := resources.Resource{
		ID: resources.ResourceID(anyName.Draw(t, "id")), Agent: maybe(t, anyText, "agent"), Params: drawParams(t), Meta: drawMeta(t), Clone: drawClone(t),
		Template: resources.ResourceID(maybe(t, anyName, "template")),
	}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]resources.Op{"start", "stop", "monitor", "odd name"}), rapid.ID).Draw(t, "ops") {
		for range rapid.IntRange(1, 2).Draw(t, "of this name") {
			r.Ops = append(r.Ops, drawOperation(t, name))
		}
	}
	return r
}

func drawBundle(t *rapid.T) resources.Bundle {
	b := resources.Bundle{
		ID: resources.ResourceID(anyName.Draw(t, "id")), Image: maybe(t, anyText, "image"), Launcher: maybe(t, rapid.Just(resources.LauncherDocker), "launcher"), Pull: maybe(t, rapid.Just(resources.PullMissing), "pull"),
		Replicas: optional(t, anyCount, "replicas"), PerHost: optional(t, anyCount, "per host"), PromotedMax: optional(t, anyCount, "promoted"),
		RunCommand: maybe(t, anyText, "command"), Options: maybe(t, anyText, "options"), Network: maybe(t, anyText, "network"),
		IPRangeStart: maybe(t, anyText, "first"), HostNetmask: optional(t, anyCount, "netmask"), HostInterface: maybe(t, anyText, "interface"),
		ControlPort: optional(t, anyCount, "control port"), AddHost: optional(t, rapid.Bool(), "add host"), Resource: resources.ResourceID(maybe(t, anyName, "resource")), Meta: drawMeta(t),
	}
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		b.Ports = append(b.Ports, resources.BundlePort{Port: optional(t, anyCount, "port"), InternalPort: optional(t, anyCount, "internal"), Range: maybe(t, anyText, "range")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "storage") {
		b.Storage = append(b.Storage, resources.BundleStorage{Source: maybe(t, anyText, "source"), SourceRoot: maybe(t, anyText, "root"), Target: maybe(t, anyText, "target"), Options: maybe(t, anyText, "options")})
	}
	return b
}

func drawHosts(t *rapid.T) map[resources.NodeName]string {
	var hosts map[resources.NodeName]string
	for name, value := range drawParams(t) {
		if hosts == nil {
			hosts = map[resources.NodeName]string{}
		}
		hosts[resources.NodeName(name)] = value
	}
	return hosts
}

func names[T ~string](t *rapid.T, label string) []T {
	return rapid.SliceOfN(rapid.Map(anyText, func(s string) T { return T(s) }), 0, 4).Draw(t, label)
}

func drawDefinition(t *rapid.T) *resources.Definition {
	def := &resources.Definition{
		Name: maybe(t, anyName, "name"),
		Properties: resources.Properties{
			NoQuorumPolicy: maybe(t, rapid.SampledFrom(resources.NoQuorumPolicies), "policy"), SymmetricCluster: optional(t, rapid.Bool(), "symmetric"),
			MaintenanceMode: rapid.Bool().Draw(t, "maintenance"), StopAllResources: rapid.Bool().Draw(t, "stop all"),
			FencingEnabled: optional(t, rapid.Bool(), "fencing"), FencingAction: maybe(t, rapid.Just(resources.FencingOff), "action"),
			FencingTimeout: maybe(t, anyDuration, "fencing timeout"), StartFailureIsFatal: optional(t, rapid.Bool(), "fatal"),
			Lease: maybe(t, anyDuration, "lease"), StartupGrace: maybe(t, anyRound, "grace"), FenceBudget: maybe(t, anyCount, "budget"),
			PriorityFencingDelay: maybe(t, anyRound, "priority delay"),
			FenceLimit:           maybe(t, anyCount, "limit"), FenceLimitWindow: maybe(t, anyRound, "limit window"),
			FenceWindow: maybe(t, anyRound, "window"), FenceCheckInterval: optional(t, anyRound, "check"),
			FenceQuarantine: optional(t, anyRound, "quarantine"),
		},
		Defaults: resources.Defaults{Resource: drawMeta(t), Op: resources.Operation{
			Interval: maybe(t, anyRound, "interval"), Timeout: maybe(t, anyRound, "timeout"), OnFail: maybe(t, rapid.Just(resources.OnFailBlock), "on fail"),
		}},
	}
	few := func(label string, draw func()) {
		for range rapid.IntRange(0, 2).Draw(t, label) {
			draw()
		}
	}
	few("nodes", func() {
		def.Nodes = append(def.Nodes, resources.Node{Name: resources.NodeName(maybe(t, anyText, "name")), Kind: maybe(t, rapid.Just(resources.NodeRemote), "kind"), Address: maybe(t, anyText, "address"), Attributes: drawParams(t), Utilization: drawAmounts(t)})
	})
	few("fences", func() {
		def.Fences = append(def.Fences, resources.FenceDevice{ID: maybe(t, anyText, "id"), Agent: maybe(t, anyText, "agent"), Targets: names[resources.NodeName](t, "targets"),
			Level: maybe(t, anyCount, "level"), Params: drawParams(t), Delay: maybe(t, anyRound, "delay"), DelayMax: maybe(t, anyRound, "delay max"), HostMap: drawHosts(t), UnsafeCycle: rapid.Bool().Draw(t, "unsafe"), UnsafeCut: rapid.Bool().Draw(t, "cut"), Provides: resources.Provides(maybe(t, anyName, "provides")), HostParam: maybe(t, anyName, "host param"), Timeout: maybe(t, anyDuration, "timeout")})
	})
	few("resources", func() { def.Resources = append(def.Resources, drawResource(t)) })
	few("templates", func() {
		template := drawResource(t)
		template.Clone, template.Template = nil, ""
		def.Templates = append(def.Templates, template)
	})
	few("tags", func() {
		def.Tags = append(def.Tags, resources.Tag{ID: resources.ResourceID(anyName.Draw(t, "id")), Members: names[resources.ResourceID](t, "members")})
	})
	few("tickets", func() {
		use := resources.TicketUse{ID: maybe(t, anyText, "id"), Ticket: resources.TicketName(maybe(t, anyText, "ticket")), Resource: resources.ResourceID(maybe(t, anyName, "resource")),
			Role: maybe(t, anyRole, "role"), LossPolicy: maybe(t, rapid.SampledFrom(resources.LossPolicies), "loss"), Sets: drawSets(t)}
		if use.ID == "" {
			use.ID = use.DefaultID()
		}
		def.Tickets = append(def.Tickets, use)
	})
	few("groups", func() {
		def.Groups = append(def.Groups, resources.Group{ID: resources.ResourceID(anyName.Draw(t, "id")), Members: names[resources.ResourceID](t, "members"), Meta: drawMeta(t), Clone: drawClone(t)})
	})
	few("bundles", func() { def.Bundles = append(def.Bundles, drawBundle(t)) })
	few("orders", func() {
		o := resources.Order{ID: maybe(t, anyText, "id"), First: resources.ResourceID(anyName.Draw(t, "first")), Then: resources.ResourceID(anyName.Draw(t, "then")),
			FirstAction: maybe(t, rapid.SampledFrom([]resources.Op{"start", "promote"}), "action"), ThenAction: maybe(t, rapid.SampledFrom([]resources.Op{"start", "promote"}), "action"),
			Kind: maybe(t, rapid.Just(resources.OrderOptional), "kind"), Symmetrical: optional(t, rapid.Bool(), "symmetrical"), RequireAll: optional(t, rapid.Bool(), "all"), Sets: drawSets(t)}
		if o.ID == "" {
			o.ID = o.DefaultID()
		}
		def.Orders = append(def.Orders, o)
	})
	few("colocations", func() {
		c := resources.Colocation{ID: maybe(t, anyText, "id"), Resource: resources.ResourceID(anyName.Draw(t, "resource")), Role: maybe(t, anyRole, "role"),
			With: resources.ResourceID(anyName.Draw(t, "with")), WithRole: maybe(t, anyRole, "role"), Score: anyScore.Draw(t, "score"),
			NodeAttribute: maybe(t, anyText, "attribute"), Influence: optional(t, rapid.Bool(), "influence"), Sets: drawSets(t)}
		if c.ID == "" {
			c.ID = c.DefaultID()
		}
		def.Colocations = append(def.Colocations, c)
	})
	few("locations", func() {
		l := resources.Location{ID: maybe(t, anyText, "id"), Resource: resources.ResourceID(maybe(t, anyName, "resource")), Node: resources.NodeName(maybe(t, anyName, "node")),
			Rule: maybe(t, anyText, "rule"), Score: anyScore.Draw(t, "score"), Role: maybe(t, anyRole, "role"), Discovery: maybe(t, rapid.Just(resources.DiscoveryNever), "discovery"), ScoreAttribute: maybe(t, anyText, "score attribute"), Sets: drawSets(t)}
		if rapid.Bool().Draw(t, "selector") {
			l.Selector = &resources.Selector{Agent: anyText.Draw(t, "pattern")}
		}
		if l.ID == "" {
			l.ID = l.DefaultID()
		}
		def.Locations = append(def.Locations, l)
	})
	return def
}

func TestEncodeReadsWell(t *testing.T) {
	count := 3
	def := &resources.Definition{
		Name:       "overcloud",
		Properties: resources.Properties{Lease: resources.Duration(5 * time.Minute)},
		Nodes:      []resources.Node{{Name: "c0", Address: "192.0.2.10", Attributes: map[string]string{"osprole": "controller"}}},
		Fences:     []resources.FenceDevice{{ID: "bmc-c0", Agent: "redfish", Targets: []resources.NodeName{"c0"}, Params: resources.Params{"endpoint": "https://198.51.100.10", "password": "secret://bmc-c0"}}},
		Resources: []resources.Resource{
			{ID: "galera", Agent: "galera", Params: resources.Params{"enable_creation": "true", "slots": "4"}, Clone: &resources.Clone{Promotable: true, PromotedMax: &count, Interleave: true},
				Ops: []resources.Operation{{Name: "promote", Timeout: resources.Duration(300 * time.Second), OnFail: resources.OnFailBlock}}},
			{ID: "haproxy", Agent: "haproxy", Params: resources.Params{"listen.galera.bind": ":3306", "listen.galera.mode": "tcp", "set": `^(?!amq\.).* {"ha-mode":"all"}`},
				Ops: []resources.Operation{{Name: "monitor", Interval: resources.Duration(time.Second)}, {Name: "monitor", Interval: resources.Duration(time.Minute)}}},
		},
		Orders: []resources.Order{{ID: "order-galera-promote-haproxy-start", First: "galera", FirstAction: "promote", Then: "haproxy", ThenAction: "start"}},
	}
	want := `[cluster]
name = "overcloud"

[cluster.properties]
lease = "5m"

[[node]]
name = "c0"
address = "192.0.2.10"
attributes = { osprole = "controller" }

[[fence]]
id = "bmc-c0"
agent = "redfish"
targets = ["c0"]
[fence.params]
endpoint = "https://198.51.100.10"
password = "secret://bmc-c0"

[[resource]]
id = "galera"
agent = "galera"
params = { enable_creation = true, slots = 4 }
[resource.clone]
promotable = true
promoted_max = 3
interleave = true
[resource.op.promote]
timeout = "5m"
on_fail = "block"

[[resource]]
id = "haproxy"
agent = "haproxy"
[resource.params]
set = '^(?!amq\.).* {"ha-mode":"all"}'
[resource.params.listen.galera]
bind = ":3306"
mode = "tcp"
[[resource.op.monitor]]
interval = "1s"
[[resource.op.monitor]]
interval = "1m"

[[order]]
first = "galera"
first_action = "promote"
then = "haproxy"
then_action = "start"
`
	if diff := cmp.Diff(want, string(Encode(def))); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

// TestUtilization reads and writes amounts, strategies and health.
func TestUtilization(t *testing.T) {
	const text = `[cluster.properties]
placement_strategy = "balanced"
node_health_strategy = "progressive"
node_health_base = 5
node_health_red = "-INFINITY"

[defaults.resource]
allow_unhealthy_nodes = true

[[node]]
name = "alpha"
utilization = { cpu = 8, memory = 65536 }
attributes = { "#health-disk" = "green" }

[[resource]]
id = "db"
agent = "galera"
utilization = { memory = 4096 }
`
	def, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{Name: "a.toml", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if def.Nodes[0].Utilization["cpu"] != 8 || def.Resources[0].Utilization["memory"] != 4096 {
		t.Errorf("read %+v", def)
	}
	if got := string(Encode(def)); got != text {
		t.Errorf("wrote\n%s", got)
	}
	for bad, want := range map[string]string{
		`utilization = { cpu = "much" }`:                         "a.toml:3:23: node[alpha].utilization.cpu: must be a whole number",
		`utilization = { cpu = -1 }`:                             "-1 is negative",
		`attributes = { "#uname" = "x" }`:                        "cannot name an attribute",
		"[cluster.properties]\nplacement_strategy = \"balance\"": `did you mean "balanced"?`,
	} {
		_, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{Name: "a.toml", Text: []byte("[[node]]\nname = \"alpha\"\n" + bad)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
}

func drawAmounts(t *rapid.T) resources.Utilization {
	drawn := rapid.MapOfN(rapid.StringMatching(`[a-z.]{1,5}`), rapid.IntRange(0, 1<<20), 0, 2).Draw(t, "utilization")
	if len(drawn) == 0 {
		return nil
	}
	return drawn
}

// TestSelectByID reads and writes a selector of ids, and refuses what is none.
func TestSelectByID(t *testing.T) {
	const text = `[[node]]
name = "alpha"

[[location]]
id = "l"
resources = { id = "^vip-" }
node = "alpha"
score = 5
`
	def, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{Name: "a.toml", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(Encode(def)); got != text {
		t.Errorf("wrote\n%s", got)
	}
	for bad, want := range map[string]string{
		`{ id = "(" }`:              "is not a regular expression",
		`{ id = "a", agent = "b" }`: "give agent or id",
	} {
		_, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{Name: "a.toml", Text: []byte(strings.Replace(text, `{ id = "^vip-" }`, bad, 1))})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
