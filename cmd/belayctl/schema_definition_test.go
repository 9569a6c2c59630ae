package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/schemagen"
	"github.com/belay-ha/belay/resources"
)

type object = schemagen.Object

// tomlSections are the tables of a definition: the type that holds each, and the
// heading of docs/definition.md that says what its keys mean.
var tomlSections = []struct {
	name, heading string
	typ           any
	// rename gives the TOML key of a JSON one; drop are no keys here.
	rename map[string]string
	drop   []string
	// agents says whose parameters params are: resource or fence.
	agents string
}{
	{"properties", "`[cluster.properties]`", resources.Properties{}, nil, nil, ""},
	{"node", "`[[node]]`", resources.Node{}, nil, nil, ""},
	{"fence", "`[[fence]]`", resources.FenceDevice{}, nil, nil, "fence"},
	{"resource", "`[[resource]]`", resources.Resource{}, map[string]string{"ops": "op"}, nil, "resource"},
	{"template", "`[[resource]]`", resources.Resource{}, map[string]string{"ops": "op"}, []string{"template", "clone"}, "resource"},
	{"group", "`[[group]]`", resources.Group{}, nil, nil, ""},
	{"bundle", "`[[bundle]]`", resources.Bundle{}, map[string]string{"ports": "port"}, nil, ""},
	{"port", "", resources.BundlePort{}, nil, nil, ""},
	{"storage", "", resources.BundleStorage{}, nil, nil, ""},
	{"meta", "`[resource.meta]`", resources.Meta{}, nil, nil, ""},
	{"clone", "`[resource.clone]`", resources.Clone{}, nil, nil, ""},
	{"op", "`[resource.op.NAME]`", resources.Operation{}, nil, []string{"name"}, ""},
	{"defaults", "`[defaults]`", resources.Defaults{}, nil, nil, ""},
	{"when", "`[[resource.when]]`", resources.When{}, map[string]string{"ops": "op"}, nil, ""},
	{"nodeWhen", "`[[node.when]]`", resources.NodeWhen{}, nil, nil, ""},
	{"defaultsWhen", "`[[defaults.when]]`", resources.DefaultsWhen{}, nil, nil, ""},
	{"clusterWhen", "`[cluster.when.properties]`", resources.PropertiesWhen{}, nil, []string{"rule"}, ""},
	{"defaultOp", "`[defaults.op]`", resources.Operation{}, nil, []string{"name", "role", "start_delay", "params"}, ""},
	{"order", "`[[order]]`", resources.Order{}, nil, nil, ""},
	{"colocation", "`[[colocation]]`", resources.Colocation{}, nil, nil, ""},
	{"location", "`[[location]]`", resources.Location{}, map[string]string{"selector": "resources"}, nil, ""},
	{"ticket", "`[[ticket]]`", resources.TicketUse{}, nil, nil, ""},
	{"tag", "`[[tag]]`", resources.Tag{}, nil, nil, ""},
	{"set", "Sets", resources.ResourceSet{}, nil, nil, ""},
}

var (
	// A time: "30s", or seconds.
	timely   = object{"anyOf": []object{{"type": "integer", "minimum": 0}, {"type": "string", "pattern": `^\s*([0-9]+|([0-9]*\.?[0-9]+(ns|us|µs|usec|ms|msec|s|sec|m|min|h|hr))+)\s*$`}}}
	scoring  = object{"anyOf": []object{{"type": "integer"}, {"type": "number"}, {"type": "string", "pattern": `^[+-]?([Ii][Nn][Ff][Ii][Nn][Ii][Tt][Yy]|[0-9]+)$`}}}
	stepping = []string{"start", "stop", "promote", "demote"}
	everyOp  = []string{"start", "stop", "promote", "demote", "monitor", "probe", "notify", "reload", "migrate_to", "migrate_from"}
)

// special are keys whose value is not told by its type alone.
var special = map[string]object{
	"clone.clone_max": atLeast0, "clone.clone_node_max": atLeast0, "clone.clone_min": atLeast0, "clone.promoted_max": atLeast0, "clone.promoted_node_max": atLeast0,
	"meta.migration_threshold": {"anyOf": []object{{"type": "integer"}, {"enum": []string{"INFINITY"}}}},
	"order.first_action":       {"enum": stepping}, "order.then_action": {"enum": stepping}, "set.action": {"enum": stepping},
	"properties.fencing_action": {"enum": []string{"reboot", "off"}},
}

