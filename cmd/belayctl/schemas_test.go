package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/internal/schemagen"
)

// silent are commands that print no JSON: scripts, texts, and what only holds
// other commands.
var silent = []string{"completion", "help", "metrics"}

// schemasOf returns the schemas of what a command prints.
func schemasOf(command string) []string {
	var names []string
	for _, a := range answers {
		if slices.Contains(a.commands, strings.TrimPrefix(command, "belayctl ")) {
			names = append(names, a.name)
		}
	}
	return names
}

// TestSchemaFiles: the published schemas are those of the types. The comments of
// fields are brought up to date by -update only: who edits one need not know of
// schemas.
func TestSchemaFiles(t *testing.T) {
	generator := schemagen.Generator{Comments: &schemagen.Comments{Root: "../..", Module: "github.com/belay-ha/belay", Main: "cmd/belayctl"}}
	want := []string{filepath.Join("schemas", definitionSchema+".json")}
	for _, a := range answers {
		schema := generator.Schema("https://belay-ha.github.io/schemas/"+a.name+".json", "belayctl: "+a.text, reflect.TypeOf(a.value))
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("schemas", a.name+".json")
		if published, err := os.ReadFile(name); *update || err != nil || cmp.Diff(undescribed(t, published), undescribed(t, text)) != "" {
			golden(t, name, string(text)+"\n")
		}
		want = append(want, name)
	}
	files, err := filepath.Glob("schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !slices.Contains(want, name) {
			t.Errorf("%s is of no answer: remove it", name)
		}
	}
}

// undescribed reads a schema without what is there for people only.
func undescribed(t *testing.T, text []byte) any {
	t.Helper()
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return strip(document, false)
}

// strip drops descriptions; below "properties" that is the name of a field.
func strip(value any, fields bool) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if key == "description" && !fields {
				delete(v, key)
				continue
			}
			v[key] = strip(inner, key == "properties" && !fields)
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i], false)
		}
	}
	return value
}

// compile reads a schema; strict, it lets no field pass that it does not name.
func compile(t *testing.T, name string, strict bool) *jsonschema.Schema {
	t.Helper()
	text, err := schemaFiles.ReadFile("schemas/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		document = closed(document)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(name+".json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// closed forbids further fields of every object that names some.
func closed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = closed(inner)
		}
		if _, named := v["properties"].(map[string]any); named && v["type"] == "object" {
			v["additionalProperties"] = false
		}
	case []any:
		for i := range v {
			v[i] = closed(v[i])
		}
	}
	return value
}

// strict are the schemas that are compiled already; tests here run one by one.
var strict = map[string]*jsonschema.Schema{}

// fits holds one or several JSON documents to the schemas of a command.
func fits(t *testing.T, names []string, output string) {
	t.Helper()
	documents := 0
	for decoder := json.NewDecoder(strings.NewReader(output)); decoder.More(); documents++ {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			t.Fatalf("this is no JSON: %v\n%s", err, output)
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		var problems []string
		for _, name := range names {
			if strict[name] == nil {
				strict[name] = compile(t, name, true)
			}
			err := strict[name].Validate(document)
			if err == nil {
				problems = nil
				break
			}
			problems = append(problems, name+": "+err.Error())
		}
		if len(problems) > 0 {
			t.Errorf("%s\n%s", strings.Join(problems, "\n"), output)
		}
	}
	if documents == 0 {
		t.Errorf("no JSON in %q", output)
	}
}

// asJSON says whether an example's output can be had as JSON.
func asJSON(line string) bool {
	for _, other := range []string{" -o ", "--output", " -q", "--follow", "state save -"} {
		if strings.Contains(line, other) && !strings.Contains(line, " -o json") {
			return false
		}
	}
	return true
}

// TestOutputsFitTheirSchemas runs the examples of every command with -o json and
// holds what they print to the published schemas.
func TestOutputsFitTheirSchemas(t *testing.T) {
	exampleFiles(t)
	known := map[string]bool{}
	for _, cmd := range commands(newConsole(t).app.root()) {
		name := strings.TrimPrefix(cmd.CommandPath(), "belayctl ")
		known[name] = true
		if slices.Contains(silent, name) || cmd.HasSubCommands() && name != "fence" {
			continue
		}
		names := schemasOf(name)
		if len(names) == 0 {
			t.Errorf("%s: its output has no schema: add it to answers in schemas.go", name)
			continue
		}
		t.Run(name, func(t *testing.T) { outputFits(t, cmd, names) })
	}
	for _, a := range answers {
		for _, command := range a.commands {
			if !known[command] {
				t.Errorf("schema %s: there is no command %q", a.name, command)
			}
		}
	}
}

func outputFits(t *testing.T, cmd *cobra.Command, names []string) {
	ran := 0
	for line := range strings.SplitSeq(cmd.Example, "\n") {
		if line = strings.TrimSpace(line); !asJSON(line) || !strings.HasPrefix(line, "belayctl") {
			continue
		}
		line, _, _ = strings.Cut(line, " > ")
		if last := separators.Split(line, -1); !strings.Contains(last[len(last)-1], strings.TrimSuffix(cmd.CommandPath(), " fence")) {
			continue // it ends in another command
		}
		if cmd.Name() == "schema" && line != "belayctl schema" {
			continue // that one is a schema itself
		}
		ran++
		var more []string
		if !strings.Contains(line, "-o json") {
			more = []string{"-o", "json"}
		}
		fits(t, names, runExample(t, line, more...))
	}
	if ran == 0 {
		t.Errorf("no example of %s prints JSON", cmd.CommandPath())
	}
}
