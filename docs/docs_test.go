// Package docs_test holds the documents to the code: a key, a parameter, an
// agent or a make target that one has and the other lacks is a failure.
package docs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// sections are the tables of definition.md: where a key stands in TOML, and
// the type that holds it.
var sections = []struct {
	heading string
	// toml takes one line with the key.
	toml   string
	typ    any
	rename map[string]string // from JSON to TOML
	drop   []string          // JSON names that are no keys here
	more   []string          // keys that the type does not have
}{
	{"[cluster]", "[cluster]\n%s", nil, nil, nil, []string{"name", "properties", "when"}},
	{"[cluster.properties]", "[cluster.properties]\n%s", resources.Properties{}, nil, nil, nil},
	{"[[cluster.when]]", "[[cluster.when]]\n%s", nil, nil, nil, []string{"rule", "properties"}},
	{"[cluster.when.properties]", "[[cluster.when]]\n[cluster.when.properties]\n%s", resources.PropertiesWhen{}, nil, []string{"rule"}, nil},
	{"[[node.when]]", "[[node]]\n[[node.when]]\n%s", resources.NodeWhen{}, nil, nil, nil},
	{"[[resource.when]]", "[[resource]]\n[[resource.when]]\n%s", resources.When{}, map[string]string{"ops": "op"}, nil, nil},
	{"[[defaults.when]]", "[[defaults.when]]\n%s", resources.DefaultsWhen{}, nil, nil, nil},
	{"[[node]]", "[[node]]\n%s", resources.Node{}, nil, nil, nil},
	{"[[fence]]", "[[fence]]\n%s", resources.FenceDevice{}, nil, nil, nil},
	{"[[resource]]", "[[resource]]\n%s", resources.Resource{}, map[string]string{"ops": "op"}, nil, nil},
	{"[[group]]", "[[group]]\n%s", resources.Group{}, nil, nil, nil},
	{"[[bundle]]", "[[bundle]]\n%s", resources.Bundle{}, map[string]string{"ports": "port"}, nil, nil},
	{"[resource.meta]", "[[resource]]\n[resource.meta]\n%s", resources.Meta{}, nil, nil, nil},
	{"[resource.clone]", "[[resource]]\n[resource.clone]\n%s", resources.Clone{}, nil, nil, nil},
	{"[resource.op.NAME]", "[[resource]]\n[resource.op.monitor]\n%s", resources.Operation{}, nil, []string{"name"}, nil},
	{"[defaults]", "[defaults]\n%s", resources.Defaults{}, nil, nil, nil},
	{"[defaults.op]", "[defaults.op]\n%s", resources.Operation{}, nil, []string{"name", "role", "start_delay", "params"}, nil},
	{"[[order]]", "[[order]]\n%s", resources.Order{}, nil, nil, nil},
	{"[[colocation]]", "[[colocation]]\n%s", resources.Colocation{}, nil, nil, nil},
	{"[[ticket]]", "[[ticket]]\n%s", resources.TicketUse{}, nil, nil, nil},
	{"[[tag]]", "[[tag]]\n%s", resources.Tag{}, nil, nil, nil},
	{"sets", "[[order]]\n[[order.sets]]\n%s", resources.ResourceSet{}, nil, nil, nil},
	{"[[location]]", "[[location]]\n%s", resources.Location{}, map[string]string{"selector": "resources"}, nil, nil},
}

func TestDefinitionKeys(t *testing.T) {
	tables := tablesOf(read(t, "definition.md"))
	for _, s := range sections {
		t.Run(s.heading, func(t *testing.T) {
			want := slices.Clone(s.more)
			if s.typ != nil {
				want = keysOf(reflect.TypeOf(s.typ), s.rename, s.drop)
			}
			got := firstCells(tables[s.heading])
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("keys (-code +definition.md):\n%s", diff)
			}
			for _, key := range got {
				if !knows(t, s.toml, key) {
					t.Errorf("the file format has no key %q here", key)
				}
			}
			if knows(t, s.toml, "no_such_key") {
				t.Error("the decoder takes any key: the check above proves nothing")
			}
		})
		delete(tables, s.heading)
	}
	for heading := range tables {
		t.Errorf("definition.md has a table under %s that this test does not know", heading)
	}
}

// knows reports whether the decoder asks for the key: a date is the wrong type
// for every key, and an unknown key only for those that it does not know.
func knows(t *testing.T, toml, key string) bool {
	t.Helper()
	text := fmt.Sprintf(toml, key+" = 1979-05-27\n")
	agents, fences := known()
	_, err := definition.Decode(agents, fences, definition.File{Name: "test.toml", Text: []byte(text)})
	var problems *definition.Error
	if !errors.As(err, &problems) {
		t.Fatalf("%s: want problems, got %v", text, err)
	}
	typed := false
	for _, p := range problems.Problems {
		if p.Code == definition.ProblemUnknownKey {
			return false
		}
		typed = typed || p.Code == definition.ProblemType
	}
	if !typed {
		t.Fatalf("%s: neither unknown nor of the wrong type: %v", text, err)
	}
	return true
}