var atLeast0 = object{"type": "integer", "minimum": 0}

// either are keys of which one list has to be there.
var either = map[string][]object{
	"resource": {{"required": []string{"agent"}}, {"required": []string{"template"}}},
	"order":    {{"required": []string{"first", "then"}}, {"required": []string{"sets"}}}, "colocation": {{"required": []string{"resource", "with"}}, {"required": []string{"sets"}}},
	"location": {{"required": []string{"resource"}}, {"required": []string{"resources"}}, {"required": []string{"sets"}}},
}

func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

func listOf(items object) object { return object{"type": "array", "items": items} }

// tomlType is the schema of what a Go type is in TOML.
func tomlType(t *testing.T, typ reflect.Type, words map[string][]string) object {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ {
	case reflect.TypeFor[resources.Duration]():
		return timely
	case reflect.TypeFor[resources.Score]():
		return scoring
	case reflect.TypeFor[resources.Role]():
		return object{"enum": []string{"stopped", "started", "unpromoted", "promoted"}}
	case reflect.TypeFor[resources.Params]():
		return object{"type": "object"}
	case reflect.TypeFor[resources.Meta]():
		return ref("meta")
	case reflect.TypeFor[resources.Clone]():
		return object{"anyOf": []object{{"type": "boolean"}, ref("clone")}}
	case reflect.TypeFor[[]resources.Operation]():
		ops := object{}
		for _, op := range everyOp {
			ops[op] = object{"anyOf": []object{ref("op"), listOf(ref("op"))}}
		}
		return object{"type": "object", "properties": ops, "additionalProperties": false}
	case reflect.TypeFor[resources.Operation]():
		return ref("defaultOp")
	case reflect.TypeFor[resources.Selector]():
		return object{"type": "object", "properties": object{"agent": object{"type": "string"}, "id": object{"type": "string"}}, "additionalProperties": false}
	case reflect.TypeFor[[]resources.ResourceSet]():
		return listOf(ref("set"))
	case reflect.TypeFor[[]resources.When]():
		return listOf(ref("when"))
	case reflect.TypeFor[[]resources.NodeWhen]():
		return listOf(ref("nodeWhen"))
	case reflect.TypeFor[[]resources.DefaultsWhen]():
		return listOf(ref("defaultsWhen"))
	case reflect.TypeFor[[]resources.BundlePort]():
		return listOf(ref("port"))
	case reflect.TypeFor[[]resources.BundleStorage]():
		return listOf(ref("storage"))
	}
	switch typ.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.String:
		if list := words[typ.Name()]; len(list) > 0 {
			return object{"enum": list}
		}
		return object{"type": "string"}
	case reflect.Slice:
		return listOf(tomlType(t, typ.Elem(), words))
	case reflect.Map:
		if typ.Elem().Kind() == reflect.Int {
			return object{"type": "object", "additionalProperties": object{"type": "integer"}}
		}
		return object{"type": "object", "additionalProperties": object{"type": []string{"string", "integer", "number", "boolean", "object"}}}
	}
	t.Fatalf("%s: what is it in TOML?", typ)
	return nil
}

