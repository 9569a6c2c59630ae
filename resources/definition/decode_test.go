package definition

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

func decodeProblems(t *testing.T, files ...File) []string {
	t.Helper()
	agents := resources.NewAgentTable(
		resources.AgentInfo{Name: "vip", MonitorInterval: time.Second, Params: []resources.ParamInfo{{Name: "address", Kind: resources.ParamPrefix, Required: true}}},
		resources.AgentInfo{Name: "galera", Promotable: true, MonitorInterval: time.Second},
		resources.AgentInfo{Name: "haproxy", Params: []resources.ParamInfo{{Name: "listen.*.port", Kind: resources.ParamInt}}},
	)
	_, err := Decode(agents, resources.FenceTable{}, files...)
	if err == nil {
		return nil
	}
	var all *Error
	if !errors.As(err, &all) {
		t.Fatalf("got %T %v, want *Error", err, err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestDecodeProblems(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"syntax", "[cluster\nname = 1", []string{`f.toml:1:9: expected '.' or ']' to end table name, but got '\n' instead`}},
		{"unknown keys at every level", `
[clster]
[cluster]
nam = "x"
[cluster.properties]
no_quorum_polcy = "stop"
[[resource]]
id = "vip"
agnt = "vip"
[resource.meta]
target_rol = "stopped"
[resource.op.start]
timout = "5s"
[[location]]
resource = "vip"
node = "c1"
scor = 5
resources.agnt = "x"
`, []string{
			`f.toml:2:1: unknown key "clster" (did you mean "cluster"?)`,
			`f.toml:4:1: cluster: unknown key "nam" (did you mean "name"?)`,
			`f.toml:6:1: cluster.properties: unknown key "no_quorum_polcy" (did you mean "no_quorum_policy"?)`,
			`f.toml:9:1: resource[vip]: unknown key "agnt" (did you mean "agent"?)`,
			`f.toml:11:1: resource[vip].meta: unknown key "target_rol" (did you mean "target_role"?)`,
			`f.toml:13:1: resource[vip].op.start: unknown key "timout" (did you mean "timeout"?)`,
			`f.toml:16:8: location[location-vip-c1].node: no node is called "c1"`,
			`f.toml:17:1: location[location-vip-c1]: unknown key "scor" (did you mean "score"?)`,
			`f.toml:18:1: location[location-vip-c1].resources: give resource or resources, not both`,
			`f.toml:18:11: location[location-vip-c1].resources: unknown key "agnt" (did you mean "agent"?)`,
		}},
		{"inline tables", `resource = [
  { id = "vip", agent = "vip", params = { adress = "192.0.2.1/24" } },
  { id = "two", agent = "vip", clone = { clone_max = "3", clone_min = -1 }, params.address = '192.0.2.2' },
]`, []string{
			`f.toml:2:41: resource[vip].params: agent "vip" needs the parameter "address"`,
			`f.toml:2:43: resource[vip].params.adress: agent "vip" has no parameter "adress" (did you mean "address"?)`,
			`f.toml:3:54: resource[two].clone.clone_max: must be a whole number, not text`,
			`f.toml:3:71: resource[two].clone.clone_min: -1 is negative`,
			`f.toml:3:94: resource[two].params.address: "192.0.2.2" is not an address with its prefix length (such as 192.0.2.1/24)`,
		}},
		{"types", `
cluster = 5
[defaults]
op = { timeout = "soon", interval = 1.5, enabled = "yes" }
[[node]]
name = 4
attributes = "x"
[[group]]
id = "g"
members = ["a", 5]
[[order]]
first = "g"
require_all = 1
[[resource]]
id = "r"
agent = "galera"
meta = { priority = "high", target_role = "slaved", migration_threshold = "INFINITY", failure_timeout = true }
op = { monitor = 5 }
params.x = [1]
`, []string{
			`f.toml:2:11: cluster: must be a table, not a number`,
			`f.toml:4:18: defaults.op.timeout: duration "soon": write a number with a unit, such as 500ms, 30s or 5m`,
			`f.toml:4:37: defaults.op.interval: must be a time such as "30s", not a number`,
			`f.toml:4:52: defaults.op.enabled: must be true or false, not text`,
			`f.toml:6:8: node[].name: must be text in quotes, not a number`,
			`f.toml:7:14: node[].attributes: must be a table, not text`,
			`f.toml:10:12: group[g].members#1: no resource or group is called "a"`,
			`f.toml:10:17: group[g].members#2: must be text in quotes, not a number`,
			`f.toml:11:1: order[order-g].then: then is missing`,
			`f.toml:13:15: order[order-g].require_all: must be true or false, not a number`,
			`f.toml:17:21: resource[r].meta.priority: score "high" is neither an integer nor INFINITY or -INFINITY`,
			`f.toml:17:43: resource[r].meta.target_role: unknown role "slaved": use stopped, started, unpromoted or promoted`,
			`f.toml:17:105: resource[r].meta.failure_timeout: must be a time such as "30s", not true or false`,
			`f.toml:18:18: resource[r].op.monitor: must be a table or a list of tables, not a number`,
			`f.toml:19:12: resource[r].params.x: must be text, a number, true or false, or a table, not a list (write the values in one text)`,
		}},
		{"duplicates", `
[[resource]]
id = "a"
agent = "galera"
[[resource]]
# the second
id = "a"
agent = "galera"
[[order]]
first = "a"
then = "b"
[[order]]
first = "a"
then = "b"
`, []string{
			`f.toml:7:6: resource[a#2].id: id "a" is taken already`,
			`f.toml:11:8: order[order-a-b].then: no resource or group is called "b"`,
			`f.toml:12:1: order[order-a-b#2]: the same constraint is there already (remove one, or give it an id of its own)`,
			`f.toml:14:8: order[order-a-b#2].then: no resource or group is called "b"`,
		}},
		{"sets, tags, templates and tickets", `
[[template]]
id = "unit"
agent = "galera"
[[resource]]
id = "a"
template = "unit"
[[resource]]
id = "b"
template = "unti"
[[resource]]
id = "c"
template = "unit"
agent = "galera"
[[tag]]
id = "both"
members = ["a", "bb", "unit", "a"]
[[group]]
id = "g"
members = ["both"]
[[order]]
first = "a"
sets = [ { resources = ["a", "x"], role = "promoted", action = "promote" }, { resources = [], require_all = 1, oops = 2 } ]
[[colocation]]
sets = [ { resources = ["both"], action = "start" }, { resources = ["unit"], role = "promoted" } ]
node_attribute = "rack"
[[location]]
sets = [ { resources = ["both", "both"], sequential = false } ]
node = "n"
[[ticket]]
resource = "a"
loss_policy = "fenc"
[[ticket]]
ticket = "geo"
resource = "a"
loss_policy = "demote"
[[order]]
id = "round"
sets = [ { resources = ["a", "b"] }, { resources = ["a"] } ]
`, []string{
			`f.toml:10:12: resource[b].template: no template is called "unti" (did you mean "unit"?)`,
			`f.toml:14:9: resource[c].agent: the agent is that of template "unit" (leave it out)`,
			`f.toml:17:17: tag[both].members#2: no resource or group is called "bb" (did you mean "b"?)`,
			`f.toml:17:23: tag[both].members#3: "unit" is a tag or a template: tags hold resources and groups`,
			`f.toml:17:31: tag[both].members#4: "a" is a member already`,
			`f.toml:20:12: group[g].members#1: "both" is a tag or a template: groups hold resources`,
			`f.toml:22:9: order[order-a-sets-f0653bf8].first: give first or sets, not both`,
			`f.toml:23:30: order[order-a-sets-f0653bf8].sets#1.resources#2: no resource or group is called "x"`,
			`f.toml:23:43: order[order-a-sets-f0653bf8].sets#1.role: "a" is never promoted: it is no promotable clone (leave the role out, or set clone.promotable)`,
			`f.toml:23:43: order[order-a-sets-f0653bf8].sets#1.role: role means nothing in a set of this kind of constraint`,
			`f.toml:23:64: order[order-a-sets-f0653bf8].sets#1.action: "a" cannot promote: it is no promotable clone (use start or stop, or set clone.promotable)`,
			`f.toml:23:77: order[order-a-sets-f0653bf8].sets#2: resources is missing`,
			`f.toml:23:109: order[order-a-sets-f0653bf8].sets#2.require_all: must be true or false, not a number`,
			`f.toml:23:112: order[order-a-sets-f0653bf8].sets#2: unknown key "oops" (there are action, require_all, resources, role, score, sequential)`,
			`f.toml:25:43: colocation[colocation-sets-ddde38a5].sets#1.action: action means nothing in a set of this kind of constraint`,
			`f.toml:25:85: colocation[colocation-sets-ddde38a5].sets#2.role: "unit" is never promoted: it is no promotable clone (leave the role out, or set clone.promotable)`,
			`f.toml:26:18: colocation[colocation-sets-ddde38a5].node_attribute: give node_attribute or sets, not both`,
			`f.toml:28:33: location[location-sets-0c8fece4-n].sets#1.resources#2: "both" is in the set already`,
			`f.toml:28:55: location[location-sets-0c8fece4-n].sets#1.sequential: sequential means nothing in a set of this kind of constraint`,
			`f.toml:29:8: location[location-sets-0c8fece4-n].node: no node is called "n"`,
			`f.toml:30:1: ticket[ticket-a]: ticket is missing`,
			`f.toml:32:15: ticket[ticket-a].loss_policy: "fenc" is not one of stop, demote, freeze, fence (did you mean "fence"?)`,
			`f.toml:36:15: ticket[ticket-geo-a].loss_policy: demote is for what needs the ticket to be promoted (set role = "promoted")`,
			`f.toml:37:1: order[round]: these orders wait for each other: start a -> start b -> start a (make one of them kind optional, or remove it)`,
		}},
		{"missing in the middle", `
[[resource]]
agent = "galera"
[[resource]]
id = "x"
[[fence]]
id = "f"
`, []string{
			`f.toml:2:1: resource[]: id is missing`,
			`f.toml:4:1: resource[x]: agent is missing`,
			`f.toml:6:1: fence[f]: targets is missing (name the nodes that it can switch off)`,
			`f.toml:6:1: fence[f]: agent is missing`,
		}},
		{"after strings of every kind", "[[node]]\nname = \"c0\"\n[node.attributes]\n\"a b\" = \"\"\"\nx \"\" = [\n\\\"\"\"\"\"\nc = '''\n# no\n'''\nd = \"\\\"]\" # ]\n'e.f' = 'x\\'\ng = [ # list\n1, ]\n[[node]]\nname = 'c0'",
			[]string{
				`f.toml:4:9: node[c0].attributes.a b: "a b" cannot name an attribute`,
				`f.toml:12:5: node[c0].attributes.g: must be text, a number, true or false, or a table, not a list (write the values in one text)`,
				`f.toml:15:8: node[c0#2].name: name "c0" is taken already`,
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := decodeProblems(t, File{"f.toml", []byte(c.text)})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestDecodeMergesFiles(t *testing.T) {
	a := File{"a.toml", []byte("cluster.name = \"one\"\ncluster.properties.lease = \"5s\"\n[[resource]]\nid = \"db\"\nagent = \"galera\"\n")}
	b := File{"b.toml", []byte("cluster.name = \"one\"\n[[order]]\nfirst = \"db\"\nthen = \"lb\"\n[[resource]]\nid = \"lb\"\nagent = \"haproxy\"\n")}
	if got := decodeProblems(t, a, b); got != nil {
		t.Errorf("got %v", got)
	}
	c := File{"c.toml", []byte("[cluster]\nname = \"two\"\n[cluster.properties]\nlease = \"9s\"\n[[resource]]\nid = \"db\"\nagent = \"galera\"\n")}
	want := []string{
		`c.toml:2:8: cluster.name: "two" is another cluster than "one" of b.toml`,
		`c.toml:4:1: cluster.properties.lease: is set already at a.toml:2`,
		`c.toml:6:6: resource[db#2].id: id "db" is taken already`,
	}
	if diff := cmp.Diff(want, decodeProblems(t, a, b, c)); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func TestDecodeForms(t *testing.T) {
	text := `
[cluster]
name = "overcloud"
[defaults.resource]
resource_stickiness = "INFINITY"
[[resource]]
id = "haproxy"
agent = "haproxy"
clone = true
[resource.params.listen]
galera.port = 3_306
api = { port = 0x10 }
"web.port" = 1.50
[[resource.op.monitor]]
interval = 5
[[resource.op.monitor]]
interval = "7s"
role = "master"
[[colocation]]
resource = "haproxy"
with = "haproxy2"
[[location]]
resources = { agent = "systemd:*" }
rule = 'osprole == "controller"'
score = inf
`
	d := Read(File{"f.toml", []byte(text)}).read
	if len(d.problems) > 0 {
		t.Fatal(d.problems)
	}
	stickiness := resources.Infinity
	want := &resources.Definition{
		Name:     "overcloud",
		Defaults: resources.Defaults{Resource: resources.Meta{Stickiness: &stickiness}},
		Resources: []resources.Resource{{
			ID: "haproxy", Agent: "haproxy", Clone: &resources.Clone{},
			Params: resources.Params{"listen.galera.port": "3306", "listen.api.port": "16", "listen.web.port": "1.50"},
			Ops: []resources.Operation{
				{Name: resources.OpMonitor, Interval: resources.Duration(5 * time.Second)},
				{Name: resources.OpMonitor, Interval: resources.Duration(7 * time.Second), Role: resources.RolePromoted},
			},
		}},
		Colocations: []resources.Colocation{{ID: "colocation-haproxy-haproxy2", Resource: "haproxy", With: "haproxy2", Score: resources.Infinity}},
		Locations: []resources.Location{{ID: "location-agent-9e1bdef0-rule-e97eec62", Selector: &resources.Selector{Agent: "systemd:*"},
			Rule: `osprole == "controller"`, Score: resources.Infinity}},
	}
	want.Locations[0].ID = want.Locations[0].DefaultID()
	if diff := cmp.Diff(want, d.def); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

// TestBoundsOfFiles: a short file must not fill the memory or the stack, and a
// long one says where it goes too far.
func TestBoundsOfFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"lists":       {"x = 1\na = " + strings.Repeat("[", 3_000_000), "f:2:69: more than 64 brackets within each other"},
		"tables":      {"a = " + strings.Repeat("{a=", 2_000_000), "more than 64 brackets"},
		"names":       {"a" + strings.Repeat(".a", 3_000_000) + " = 1", "f:1:128: a name of more than 64 parts"},
		"values":      {"a = [" + strings.Repeat("1,", 1_000_000) + "]", "more than 400000 values"},
		"size":        {strings.Repeat("#", MaxSize+1), "f:1:1: larger than 8 MiB"},
		"after quote": {"a = \"\\\"\"\nb = '\\'\nc = \"\"\"x\"\"\"\"\"\nd = " + strings.Repeat("[", 70), "f:4:69: more than 64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{"f", []byte(c.text)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
		})
	}
	harmless := "# " + strings.Repeat("[", 100) + "\n[[resource]]\nid = \"a\"\nagent = \"vip\"\nparams = { x = '" + strings.Repeat("{.", 100) + "', \"" + strings.Repeat("a.", 70) + "b\" = \"" + strings.Repeat(".", 100) + "\" }\n"
	if _, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{"f", []byte(harmless)}); err != nil {
		t.Errorf("brackets and dots in texts: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("[cluster]\nname = \"x\"\n[[resource]]\nid='a'\nagent='b'\nparams={a.b=1}\n[[resource.op.monitor]]\ninterval=\"1s\"\n"))
	f.Add([]byte("a = '''x'''''\n\"\\u0041\".b = [[{c = 1}, 2]]\n[x.\"y\".'z']\n[[node]]\n[node.attributes]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		def, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{"f", text})
		var all *Error
		if errors.As(err, &all) {
			lines := bytes.Count(text, []byte("\n")) + 1
			for _, p := range all.Problems {
				if p.File != "f" || p.Line < 1 || p.Line > lines+1 || p.Col < 1 || p.Text == "" {
					t.Errorf("no place in %+v, of %d lines", p, lines)
				}
			}
			return
		}
		again, err := Decode(resources.AgentTable{}, resources.FenceTable{}, File{"g", Encode(def)})
		if err != nil {
			t.Fatalf("%v\nin the encoded\n%s", err, Encode(def))
		}
		if diff := cmp.Diff(Encode(def), Encode(again)); diff != "" {
			t.Fatalf("encoded twice:\n%s", diff)
		}
	})
}

// TestNumbersThatAreTooLarge hide nothing else that is wrong with a file.
func TestNumbersThatAreTooLarge(t *testing.T) {
	file := File{Name: "f", Text: []byte(`[cluster]
name = "c"
[[node]]
name = "a"
[[resource]]
id = "web"
agent = "systemd:web"
meta = { migration_threshold = 99999999999999999999, priorty = 5 }
[[bundle]]
id = "box"
image = "i"
replicas = 9_223_372_036_854_775_808
launcher = "rkt"
[[order]]
first = "web"
then = "wbe"
`)}
	_, err := Decode(resources.AgentTable{}, resources.FenceTable{}, file)
	want := `f:8:32: 99999999999999999999 does not fit into 64 bits
f:8:54: resource[web].meta: unknown key "priorty" (did you mean "priority"?)
f:12:12: 9_223_372_036_854_775_808 does not fit into 64 bits
f:13:12: bundle[box].launcher: "rkt" is not one of podman, docker
f:16:8: order[order-web-wbe].then: no resource or group is called "wbe" (did you mean "web"?)`
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	many := File{Name: "f", Text: []byte(strings.Repeat("[[resource]]\nmeta = { migration_threshold = 99999999999999999999 }\n", maxTooLarge+1))}
	if err := Read(many).Faults(); err == nil || !strings.Contains(err.Error(), "more numbers") {
		t.Errorf("got %v", err)
	}
}