// TestDefinitionExamples loads what definition.md shows.
func TestDefinitionExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(read(t, "definition.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("definition.md shows no definition")
	}
	agents, fences := known()
	for _, block := range blocks {
		if _, err := definition.Decode(agents, fences, definition.File{Name: "definition.md", Text: []byte(block[1])}); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// TestFenceParameters compares fencing.md with the devices' own tables.
func TestFenceParameters(t *testing.T) {
	tables := tablesOf(read(t, "fencing.md"))
	for _, spec := range catalog.Fences().Specs() {
		t.Run(spec.Name, func(t *testing.T) {
			var want, got []string
			for _, p := range spec.Params {
				byDefault := p.Default
				if p.Required {
					byDefault = "required"
				}
				want = append(want, p.Name+" | "+string(p.Type)+" | "+byDefault)
			}
			for _, row := range tables[spec.Name] {
				got = append(got, strings.Join(row[:3], " | "))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("parameters (-code +fencing.md):\n%s", diff)
			}
		})
	}
	t.Run("kinds of errors", func(t *testing.T) {
		var want []string
		for kind := fencing.KindUnknown; !strings.HasPrefix(kind.String(), "kind("); kind++ {
			want = append(want, kind.String())
		}
		got := firstCells(tables["kinds"])
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("kinds (-code +fencing.md):\n%s", diff)
		}
	})
}

// TestAgentIndex compares agents.md with the agents of this build.
func TestAgentIndex(t *testing.T) {
	var want []string
	for _, spec := range catalog.Agents(zap.NewNop()).Specs() {
		name := spec.Name
		if spec.Suffix {
			name += ":NAME"
		}
		want = append(want, name)
	}
	var got []string
	for _, row := range tablesOf(read(t, "agents.md"))["index"] {
		got = append(got, strings.Trim(strings.Split(row[0], "](")[0], "[`"))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("agents (-code +agents.md):\n%s", diff)
	}
}

// TestLinks follows every link of the documents that stays in this repository,
// and every make target that they name.
func TestLinks(t *testing.T) {
	makefile := read(t, "../Makefile")
	pages, err := filepath.Glob("*.md")
	if err != nil || len(pages) < 4 {
		t.Fatalf("found %v, %v", pages, err)
	}
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	target := regexp.MustCompile("`make ([a-z-]+)")
	below, err := filepath.Glob("*/*.md")
	if err != nil || len(below) < 20 {
		t.Fatalf("found %v, %v", below, err)
	}
	for _, page := range append(pages, below...) {
		text := read(t, page)
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
		for _, match := range target.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + match[1] + `:`).MatchString(makefile) {
				t.Errorf("%s: there is no make %s", page, match[1])
			}
		}
	}
}

// Every test that a table of fencing.md names is there.
func TestNamedTests(t *testing.T) {
	cell := regexp.MustCompile("`([a-z/]+)`: (`Test[^;|]+)")
	found := 0
	for _, match := range cell.FindAllStringSubmatch(read(t, "fencing.md"), -1) {
		files, err := filepath.Glob(filepath.Join("..", match[1], "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no tests, %v", match[1], err)
		}
		var all strings.Builder
		for _, file := range files {
			all.WriteString(read(t, file))
		}
		for _, name := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(match[2], -1) {
			found++
			if !strings.Contains(all.String(), "func "+name[1]+"(") {
				t.Errorf("%s has no %s", match[1], name[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d tests are named", found)
	}
}

func known() (resources.AgentTable, resources.FenceTable) {
	return definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences())
}

// keysOf returns the JSON names of a struct's fields, which are the TOML keys
// but for a few.
func keysOf(typ reflect.Type, rename map[string]string, drop []string) []string {
	var keys []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if slices.Contains(drop, name) {
			continue
		}
		if other, renamed := rename[name]; renamed {
			name = other
		}
		keys = append(keys, name)
	}
	return keys
}

// tablesOf returns the rows of the tables below each heading, without their
// heads; cells are without backquotes. A heading counts by its word in
// backquotes, or by its whole text.
func tablesOf(text string) map[string][][]string {
	tables := map[string][][]string{}
	heading := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && strings.HasPrefix(line, "#") {
			heading = strings.ToLower(title)
			if parts := strings.Split(title, "`"); len(parts) == 3 {
				heading = parts[1]
			}
			continue
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		tables[heading] = append(tables[heading], row)
	}
	for heading, rows := range tables {
		tables[heading] = rows[min(2, len(rows)):]
	}
	return tables
}

func firstCells(rows [][]string) []string {
	var cells []string
	for _, row := range rows {
		cells = append(cells, row[0])
	}
	return cells
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