// definitionSchemaOf writes the schema of definition files. It is of draft 7,
// which editors for TOML understand.
func definitionSchemaOf(t *testing.T, resourceAgents []agents.Spec, fenceAgents []fencing.Spec) object {
	t.Helper()
	page, err := os.ReadFile("../../docs/definition.md")
	if err != nil {
		t.Fatal(err)
	}
	words := (&schemagen.Comments{Root: "../..", Module: "github.com/belay-ha/belay"}).Words("resources")
	for _, typ := range []string{"FencingAction", "Op", "ProblemCode"} {
		delete(words, typ) // not all of these are for definitions
	}
	definitions := object{}
	for _, s := range tomlSections {
		properties, required := object{}, []string{}
		rows := keyRows(string(page), s.heading)
		for field := range reflect.TypeOf(s.typ).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if slices.Contains(s.drop, key) {
				continue
			}
			if other := s.rename[key]; other != "" {
				key = other
			}
			schema, isSpecial := special[s.name+"."+key]
			if !isSpecial {
				schema = tomlType(t, field.Type, words)
			}
			row, told := rows[key]
			if !told && s.heading != "" {
				t.Errorf("docs/definition.md, %s: no row for %q", s.heading, key)
			}
			properties[key] = described(schema, row)
			if row.byDefault == "required" && !optionalWithSets[s.name] {
				required = append(required, key)
			}
		}
		table := object{"type": "object", "properties": properties, "additionalProperties": false}
		if s.name == "resource" || s.name == "template" {
			required = []string{"id"} // the agent may be a template's
		}
		if len(required) > 0 {
			table["required"] = required
		}
		if list := either[s.name]; list != nil {
			table["anyOf"] = list
		}
		switch s.agents {
		case "resource":
			table["allOf"], properties["agent"] = resourceParams(resourceAgents, s.name == "resource")
		case "fence":
			table["allOf"], properties["agent"] = fenceParams(fenceAgents)
		}
		definitions[s.name] = table
	}
	definitions["clusterWhen"] = object{
		"type": "object", "additionalProperties": false, "required": []string{"rule"},
		"properties": object{"rule": described(object{"type": "string"}, keyRows(string(page), "`[[cluster.when]]`")["rule"]), "properties": definitions["clusterWhen"]},
	}
	top := object{
		"cluster":  object{"type": "object", "properties": object{"name": object{"type": "string"}, "properties": ref("properties"), "when": listOf(ref("clusterWhen"))}, "additionalProperties": false},
		"defaults": ref("defaults"),
	}
	for _, list := range []string{"node", "fence", "resource", "template", "group", "bundle", "order", "colocation", "location", "ticket", "tag"} {
		top[list] = listOf(ref(list))
	}
	return object{
		"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://belay-ha.github.io/schemas/definition.json", "title": "Belay: a definition file",
		"description": "The whole desired cluster, or a part of it: files add up. Belay checks more than a schema can say: belayctl validate FILE.",
		"type":        "object", "properties": top, "additionalProperties": false, "definitions": definitions,
	}
}

// optionalWithSets have keys that are required only where there are no sets.
var optionalWithSets = map[string]bool{"order": true, "colocation": true, "location": true}

type keyRow struct{ byDefault, meaning string }

// keyRows are the keys of the table under a heading.
func keyRows(page, heading string) map[string]keyRow {
	_, rest, found := strings.Cut(page, "\n## "+heading+"\n")
	if heading == "" || !found {
		return nil
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	rows := map[string]keyRow{}
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(strings.ReplaceAll(line, `\|`, "/")), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 4 {
			continue
		}
		rows[strings.Trim(cells[0], "`")] = keyRow{cells[len(cells)-3], plainText(cells[len(cells)-1])}
	}
	return rows
}

var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plainText drops what only Markdown shows.
func plainText(text string) string { return markdownLink.ReplaceAllString(text, "$1") }

func described(schema object, row keyRow) object {
	if row.meaning == "" {
		return schema
	}
	text := row.meaning
	if row.byDefault != "" && row.byDefault != "required" {
		text += ". Default: " + strings.ReplaceAll(row.byDefault, "`", "")
	}
	if _, is := schema["$ref"]; is {
		return object{"description": text, "allOf": []object{schema}} // beside $ref nothing counts in draft 7
	}
	with := maps.Clone(schema)
	with["description"] = text
	return with
}

// agentChoice lists agents with what they do; patterns are agents whose name
// carries more.
func agentChoice(names, summaries []string, patterns map[string]string) object {
	var choice []object
	for i, name := range names {
		choice = append(choice, object{"const": name, "description": summaries[i]})
	}
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		choice = append(choice, object{"type": "string", "pattern": pattern, "description": patterns[pattern]})
	}
	return object{"description": "what runs it", "anyOf": choice}
}

// resourceParams holds params to the agent; whole says that all that is required
// has to be there, which templates leave to their resources.
func resourceParams(specs []agents.Spec, whole bool) (conditions []object, agent object) {
	var names, summaries []string
	patterns := map[string]string{}
	for _, s := range specs {
		match := object{"const": s.Name}
		if s.Suffix {
			match = object{"type": "string", "pattern": "^" + s.Name + ":"}
			patterns["^"+s.Name+":."] = s.Name + ":NAME: " + s.Summary
		} else {
			names, summaries = append(names, s.Name), append(summaries, s.Summary)
		}
		params := newParams()
		for _, p := range s.Params {
			schema := paramSchema(string(p.Kind), p.Enum)
			if p.Secret && !strings.Contains(p.Name, "*") {
				schema = paramSchema(string(fencing.TypeSecret), nil)
			}
			params.add(p.Name, schema, p.Description, p.Default, p.Required && whole)
		}
		// An OCF agent's parameters are known on hosts that have it only.
		conditions = append(conditions, params.condition(match, len(s.Params) == 0 && s.Suffix))
	}
	return conditions, agentChoice(names, summaries, patterns)
}

func fenceParams(specs []fencing.Spec) (conditions []object, agent object) {
	var names, summaries []string
	for _, s := range specs {
		names, summaries = append(names, s.Name), append(summaries, s.Summary)
		params := newParams()
		for _, p := range s.Params {
			// What tells targets apart may stand in host_map instead.
			params.add(p.Name, paramSchema(string(p.Type), p.Enum), p.Description, p.Default, p.Required && p.Name != s.Host)
		}
		conditions = append(conditions, params.condition(object{"const": s.Name}, s.Open))
	}
	return conditions, agentChoice(names, summaries, map[string]string{"^fence_": "a fence agent as Pacemaker's: /usr/sbin/fence_*"})
}

// paramSchema is a parameter's type. Values are text in the end: numbers and truth
// values may be written either way, and any may be a secret.
func paramSchema(kind string, enum []string) object {
	const secret = "^secret://"
	switch {
	case kind == string(fencing.TypeSecret):
		return object{"type": "string", "pattern": "^(secret://.+)?$"} // no place for a password
	case len(enum) > 0:
		return object{"anyOf": []object{{"enum": enum}, {"type": "string", "pattern": secret}}}
	case kind == "integer":
		return object{"anyOf": []object{{"type": "integer"}, {"type": "string", "pattern": "^([0-9+-]+|secret://.*)$"}}}
	case kind == "boolean":
		return object{"anyOf": []object{{"type": "boolean"}, {"enum": []string{"true", "false"}}, {"type": "string", "pattern": secret}}}
	default:
		return object{"type": []string{"string", "integer", "number", "boolean"}}
	}
}

// paramTree is the nested table of an agent's parameters.
type paramTree struct {
	properties object
	required   []string
	any        object // of a "*": the tree below any name, or the value of any
}

func newParams() *paramTree { return &paramTree{properties: object{}} }

func (p *paramTree) add(name string, schema object, text, byDefault string, required bool) {
	head, rest, nested := strings.Cut(name, ".")
	if !nested {
		if required {
			p.required = append(p.required, name)
		}
		if byDefault != "" {
			text += ". Default: " + byDefault
		}
		p.properties[name] = described(schema, keyRow{meaning: text})
		return
	}
	inner, known := p.properties[head].(*paramTree)
	if !known {
		inner = newParams()
		p.properties[head] = inner
	}
	if rest == "*" { // any name, and a value
		inner.any = object{"value": described(schema, keyRow{meaning: text})}
		return
	}
	if below, more, starred := strings.Cut(rest, "*."); starred && below == "" {
		if inner.any == nil {
			inner.any = object{"tree": newParams()}
		}
		inner.any["tree"].(*paramTree).add(more, schema, text, byDefault, required)
		return
	}
	inner.add(rest, schema, text, byDefault, required)
}

func (p *paramTree) schema(open bool) object {
	properties := object{}
	for name, value := range p.properties {
		if inner, nested := value.(*paramTree); nested {
			value = inner.schema(open)
		}
		properties[name] = value
	}
	// A dotted name may be written as one key in quotes.
	schema := object{"type": "object", "properties": properties, "patternProperties": object{`\.`: object{}}, "additionalProperties": open}
	if tree, is := p.any["tree"].(*paramTree); is {
		schema["additionalProperties"] = tree.schema(open)
	} else if value, is := p.any["value"]; is {
		schema["additionalProperties"] = value
	}
	if len(p.required) > 0 {
		schema["required"] = p.required
	}
	return schema
}

// condition holds the parameters of one agent to its table.
func (p *paramTree) condition(match object, open bool) object {
	then := object{"properties": object{"params": p.schema(open)}}
	if len(p.required) > 0 {
		then["required"] = []string{"params"}
	}
	return object{"if": object{"properties": object{"agent": match}, "required": []string{"agent"}}, "then": then}
}

func builtSchema(t *testing.T) object {
	return definitionSchemaOf(t, catalog.Agents(zap.NewNop()).Specs(), catalog.Fences().Specs())
}

// TestDefinitionSchema: the published schema is that of the types, the agents and
// the document.
func TestDefinitionSchema(t *testing.T) {
	text, err := json.MarshalIndent(builtSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schemas/definition.json", string(text)+"\n")
}

// TestDefinitionsFitTheirSchema: what the decoder takes the schema takes, and
// what an editor should mark it refuses.
func TestDefinitionsFitTheirSchema(t *testing.T) {
	schema := compile(t, definitionSchema, false)
	files := []string{"../../examples/collapsed-openstack.toml", "../../examples/three-controllers.toml", "../../examples/two-inspectors.toml"}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(tomlDocument(t, string(text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := os.ReadFile("../../docs/definition.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if err := schema.Validate(tomlDocument(t, block[1])); err != nil {
			t.Errorf("docs/definition.md: %v\n%s", err, block[1])
		}
	}
	const environment = "[[resource]]\nid = \"api\"\nagent = \"process\"\nparams = { command = \"/bin/true\", env = { PORT = 80, TOKEN = \"secret://t\" } }\n"
	if err := schema.Validate(tomlDocument(t, environment)); err != nil {
		t.Errorf("any name in a table: %v", err)
	}
	for _, time := range []string{`"30s"`, `30`, `"30"`, `"1m30s"`, `"500ms"`, `"1.5h"`, `"2min"`, `"10sec"`, `"0s"`} {
		if err := schema.Validate(tomlDocument(t, "[defaults.op]\ntimeout = "+time+"\n")); err != nil {
			t.Errorf("timeout %s: %v", time, err)
		}
	}
	const good = "[[resource]]\nid = \"vip\"\nagent = \"vip\"\nparams = { address = \"192.0.2.1/24\" }\n"
	if err := schema.Validate(tomlDocument(t, good)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"unknown key": good + "metta = {}\n", "unknown table": "[[resources]]\nid = \"x\"\n", "wrong type": "[[resource]]\nid = 7\n",
		"word": "[cluster.properties]\nno_quorum_policy = \"stopp\"\n", "agent": strings.Replace(good, `"vip"`+"\nparams", `"vipp"`+"\nparams", 1),
		"parameter": strings.Replace(good, "address", "adress", 1), "no parameters": strings.Replace(good, "params =", "# ", 1), "missing parameter": strings.Replace(good, `address = "192.0.2.1/24"`, "", 1),
		"operation": good + "op = { strat = {} }\n", "missing": "[[node]]\naddress = \"192.0.2.1\"\n", "fence parameter": "[[fence]]\nid = \"f\"\nagent = \"redfish\"\ntargets = [\"a\"]\nparams = { endpont = \"x\" }\n",
		"time": good + "op = { start = { timeout = \"soon\" } }\n", "negative time": good + "op = { start = { timeout = -1 } }\n", "no agent": "[[resource]]\nid = \"a\"\n", "half an order": "[[order]]\nfirst = \"a\"\n",
		"half a colocation": "[[colocation]]\nresource = \"a\"\n", "location of nothing": "[[location]]\nnode = \"n\"\n", "score": "[[location]]\nresource = \"a\"\nnode = \"n\"\nscore = \"INFINTY\"\n",
		"negative": good + "clone = { clone_max = -1 }\n", "on_fail": good + "op = { monitor = { on_fail = \"panic\" } }\n",
		"password":         "[[fence]]\nid = \"f\"\nagent = \"redfish\"\ntargets = [\"a\"]\nparams = { endpoint = \"https://192.0.2.1\", username = \"u\", password = \"hunter2\" }\n",
		"agent's password": "[[resource]]\nid = \"db\"\nagent = \"galera\"\nparams = { check_password = \"hunter2\" }\n",
	} {
		if err := schema.Validate(tomlDocument(t, text)); err == nil {
			t.Errorf("%s passes:\n%s", name, text)
		}
	}
}

// tomlDocument reads TOML as the document that a schema is held against.
func tomlDocument(t *testing.T, text string) any {
	t.Helper()
	var document map[string]any
	if _, err := toml.Decode(text, &document); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(fmt.Errorf("%w\n%s", err, text))
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
